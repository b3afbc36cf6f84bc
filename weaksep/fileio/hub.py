"""Models on the Hugging Face hub, ORG/NAME or ORG/NAME@REVISION, fetched through huggingface_hub (``weaksep[hub]``).

Of a repository two files are fetched, both of one commit: the description first, and the weights only if it is one of
a network of weaksep. HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE, tokens and timeouts are huggingface_hub's own.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from weaksep.errors import UserError, refuse
from weaksep.fileio.experiments import WEIGHTS_NAME
from weaksep.fileio.names import one_line

logger = logging.getLogger(__name__)

HUB_DESCRIPTION_NAME = "config.json"  # what model.json is called there: by requests for it the hub counts downloads
_NAME = re.compile(r"([A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:@([\w./-]+))?", re.ASCII)
_CHATTY = ("huggingface_hub", "httpx", "httpx2", "urllib3")  # loggers of it and of the HTTP libraries of its versions
_COMMIT = re.compile("[0-9a-f]{40}")
_FILES = (HUB_DESCRIPTION_NAME, WEIGHTS_NAME)
_OF_A_NETWORK = {"task", "classes", "features", "config"}


class Fetched(NamedTuple):
    """A model from the hub: ORG/NAME@COMMIT, and the folder that its files are in."""

    pinned: str
    folder: Path


def is_hub_name(text: str) -> bool:
    """Whether a text may name a model on the hub. A path that is there is none, nor is one in a folder that is there:
    then its last part was misspelt.

    >>> is_hub_name("org/name@v1.0"), is_hub_name("name"), is_hub_name("/org/name")
    (True, False, False)
    """
    return bool(_NAME.fullmatch(text)) and not Path(text).exists() and not Path(text.partition("/")[0]).exists()


def is_repository(text: str) -> bool:
    """Whether a text is ORG/NAME, with no revision.

    >>> is_repository("org/name"), is_repository("org/name@v1.0")
    (True, False)
    """
    match = _NAME.fullmatch(text)
    return match is not None and not match[2]


@cache
def fetch(name: str) -> Fetched:
    """Fetch a model, or find it in the cache of huggingface_hub; in one process always the same commit.

    Args:
        name: ORG/NAME or ORG/NAME@REVISION: a branch, a tag or a commit.

    Raises:
        UserError: huggingface_hub is missing; there is no such repository or revision, or no line to it; or what is
            there is no network of weaksep.
    """
    match = _NAME.fullmatch(name)
    assert match is not None
    repository, revision = match[1], match[2] or "main"
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError:
        raise UserError(
            f"{name}: no such model here; to look for it on the Hugging Face hub: pip install 'weaksep[hub]'"
        ) from None
    from weaksep import __version__

    get: Callable[..., Any] = partial(hf_hub_download, repository, library_name="weaksep", library_version=__version__)
    with _one_line_errors(name, repository, revision):
        stays = constants.HF_HUB_OFFLINE or _COMMIT.fullmatch(revision)
        folder = _cached(get, revision) if stays else None
        if folder is None:
            logger.info("%s is looked for on the Hugging Face hub", name)
            folder = _newest(get, repository, revision)
    pinned = f"{repository}@{folder.name}"
    _check_description(folder / HUB_DESCRIPTION_NAME, pinned)
    with _one_line_errors(name, repository, revision):
        get(WEIGHTS_NAME, revision=folder.name)
    logger.info("%s is commit %s, in %s; --model %s stays with it", name, folder.name, folder, pinned)
    return Fetched(pinned, folder)


def _cached(get: Callable[..., Any], revision: str) -> Path | None:
    """The folder of a commit, or of the one that a branch or tag was when it was last asked for; None if not all of
    it is in the cache."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        files = [Path(get(name, revision=revision, local_files_only=True)) for name in _FILES]
    except LocalEntryNotFoundError:
        return None
    return files[0].parent


def _newest(get: Callable[..., Any], repository: str, revision: str) -> Path:
    """The folder of the commit that a branch or tag is now, with the description; of the cached one without a line.

    huggingface_hub would find the commit out by itself, but asks a hub that does not answer for six minutes.
    """
    from huggingface_hub import constants, errors, get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(repository, HUB_DESCRIPTION_NAME, revision=revision)
        commit = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT).commit_hash
        refuse({"its answer names no commit": not commit})
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError):
        raise
    except Exception as error:  # of the HTTP library, which is another one in other versions
        folder = _cached(get, revision)
        if folder is None:
            raise
        logger.warning("%s: %s; the commit of last time is taken", constants.ENDPOINT, _reason(error))
        return folder
    get(HUB_DESCRIPTION_NAME, revision=revision)  # notes in the cache which commit the revision is
    return Path(get(HUB_DESCRIPTION_NAME, revision=commit)).parent


def _check_description(path: Path, pinned: str) -> None:
    """Refuse what is not a network's description, before gigabytes of weights are fetched."""
    try:
        keys = set(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError):
        keys = set()
    if not keys >= _OF_A_NETWORK:
        raise UserError(f"{pinned}: no model of weaksep (its {HUB_DESCRIPTION_NAME} describes something else)")


@contextmanager
def _one_line_errors(name: str, repository: str, revision: str) -> Iterator[None]:
    """Whatever huggingface_hub raises as a UserError; it logs nothing meanwhile, its requests and retries above all."""
    from huggingface_hub import constants, errors

    place = constants.ENDPOINT
    levels = {log: log.level for log in map(logging.getLogger, _CHATTY)}
    for log in levels:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(f"{name}: its owners want to be asked: {place}/{repository}, then `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        what = f"no such model here, and no repository {repository} on {place} (or a private one: `hf auth login`)"
        raise UserError(f"{name}: {what}") from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{name}: {repository} on {place} has no revision {revision}") from None
    except errors.LocalEntryNotFoundError as error:
        raise _no_line(name, error.__cause__ or error) from None
    except errors.EntryNotFoundError as error:
        missing = next((file for file in _FILES if file in str(error)), "one of its files")
        raise UserError(f"{name}: no model of weaksep ({repository} on {place} has no {missing})") from None
    except Exception as error:  # of the HTTP library, which is another one in other versions, or of the disk
        raise _no_line(name, error) from None
    finally:
        for log, level in levels.items():
            log.setLevel(level)


def _no_line(name: str, error: BaseException) -> UserError:
    from huggingface_hub import constants

    why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT}: {_reason(error)}"
    where = f"not all of it is in the cache ({constants.HF_HUB_CACHE})"
    return UserError(f"{name}: no such model here, nor to be fetched from the hub ({why}), and {where}")


def _reason(error: BaseException) -> str:
    return one_line((str(error).strip() or type(error).__name__).splitlines()[0])
