"""What tools/fuzz.py feeds to readers of files: their good inputs, and what must hold of all that they return."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from fuzz_mutate import Draws, mutate
from kaldiio import matio

from weaksep.errors import UserError
from weaksep.fileio.ark import ArkReader, parse_entry
from weaksep.fileio.audio import audio_info, read_any
from weaksep.fileio.audioread import RATES_HZ
from weaksep.fileio.datadir import MAX_EVENT_S, DataDir, read_scp
from weaksep.fileio.tsv import read_tsv
from weaksep.fileio.yamlfile import check_config
from weaksep.fileio.yamltext import load_yaml
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import Event, Scene, read_scenes


class Target:
    """One thing to feed. ``prepare`` makes good inputs; ``feed`` gives one to the reader and checks what it returns."""

    bytes_a_byte = 100  # of memory, for one of the input

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "input"
        self._descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT)
        self.good = self.prepare()

    def prepare(self) -> list[Any]:
        """Good inputs."""
        raise NotImplementedError

    def feed(self, content: Any, draws: Draws) -> object:
        """Read an input and check what comes of it; what it raises is checked by the caller."""
        raise NotImplementedError

    def make(self, draws: Draws) -> Any:
        """One input."""
        return mutate(draws.of(self.good), draws)

    def kept(self, content: Any) -> bytes:
        """An input as the file that is kept of it."""
        return content

    def write(self, content: bytes) -> Path:
        """The input as a file: always the same one, since making files costs more than reading them."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)
        return self.file


class Ark(Target):
    """Archives of all kinds, at the right offset, beside it and anywhere."""

    def prepare(self) -> list[bytes]:
        random = np.random.default_rng(0)
        good: list[bytes] = []
        for kind in (None, None, 2, 3, 5):
            matrices = {key: random.standard_normal((4 + len(good), 3)).astype(np.float32) for key in ("a", "ab")}
            if len(good) == 1:
                matrices = {key: matrix.astype(np.float64) for key, matrix in matrices.items()}
            stream = io.BytesIO()
            matio.save_ark(stream, matrices, compression_method=kind)
            good.append(stream.getvalue())
        return good

    def feed(self, content: bytes, draws: Draws) -> object:
        path = self.write(content)
        start = content.find(b"\0B", draws.below(2) * len(content) // 2)
        offset = max(0, draws.of((start, start, start, start + 1, start - 1, draws.below(len(content) + 9), 2**62)))
        reader = ArkReader()
        try:
            matrix = reader.read(path, offset)
            again = reader.read(path, offset)  # when the likely size is known
        finally:
            reader.close()
        assert matrix.dtype == np.float32 and matrix.ndim == 2 and 0 < matrix.size <= len(content)
        assert matrix.tobytes() == again.tobytes()
        if content[offset + 2 : offset + 4] in (b"FM", b"DM"):
            assert content[offset + 5] == content[offset + 10] == 4
            kind = "<f4" if content[offset + 2 : offset + 3] == b"F" else "<f8"
            with np.errstate(all="ignore"):
                expected = np.frombuffer(content, kind, matrix.size, offset + 15).astype(np.float32)
            assert matrix.tobytes() == expected.tobytes()
        else:
            assert np.isfinite(matrix).all()
        return matrix


class Scp(Target):
    """Lists of files, and their entries as places in an archive."""

    def prepare(self) -> list[bytes]:
        lines = ["a-1 audio/a-1.wav", "a-2 /data/a name with blanks.wav", "b ../b.ark:17", "ü feats.1.ark:4242"]
        texts = ["".join(f"{line}\n" for line in lines[:count]) for count in (1, 2, 4)]
        return [text.encode() for text in (*texts, "u-1 ark/feats.1.ark:4\nu-2 ark/feats.1.ark:40007\n")]

    def feed(self, content: bytes, draws: Draws) -> object:
        for line in content.decode(errors="replace").split("\n"):
            entry = line.partition(" ")[2]
            with contextlib.suppress(UserError):
                _, offset = parse_entry(entry, self.folder)
                assert 0 <= offset < 2**63 and "|" not in (entry[0], entry.rpartition(":")[0][-1])
        table = read_scp(self.write(content))
        for key in table:
            assert key.isprintable() and not set(" /") & set(key) and key[0] != "." and len(key) <= 200
        assert list(table) == sorted(table, key=str.encode)
        assert not any(ord(character) < 32 for path in table.values() for character in str(path) if character != "\t")
        return table


class Tsv(Target):
    """events.tsv, as a table and as the events of a data folder."""

    def prepare(self) -> list[bytes]:
        rows = [
            "filename\tonset\toffset\tevent_label",
            "u1.wav\t0.5\t1.25\tdog",
            "u2.wav\t0\t1e1\tcat",
            "u1.wav\t.1\t2.\tcat",
        ]
        (self.folder / "events.tsv").symlink_to(self.file)
        self.data = DataDir(self.folder, ("dog", "cat"), {"u1": Path("u1.wav"), "u2": Path("u2.wav")})
        return ["".join(f"{row}\n" for row in rows[:count]).encode() for count in (1, 2, 4)]

    def feed(self, content: bytes, draws: Draws) -> object:
        path = self.write(content)
        rows = read_tsv(path, ["onset"])
        assert all(len(row) == content.partition(b"\n")[0].count(b"\t") + 1 for row in rows)
        events = self.data.events()
        for event in (event for found in events.values() for event in found):
            assert 0 <= event.onset_s < event.offset_s <= MAX_EVENT_S and event.label in self.data.classes
        assert not any(set("_inIN") & set(row["onset"] + row["offset"]) for row in rows)
        return events


class Wav(Target):
    """Audio files."""

    bytes_a_byte = 100_000  # silence in FLAC

    def prepare(self) -> list[bytes]:
        good = []
        for kind, subtype in (("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("FLAC", "PCM_16")):
            stream = io.BytesIO()
            soundfile.write(stream, np.linspace(-0.5, 0.5, 60).reshape(30, 2), 8000, format=kind, subtype=subtype)
            good.append(stream.getvalue())
        return good

    def feed(self, content: bytes, draws: Draws) -> object:
        path = self.write(content)
        frames, rate, channels = audio_info(path)
        assert RATES_HZ[0] <= rate <= RATES_HZ[1] and channels > 0 and frames >= 0
        wave = read_any(path, rate)
        assert wave.shape == (frames,) and np.isfinite(wave).all()
        return wave


class Yaml(Target):
    """Settings as text, and against a schema."""

    def prepare(self) -> list[bytes]:
        mix = b"clip_s: 2.5\nmean_events: 2\nlevel_db: [-30, -25]\nsets: {train: 3, valid: 1, test: 1}\n"
        return [mix, mix, b"a: 1\n", b"clip_s: 2.5\nsets: {train: 3, x: [1, two, 3.0e-1]}\nday: 2001-02-03\nyes: ~\n"]

    def feed(self, content: bytes, draws: Draws) -> object:
        value = load_yaml(content.decode(errors="replace"), "input")
        return check_config(MixConfig, value, "input") if isinstance(value, dict) else (value,)


class Scenes(Target):
    """scenes.jsonl."""

    def prepare(self) -> list[bytes]:
        event = Event("dog-1", "dog", "dog", 0.25, -27.5)
        lines = [Scene(f"u{number}", 2.5, 8000, 0.0, (event,) * number).to_json() for number in (1, 2)]
        return ["".join(f"{line}\n" for line in lines[:count]).encode() for count in (1, 2)] + [b"3\n", b"null\n[]\n"]

    def feed(self, content: bytes, draws: Draws) -> object:
        scenes = read_scenes(self.write(content))
        for scene in scenes:
            assert scene.utt_id.isprintable() and "/" not in scene.utt_id and scene.events
            assert 0 < scene.n_samples < 3600 * 768_000 and -300 <= scene.gain_db <= 0
            for event in scene.events:
                assert 0 <= event.onset_s < scene.duration_s and -300 <= event.level_db <= 0
                assert not any("/" in name or name[0] == "." for name in (event.event_id, event.class_name))
        return scenes
