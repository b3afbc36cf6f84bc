"""The tests with the oldest and the newest Python and packages that weaksep says it runs with: ``nox``.

Each session has an environment of its own. PIP_EXTRA_INDEX_URL and the like hold here as for pip; where no CPU build of
PyTorch is to be had, one with CUDA is installed, of several GB. ``nox -s oldest -- test/losses`` runs some tests alone.
"""

import ast
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
EXTRAS = "test,report,nmf,export"
OLDEST, OTHERS = "3.10", ("3.12", "3.13")


def lower_bounds() -> list[str]:
    """What setup.py requires at the least, as exact versions: ``torch>=2.6`` is ``torch==2.6.*``."""
    tree = ast.parse(Path("setup.py").read_text(encoding="utf-8"))
    tables = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    bounds = [text.split(",")[0] for text in ast.literal_eval(tables["REQUIREMENTS"]) if ">=" in text]
    return [f"{bound.replace('>=', '==')}.*" for bound in bounds]


def run_tests(session: nox.Session) -> None:
    """The test suite, or what was asked for."""
    session.run("python", "tools/check_env.py", success_codes=(0, 1))
    arguments = session.posargs or ["-n", "2", "--dist", "loadfile", "-m", "not recipe"]
    session.run("pytest", "-q", *arguments, env={"OMP_NUM_THREADS": "1"})


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """The lower bounds of setup.py."""
    session.install(*lower_bounds(), "-e", f".[{EXTRAS}]")
    run_tests(session)


@nox.session(python=OTHERS)
def newest(session: nox.Session) -> None:
    """The newest of everything."""
    session.install("--upgrade", "--upgrade-strategy", "eager", "-e", f".[{EXTRAS}]")
    run_tests(session)


@nox.session(python=OTHERS[-1])
def pinned(session: nox.Session) -> None:
    """The versions of tools/constraints.txt."""
    session.install("-c", "tools/constraints.txt", "-e", f".[{EXTRAS}]")
    run_tests(session)
