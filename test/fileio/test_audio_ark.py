"""Sounds in archives: written by us and read by others, written by others and read by us."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info, read_any, read_audio
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.scp import file_of, split_offset
from weaksep.fileio.tables import write_table

RATE = 8000
FORMATS = ("wav", "flac", "wav.ark", "flac.ark")


def sounds(n: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"clip{k}": rng.integers(-32768, 32767, 400 + 100 * k).astype(np.int16) for k in range(n)}


def written(folder: Path, audio_format: str, subtype: str = "PCM_16", clips: dict | None = None) -> dict[str, str]:
    """Entries by clip; everything is claimed before it is there."""
    claimed: set[Path] = set()

    def claim(files) -> None:
        new = set(files)
        assert not any(file.exists() for file in new)
        claimed.update(new)

    with ClipWriter(folder, audio_format, RATE, claim, subtype) as writer:
        entries = {utt: writer.write(utt, {"mix": audio})["mix"] for utt, audio in (clips or sounds()).items()}
    assert {path for path in folder.rglob("*") if path.is_file()} == claimed
    return entries


@pytest.mark.parametrize("audio_format", FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, audio_format: str) -> None:
    entries = written(tmp_path, audio_format)
    for utt, audio in sounds().items():
        place = tmp_path / entries[utt]
        assert (read_audio(place, RATE) * 32768 == audio).all()
        assert (read_any(place, RATE) * 32768 == audio).all()
        assert audio_info(place) == (len(audio), RATE, 1)
        assert sum(block.shape[1] for block in read_blocks(place)) == len(audio)
    assert len({file_of(tmp_path / entry) for entry in entries.values()}) == (1 if "ark" in audio_format else 3)


@pytest.mark.parametrize("audio_format", FORMATS)
def test_float_audio_stays_float(tmp_path: Path, audio_format: str) -> None:
    audio = {"a": np.linspace(-1.5, 1.5, 777, dtype=np.float32)}
    entries = written(tmp_path, audio_format, "FLOAT", audio)
    assert (read_audio(tmp_path / entries["a"], RATE) == audio["a"]).all()


@pytest.mark.parametrize("audio_format", ["wav.ark", "flac.ark"])
def test_the_same_clips_make_the_same_archive(tmp_path: Path, audio_format: str) -> None:
    entries = [written(tmp_path / name, audio_format) for name in "ab"]
    assert entries[0] == entries[1]
    first, second = (file_of(tmp_path / name / entries[0]["clip0"]).read_bytes() for name in "ab")
    assert first == second


def test_kaldi_native_io_reads_ours(tmp_path: Path) -> None:
    """Kaldi's own reader: by the table, and the archive from its beginning on."""
    kaldi = pytest.importorskip("kaldi_native_io")
    entries = written(tmp_path, "wav.ark")
    write_table(tmp_path / "wav.scp", {utt: str(tmp_path / entry) for utt, entry in entries.items()})
    archive = file_of(tmp_path / entries["clip0"])
    for rspecifier in (f"scp:{tmp_path}/wav.scp", f"ark:{archive}"):
        with kaldi.SequentialWaveReader(rspecifier) as reader:
            found = {key: (wave.sample_freq, np.array(wave.data.numpy())[0]) for key, wave in reader}
        assert found.keys() == sounds().keys()
        for utt, audio in sounds().items():
            assert found[utt][0] == RATE and (found[utt][1] == audio).all()


@pytest.mark.parametrize("audio_format", ["wav.ark", "flac.ark"])
def test_kaldiio_reads_ours_and_we_read_its(tmp_path: Path, audio_format: str) -> None:
    kaldiio = pytest.importorskip("kaldiio")
    entries = written(tmp_path / "ours", audio_format)
    for utt, audio in sounds().items():
        rate, found = kaldiio.load_mat(str(tmp_path / "ours" / entries[utt]))
        exact = found if found.dtype == np.int16 else np.rint(found * 32768)
        assert rate == RATE and (exact == audio).all()
    form = {"write_function": "soundfile", "write_kwargs": {"format": "flac"}} if audio_format == "flac.ark" else {}
    clips = {utt: (RATE, audio) for utt, audio in sounds().items()}
    kaldiio.save_ark(str(tmp_path / "theirs.ark"), clips, scp=str(tmp_path / "theirs.scp"), **form)
    for line in (tmp_path / "theirs.scp").read_text().splitlines():
        utt, place = line.split(" ", 1)
        assert (np.rint(read_audio(place, RATE) * 32768) == sounds()[utt]).all()


@pytest.mark.parametrize("audio_format", ["wav.ark", "flac.ark"])
def test_an_archive_that_was_cut_short_is_refused(tmp_path: Path, audio_format: str) -> None:
    entries = written(tmp_path, audio_format)
    archive = file_of(tmp_path / entries["clip0"])
    whole = archive.read_bytes()
    for cut in (1, 300, 700):
        archive.write_bytes(whole[:-cut])
        with pytest.raises(UserError, match=re.escape(str(tmp_path / entries["clip2"]))):
            read_audio(tmp_path / entries["clip2"], RATE)
        assert len(read_audio(tmp_path / entries["clip0"], RATE)) == 400


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("a.ark:0", "no sound at byte 0"),
        ("a.ark:7", "cannot be read as audio"),
        ("a.ark:99999", "no sound at byte 99999"),
        ("none.ark:3", "no such file"),
        ("matrix.ark:2", "no sound at byte 2"),
    ],
)
def test_what_is_no_sound_is_one_line(tmp_path: Path, place: str, told: str) -> None:
    (tmp_path / "a.ark").write_bytes(b"clip0 fLaC" + b"\0" * 50 + b"a RIFF" + b"\xff" * 40)
    (tmp_path / "matrix.ark").write_bytes(b"a \0BFM " + b"\4\1\0\0\0" * 2 + b"\0" * 4)
    if place == "a.ark:7":
        (tmp_path / "a.ark").write_bytes(b"a AUDIO\x08" + b"\xff" * 8 + b"fLaC" + b"\0" * 99)
        place = "a.ark:2"
    with pytest.raises(UserError) as error:
        read_audio(tmp_path / place, RATE)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_failing_shard_leaves_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="NaN"), ClipWriter(tmp_path, "wav.ark", RATE, lambda _: None) as writer:
        writer.write("a", {"mix": np.zeros(10, np.int16)})
        writer.write("b", {"mix": np.full(10, np.nan, np.float32)})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_whose_name_only_looks_so_is_a_file(tmp_path: Path) -> None:
    assert split_offset("audio/a.wav:12") == ("audio/a.wav:12", None)
    soundfile.write(tmp_path / "a.wav:12", np.zeros(9), RATE, format="WAV")
    assert len(read_audio(tmp_path / "a.wav:12", RATE)) == 9


def test_an_archive_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred sounds one is asked for."""
    entries = written(tmp_path, "flac.ark", clips={f"c{k}": np.zeros(20000, np.int16) + k for k in range(100)})
    read = []
    whole = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, at: read.append(n) or whole(fd, n, at))
    read_audio(tmp_path / entries["c50"], RATE)
    assert sum(read) < file_of(tmp_path / entries["c50"]).stat().st_size / 20
