"""Scoring from files: every cell of the table checked against what was put in."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import read_tsv
from weaksep.metrics.bss_eval import bss_eval
from weaksep.metrics.leak import LEAK_FLOOR_DB
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB, si_sdr
from weaksep.score import system as score_system_module
from weaksep.score.clip import BSS_COLUMNS, COLUMNS
from weaksep.score.system import find_clips, score_system

HOP = 100


def write_estimates(folder, data, make):
    """Separated files of a system; make(clip, class, reference or None, mixture) -> samples."""
    references = data.references()
    for name in data.classes:
        table = {}
        for utt, wav in data.wav.items():
            mixture = read_audio(wav, 8000)
            reference = read_audio(references[name][utt], 8000) if utt in references[name] else None
            path = folder / "separated/test/audio" / name / f"{utt}.wav"
            write_audio(path, make(utt, name, reference, mixture), 8000)
            table[utt] = f"audio/{name}/{utt}.wav"
        write_table(folder / f"separated/test/{name}.scp", table)
    return folder


def score(test_data, system, **options):
    """The table of a system."""
    data = DataDir.load(test_data)
    return score_system(data, find_clips(data, HOP), system, **options)


def scores(path):
    """(clip, class) -> row."""
    return {(row["utt"], row["class"]): row for row in read_tsv(path, COLUMNS)}


@pytest.fixture
def system(tmp_path, test_data):
    """Present classes: the reference at half its level; absent ones: a tenth of the mixture."""
    data = DataDir.load(test_data)

    def make(utt, name, reference, mixture):
        return 0.1 * mixture if reference is None else 0.5 * reference

    return write_estimates(tmp_path / "exp/separator_x", data, make)


def test_one_row_a_clip_and_class_in_order(system, test_data):
    path = score(test_data, system)
    assert path == system / "scores/test/scores.tsv"
    rows = read_tsv(path, COLUMNS)
    assert list(rows[0]) == list(COLUMNS)
    assert " ".join(COLUMNS) == (
        "utt class active n_active si_sdr_db si_sdr_mixture_db si_sdri_db sdr_db sir_db sar_db leak_db "
        "relative_level_db level_error_db confidence overlap mixture_correlation dominant_output"
    )
    assert [(row["utt"], row["class"]) for row in rows] == [
        (f"mix-{clip}", name) for clip in range(1, 6) for name in ("bark", "drill", "horn")
    ]


def test_cells_of_a_clip_with_two_classes(system, test_data):
    rows = scores(score(test_data, system))
    data = DataDir.load(test_data)
    mixture = read_audio(data.wav["mix-2"], 8000)
    reference = read_audio(data.references()["bark"]["mix-2"], 8000)
    bark, absent = rows["mix-2", "bark"], rows["mix-2", "horn"]
    assert (bark["active"], bark["n_active"]) == ("1", "2")
    assert float(bark["si_sdr_db"]) > 40  # half the level, rounded to 16 bits again
    assert float(bark["si_sdr_mixture_db"]) == pytest.approx(si_sdr(reference, mixture), abs=1e-4)
    difference = float(bark["si_sdr_db"]) - float(bark["si_sdr_mixture_db"])
    assert float(bark["si_sdri_db"]) == pytest.approx(difference, abs=2e-4)
    # bark sounds in samples 0 to 3000, drill from 1000: 20 of its 30 frames of 100 samples.
    assert float(bark["overlap"]) == pytest.approx(20 / 30, abs=1e-4)
    assert bark["leak_db"] == ""
    drilled = rows["mix-2", "drill"]
    assert [row["dominant_output"] for row in (bark, drilled, absent)] == ["bark", "drill", ""]
    drill = read_audio(data.references()["drill"]["mix-2"], 8000)
    estimates = [read_audio(system / f"separated/test/audio/{name}/mix-2.wav", 8000) for name in ("bark", "drill")]
    expected = bss_eval(np.stack([reference, drill]), np.stack(estimates))
    for column, values in zip(BSS_COLUMNS, expected, strict=True):
        assert float(bark[column]) == pytest.approx(values[0], abs=1e-4)
        assert float(rows["mix-2", "drill"][column]) == pytest.approx(values[1], abs=1e-4)
        assert absent[column] == ""
    assert (absent["active"], absent["n_active"]) == ("0", "2")
    assert float(absent["leak_db"]) == pytest.approx(-20.0, abs=0.01)
    assert float(absent["mixture_correlation"]) == pytest.approx(1.0, abs=1e-3)  # a tenth of the mixture
    expected = np.corrcoef(mixture, estimates[0])[0, 1]
    assert float(bark["mixture_correlation"]) == pytest.approx(expected, abs=1e-4)
    assert absent["si_sdr_db"] == absent["si_sdr_mixture_db"] == absent["si_sdri_db"] == absent["overlap"] == ""


def test_a_single_class_has_no_improvement(system, test_data):
    rows = scores(score(test_data, system))
    row = rows["mix-1", "bark"]
    assert row["n_active"] == "1" and float(row["si_sdr_db"]) > 40
    assert {row[column] for column in ("si_sdri_db", "si_sdr_mixture_db", *BSS_COLUMNS)} == {""}
    assert float(row["overlap"]) == 0.0
    assert [float(rows["mix-1", name]["leak_db"]) for name in ("drill", "horn")] == pytest.approx([-20, -20], abs=0.01)


def level_db(audio):
    return 10 * np.log10(np.square(audio, dtype=np.float64).mean())


def test_the_level_of_each_class(system, test_data):
    rows = scores(score(test_data, system))
    data = DataDir.load(test_data)
    for utt, name in (("mix-2", "bark"), ("mix-2", "drill"), ("mix-3", "horn"), ("mix-1", "bark")):
        reference = read_audio(data.references()[name][utt], 8000)
        relative = level_db(reference) - level_db(read_audio(data.wav[utt], 8000))
        assert float(rows[utt, name]["relative_level_db"]) == pytest.approx(relative, abs=1e-4)
        assert float(rows[utt, name]["level_error_db"]) == pytest.approx(-6.02, abs=0.01)  # at half its level
    assert float(rows["mix-1", "bark"]["relative_level_db"]) == 0.0  # alone
    assert rows["mix-2", "horn"]["relative_level_db"] == rows["mix-2", "horn"]["level_error_db"] == ""


def test_a_class_in_the_output_of_another(tmp_path, test_data):
    data = DataDir.load(test_data)
    references = data.references()

    def make(utt, name, reference, mixture):
        other = references[{"bark": "drill", "drill": "bark", "horn": "horn"}[name]].get(utt)
        return np.zeros_like(mixture) if other is None else read_audio(other, 8000)

    rows = scores(score(test_data, write_estimates(tmp_path / "exp/separator_z", data, make)))
    assert (rows["mix-2", "bark"]["dominant_output"], rows["mix-2", "drill"]["dominant_output"]) == ("drill", "bark")
    assert rows["mix-1", "bark"]["dominant_output"] == ""  # alone in its mixture


def test_ceiling_floor_and_silence(tmp_path, test_data, caplog):
    data = DataDir.load(test_data)

    def make(utt, name, reference, mixture):
        exact = reference is not None and name == "bark"
        return reference if exact else np.zeros_like(mixture)

    folder = write_estimates(tmp_path / "exp/separator_y", data, make)
    with caplog.at_level(logging.WARNING):
        rows = scores(score(test_data, folder))
    assert float(rows["mix-2", "bark"]["si_sdr_db"]) == CEILING_DB
    assert float(rows["mix-2", "drill"]["si_sdr_db"]) == FLOOR_DB
    assert {float(rows["mix-2", "drill"][column]) for column in BSS_COLUMNS} == {FLOOR_DB}
    assert float(rows["mix-2", "horn"]["leak_db"]) == LEAK_FLOOR_DB
    assert float(rows["mix-2", "bark"]["level_error_db"]) == 0.0
    drill = rows["mix-2", "drill"]  # whose output is silence
    assert float(drill["relative_level_db"]) + float(drill["level_error_db"]) == pytest.approx(LEAK_FLOOR_DB, abs=2e-4)
    assert rows["mix-2", "horn"]["mixture_correlation"] == ""  # silence is like nothing
    assert "6 output(s) hold nothing of their class" in caplog.text


def test_without_bss_eval_all_else_is_the_same(system, test_data):
    whole = scores(score(test_data, system))
    without = scores(score(test_data, system, bss_eval=False))
    assert any(row["sdr_db"] for row in whole.values())
    assert without == {key: {**row, **dict.fromkeys(BSS_COLUMNS, "")} for key, row in whole.items()}


def test_a_silent_reference_is_left_out_aloud(system, test_data, caplog):
    silence = np.zeros(4000, dtype=np.int16)
    write_audio(test_data / "audio/drill/mix-2.wav", silence, 8000)
    with caplog.at_level(logging.WARNING):
        rows = scores(score(test_data, system))
    row = rows["mix-2", "drill"]
    assert row["active"] == "1" and row["si_sdr_db"] == row["si_sdri_db"] == row["leak_db"] == ""
    assert row["relative_level_db"] == row["level_error_db"] == ""
    # Only bark can be heard, so nothing is there to be separated.
    assert rows["mix-2", "bark"]["n_active"] == "1" and rows["mix-2", "bark"]["si_sdri_db"] == ""
    assert "1 silent reference(s) cannot be scored, first mix-2 drill" in caplog.text


def test_an_interrupted_scoring_goes_on(system, test_data, monkeypatch):
    whole = score(test_data, system).read_text()
    real, scored = score_system_module.score_clips, []

    def score_some(clips, bss_eval):
        scored.extend(clip.utt for clip in clips)
        if fails and scored[-1] == "mix-5":
            raise UserError("out of luck")
        return real(clips, bss_eval)

    monkeypatch.setattr(score_system_module, "SHARD_CLIPS", 2)
    monkeypatch.setattr(score_system_module, "score_clips", score_some)
    notes = Shards(system / "scores/test", key="k", step="scores")
    fails = True
    with pytest.raises(UserError, match="out of luck"):
        score(test_data, system, notes=notes)
    fails = False
    scored.clear()
    assert score(test_data, system, notes=notes).read_text() == whole
    assert scored == ["mix-5"]


def test_workers_make_no_difference(system, test_data, monkeypatch):
    monkeypatch.setattr("weaksep.score.system.SHARD_CLIPS", 2)
    one = score(test_data, system).read_bytes()
    assert score(test_data, system, nj=2).read_bytes() == one


def test_all_missing_files_are_listed(system, test_data):
    (system / "separated/test/audio/bark/mix-1.wav").unlink()
    (system / "separated/test/audio/drill/mix-3.wav").unlink()
    scp = system / "separated/test/drill.scp"
    scp.write_text("".join(line for line in scp.open() if "mix-5" not in line))
    (system / "separated/test/horn.scp").unlink()
    with pytest.raises(UserError, match="4 problems") as caught:
        score(test_data, system)
    for text in ("bark/mix-1.wav", "drill/mix-3.wav", "no entry for mix-5", "horn.scp: no such table"):
        assert text in str(caught.value)
    assert not (system / "scores").exists()


def test_an_estimate_of_another_length(system, test_data):
    write_audio(system / "separated/test/audio/horn/mix-4.wav", np.zeros(3999), 8000)
    with pytest.raises(UserError, match="horn/mix-4.wav: 3999 samples, the mixture mix-4 has 4000"):
        score(test_data, system)


def test_all_missing_references_are_listed(test_data):
    shutil.rmtree(test_data / "audio/drill")
    scp = test_data / "src_bark.scp"
    scp.write_text("".join(line for line in scp.open() if "mix-1" not in line))
    with pytest.raises(UserError, match="4 problems") as caught:
        find_clips(DataDir.load(test_data), HOP)
    assert "mix-1 has the class bark but no reference" in str(caught.value)
    assert str(caught.value).count("reference of mix-") == 3
