"""``weaksep score``: which systems are scored on which sets, who evaluates, and what a second run does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from weaksep.bin import score  # noqa: E402
from weaksep.bin.cli import run_command  # noqa: E402
from weaksep.feats.config import FeatsConfig  # noqa: E402
from weaksep.feats.extract import extract  # noqa: E402
from weaksep.fileio.datadir import DataDir  # noqa: E402
from weaksep.fileio.experiments import BASELINES, JOINT_CLASSIFIER  # noqa: E402
from weaksep.fileio.network import Description, Features, write_network  # noqa: E402
from weaksep.fileio.tables import write_table  # noqa: E402
from weaksep.fileio.variants import variant_folder  # noqa: E402
from weaksep.fileio.yamlfile import write_yaml  # noqa: E402
from weaksep.nets.build import build_classifier  # noqa: E402

NET = {"kind": "light", "units": 4, "channels": [4]}
FEATURES = Features(sample_rate=8000, window_samples=128, hop_samples=64)
DENSE = {"dense-1": {"bark": (0, 4000), "drill": (0, 4000)}, "dense-2": {"bark": (0, 2000), "horn": (0, 4000)}}


def classifier(folder, **config):
    """A classifier as training leaves it."""
    described = {"classes": ["bark", "drill", "horn"], "features": FEATURES, "config": {"net": NET, **config}}
    description = Description(task="classifier", **described)
    write_network(folder, description, build_classifier(NET, 3, 65, 8000).state_dict())
    if folder.name != JOINT_CLASSIFIER:
        write_yaml(folder / "config.yaml", config)


def separated(folder, *sets, config=None):
    """A system that gives the mixture back for every class."""
    for name in sets:
        data = DataDir.load(Path("data", name))
        for label in data.classes:
            table = {utt: str(wav.resolve()) for utt, wav in data.wav.items()}
            write_table(folder / "separated" / name / f"{label}.scp", table)
    if config is not None:
        write_yaml(folder / "config.yaml", config)


@pytest.fixture
def recipe(tmp_path, test_data, tiny, monkeypatch):
    """Two sets; a plain system and one of the denser set, each with its classifier; an oracle of both sets."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    tiny.make_data(tmp_path / "data/test_lambda5", DENSE)
    for name in ("test", "test_lambda5"):
        settings = FeatsConfig(window_samples=128, hop_samples=64)
        extract(tmp_path / "data" / name, tmp_path / "dump" / name, settings, nj=1, references=False)
    plain = {"supervision": "frame", "classifier": "frame"}
    dense = {"supervision": "frame", "classifier": "frame_lambda5", "mixtures": "lambda5"}
    classifier(Path("exp/classifier_frame"), supervision="frame")
    classifier(Path("exp/classifier_frame_lambda5"), supervision="frame", mixtures="lambda5")
    separated(Path("exp/separator_frame"), "test", config=plain)
    separated(Path("exp/separator_frame_lambda5"), "test_lambda5", config=dense)
    separated(Path("exp/oracle_irm"), "test", "test_lambda5")
    separated(Path("exp/unprocessed"), "test")
    return tmp_path


def call(*arguments):
    return run_command(score.main, list(arguments))


def written():
    """Everything that was scored: folder/set/file."""
    found = [p for p in Path("exp").glob("*/scores/*/*") if p.name in ("scores.tsv", "sources.json", "tagging.json")]
    return sorted(f"{path.parts[1]}/{path.parts[3]}/{path.name}" for path in found)


def both(system):
    return [f"{system}/scores.tsv", f"{system}/sources.json"]


PLAIN = [
    "classifier_frame/test/tagging.json",
    *(f"{name}/test/sources.json" for name in BASELINES),
    *both("oracle_irm/test"),
    *both("separator_frame/test"),
    *both("unprocessed/test"),
]
LAMBDA5 = [
    "classifier_frame_lambda5/test_lambda5/tagging.json",
    *both("oracle_irm/test_lambda5"),
    *both("separator_frame_lambda5/test_lambda5"),
]


def test_each_system_is_scored_on_its_set(recipe):
    assert call() == 0
    assert written() == sorted(PLAIN + LAMBDA5)
    table = Path("exp/separator_frame_lambda5/scores/test_lambda5/scores.tsv").read_text()
    assert "dense-2" in table and "mix-1" not in table
    figures = json.loads(Path("exp/separator_frame_lambda5/scores/test_lambda5/sources.json").read_text())
    assert (figures["classifier"], figures["n_clips"]) == ("classifier_frame", 2)


def test_named_systems_bring_their_sets_and_classifiers(recipe):
    assert call("--systems", "frame") == 0
    assert written() == sorted(PLAIN)
    assert call("--systems", "frame frame_lambda5") == 0
    assert written() == sorted(PLAIN + LAMBDA5)


def test_without_the_variant_all_is_scored_on_the_plain_set(recipe):
    shutil.rmtree("data/test_lambda5")
    separated(Path("exp/separator_frame_lambda5"), "test")
    assert call() == 0
    expected = [*PLAIN, *both("separator_frame_lambda5/test"), "classifier_frame_lambda5/test/tagging.json"]
    assert written() == sorted(expected)


def test_features_of_the_plain_set_are_not_taken_for_the_variants(recipe, capsys):
    shutil.rmtree("dump/test_lambda5")
    assert call() == 1
    assert "dump/test_lambda5/feats.yaml: no such configuration file" in capsys.readouterr().err
    assert written() == sorted(PLAIN)


def test_a_system_not_separated_on_its_set(recipe, capsys):
    shutil.rmtree("exp/separator_frame_lambda5/separated")
    assert call("--systems", "frame frame_lambda5") == 1
    error = capsys.readouterr().err
    assert "exp/separator_frame_lambda5: no separated/test_lambda5; run stage 5 first" in error
    assert written() == []


def test_a_second_run_does_nothing(recipe, capsys):
    assert call() == 0
    times = {path: path.stat().st_mtime_ns for path in Path("exp").glob("*/scores/*/*")}
    capsys.readouterr()
    assert call() == 0
    assert {path: path.stat().st_mtime_ns for path in Path("exp").glob("*/scores/*/*")} == times
    log = capsys.readouterr().err
    assert log.count("up to date") == len(PLAIN + LAMBDA5) and "to do" not in log


def steps_done(log):
    return sorted(line.split(") ", 1)[1].split(": to do")[0] for line in log.splitlines() if ": to do" in line)


def test_another_evaluation_classifier_classifies_anew(recipe, capsys):
    names = ("oracle_irm", "separator_frame", "unprocessed", *BASELINES)
    separated_by = [f"{name}/scores/test" for name in names]
    assert call("--systems", "frame") == 0
    capsys.readouterr()
    torch.manual_seed(1)
    classifier(Path("exp/classifier_frame"), supervision="frame")
    assert call("--systems", "frame") == 0
    expected = [f"exp/{name} (by classifier_frame)" for name in separated_by]
    assert steps_done(capsys.readouterr().err) == sorted([*expected, "exp/classifier_frame/scores/test (classifier)"])
    assert call("--systems", "frame", "--evaluation-classifier", "classifier_frame_lambda5") == 0
    expected = [f"exp/{name} (by classifier_frame_lambda5)" for name in separated_by]
    assert steps_done(capsys.readouterr().err) == sorted(expected)


def test_other_separated_files_are_scored_and_classified_anew(recipe, capsys):
    assert call("--systems", "frame") == 0
    capsys.readouterr()
    scp = Path("exp/separator_frame/separated/test/horn.scp")
    first, second, *rest = scp.read_text().splitlines()
    scp.write_text("\n".join([f"{first.split()[0]} {second.split()[1]}", second, *rest]) + "\n")
    assert call("--systems", "frame") == 0
    assert steps_done(capsys.readouterr().err) == [
        "exp/separator_frame/scores/test",
        "exp/separator_frame/scores/test (by classifier_frame)",
    ]


def test_bss_eval_is_a_setting(recipe, capsys):
    path = Path("exp/separator_frame/scores/test/scores.tsv")
    assert call("--systems", "frame") == 0
    whole = path.read_text()
    capsys.readouterr()
    assert call("--systems", "frame", "--bss-eval", "false") == 0
    assert "bss_eval: true -> false" in capsys.readouterr().err
    assert len(path.read_text()) < len(whole)
    assert call("--systems", "frame") == 0
    assert path.read_text() == whole


def evaluation_of(*arguments):
    assert call("--systems", "frame", *arguments) == 0
    return json.loads(Path("exp/separator_frame/scores/test/sources.json").read_text())["classifier"]


def test_who_evaluates(recipe):
    assert evaluation_of() == "classifier_frame"
    assert evaluation_of("--evaluation-classifier", "frame_lambda5") == "classifier_frame_lambda5"
    assert evaluation_of("--evaluation-classifier", "classifier_frame") == "classifier_frame"
    assert evaluation_of("--default-evaluation-classifier", "frame_lambda5") == "classifier_frame_lambda5"
    both = "--default-evaluation-classifier", "frame_lambda5", "--evaluation-classifier", "frame"
    assert evaluation_of(*both) == "classifier_frame"
    assert evaluation_of("--default-evaluation-classifier", "nobody") == "classifier_frame"
    shutil.copytree("exp/classifier_frame", "exp/classifier_frame+b")
    assert evaluation_of("--evaluation-classifier", "classifier_frame+b") == "classifier_frame+b"
    assert call("--systems", "separator_frame", "--tag", "b") == 0
    assert "frame+b" in Path("exp/separator_frame/scores/test/sources.json").read_text()


def test_who_evaluates_without_the_usual_one(recipe, capsys):
    """First a classifier of frame labels, else the first; without any, none."""
    shutil.rmtree("exp/classifier_frame")
    shutil.rmtree("exp/classifier_frame_lambda5")
    for name, supervision in (("a", "clip"), ("b", "frame")):
        classifier(Path(f"exp/classifier_{name}"), supervision=supervision)
    figures = Path("exp/separator_frame/scores/test/sources.json")
    assert call() == 0
    assert json.loads(figures.read_text())["classifier"] == "classifier_b"
    shutil.rmtree("exp/classifier_b")
    assert call() == 0
    assert json.loads(figures.read_text())["classifier"] == "classifier_a"
    shutil.rmtree("exp/classifier_a")
    figures.unlink()
    assert call() == 0
    assert "no evaluation classifier" in capsys.readouterr().err
    assert not figures.exists()


def test_a_classifier_trained_along_may_evaluate(recipe):
    classifier(Path("exp/separator_frame") / JOINT_CLASSIFIER, supervision="frame")
    assert evaluation_of("--evaluation-classifier", "separator_frame") == "separator_frame"


@pytest.mark.parametrize("name", ["", "lambda5", "lambda10", "a/b", "\0"])
def test_variant_folder(tmp_path, name):
    (tmp_path / "test").mkdir()
    (tmp_path / "test_lambda5").mkdir()
    expected = "test_lambda5" if name == "lambda5" else "test"
    assert variant_folder(tmp_path / "test", name) == tmp_path / expected
    assert variant_folder(Path("."), name) == Path(".")
