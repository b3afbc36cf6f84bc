"""Which clips to separate, checked before the first is read: every bad file is listed at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.scp import file_of


@dataclass(frozen=True)
class Clip:
    """One mixture and, for oracle masks, its references: (index among ``DataDir.sources``, file)."""

    utt: str
    wav: str
    n_samples: int
    references: tuple[tuple[int, str], ...] = ()


def read_clips(data: DataDir, with_references: bool) -> tuple[list[Clip], int]:
    """The clips of a data folder and their common sample rate, from the headers alone.

    Raises:
        UserError: listing every file that is missing, unreadable, or unlike the rest in rate or channels.
    """
    references = data.references() if with_references else {}
    clips: list[Clip] = []
    problems: list[str] = []
    sample_rate = 0
    for utt, path in data.wav.items():
        try:
            n_samples, rate, channels = audio_info(path)
        except UserError as error:
            problems.append(str(error))
            continue
        sample_rate = sample_rate or rate
        if rate != sample_rate or channels != 1 or n_samples == 0:
            problems.append(
                f"{path}: {n_samples} samples, {rate} Hz, {channels} channels; expected {sample_rate} Hz mono"
            )
        own = [(k, table[utt]) for k, table in enumerate(references.values()) if utt in table]
        problems += [f"{file}: no such file" for _, file in own if not file_of(file).is_file()]
        clips.append(Clip(utt, str(path), n_samples, tuple((k, str(file)) for k, file in own)))
    if not clips and not problems:
        problems.append(f"{data.path}/wav.scp is empty")
    raise_problems(f"{data.path} cannot be separated", problems)
    return clips, sample_rate


def equal_length_batches(clips: Sequence[Clip], batch_size: int) -> Iterator[tuple[Clip, ...]]:
    """Runs of at most ``batch_size`` clips of one length."""
    length = attrgetter("n_samples")
    for _, equal in groupby(sorted(clips, key=length), key=length):
        while batch := tuple(islice(equal, batch_size)):
            yield batch
