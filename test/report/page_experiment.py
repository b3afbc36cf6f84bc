"""A small experiment whose sources are known: each system leaves a fixed share of the other classes in its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir, read_scp
from weaksep.fileio.tables import write_table
from weaksep.metrics.si_sdr import si_sdr
from weaksep.report.aggregate import Score, system_statistics

# Share of the rest of the mixture that is left in a source.
LEFT = {
    "unprocessed": 1.0,
    "separator_clip": 0.5,
    "separator_frame": 0.25,
    "separator_frame_crnn": 0.3,
    "separator_strong": 0.125,
    "oracle_irm": 0.0,
}


@dataclass
class Experiment:
    """What stage 7 hands to the page."""

    expdir: Path
    datadir: Path
    summary: dict[str, Any]
    scores: dict[str, list[Score]]


def make(folder: Path, tiny: ModuleType, summary: dict[str, Any], activity: Any = None) -> Experiment:
    """Write data and separated files, and score them.

    Args:
        folder: gets data and exp.
        tiny: test/tiny_data.py.
        summary: any whole summary: its systems are cut down to those of LEFT.
        activity: see ``tiny``.
    """
    data = DataDir.load(tiny.make_data(folder / "data" / "test", activity))
    references = {name: read_scp(data.path / f"src_{name}.scp") for name in data.classes}
    scores: dict[str, list[Score]] = {}
    for system, left in LEFT.items():
        separated = folder / "exp" / system / "separated" / "test"
        rows = scores.setdefault(system, [])
        for utt, path in data.wav.items():
            mixture = read_audio(path, tiny.SAMPLE_RATE)
            active = [name for name in data.classes if utt in references[name]]
            for name in data.classes:
                there = name in active
                reference = read_audio(references[name][utt], tiny.SAMPLE_RATE) if there else 0 * mixture
                source = reference + left * (mixture - reference)
                write_audio(separated / f"audio/{name}/{utt}.wav", source, tiny.SAMPLE_RATE)
                value = float(si_sdr(reference, source)) if there else None
                gain = value - float(si_sdr(reference, mixture)) if there and len(active) > 1 else None
                overlap = 0.5 if there else None
                rows.append(
                    Score(
                        utt=utt,
                        name=name,
                        n_active=len(active),
                        si_sdr_db=value,
                        si_sdr_mixture_db=None,
                        si_sdri_db=gain,
                        sdr_db=None,
                        sir_db=None,
                        sar_db=None,
                        leak_db=None if there else -40.0,
                        overlap=overlap,
                    )
                )
        for name in data.classes:
            write_table(separated / f"{name}.scp", {utt: f"audio/{name}/{utt}.wav" for utt in data.wav})
    facts = {system["name"]: system for system in summary["systems"]}
    systems = [{**facts[name], **system_statistics(rows, data.classes, 0)} for name, rows in scores.items()]
    return Experiment(folder / "exp", folder / "data", {**summary, "systems": systems}, scores)
