"""A data folder small enough to make in a test: three classes of noise in three bands, exact references."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv

CLASSES = ("bark", "drill", "horn")
SAMPLE_RATE = 8000
SECONDS = 0.5
# Active classes of each clip, and from when to when (in samples) each one sounds.
ACTIVITY: dict[str, dict[str, tuple[int, int]]] = {
    "mix-1": {"bark": (0, 4000)},
    "mix-2": {"bark": (0, 3000), "drill": (1000, 4000)},
    "mix-3": {"bark": (500, 3500), "drill": (0, 2000), "horn": (1500, 4000)},
    "mix-4": {"drill": (0, 1500), "horn": (2500, 4000)},
    "mix-5": {"horn": (1000, 2000)},
}
BANDS = {"bark": (100, 900), "drill": (1200, 2400), "horn": (2800, 3800)}


def band_noise(random: np.random.Generator, low_hz: float, high_hz: float, n_samples: int) -> np.ndarray:
    """Noise between two frequencies with an RMS of 0.05, float64 (N,)."""
    spectrum = np.fft.rfft(random.standard_normal(n_samples))
    frequencies = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    noise = np.fft.irfft(spectrum, n_samples)
    return 0.05 * noise / np.sqrt(np.mean(noise**2))


def make_data(folder: Path, activity: dict[str, dict[str, tuple[int, int]]] | None = None) -> Path:
    """Write a whole data folder as stage 1 does; the references sum to the mixture, sample for sample."""
    activity = ACTIVITY if activity is None else activity
    n_samples = round(SECONDS * SAMPLE_RATE)
    random = np.random.default_rng(11)
    references: dict[str, dict[str, str]] = {name: {} for name in CLASSES}
    events = []
    for utt, classes in activity.items():
        mixture = np.zeros(n_samples, dtype=np.int16)
        for name, (onset, offset) in classes.items():
            source = np.zeros(n_samples)
            source[onset:offset] = band_noise(random, *BANDS[name], n_samples)[onset:offset]
            source = np.rint(source * 32768).astype(np.int16)
            mixture += source
            references[name][utt] = f"audio/{name}/{utt}.wav"
            write_audio(folder / references[name][utt], source, SAMPLE_RATE)
            events.append(
                {
                    "filename": f"{utt}.wav",
                    "onset": onset / SAMPLE_RATE,
                    "offset": offset / SAMPLE_RATE,
                    "event_label": name,
                }
            )
        write_audio(folder / f"audio/mix/{utt}.wav", mixture, SAMPLE_RATE)
    write_table(folder / "wav.scp", {utt: f"audio/mix/{utt}.wav" for utt in activity})
    write_table(folder / "utt2dur", {utt: str(SECONDS) for utt in activity})
    write_table(folder / "utt2labels", {utt: ",".join(names) or "-" for utt, names in activity.items()})
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in CLASSES))
    write_tsv(folder / "events.tsv", ("filename", "onset", "offset", "event_label"), events)
    for name, table in references.items():
        write_table(folder / f"src_{name}.scp", table)
    return folder
