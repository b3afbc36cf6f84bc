"""Choose where to compute: one free GPU when asked for one, else the CPU, and say which."""

from __future__ import annotations

import logging
import os
import subprocess

from weaksep.errors import UserError

logger = logging.getLogger(__name__)

# A GPU on which another process holds more than this share of the memory is not free.
FREE_SHARE = 0.5


def _hidden_gpus() -> bool:
    """Whether the driver lists GPUs that CUDA_VISIBLE_DEVICES does not hide on purpose."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return listed.startswith("GPU")


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
    if ngpu == 0:
        logger.info("device: cpu (--ngpu 0)")
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        if _hidden_gpus() and not allow_cpu_fallback:
            raise UserError(
                "--ngpu 1: nvidia-smi lists a GPU, but this PyTorch cannot use it (a build for the CPU, or an old "
                "driver); install one that can, or give --ngpu 0 or --allow-cpu true"
            )
        logger.info("device: cpu (--ngpu 1, but this machine shows no GPU that PyTorch can use)")
        return "cpu"
    free = {}
    for index in range(torch.cuda.device_count()):
        try:
            free_bytes, total_bytes = torch.cuda.mem_get_info(index)
        except RuntimeError:  # in exclusive mode and taken
            free_bytes, total_bytes = 0, 1
        free[index] = free_bytes / total_bytes
    best = max(free, key=lambda index: free[index])
    if free[best] >= FREE_SHARE:
        logger.info("device: cuda:%d (%s)", best, torch.cuda.get_device_name(best))
        return f"cuda:{best}"
    if allow_cpu_fallback:
        logger.info("device: cpu (%d GPU(s), none with half its memory free)", len(free))
        return "cpu"
    raise UserError(
        f"--ngpu 1: none of {len(free)} GPU(s) has half its memory free; wait, set CUDA_VISIBLE_DEVICES, "
        "or give --allow-cpu true"
    )
