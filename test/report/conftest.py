"""A summary as large as the ones to come: all kinds of systems and sets, with figures drawn at random."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

CLASSES = ("air_conditioner", "car_horn", "dog_bark", "jackhammer", "siren")
OVERLAP = ("0", "0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1")
RELATIVE = ("all", "<-15", "-15--10", "-10--5", "-5-0", ">=0")
COUNTS = (1643, 80, 0, 400, 900, 263)
LEVELS = ("<-10", "-10--5", "-5-0", "0-5", ">=5")
# (name, supervision, trained from, headline, steps, compared with)
VARIANTS = ("short", "blstm", "blstm_joint", "crnn", "crnn_joint", "no_mixture", "no_classification", "sigmoid")
SYSTEMS: list[tuple[str, str, str, bool, int | None, str | None]] = [
    ("unprocessed", "unprocessed", "nothing", True, None, None),
    ("separator_clip", "clip", "clip", True, 150_000, None),
    *((f"separator_clip_{name}", "clip", "clip", False, 12_000, "separator_clip_short") for name in VARIANTS[1:]),
    ("separator_clip_linear_softmax", "clip", "clip", False, 12_000, "separator_clip_short"),
    ("separator_clip_max", "clip", "clip", False, 12_000, "separator_clip_short"),
    ("separator_clip_short", "clip", "clip", False, 12_000, None),
    ("separator_frame", "frame", "frame", True, 150_000, None),
    *((f"separator_frame_{name}", "frame", "frame", False, 12_000, "separator_frame_short") for name in VARIANTS[1:]),
    ("separator_solo_segments", "frame", "frame (solo segments)", True, 12_000, "separator_frame_short"),
    ("separator_frame_short", "frame", "frame", False, 12_000, None),
    ("separator_mixed", "mixed", "clip + 50 % frame", True, 12_000, "separator_clip_short"),
    ("separator_clip_semi", "semi", "clip + 1 % strong", False, 12_000, "separator_clip_short"),
    ("separator_frame_semi", "semi", "frame + 1 % strong", False, 12_000, "separator_frame_short"),
    ("separator_strong", "strong", "strong", True, 150_000, None),
    ("separator_nmf", "strong", "strong (NMF)", True, None, "separator_strong_short"),
    ("separator_strong_short", "strong", "strong", False, 12_000, None),
    ("separator_strong_sigmoid", "strong", "strong", False, 12_000, "separator_strong_short"),
    ("oracle_ibm", "oracle", "ideal binary mask", True, None, None),
    ("oracle_irm", "oracle", "ideal ratio mask", True, None, None),
    ("oracle_psm", "oracle", "phase-sensitive mask", True, None, None),
]
WORDS = {
    "frame (solo segments)": {"solo_segments": "solo segments"},
    "clip + 50 % frame": {"frame_share": "50 % frame"},
    "clip + 1 % strong": {"strong_share": "1 % strong"},
    "frame + 1 % strong": {"strong_share": "1 % strong"},
    "strong (NMF)": {"nmf": "NMF"},
    "frame (lambda5)": {"mixtures": "lambda5"},
}
BASELINES = ("unprocessed", "equal_shares", "random_masks")
NO_OPS = {"separator_clip_max": "In all of its clips."}
SEEN = ("unprocessed", "separator_clip", "separator_strong_short", "oracle_irm")
DENSE = ("unprocessed", "separator_frame_lambda5", "separator_strong_lambda5", "oracle_irm")


class Maker:
    """Figures at random, rounded as the summary has them."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def draw(self, low: float, high: float, places: int = 4) -> float:
        return round(float(self.random.uniform(low, high)), places)

    def spread(self, n: int) -> dict[str, Any]:
        return {"mean": self.draw(-20, 60), "median": self.draw(-20, 60), "n": n}

    def bins(self, counts: dict[str, int]) -> dict[str, Any]:
        return {name: self.spread(n) if n else {"mean": None, "median": None, "n": 0} for name, n in counts.items()}

    def system(self, name: str, supervision: str, told: str, headline: bool, steps: int | None) -> dict[str, Any]:
        mean = self.draw(-10, 20)
        about = f"about {name} and | pipes" if name.startswith("separator_") else ""
        return {
            "name": name,
            "supervision": supervision,
            "trained_from": told,
            "headline": headline,
            "variants": WORDS.get(told, {}),
            "about": about,
            "steps": steps,
            "si_sdri_db": {"mean": mean, "median": self.draw(-5, 9), "ci95": [mean - 1.25, mean + 1.5], "n": 1549},
            "by_active_classes": self.bins({"2": 700, "3": 500, "4": 349}),
            "by_class": self.bins(dict(zip(CLASSES, (310, 309, 311, 300, 319), strict=True))),
            "by_overlap": self.bins(dict(zip(OVERLAP, (138, 45, 0, 148, 200, 1018), strict=True))),
            "by_input_si_sdr": self.bins(dict(zip(LEVELS, (300, 400, 500, 300, 49), strict=True))),
            "worse": {
                "all": self.draw(0, 1),
                "by_class": {name: self.draw(0, 1) for name in CLASSES},
                "by_input_si_sdr": {**{name: self.draw(0, 1) for name in LEVELS}, ">=5": None},
                "found_in": {"own": 41, "active": int(self.draw(0, 90)), "absent": int(self.draw(0, 90))},
            },
            "single_class_si_sdr_db": self.spread(94),
            "absent_leak_db": self.spread(3857),
            "level_error_db": {
                name: {**figures, "median_absolute": self.draw(0, 20) if figures["n"] else None}
                for name, figures in self.bins(dict(zip(RELATIVE, COUNTS, strict=True))).items()
            },
            "no_op": NO_OPS.get(name),
            **self.bins(dict.fromkeys(("sdr_db", "sir_db", "sar_db"), 0 if supervision == "oracle" else 1549)),
        }

    def figures(self) -> dict[str, float | None]:
        keys = ("frame_f1", "clip_f1", "map", "frame_f1_macro", "clip_f1_macro", "event_f1", "event_f1_macro", "psds1")
        return {**{key: self.draw(0, 1, 6) for key in keys}, "psds2": None}

    def agreement(self) -> dict[str, Any]:
        keys = ("own_class", "other_class", "first_choice", "inactive_classes", "inactive_frames", "unexplained")
        gain = {"mean": self.draw(-1, 1), "ci95": [self.draw(-1, 0), self.draw(0, 1)], "recordings": 12}
        return {**{key: self.draw(0, 1, 6) for key in keys}, "residual": None, "gain": gain}

    def comparison(self) -> dict[str, Any]:
        p = self.draw(0, 1, 6) if self.random.uniform() < 0.7 else 0.0002
        ci95 = [self.draw(-5, 0), self.draw(0, 5)]
        return {"difference_db": self.draw(-3, 3), "ci95": ci95, "p": p, "n": 1549}

    def seeds(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = {"system": name, "seeds": [0, 1, 2]}
        row |= {key: [self.draw(0, 20) for _ in range(3)] for key in ("means_db", "medians_db")}
        return {**row, "mean_db": self.draw(0, 20), "sd_db": self.draw(0, 1)}

    def facts(self, mixtures: int) -> dict[str, Any]:
        active = self.draw(1, 5, 3)
        return {"mixtures": mixtures, "hours": self.draw(0, 9, 3), "mean_active_classes": active, "two_or_more": 9}

    def training(self, name: str, told: str, steps: int | None) -> dict[str, Any]:
        weak = "frame" in name or "clip" in name
        return {
            "name": name,
            "supervision": told.partition(" ")[0],
            "classifier": "frame" if weak else None,
            "joint": "joint" in name,
            "epochs": 60,
            "best_epoch": int(self.random.integers(1, 60)),
            "steps": steps,
            "batch_size": 16,
            "minutes": self.draw(0, 300, 2),
            "parameters": int(self.random.integers(1e3, 1e7)),
            "trained_from": told,
        }


def make_summary(seed: int = 0) -> dict[str, Any]:
    """A whole summary."""
    make = Maker(seed)
    systems = [make.system(*row[:5]) for row in SYSTEMS]
    compared = [(row[0], row[5]) for row in SYSTEMS if row[5]]
    dense = [make.system(name, "frame", "frame (lambda5)", False, 12_000) for name in DENSE]
    seen = [make.system(*row[:5]) for row in SYSTEMS if row[0] in SEEN]
    trained = [row for row in SYSTEMS if row[0].startswith("separator_")]
    sizes = {"train": 12_000, "valid": 500, "test": 800, "train_lambda5": 12_000, "test_lambda5": 400}
    return {
        "recipe": "urbansound_mix",
        "environment": {
            "date": "2026-11-25T08:00:00Z",
            "weaksep": "0.2.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "numpy": "2.4.6",
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "machine": {"cpu": "a CPU", "cores": 16, "memory_gb": 128.0, "gpu": "a GPU", "system": "Linux x86_64"},
            "seed": 0,
        },
        "notes": ["Sums of real recordings.", "Configuration: `conf`."],
        "test_set": "test",
        "systems": systems,
        "seeds": [make.seeds(name) for name in SEEN[1:3]],
        "more_sets": {"test_lambda5": dense, "test_seen": seen},
        "classifiers": [{"name": name, **make.figures()} for name in ("classifier_clip", "separator_clip_blstm_joint")],
        "sources": [
            {"name": name, "classifier": "classifier_frame", **make.figures(), **make.agreement(), "no_op": why}
            for name, why in {**dict.fromkeys(BASELINES), **{row[0]: NO_OPS.get(row[0]) for row in SYSTEMS}}.items()
        ],
        "comparisons": [{"system": one, "with": other, **make.comparison()} for one, other in compared],
        "data": {name: make.facts(n) for name, n in sizes.items()},
        "training": [make.training(row[0], row[2], row[4]) for row in trained],
        "stage_times": [
            {"stage": stage, "name": f"stage{stage}", "seconds": seconds, "finished_at": "x"}
            for stage, seconds in enumerate((4.5, 61.0, 3725.0, 90_000.0))
        ],
    }


@pytest.fixture
def made_summary() -> dict[str, Any]:
    """``make_summary`` after a way through JSON."""
    return json.loads(json.dumps(make_summary(), allow_nan=False))
