"""The numbers that a separator is trained in: float32, or faster and shorter ones where the device has them."""

import logging
from typing import Any

import torch

from weaksep.processor import processor_features

logger = logging.getLogger(__name__)


def gains_by_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers faster than float32. Where they are imitated, a U-Net's step took
    9 times as long with AVX2 and 2.5 times with AVX-512. AVX-512's own instructions for them take a fifth to a third
    off it on an AMD EPYC, and add a fifth on an Intel Xeon without AMX; AMX took 28 % off an epoch on another."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return "amx_bf16" in (found := processor_features()) or {"avx512_bf16", "AuthenticAMD"} <= found


def set_precision(net: Any, precision: str, device: torch.device, name: str) -> None:
    """Train a net in a precision (train/config.py); in float32, and the log says so, if bfloat16 gains nothing there.

    Args:
        net: a separator.
        precision: float32, tf32 or bf16.
        device: where it will be trained.
        name: for the log.
    """
    # float32 means float32: by itself cuDNN would round what it convolves to TF32.
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    net.bf16 = precision == "bf16" and gains_by_bfloat16(device)
    if precision == "bf16" and not net.bf16:
        logger.warning("%s: %s gains nothing by bfloat16: trained in float32 instead", name, device)
