"""Stages 5 to 7 as a recipe calls them: infer, score, report; and what they say when something is wrong."""

from __future__ import annotations

import json

import pytest
import torch

from weaksep.bin import infer, report, score
from weaksep.bin.cli import run_command
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.experiments import JOINT_CLASSIFIER
from weaksep.fileio.network import Description, Features, write_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.nets.build import build_classifier, build_separator

SEPARATOR = {"layers": 1, "units": 4}
CLASSIFIER = {"kind": "crnn", "units": 4, "channels": [2, 3]}


def save(folder, task, net, config):
    features = Features(sample_rate=8000, window_samples=128, hop_samples=64)
    description = Description(task=task, classes=["bark", "drill", "horn"], features=features, config=config)
    write_network(folder, description, net.state_dict())
    if folder.name != JOINT_CLASSIFIER:
        write_yaml(folder / "config.yaml", config)


@pytest.fixture
def recipe(tmp_path, test_data, monkeypatch):
    """A recipe's folder after stage 4: data, dump, conf, an untrained separator, its classifier and another."""
    torch.manual_seed(0)
    extract(test_data, tmp_path / "dump/test", FeatsConfig(window_samples=128, hop_samples=64), nj=1, references=False)
    write_yaml(tmp_path / "conf/feats.yaml", {"window_samples": 128, "hop_samples": 64})
    config = {"name": "frame", "supervision": "frame", "classifier": "frame", "net": SEPARATOR, "seed": 1}
    save(tmp_path / "exp/separator_frame+b", "separator", build_separator(SEPARATOR, 3, 65), config)
    config = {"name": "frame", "supervision": "frame", "net": CLASSIFIER, "seed": 1}
    save(tmp_path / "exp/classifier_frame+b", "classifier", build_classifier(CLASSIFIER, 3, 65, 8000), config)
    save(tmp_path / "exp/classifier_other", "classifier", build_classifier(CLASSIFIER, 3, 65, 8000), config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(module, *arguments):
    return run_command(module.main, list(arguments))


def test_three_stages(recipe, capsys):
    assert call(infer, "--systems", "frame", "--tag", "b") == 0
    assert call(score, "--systems", "frame", "--tag", "b") == 0
    assert call(report, "--recipe", "tiny") == 0
    summary = json.loads((recipe / "exp/report/summary.json").read_text())
    systems = {system["name"]: system for system in summary["systems"]}
    assert list(systems) == ["unprocessed", "separator_frame+b", "oracle_ibm", "oracle_irm", "oracle_psm"]
    gains = {name: system["si_sdri_db"]["mean"] for name, system in systems.items()}
    assert gains["unprocessed"] == 0.0
    assert min(gains["oracle_ibm"], gains["oracle_irm"], gains["oracle_psm"]) > 10
    assert gains["oracle_irm"] > gains["separator_frame+b"]
    # Mixtures of one class are the reference: the mixture itself and every oracle give them back unchanged.
    assert systems["unprocessed"]["single_class_si_sdr_db"] == {"mean": 60.0, "median": 60.0, "n": 2}
    assert systems["oracle_irm"]["single_class_si_sdr_db"]["mean"] == 60.0
    assert systems["oracle_irm"]["absent_leak_db"]["mean"] == -80.0
    assert systems["unprocessed"]["absent_leak_db"]["mean"] == 0.0
    assert [entry["name"] for entry in summary["classifiers"]] == ["classifier_frame+b"]
    counted = {facts["name"]: facts["parameters"] for facts in summary["training"]}
    assert counted["separator_frame+b"] == sum(p.numel() for p in build_separator(SEPARATOR, 3, 65).parameters())
    assert "| frame+b " in (recipe / "RESULTS.md").read_text()
    assert "| oracle_irm " in capsys.readouterr().out


def test_the_page_may_have_another_place(recipe):
    for module in (infer, score):
        assert call(module) == 0
    for name in ("pages.md", "other/pages.md"):
        assert call(report, "--out", name) == 0
        assert "| frame+b " in (recipe / name).read_text()


def test_all_by_default(recipe):
    assert call(infer, "--oracles", "false") == 0
    assert call(score) == 0
    written = sorted(str(path.relative_to(recipe)) for path in recipe.glob("exp/*/scores/test/*.[jt]s*"))
    written = [name for name in written if not name.endswith("stamp.json")]
    assert written == [
        "exp/classifier_frame+b/scores/test/tagging.json",
        "exp/classifier_other/scores/test/tagging.json",
        "exp/equal_shares/scores/test/sources.json",
        "exp/random_masks/scores/test/sources.json",
        "exp/separator_frame+b/scores/test/scores.tsv",
        "exp/separator_frame+b/scores/test/sources.json",
    ]


def test_results_of_two_test_sets_are_not_mixed(recipe, capsys, test_data):
    for module in (infer, score, report):
        assert call(module) == 0
    (recipe / "exp/oracle_irm/scores/test/source.sha256").write_text("another\n")
    assert call(report) == 1
    assert "made from other mixtures than those now in data/test; rerun stages 5 and 6" in capsys.readouterr().err
    (test_data / "scenes.jsonl").write_text("drawn anew\n")
    assert call(score) == 1
    assert "made from other mixtures than those now in data/test; rerun stage 5" in capsys.readouterr().err


def test_a_classifier_trained_along_is_scored_too(recipe):
    joint = build_classifier(CLASSIFIER, 3, 65, 8000)
    config = {"supervision": "frame", "net": CLASSIFIER}
    save(recipe / "exp/separator_frame+b" / JOINT_CLASSIFIER, "classifier", joint, config)
    both = {"name": "frame", "supervision": "frame", "classifier": "frame", "joint": True, "net": SEPARATOR, "seed": 1}
    write_yaml(recipe / "exp/separator_frame+b/config.yaml", both)
    assert call(infer, "--systems", "frame", "--tag", "b", "--oracles", "false") == 0
    assert call(score, "--systems", "frame", "--tag", "b") == 0
    scored = sorted(str(path.relative_to(recipe)) for path in recipe.glob("exp/*/scores/test/tagging.json"))
    assert scored == ["exp/separator_frame+b/scores/test/tagging.json"]


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        (infer, ["--systems", "frame strong"], ["separator_frame: no model.json; did you mean separator_frame+b?"]),
        (infer, ["--data", "data/tset"], ["data/tset: no such data folder"]),
        (infer, ["--feats", "conf/feat.yaml"], ["conf/feat.yaml: no such configuration file"]),
        (infer, ["--expdir", "nothing", "--oracles", "false"], ["nothing to do; run stage 4 first"]),
        (score, ["--systems", "frame"], ["separator_frame: no separated/test; run stage 5 first"]),
        (score, ["--expdir", "nothing"], ["nothing to score"]),
        (score, ["--dump", "dump/tset"], ["dump/tset", "no such"]),
        (report, [], ["run stage 6 first"]),
        (report, ["--set", "../test"], ["--set '../test' holds a slash; give the name of a folder in data"]),
    ],
)
def test_a_mistake_is_an_error_line(recipe, capsys, module, arguments, said):
    assert call(module, *arguments) == 1
    error = capsys.readouterr().err
    for text in ("error: ", *said):
        assert text in error
    assert "Traceback" not in error
