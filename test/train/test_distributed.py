"""Several processes compute what one does, and go on after whatever has stopped them."""

from __future__ import annotations

from pathlib import Path

import gradients
import pytest
import torch
from safetensors.torch import load_file

from weaksep.jobs.launch import Nodes, launch
from weaksep.losses.settings import END

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def of_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks make of every case."""
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(HERE), prepend=":")
        launch("gradients", [str(folder)], Nodes(2), 60.0)
    return folder


@pytest.mark.parametrize("case", gradients.CASES)
def test_two_ranks_come_to_the_gradients_of_one_process(of_two_ranks: Path, case: str) -> None:
    objective = gradients.objective_of(case)
    kinds = gradients.CASES[case][0]
    parts = objective(gradients.Clips(kinds).batch(range(len(kinds))), END)
    parts["loss"].backward()
    wanted = gradients.left_by(objective, parts)
    found = load_file(of_two_ranks / f"{list(gradients.CASES).index(case)}.safetensors")
    assert found.keys() == wanted.keys() and any(name.startswith("gradient") for name in found)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}")
