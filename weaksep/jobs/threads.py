"""How many threads compute. Several PyTorch processes with a thread per core each slow one another down many times."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """One computing thread here and in child processes started inside, so that results do not depend on ``nj``.

    Torch is not imported for it; when it comes later it reads the environment.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    saved = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        for name in THREAD_VARIABLES:
            del os.environ[name]
        os.environ.update(saved)
        if torch:
            torch.set_num_threads(threads)
