"""Choose where to compute: one free GPU when asked for one, else the CPU, and say which."""

import logging
import os
import subprocess
import tempfile
from contextlib import suppress

from weaksep.errors import UserError
from weaksep.fileio.lock import try_lock

logger = logging.getLogger(__name__)

_OURS: dict[str, int] = {}  # GPUs that this process has taken, and the locks that say so


def _hidden_gpus() -> bool:
    """Whether the driver lists GPUs that CUDA_VISIBLE_DEVICES does not hide on purpose."""
    listed = ""
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    return listed.startswith("GPU") and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


def choose_device(ngpu: int, allow_cpu_fallback: bool = False) -> str:
    """Name of the torch device to use, "cpu" or "cuda:N"; the log says which and why.

    CUDA_VISIBLE_DEVICES is respected by CUDA itself: N counts the visible devices. One process takes one GPU, the
    one with the most free memory.

    Args:
        ngpu: 0 for the CPU, 1 for one GPU.
        allow_cpu_fallback: take the CPU when GPUs exist but none is free.

    Raises:
        UserError: ngpu is not 0 or 1, or GPUs exist, none can be used and the fallback was not asked for.
    """
    if ngpu not in (0, 1):
        raise UserError(f"--ngpu {ngpu}: a job uses 0 or 1 GPU")
    device, reason = _free_gpu(allow_cpu_fallback) if ngpu else ("cpu", "--ngpu 0")
    logger.info("device: %s (%s)", device, reason)
    return device


def named_device(name: str) -> str:
    """The torch device that a user names: auto, cpu, cuda or cuda:N.

    Raises:
        UserError: there is none of that name.
    """
    if name in ("auto", "cpu"):
        return choose_device(int(name == "auto"), allow_cpu_fallback=True)
    import torch

    number = name.removeprefix("cuda").removeprefix(":")
    there = torch.cuda.device_count() if name.startswith("cuda") else 0
    if name != "cuda" and not (number.isascii() and number.isdigit() and name == f"cuda:{number}"):
        raise UserError(f"--device {name}: no such device; give auto, cpu, cuda or cuda:N")
    if int(number or 0) >= there:
        raise UserError(f"--device {name}: this machine shows {there} GPU(s) that PyTorch can use; give auto or cpu")
    logger.info("device: %s", name)
    return name


def refuse_too_many(ngpu: int, free: int | None = None) -> None:
    """Check the number of GPUs of a training on several processes, of which each takes one.

    Args:
        ngpu: how many are wanted.
        free: how many of those that are there are; None when that is not known yet.

    Raises:
        UserError: there are fewer.
    """
    if not ngpu:
        return
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (there if free is None else free) < ngpu:
        busy = "" if free is None else f", {free} with half their memory free"
        raise UserError(
            f"--ngpu {ngpu}: this machine shows {there} GPU(s) that PyTorch can use{busy}; give fewer, or --ngpu 0 and "
            "--num-procs for processes on the CPU"
        )


def rank_device(ngpu: int, local_rank: int) -> str:
    """Name of the torch device of one of several processes of a training on this machine.

    All of them see the same GPUs with at least half their memory free, and take one each, in their order.

    Raises:
        UserError: see ``refuse_too_many``.
    """
    if not ngpu:
        return "cpu"
    refuse_too_many(ngpu)
    free = [index for index, part in enumerate(_free_memory()) if part >= 0.5]
    refuse_too_many(ngpu, len(free))
    return f"cuda:{free[local_rank]}"


def _free_memory() -> list[float]:
    """Free share of each visible GPU's memory."""
    import torch

    free = [0.0] * torch.cuda.device_count()
    for index in range(len(free)):
        with suppress(RuntimeError):  # in exclusive mode and taken
            free_bytes, total_bytes = torch.cuda.mem_get_info(index)
            free[index] = free_bytes / total_bytes
    return free


def _taken(gpu: str) -> bool:
    """Whether this process has a GPU to itself, as far as weaksep goes: two that start at once both find it free.

    It keeps the GPU to its end; the file says nothing, its lock does, and the file stays.
    """
    if gpu in _OURS:
        return True
    path = os.path.join(tempfile.gettempdir(), f"weaksep-gpu-{gpu}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try_lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # another user's file, or no locks: then the memory alone says what is free
        return True
    _OURS[gpu] = descriptor
    return True


def _free_gpu(allow_cpu: bool) -> tuple[str, str]:
    """The GPU with the most free memory, or the CPU; and why."""
    import torch

    if not torch.cuda.is_available():
        if _hidden_gpus() and not allow_cpu:
            raise UserError(
                "--ngpu 1: nvidia-smi lists a GPU, but this PyTorch cannot use it (a build for the CPU, or an old "
                "driver); install one that can, or give --ngpu 0 or --allow-cpu true"
            )
        return "cpu", "--ngpu 1, but this machine shows no GPU that PyTorch can use"
    free = _free_memory()
    for index in sorted(range(len(free)), key=lambda index: -free[index]):
        # Else another process is working there, of somebody else's or, however little memory it takes, of ours.
        if free[index] >= 0.5 and _taken(str(getattr(torch.cuda.get_device_properties(index), "uuid", index))):
            return f"cuda:{index}", torch.cuda.get_device_name(index)
    if not allow_cpu:
        raise UserError(
            f"--ngpu 1: none of {len(free)} GPU(s) has half its memory free and no other weaksep on it; wait, set "
            "CUDA_VISIBLE_DEVICES, or give --allow-cpu true"
        )
    return "cpu", f"{len(free)} GPU(s), none with half its memory free"
