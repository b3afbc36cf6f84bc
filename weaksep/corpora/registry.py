"""Corpora by the name that `conf/data.yaml` calls them. A new corpus needs no line here: its recipe writes a table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.corpora.config import CorpusConfig, SyntheticConfig, TableConfig, UrbanSound8KConfig
from weaksep.corpora.download import fetch_urbansound8k
from weaksep.corpora.event import Corpus
from weaksep.corpora.synthetic import open_synthetic
from weaksep.corpora.table import open_table
from weaksep.corpora.urbansound8k import open_urbansound8k
from weaksep.errors import UserError
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.yamlfile import load_config, read_yaml


@dataclass(frozen=True)
class Reader:
    """How a corpus is opened and, where that can be done for the user, fetched.

    Args:
        config_class: schema of its data.yaml.
        open: (config, db) -> Corpus; `db` is its folder or None.
        fetch: db -> None, puts the corpus there; None where there is nothing to fetch.
    """

    config_class: type[CorpusConfig]
    open: Callable[[Any, Path | None], Corpus]
    fetch: Callable[[Path | None], None] | None = None


READERS: dict[str, Reader] = {
    "synthetic": Reader(SyntheticConfig, open_synthetic),
    "table": Reader(TableConfig, open_table),
    "urbansound8k": Reader(UrbanSound8KConfig, open_urbansound8k, fetch_urbansound8k),
}


def load_data_config(path: str | Path, overrides: Sequence[str] = ()) -> CorpusConfig:
    """Read data.yaml by the schema of its corpus.

    Raises:
        UserError: no or an unknown `corpus`, or the file does not fit the schema.
    """
    name = read_yaml(path).get("corpus")
    if not isinstance(name, str) or name not in READERS:
        near = difflib.get_close_matches(str(name), READERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(READERS)}"
        raise UserError(f"{path}: corpus: {name!r} is not a known corpus ({hint})")
    return load_config(READERS[name].config_class, path, overrides)


def open_corpus(config: CorpusConfig, db: Path | None) -> Corpus:
    """The corpus that the configuration names, read from `db`."""
    return READERS[config.corpus].open(config, db)


def fetch_corpus(config: CorpusConfig, db: Path | None) -> None:
    """Fetch the corpus into `db`, for readers that can.

    Raises:
        UserError: there is no download for this corpus, or it fails.
    """
    fetch = READERS[config.corpus].fetch
    if fetch is None:
        raise UserError(f"corpus {config.corpus} has no download: leave out --download true")
    if db is None:
        fetch(db)  # says where to name it
        return
    with folder_lock(db):  # two downloads into one file would spoil it
        fetch(db)
