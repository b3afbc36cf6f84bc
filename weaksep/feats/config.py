"""Settings of the feature extraction (conf/feats.yaml)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FeatsConfig(BaseModel):
    """STFT settings: root-Hann window, magnitude, window_samples // 2 + 1 bins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_samples: int = Field(512, ge=16, le=65_536)
    hop_samples: int = Field(128, ge=1)
    compress: bool = False  # Kaldi's lossy 8-bit compression of the ark: a quarter of the disk, lossless by default
    shard_clips: int = Field(1000, ge=1)  # clips in one ark file

    @model_validator(mode="after")
    def _windows_overlap(self) -> FeatsConfig:
        # Root-Hann windows rebuild the signal when they overlap by half or more.
        if self.window_samples % 2 or self.hop_samples > self.window_samples // 2:
            raise ValueError("window_samples must be even, and hop_samples at most half of it")
        return self


class DumpSettings(FeatsConfig):
    """What dump/<set>/feats.yaml says: the settings, and the audio's rate."""

    sample_rate: int = Field(..., ge=1000, le=768_000)
