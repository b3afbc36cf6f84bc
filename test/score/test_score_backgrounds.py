"""Clips with a background: one class and it are a mixture, and a residual output is scored against it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import SOURCE_NAME, DataDir
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import read_tsv
from weaksep.infer.dataset import separate_dataset
from weaksep.infer.steps import Oracle
from weaksep.metrics.si_sdr import CEILING_DB, si_sdr
from weaksep.mixtures.scene import Event, Scene
from weaksep.report.collect import collect_more_sets, collect_systems
from weaksep.report.facts import set_facts
from weaksep.report.model_card import scores_of
from weaksep.report.tables import backgrounds
from weaksep.score.clip import COLUMNS
from weaksep.score.system import find_clips, score_system

HOP = 100
UTTS = [f"mix-{number}" for number in range(1, 6)]


@pytest.fixture
def data(test_data: Path) -> DataDir:
    """The tiny set with a background of -40 dB under all but the last clip, and the scenes that say so."""
    rng, scenes = np.random.default_rng(5), []
    for utt in UTTS:
        background = Event("b", "unlabelled", "b", 0.0, -40.0) if utt != "mix-5" else None
        scenes.append(Scene(utt, 0.5, 8000, 0.0, (Event("e", "bark", "e", 0.0, -30.0),), background).to_json())
        if background is not None:
            noise = np.rint(328 * rng.standard_normal(4000)).astype(np.int16)
            mixture = np.rint(read_audio(test_data / f"audio/mix/{utt}.wav", 8000) * 32768).astype(np.int16)
            write_audio(test_data / f"audio/background/{utt}.wav", noise, 8000)
            write_audio(test_data / f"audio/mix/{utt}.wav", mixture + noise, 8000)
    (test_data / "scenes.jsonl").write_text("".join(f"{line}\n" for line in scenes))
    write_table(test_data / "src_background.scp", {utt: f"audio/background/{utt}.wav" for utt in UTTS[:4]})
    return DataDir.load(test_data)


def system(data: DataDir, folder: Path, residual: bool) -> Path:
    """Classes at half their level, and absent ones a tenth of the mixture; the residual is the background doubled."""
    references = data.references()
    for name in (*data.classes, *(["residual"] if residual else [])):
        table = {}
        for utt, wav in data.wav.items():
            source = references["background" if name == "residual" else name].get(utt)
            part = 0.1 * read_audio(wav, 8000) if source is None else read_audio(source, 8000)
            write_audio(
                folder / f"separated/test/audio/{name}/{utt}.wav", (2 if name == "residual" else 0.5) * part, 8000
            )
            table[utt] = f"audio/{name}/{utt}.wav"
        write_table(folder / f"separated/test/{name}.scp", table)
    (folder / "config.yaml").write_text("supervision: strong\n")
    (folder / "separated/test" / SOURCE_NAME).write_text(data.fingerprint() + "\n")
    score_system(data, find_clips(data, HOP), folder)
    return folder


def rows_of(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["utt"], row["class"]): row for row in read_tsv(folder / "scores/test/scores.tsv", COLUMNS)}


def test_one_class_and_a_background_are_a_mixture(data: DataDir, tmp_path: Path) -> None:
    rows = rows_of(system(data, tmp_path / "exp/separator_x", residual=False))
    assert len(rows) == 15, "no row of a residual that there is not"
    bark = rows["mix-1", "bark"]
    mixture = read_audio(data.wav["mix-1"], 8000)
    unprocessed = float(si_sdr(read_audio(data.references()["bark"]["mix-1"], 8000), mixture))
    assert bark["n_active"] == "1" and float(bark["si_sdr_mixture_db"]) == pytest.approx(unprocessed, abs=1e-3)
    assert float(bark["si_sdri_db"]) > 40 and bark["dominant_output"] == "bark"
    alone = rows["mix-5", "horn"]
    assert alone["si_sdr_db"] and not alone["si_sdri_db"] and not alone["si_sdr_mixture_db"]


def test_the_residual_is_scored_against_the_background(data: DataDir, tmp_path: Path) -> None:
    rows = rows_of(system(data, tmp_path / "exp/separator_x", residual=True))
    assert {utt for utt, name in rows if name == "residual"} == set(UTTS[:4])
    background = read_audio(data.references()["background"]["mix-2"], 8000)
    unprocessed = float(si_sdr(background, read_audio(data.wav["mix-2"], 8000)))
    row = rows["mix-2", "residual"]
    assert float(row["si_sdr_db"]) == CEILING_DB
    assert float(row["si_sdri_db"]) == pytest.approx(CEILING_DB - unprocessed, abs=1e-3)


def test_the_report_has_a_table_by_level(data: DataDir, tmp_path: Path) -> None:
    expdir = tmp_path / "exp"
    system(data, expdir / "separator_x", residual=True)
    system(data, expdir / "separator_y", residual=False)
    systems, scores = collect_systems(expdir, data, "test", {})
    assert {row.name for row in scores["separator_x"]} == set(data.classes)
    with_residual, without = systems
    assert with_residual["si_sdri_db"] == without["si_sdri_db"] and with_residual["si_sdri_db"]["n"] == 7
    assert with_residual["by_active_classes"]["1"]["n"] == 1, "one class over a background stands apart"
    assert with_residual["single_class_si_sdr_db"]["n"] == 1
    assert (with_residual["residual_si_sdri_db"]["n"], without["residual_si_sdri_db"]["n"]) == (4, 0)
    assert without["false_activity"] == 0.0, "a twentieth of the mixture is 26 dB below it"
    assert scores_of(expdir / "separator_x")["test"]["n"] == 7
    facts = set_facts(data.path)
    assert facts["background_db"] == [-40.0, -40.0]
    summary = {"test_set": "test", "systems": systems, "more_sets": {"test_b": systems}, "data": {"test": facts}}
    table = backgrounds(json.loads(json.dumps(summary)))
    assert [row[:2] for row in table.rows] == [["test", [-40.0, -40.0]]] * 2 + [["test_b", [None, None]]] * 2
    assert table.rows[0][4] == with_residual["residual_si_sdri_db"]["mean"] and table.rows[1][4] is None
    assert not backgrounds({**summary, "data": {}}).rows
    assert not collect_more_sets(expdir, tmp_path / "data", "test", {})


def test_false_activity_is_a_tenth_of_the_energy(data: DataDir, tmp_path: Path) -> None:
    folder = system(data, tmp_path / "exp/separator_x", residual=False)
    mixture = read_audio(data.wav["mix-1"], 8000)
    write_audio(folder / "separated/test/audio/horn/mix-1.wav", 0.33 * mixture, 8000)  # -9.6 dB
    write_audio(folder / "separated/test/audio/drill/mix-1.wav", 0.31 * mixture, 8000)  # -10.2 dB
    score_system(data, find_clips(data, HOP), folder)
    (figures,), _ = collect_systems(tmp_path / "exp", data, "test", {})
    absent = sum(len(data.classes) - len(names) for names in data.clip_labels().values())
    assert figures["false_activity"] == pytest.approx(1 / absent, abs=1e-4)


def test_oracles_leave_the_background_to_a_residual(data: DataDir, tmp_path: Path) -> None:
    out = tmp_path / "exp/oracle_irm/separated/test"
    separate_dataset(Oracle("oracle_irm", 128, 64), data, out)
    score_system(data, find_clips(data, HOP), tmp_path / "exp/oracle_irm")
    rows = rows_of(tmp_path / "exp/oracle_irm")
    assert float(rows["mix-1", "bark"]["si_sdri_db"]) > 3
    assert float(rows["mix-1", "residual"]["si_sdri_db"]) > 3
