"""Settings of the feature extraction (conf/feats.yaml)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FeatsConfig(BaseModel):
    """STFT settings: root-Hann window, magnitude, window_samples // 2 + 1 bins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_samples: int = Field(512, ge=16)
    hop_samples: int = Field(128, ge=1)
    compress: bool = False  # Kaldi's lossy 8-bit compression of the ark: a quarter of the disk, lossless by default
    shard_clips: int = Field(1000, ge=1)  # clips in one ark file
