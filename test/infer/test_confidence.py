"""How sure a net is of its outputs: closed forms, and the tables that say it."""

import numpy as np
import pytest
import soundfile
import torch

from weaksep.fileio.datadir import CONFIDENCE_NAME, DataDir
from weaksep.fileio.tsv import read_tsv
from weaksep.infer.confidence import ConfidenceMeter
from weaksep.infer.dataset import separate_dataset
from weaksep.infer.model import load_separator, save_untrained
from weaksep.infer.recordings import Options, separate_recording
from weaksep.report.aggregate import Score, trust

CLASSES = ["bark", "drill", "horn"]


def measured(*parts: tuple[torch.Tensor, torch.Tensor], n_classes: int = 2) -> list[float | None]:
    meter = ConfidenceMeter(1, n_classes)
    for masks, magnitude in parts:
        meter.add(masks[None], magnitude[None])
    return meter.values()[0]


def test_binary_masks_are_sure_equal_ones_are_not_and_silence_has_none() -> None:
    magnitude = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) + 0.1
    first = (torch.arange(20).view(5, 4) % 3 == 0).float()
    assert measured((torch.stack([first, 1 - first]), magnitude)) == pytest.approx([1.0, 1.0])
    assert measured((torch.full((4, 5, 4), 0.25), magnitude), n_classes=4) == pytest.approx([0.25] * 4)
    assert measured((torch.full((2, 5, 4), 0.5), torch.zeros(5, 4))) == [None, None]


def test_it_is_the_mean_of_the_mask_over_the_energy_of_the_output_whatever_the_chunks_and_the_level() -> None:
    masks = torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]], [[0.0, 0.0]]])  # the third is a residual
    magnitude = torch.tensor([[2.0, 1.0]])
    expected = [(0.81 * 4 + 0.04) / (0.9 * 4 + 0.2), (0.01 * 4 + 0.64) / (0.1 * 4 + 0.8)]
    assert measured((masks, magnitude)) == pytest.approx(expected)
    chunks = [(masks[..., :1], 10 * magnitude[:, :1]), (masks[..., 1:], 10 * magnitude[:, 1:])]
    assert measured(*chunks) == pytest.approx(expected)


def test_a_recording_and_a_data_folder_say_the_same(tmp_path, test_data) -> None:
    data = DataDir.load(test_data)
    folder = save_untrained(tmp_path / "exp/separator_strong", CLASSES, 8000)
    separate_dataset(folder, data, tmp_path / "out", batch_size=2, nj=2)
    rows = list(read_tsv(tmp_path / "out" / CONFIDENCE_NAME, ["filename", "event_label", "confidence"]))
    assert [(row["filename"], row["event_label"]) for row in rows] == [(u, name) for u in data.wav for name in CLASSES]
    path = next(iter(data.wav.values()))
    separate_recording(load_separator(folder), path, tmp_path / "one", Options(level_db=None))
    one = [float(row["confidence"]) for row in read_tsv(tmp_path / "one" / CONFIDENCE_NAME, ["confidence"])]
    assert one == pytest.approx([float(row["confidence"]) for row in rows[:3]], abs=0.0011)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    separate_recording(load_separator(folder), tmp_path / "silent.wav", tmp_path / "two", Options())
    assert {row["confidence"] for row in read_tsv(tmp_path / "two" / CONFIDENCE_NAME, ["confidence"])} == {""}


def test_what_it_is_worth_is_measured() -> None:
    def rows(confidences: list[float]) -> list[Score]:
        return [Score(f"m{n}", "bark", 2, 2.0 * n, 0.0, 2.0 * n, confidence=c) for n, c in enumerate(confidences)]

    rising = [n / 20 for n in range(20)]
    best = {"n": 20, "rank_correlation": 1.0, "all_db": 19.0}
    assert trust(rows(rising)) == {**best, "without_least_confident_db": 21.0, "without_worst_db": 21.0}
    falling = trust(rows(rising[::-1]))
    assert falling["rank_correlation"] == -1.0 and falling["without_least_confident_db"] == 17.0
    assert trust(rows([0.5] * 20)) == {"n": 20, "rank_correlation": None}
    alone = [Score("m", "bark", 1, 30.0, confidence=0.1)]  # a class alone has no mixture to be told from
    assert trust(rows(rising) + alone) == trust(rows(rising))
