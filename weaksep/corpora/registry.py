"""Corpora by the name that `conf/data.yaml` calls them. A new corpus needs no line here: its recipe writes a table."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from weaksep.corpora.config import CorpusConfig, SyntheticConfig, TableConfig, UrbanSound8KConfig
from weaksep.corpora.convert import convert, convert_step
from weaksep.corpora.download import fetch_urbansound8k
from weaksep.corpora.event import Corpus, check_sets
from weaksep.corpora.synthetic import open_synthetic
from weaksep.corpora.table import open_table
from weaksep.corpora.urbansound8k import open_urbansound8k
from weaksep.errors import UserError, did_you_mean
from weaksep.fileio.stamp import run_step
from weaksep.fileio.yamlfile import load_config, read_yaml

# Schema of its data.yaml, and how it is opened: (config, its folder or None) -> corpus.
READERS: dict[str, tuple[type[CorpusConfig], Callable[[Any, Path | None], Corpus]]] = {
    "synthetic": (SyntheticConfig, open_synthetic),
    "table": (TableConfig, open_table),
    "urbansound8k": (UrbanSound8KConfig, open_urbansound8k),
}
# Of those that can be fetched for the user: puts the corpus into its folder.
DOWNLOADS: dict[str, Callable[[Path | None], None]] = {"urbansound8k": fetch_urbansound8k}


def load_data_config(path: str | Path, overrides: Sequence[str] = ()) -> CorpusConfig:
    """Read data.yaml by the schema of its corpus.

    Raises:
        UserError: no or an unknown `corpus`, or the file does not fit the schema.
    """
    name = read_yaml(path).get("corpus")
    if not isinstance(name, str) or name not in READERS:
        hint = did_you_mean(str(name), READERS, f"known: {', '.join(READERS)}")
        raise UserError(f"{path}: corpus: {name!r} is not a known corpus ({hint})")
    return load_config(READERS[name][0], path, overrides)


def make_events(
    config: CorpusConfig, db: Path | None, out: Path, *, download: bool, nj: int, max_bad_ratio: float, force: bool
) -> None:
    """Stage 0: fetch a corpus if asked to, read it and write its events, unless all that is up to date.

    Args:
        config: names the corpus.
        db: its folder; None where it needs none.
        out: data/events.
        download: fetch it into `db` first.
        nj, max_bad_ratio: see ``convert``.
        force: write the events again.

    Raises:
        UserError: the corpus cannot be fetched, opened or split; see also ``convert``.
    """
    if download:
        if config.corpus not in DOWNLOADS:
            raise UserError(f"corpus {config.corpus} has no download: leave out --download true")
        DOWNLOADS[config.corpus](db)
    open_corpus = READERS[config.corpus][1]
    corpus = open_corpus(config, db)
    check_sets(corpus.sets, config.classes)
    run_step(
        convert_step(corpus, open_corpus.__module__, config, out, max_bad_ratio),
        partial(convert, corpus, config, nj=nj, max_bad_ratio=max_bad_ratio),
        force=force,
    )
