"""The page that goes with a packed model: what it separates, how it was trained, how well it does, how to use it."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import Description
from weaksep.report.aggregate import describe, read_scores
from weaksep.report.formats import text_table
from weaksep.report.systems import origin_of
from weaksep.report.table import number

USE = """\
## Use

```bash
weaksep separate --model {quoted} recording.wav --out separated
```

```python
import weaksep

sources = weaksep.load_separator({text})(waveform, sample_rate)  # {{class or "residual": waveform}}
```
"""


def scores_of(experiment: Path) -> dict[str, dict[str, Any]]:
    """SI-SDRi in dB of every set that an experiment was scored on: {set: {"mean", "median", "n"}}.

    Raises:
        UserError: a table is damaged.
    """
    found = {path.parent.name: read_scores(path) for path in sorted(experiment.glob("scores/*/scores.tsv"))}
    return {
        name: describe([s.si_sdri_db for s in rows if s.si_sdri_db is not None and s.name != RESIDUAL])
        for name, rows in found.items()
    }


def model_card(
    name: str,
    experiment: Path,
    description: Description,
    scores: Mapping[str, Mapping[str, Any]],
    made: Mapping[str, Any],
    licence: str,
    masker: str = "",
    about: str = "",
) -> str:
    """The page, as Markdown.

    Args:
        name: of the packed file.
        experiment: the folder that it was packed from.
        description: of the network.
        scores: see ``scores_of``.
        made: date and versions, see ``environment``.
        licence: of the weights; empty when nobody has said.
        masker: how the net alone is used, a section of the page (infer/export.py); empty where there is none.
        about: more Markdown, for behind the facts.
    """
    features, net = description.features, description.config.get("net", {})
    softer = {"temperature of the masks": f"{description.temperature:g}, above 1 softer than the net left them"}
    before = description.config.get("init_from") or {}
    facts = {
        "classes": ", ".join(description.classes),
        "sample rate": f"{features.sample_rate} Hz; recordings of other rates are resampled",
        "trained from": origin_of(experiment).trained_from,
        **({"fine-tuned from": f"{before['name']}, model {before['model']}"} if before else {}),
        "net": ", ".join(f"{key} {value}" for key, value in net.items()),
        "STFT": f"square-root Hann windows of {features.window_samples} samples, {features.hop_samples} apart",
        **(softer if description.temperature != 1 else {}),
        "epoch": description.epoch,
        "licence of the weights": licence or "not stated: ask whoever gave you this file",
        "packed": f"{made['date'][:10]}, weaksep {made['weaksep']}, PyTorch {made['torch']}, commit {made['commit']}",
    }
    blocks = [f"# {name}", "A separator of weaksep.", "\n".join(f"- {key}: {value}" for key, value in facts.items())]
    blocks += filter(None, [about.strip()])
    if scores:
        rows = [[key, number(row["mean"]), number(row["median"]), row["n"]] for key, row in scores.items()]
        header = ["scored on", "mean SI-SDRi (dB)", "median", "pairs"]
        blocks += ["## Scores", text_table(header, rows)]
        blocks.append("Mixtures of two or more classes; improvement over the mixture itself.")
    use = USE.format(quoted=shlex.quote(name), text=json.dumps(name, ensure_ascii=False))
    return "\n\n".join([*blocks, use]) + (f"\n{masker}" if masker else "")
