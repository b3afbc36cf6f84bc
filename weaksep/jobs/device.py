"""Choose where to compute: one free GPU when asked for one, else the CPU, and say which."""

from __future__ import annotations

import logging

from weaksep.errors import UserError

logger = logging.getLogger(__name__)

# A GPU on which another process holds more than this share of the memory is not free.
FREE_SHARE = 0.5


def choose_device(ngpu: int, allow_cpu_fallback: bool = False) -> str:
    """Name of the torch device to use, "cpu" or "cuda:N"; the log says which and why.

    CUDA_VISIBLE_DEVICES is respected by CUDA itself: N counts the visible devices. One process takes one GPU, the
    one with the most free memory.

    Args:
        ngpu: 0 for the CPU, 1 for one GPU.
        allow_cpu_fallback: take the CPU when GPUs exist but none is free.

    Raises:
        UserError: ngpu is not 0 or 1, or GPUs exist, none is free and the fallback was not asked for.
    """
    if ngpu not in (0, 1):
        raise UserError(f"--ngpu {ngpu}: a job uses 0 or 1 GPU")
    if ngpu == 0:
        logger.info("device: cpu (--ngpu 0)")
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        logger.info("device: cpu (--ngpu 1, but this machine shows no GPU)")
        return "cpu"
    free = {}
    for index in range(torch.cuda.device_count()):
        free_bytes, total_bytes = torch.cuda.mem_get_info(index)
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
