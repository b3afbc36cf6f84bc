"""Archives of features and their tables, damaged after stage 2; the scoring of a classifier reads them."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from weaksep.errors import UserError
from weaksep.fileio.ark import ArkReader, write_ark
from weaksep.fileio.tables import read_table

DUMP = Path("dump/test")
SCP = DUMP / "feats.scp"
ARK = DUMP / "ark/feats.1.ark"
SHAPE = (63, 65)  # of each clip's features


class Trap:
    """A pickle that makes a folder when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def shift(by: int) -> Callable[[], object]:
    """Every offset moved."""

    def spoil() -> None:
        text = SCP.read_text()
        SCP.write_text(re.sub(r":(\d+)", lambda match: f":{int(match[1]) + by}", text))

    return spoil


def scp(old: str, new: str) -> Callable[[], object]:
    def spoil() -> None:
        text = SCP.read_text()
        assert re.search(old, text)
        SCP.write_text(re.sub(old, new, text, count=1))

    return spoil


def header(rows: int, columns: int) -> Callable[[], object]:
    """Another size in the header of the first matrix."""

    def spoil() -> None:
        content = bytearray(ARK.read_bytes())
        start = content.index(b"\0BFM ") + 5
        assert struct.unpack_from("<bibi", content, start) == (4, SHAPE[0], 4, SHAPE[1])
        struct.pack_into("<bibi", content, start, 4, rows, 4, columns)
        ARK.write_bytes(content)

    return spoil


def text_archive() -> None:
    rows = "\n".join(" 0.5" * SHAPE[1] for _ in range(SHAPE[0]))
    ARK.write_text("".join(f"{utt} [\n{rows} ]\n" for utt in read_table(SCP)))


def other_clips() -> None:
    """Whole matrices, of another length than utt2num_frames says."""
    matrices = {utt: np.ones((SHAPE[0] - 1, SHAPE[1]), dtype=np.float32) for utt in read_table(SCP)}
    offsets = write_ark(ARK, matrices.items())
    SCP.write_text("".join(f"{utt} ark/feats.1.ark:{offset}\n" for utt, offset in offsets.items()))


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "truncated": (
        lambda: os.truncate(ARK, ARK.stat().st_size - 4),
        r"feats.1.ark:\d+: the archive ends before its 63 x 65",
    ),
    "empty": (lambda: os.truncate(ARK, 0), "feats.1.ark:12: no Kaldi matrix here .*rerun stage 2"),
    "offset one too far": (
        shift(1),
        "feats.1.ark:13: no Kaldi matrix here .a wrong offset or a damaged archive; rerun",
    ),
    "offset one too near": (
        shift(-1),
        "feats.1.ark:11: no Kaldi matrix here .a wrong offset or a damaged archive; rerun",
    ),
    "offset behind the end": (shift(10**9), "feats.1.ark:1000000012: no Kaldi matrix here"),
    "offset of 30 digits": (scp(r":\d+", ":" + "9" * 30), r"9{30}' is not of the form file.ark:offset"),
    "offset of superscripts": (scp(r":\d+", ":¹³"), "¹³' is not of the form file.ark:offset"),
    "offset below nothing": (scp(r":\d+", ":-1"), ":-1' is not of the form file.ark:offset"),
    "no offset": (scp(r":\d+", ""), "feats.1.ark' is not of the form file.ark:offset .shell pipes are not run"),
    "no file": (scp(r"ark/feats.1.ark", ""), "':12' is not of the form file.ark:offset"),
    "a pipe": (
        scp(r"ark/feats.1.ark:\d+", "touch sprung |"),
        "'touch sprung .' is not of the form .*pipes are not run",
    ),
    "a pipe with an offset": (scp(r"ark/feats.1.ark", "touch sprung |"), r"'touch sprung \|:12' is not of the form"),
    "an archive that is not there": (
        scp("feats.1.ark", "none.ark"),
        "none.ark: cannot be opened .No such file.*rerun sta",
    ),
    "a folder for an archive": (
        scp("ark/feats.1.ark", "ark"),
        "dump/test/ark: cannot be opened .not a regular file.; rerun stage 2",
    ),
    "a huge row count": (
        header(2**31 - 1, 65),
        "feats.1.ark:12: the archive ends before its 2147483647 x 65 matrix; rerun",
    ),
    "a huge size": (
        header(2**31 - 1, 2**31 - 1),
        "feats.1.ark:12: the archive ends before its 2147483647 x 2147483647",
    ),
    "rows below nothing": (header(-1, 65), "feats.1.ark:12: a matrix of -1 x 65 values; rerun stage 2"),
    "no rows": (header(0, 65), "feats.1.ark:12: a matrix of 0 x 65 values; rerun stage 2"),
    "a text archive": (text_archive, "feats.1.ark:12: no Kaldi matrix here"),
    "a pickle": (
        lambda: ARK.write_bytes(b"x" * 13 + b"PKL" + pickle.dumps(Trap())),
        "feats.1.ark:12: no Kaldi matrix here",
    ),
    "another length": (other_clips, "dump/test: test-00000. is a matrix of 62 x 65, expected 63 x 65; rerun stage 2"),
    "a clip missing": (
        scp(r"test-000001 .*\n", ""),
        "dump/test: no features for 1 clips .first: test-000001.; rerun stage 2",
    ),
    "settings that are none": (lambda: (DUMP / "feats.yaml").write_text("hop: 3\n"), "feats.yaml: unknown key hop"),
    "another rate": (
        lambda: (DUMP / "feats.yaml").write_text("sample_rate: 16000\nwindow_samples: 128\nhop_samples: 64\n"),
        "classifier_frame cannot be scored: sample_rate 8000, but dump/test has 16000",
    ),
    "frames that are no number": (
        lambda: (DUMP / "utt2num_frames").write_text("test-000001 ¹\n"),
        "utt2num_frames:1: test-000001: '¹' is not a number of frames",
    ),
    "frames that differ": (
        lambda: (DUMP / "utt2num_frames").write_text("test-000001 63\ntest-000002 64\ntest-000003 63\n"),
        "dump/test: test-000002 is a matrix of 63 x 65, expected 64 x 65; rerun stage 2",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_features(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD[name]
    for separated in Path("exp").glob("*/separated"):
        shutil.rmtree(separated)  # the classifier alone is left to score
    spoil()
    refused("score", match=message)
    assert not Path("sprung").exists() and not (DUMP / "sprung").exists()


@pytest.mark.parametrize("kind", [b"FM ", b"DM ", b"CM ", b"CM2 ", b"CM3 "])
@pytest.mark.parametrize("size", [(2**31 - 1, 1), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1), (50_000, 50_000)])
def test_a_promise_of_size_takes_no_memory(tmp_path: Path, kind: bytes, size: tuple[int, int]) -> None:
    path = tmp_path / "huge.ark"
    plain = struct.pack("<bibi", 4, size[0], 4, size[1])
    packed = struct.pack("<ffii", 0.0, 1.0, *size)
    path.write_bytes(b"\0B" + kind + (packed if kind.startswith(b"CM") else plain) + bytes(1000))
    reader = ArkReader()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=f"the archive ends before its {size[0]} x {size[1]} matrix"):
            reader.read(path, 0)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
        reader.close()


def test_statistics_that_are_none(recipe: Path, refused) -> None:
    write_ark(Path("dump/train/cmvn.ark"), [("global", np.zeros((2, 66), dtype=np.float32))])
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong", "--tag", "b")
    refused(*train, match="^cmvn.ark holds no statistics of features; rerun stage 2$")


def test_training_without_features(recipe: Path, refused) -> None:
    Path("dump/valid/feats.scp").unlink()
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong", "--tag", "b")
    refused(*train, match="^dump/valid/feats.scp: no such file; has the stage that writes it been run")
