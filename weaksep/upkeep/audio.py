"""The audio of a folder: every file is read to its end, block by block, clips by shards."""

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audioread import opened, read_blocks
from weaksep.fileio.parsed import Problem
from weaksep.fileio.scp import file_of
from weaksep.jobs import run_sharded, split_evenly
from weaksep.upkeep.folder import MIXTURES, Folder

SHARD_CLIPS = 200
# Stems are whole numbers of 16 bits that sum up exactly. Others may be off by a rounding each.
STEP = 1 / 32768

# A problem of a file, of which is not yet said what it is; and that, or the file's sample rate.
Found = tuple[Problem, str | int]
# The mixture and its references, seconds by utt2dur (or NaN), and whether the references sum to the mixture.
Clip = tuple[dict[Problem, Path], float, bool]


def examine(clips: Sequence[Clip]) -> list[Found]:
    """Read the files of a shard; runs in a worker process."""
    return [found for clip in clips for found in _examine(clip)]


def _examine(clip: Clip) -> Iterator[Found]:
    files, length_s, summed = clip
    sizes: dict[Problem, tuple[int, int]] = {}  # samples and rate of the files that are all right
    for place, path in files.items():
        if not (os.path.isfile(file := file_of(path)) and os.path.getsize(file)):
            continue  # which is said elsewhere
        try:
            with opened(path) as sound:
                rate, channels = sound.samplerate, sound.channels
            yield place, rate
            heard = [(block.shape[1], bool(block.any())) for block in read_blocks(path)]
        except UserError as error:
            yield place, str(error).removeprefix(f"{path}: ")
            continue
        samples = sum(length for length, _ in heard)
        wrong = {
            f"{channels} channels, expected one": channels != 1,
            "silent, all samples are 0" if samples else "holds no samples": not any(sounds for _, sounds in heard),
        }
        yield from ((place, what) for what, is_so in wrong.items() if is_so)
        if not any(wrong.values()):
            sizes[place] = samples, rate
    mixture = next(iter(files))
    if mixture not in sizes:
        return
    samples, rate = sizes[mixture]
    if abs(samples - length_s * rate) > 0.5:
        what = f"utt2dur has {length_s:g} s ({length_s * rate:.1f} samples)"
        yield mixture, f"{samples} samples at {rate} Hz, {what}"
    yield from (
        (place, f"{own} samples, the mixture has {samples}") for place, (own, _) in sizes.items() if own != samples
    )
    if summed and len(sizes) == len(files) and len(set(sizes.values())) == 1:
        blocks = zip(*map(read_blocks, files.values()), strict=True)
        difference = max(float(np.abs(whole - np.sum(own, axis=0)).max()) for whole, *own in blocks)
        if difference > STEP * (len(sizes) - 1):
            yield mixture, f"the references do not sum to the mixture (they are off by up to {difference:.3g})"


def check_audio(folder: Folder, nj: int) -> list[Problem]:
    """Read all audio of a folder, in ``nj`` processes. The rate is that of the scenes, or else of most files."""
    clips: list[Clip] = []
    for utt in folder.clips:
        scps = [folder[name] for name in ("wav.scp", *(f"src_{c}.scp" for c in folder.clip_sources.get(utt, ())))]
        named = [(scp.path, *scp.entries[utt]) for scp in scps if utt in scp.entries]
        files = {
            Problem(path, line, f"{utt}: {value}", folder.stage): folder.locate(value) for path, line, value, _ in named
        }
        # Of labelled recordings nobody says that the sources are all that is in them.
        summed = folder.kind == MIXTURES and len(files) == len(scps) > 1
        clips.append((files, folder.lengths_s.get(utt, math.nan), summed))
    shards = split_evenly(clips, max(nj, -(-len(clips) // SHARD_CLIPS)))
    results = run_sharded(examine, shards, nj=nj, description=f"audio {folder.path.name}", backend="local")
    found = [pair for result in results for pair in result]
    rates = [scene.sample_rate for _, scene, _ in folder.scenes.values()]
    votes = Counter(rates or [what for _, what in found if isinstance(what, int)]).most_common(1)
    expected = votes[0][0] if votes else 0
    wrong = [
        (place, what if isinstance(what, str) else f"{what} Hz, expected {expected} Hz")
        for place, what in found
        if what != expected
    ]
    return [place._replace(what=f"{place.what}: {what}") for place, what in wrong]
