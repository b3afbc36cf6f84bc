"""The page that goes with a packed model: what it separates, how it was trained, how well it does, how to use it."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import Description
from weaksep.fileio.yamltext import dump_yaml
from weaksep.report.aggregate import describe, improvements, read_scores
from weaksep.report.formats import text_table
from weaksep.report.systems import origin_of
from weaksep.report.table import number

USE = """\
## Use

```bash
weaksep separate --model {quoted} recording.wav --out separated
```

```python
import soundfile
import weaksep

separate = weaksep.load_separator({text})
waveform, sample_rate = soundfile.read("recording.wav")
sources = separate(waveform.T, sample_rate)  # {{class or "residual": waveform}}
```
"""
FROM_HUB = """
The names above are fetched from the hub by weaksep with its extra `hub` (huggingface_hub). `{name}@COMMIT` stays with
one version; the log says which one it is.
"""
TAGS = ("audio", "sound-separation", "source-separation", "weak-labels")
# Identifiers that the hub has for licences, of those that weights are likely to have.
HUB_LICENCES = frozenset(
    "apache-2.0 mit bsd-2-clause bsd-3-clause isc mpl-2.0 gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0 agpl-3.0 unlicense "
    "openrail cc0-1.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 "
    "cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 odc-by".split()
)


def scores_of(experiment: Path) -> dict[str, dict[str, Any]]:
    """SI-SDRi in dB of every set that an experiment was scored on: {set: {"mean", "median", "n"}}.

    Raises:
        UserError: a table is damaged.
    """
    found = {path.parent.name: read_scores(path) for path in sorted(experiment.glob("scores/*/scores.tsv"))}
    return {
        name: describe([gain for _, gain in improvements(row for row in rows if row.name != RESIDUAL)])
        for name, rows in found.items()
    }


def hub_metadata(licence: str) -> str:
    """The block that the hub reads at the beginning of a page.

    Args:
        licence: see ``model_card``; one that the hub has no identifier for is "other" there, with this name.

    >>> print(hub_metadata("CC BY 4.0"))
    ---
    library_name: weaksep
    pipeline_tag: audio-to-audio
    tags:
    - audio
    - sound-separation
    - source-separation
    - weak-labels
    license: cc-by-4.0
    ---
    <BLANKLINE>
    """
    known = "-".join(licence.lower().split())
    fields = {"library_name": "weaksep", "pipeline_tag": "audio-to-audio", "tags": list(TAGS)}
    if known in HUB_LICENCES:
        fields["license"] = known
    elif known:
        fields |= {"license": "other", "license_name": licence}
    return f"---\n{dump_yaml(fields)}---\n"


def model_card(
    name: str,
    experiment: Path,
    description: Description,
    scores: Mapping[str, Mapping[str, Any]],
    made: Mapping[str, Any],
    licence: str,
    about: str = "",
    from_hub: bool = False,
) -> str:
    """The page, as Markdown.

    Args:
        name: of the packed file or folder, or what it is called on the hub.
        experiment: the folder that it was packed from.
        description: of the network.
        scores: see ``scores_of``.
        made: date and versions, see ``environment``.
        licence: of the weights; empty when nobody has said.
        about: more Markdown, for behind the facts.
        from_hub: whether the name is that on the hub.
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
    use += FROM_HUB.format(name=name) if from_hub else ""
    return "\n\n".join([*blocks, use])
