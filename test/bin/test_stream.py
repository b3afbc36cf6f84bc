"""``weaksep stream`` between pipes: what comes out, when, and how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep.bin import stream
from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.pcm import decode, encode
from weaksep.infer.model import load_separator, save_untrained, separate_waveform
from weaksep.infer.pipes import Pcm, stream_pcm

NET = {"kind": "streamunet", "channels": [4, 8], "units": 4, "look_ahead_frames": 3}
LATE = 639
RATE = 8000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("model"), ["dog", "siren"], RATE, NET)


def noise(n_samples: int, channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal((channels, n_samples)) * 2000
    return samples.round().astype(np.int16)


def expected(model: Path, mono: np.ndarray) -> np.ndarray:
    """(K + 1, N): classes and residual, by the net on the whole."""
    audio = torch.from_numpy(mono.astype(np.float32) / 32768)
    sources = separate_waveform(load_separator(model), audio[None])[0]
    return torch.cat([sources, (audio - sources.sum(dim=0))[None]]).numpy()


def piped(model: Path, content: bytes, names: Sequence[str], pcm: Pcm) -> bytes:
    """What the loop makes of a whole input; both fit into a file's descriptor, not into a pipe's buffer."""
    source, sink = model / "in", model / "out"
    source.write_bytes(content)
    with source.open("rb") as reading, sink.open("wb") as writing:
        assert stream_pcm(load_separator(model), names, pcm, reading.fileno(), writing.fileno()) == 0
    return sink.read_bytes()


def test_samples_and_bytes() -> None:
    samples = np.array([[0.0, 0.5, -1.0], [1.0 / 32768, 1.5, -2.0]], dtype=np.float32)
    encoded, clipped = encode(samples, "s16le")
    assert np.frombuffer(encoded, "<i2").tolist() == [0, 1, 16384, 32767, -32768, -32768]
    assert clipped == 2
    assert np.array_equal(decode(encoded, "s16le", 2), [[0, 0.5, -1], [1 / 32768, 32767 / 32768, -1]])
    encoded, clipped = encode(samples, "f32le")
    assert np.array_equal(decode(encoded, "f32le", 2), samples) and clipped == 0


def test_one_class_comes_as_it_went_in(model: Path) -> None:
    audio = noise(70_001)  # more than is read at once
    found = np.frombuffer(piped(model, audio.tobytes(), ["siren"], Pcm()), "<i2")
    whole = expected(model, audio[0])[1]
    assert found.shape == (70_001,)
    assert np.abs(found / 32768 - whole).max() < 0.6 / 32768


def test_all_classes_are_channels(model: Path) -> None:
    audio, pcm = noise(5000)[0] / np.float32(32768), Pcm(form="f32le", sample_rate=RATE)
    found = np.frombuffer(piped(model, audio.astype("<f4").tobytes(), ["all"], pcm), "<f4").reshape(-1, 3).T
    assert np.abs(found - expected(model, noise(5000)[0])).max() < 1e-6
    assert np.abs(found.sum(axis=0) - audio).max() < 1e-6


def test_outputs_in_the_order_they_are_asked_for_with_all_channels_of_each(model: Path) -> None:
    audio = noise(5000, channels=2)
    interleaved = audio.T.tobytes()
    found = np.frombuffer(piped(model, interleaved, ["residual", "dog"], Pcm(channels=2)), "<i2").reshape(-1, 4).T
    dog = np.frombuffer(piped(model, interleaved, ["dog"], Pcm(channels=2)), "<i2").reshape(-1, 2).T
    assert np.array_equal(found[2:], dog)
    siren = np.frombuffer(piped(model, interleaved, ["siren"], Pcm(channels=2)), "<i2").reshape(-1, 2).T
    assert np.abs(found[:2] + dog + siren - audio).max() <= 2


@pytest.mark.parametrize(
    ("options", "content", "line"),
    [
        (["--class", "dgo"], b"", "--class dgo; did you mean dog?"),
        (["--class", "dog", "--rate", "16000"], b"", "hears 8000 Hz; convert in front of it: ffmpeg .* -ar 8000 "),
        (["--class", "dog"], bytes(2001), r"ends within a sample: 1 of 2 bytes \(s16le, channels: 1\)"),
        (["--class", "dog", "--format", "f32le"], b"\xff" * 400, "stdin holds NaN .*; is it f32le"),
    ],
)
def test_what_is_wrong_is_one_line(model: Path, options: list[str], content: bytes, line: str, tmp_path: Path) -> None:
    pcm = Pcm(options[3] if "--format" in options else "s16le", 16000 if "--rate" in options else None)
    (tmp_path / "in").write_bytes(content)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as sink:
        with pytest.raises(UserError, match=line) as caught:
            stream_pcm(load_separator(model), options[1:2], pcm, source.fileno(), sink.fileno())
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out").stat().st_size == (2000 if len(content) == 2001 else 0)  # what was whole is there


def test_all_comes_alone(model: Path) -> None:
    with pytest.raises(UserError, match=r"^--class all dog: all has every class and the residual; give it alone$"):
        stream_pcm(load_separator(model), ["all", "dog"], Pcm(), 0, 1)


def test_pipes_that_do_not_wait_by_themselves(model: Path) -> None:
    """As those that another program has open too, which has set them so."""
    content = noise(60_000).tobytes()  # more than a pipe holds
    (source, feed), (drain, sink) = os.pipe(), os.pipe()
    os.set_blocking(source, False)
    os.set_blocking(sink, False)
    found: list[bytes] = []

    def both_ends() -> None:
        with open(feed, "wb", buffering=0) as into, open(drain, "rb", buffering=0) as out:
            time.sleep(0.2)  # nothing is there to read
            into.write(content[:2000])
            writer = threading.Thread(target=lambda: (into.write(content[2000:]), into.close()))
            writer.start()
            time.sleep(0.5)  # nobody reads: the pipe is full
            found.append(out.read(1) + b"".join(iter(lambda: out.read(65_536), b"")))
            writer.join()

    ends = threading.Thread(target=both_ends)
    ends.start()
    assert stream_pcm(load_separator(model), ["all"], Pcm(), source, sink) == 0
    os.close(sink)
    ends.join()
    os.close(source)
    here, whole = (np.frombuffer(one, "<i2").astype(int) for one in (found[0], piped(model, content, ["all"], Pcm())))
    assert here.shape == whole.shape and np.abs(here - whole).max() <= 1  # of other blocks, which are rounded otherwise


@pytest.mark.parametrize("which", ["stdin", "stdout"])
def test_a_pipe_that_is_none_is_named(model: Path, which: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(4000))
    with (tmp_path / "in").open("ab" if which == "stdin" else "rb") as source, open(os.devnull, "rb") as sink:
        with pytest.raises(UserError, match=rf"^{which}: Bad file descriptor; what came out before is separated$"):
            stream_pcm(load_separator(model), ["dog"], Pcm(), source.fileno(), sink.fileno())


def test_no_room_for_what_comes_out(model: Path, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("there is no /dev/full")
    (tmp_path / "in").write_bytes(bytes(4000))
    with (tmp_path / "in").open("rb") as source, full.open("wb", buffering=0) as sink:
        with pytest.raises(UserError, match=r"^stdout: No space left on device; what came out"):
            stream_pcm(load_separator(model), ["dog"], Pcm(), source.fileno(), sink.fileno())


def test_a_model_that_takes_no_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_untrained(tmp_path / "model", ["dog", "siren"], RATE)
    command = [sys.executable, "-m", "weaksep.bin", "stream", "--model", str(folder), "--class", "dog"]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    line = rf"weaksep stream: error: {re.escape(str(folder))}: its net hears .* remix_stream_1s .*\n"
    assert re.fullmatch(line, done.stderr.decode())


def test_a_terminal_gets_no_samples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert run_command(stream.main, ["--model", "x", "--class", "dog"]) == 1
    assert "stdin is a terminal" in capsys.readouterr().err


def started(model: Path, *options: str) -> subprocess.Popen[bytes]:
    """The command, its pipes open; it is up once it has said what it writes."""
    command = [sys.executable, "-m", "weaksep.bin", "stream", "--model", str(model), "--class", "dog", *options]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, bufsize=0)
    assert process.stderr and b"639 samples (80 ms) late" in process.stderr.readline()
    return process


def test_output_comes_while_the_input_goes_on_and_ends_with_it(model: Path) -> None:
    process = started(model)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(noise(2 * LATE).tobytes())
    first = process.stdout.read(2 * LATE)  # as many as its latency allows; else this would wait for ever
    process.stdin.close()
    rest = process.stdout.read()
    assert first and len(first) + len(rest) == 4 * LATE
    assert (process.wait(), process.stderr.read()) == (0, b"")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_all_that_was_read(model: Path, number: int, status: int) -> None:
    process = started(model)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(noise(2 * LATE).tobytes())
    first = process.stdout.read(2)
    process.send_signal(number)
    rest = process.stdout.read()
    assert len(first + rest) == 4 * LATE
    assert (process.wait(), process.stderr.read()) == (status, b"")


def test_nobody_reads_any_more(model: Path) -> None:
    process = started(model)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(noise(4 * LATE).tobytes())
    assert (process.wait(), process.stderr.read()) == (1, b"")


@pytest.mark.parametrize(
    ("program", "before", "after"),
    [
        ("sox", "sox {wav} -t s16 -r 8000 -c 1 -", "sox -t s16 -r 8000 -c 1 - {out}"),
        (
            "ffmpeg",
            "ffmpeg -v error -nostdin -i {wav} -f s16le -ar 8000 -ac 1 -",
            "ffmpeg -v error -f s16le -ar 8000 -ac 1 -i - {out}",
        ),
    ],
)
def test_between_two_of_another_program(model: Path, tmp_path: Path, program: str, before: str, after: str) -> None:
    import soundfile

    if shutil.which(program) is None:
        pytest.skip(f"no program {program}")
    audio, wav, out = noise(12_345)[0], tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(wav, audio, RATE)
    words = {"wav": wav, "out": out}
    ours = f"{sys.executable} -m weaksep.bin stream --model {model} --class siren"
    line = f"set -o pipefail; {before.format(**words)} | {ours} | {after.format(**words)}"
    subprocess.run(["bash", "-c", line], check=True, capture_output=True)
    found, rate = soundfile.read(out)
    assert (rate, len(found)) == (RATE, 12_345)
    assert np.abs(found - expected(model, audio)[1]).max() < 1.1 / 32768
