"""The numbers that a separator is trained in: float32, or faster and shorter ones where the device has them."""

import logging
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)


def processor_flags() -> set[str]:
    """What the processor says it can do, as Linux names it; empty elsewhere."""
    with suppress(OSError):
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        return set(found[1].split()) if found else set()
    return set()


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device itself does. Others imitate it: a U-Net's step then took 9 times as long with AVX2, and
    2.5 times with AVX-512 alone."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(processor_flags() & {"avx512_bf16", "amx_bf16"})


def set_precision(net: Any, precision: str, device: torch.device, name: str) -> None:
    """Train a net in a precision (train/config.py); where the device has no bfloat16, in float32, which the log says.

    Args:
        net: a separator.
        precision: float32, tf32 or bf16.
        device: where it will be trained.
        name: for the log.
    """
    # float32 means float32: by itself cuDNN would round what it convolves to TF32.
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    net.bf16 = precision == "bf16" and multiplies_bfloat16(device)
    if precision == "bf16" and not net.bf16:
        logger.warning("%s: %s does not multiply bfloat16 numbers: trained in float32 instead", name, device)
