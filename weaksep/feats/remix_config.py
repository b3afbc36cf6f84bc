"""Settings of clips that are summed anew while a net is trained.

They stand apart from those of the features: stage 2 knows of no sum and need not run again when these change.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RemixConfig(BaseModel):
    """How clips are summed anew in every epoch (feats/remix.py), and changed before.

    Args:
        clips: as many are summed, at most; drawn uniformly from two on.
        alone: share of the items that are one clip alone.
        shared: sum clips that have classes in common too; else only clips without, which leaves less open. Isolated
            sources need no such care.
        prefer_few: a clip with n classes is drawn n ** -prefer_few times as often as one with a single class; at 0 each
            clip begins one sum an epoch. What a side of few classes asks for is the more definite, and a clip of one
            class is an isolated source.
        target: of a side with complex spectrum A in the sum X: "magnitude" is min(|A|, |X|), "phase_sensitive" is
            |A| cos(angle between A and X), between 0 and |X|; the second is what a mask should be for SI-SDR.
        gain_db: lowest and highest gain of a clip, dB.
        shift: whether clips are turned around in time (circularly), by whole frames.
        filter_db: each clip through a smooth random filter of at most so many dB up or down.
        speed: each clip faster or slower by a factor between 1 / (1 + speed) and 1 + speed; pitch changes with it.
        separated: share of the items that are one side of a sum, as an ideal mask would separate it (classifiers only,
            which are to be at home on separated sources).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clips: int = Field(2, ge=2, le=8)
    alone: float = Field(0.25, ge=0, le=1)
    shared: bool = False
    prefer_few: float = Field(0.0, ge=0, le=8)
    target: Literal["magnitude", "phase_sensitive"] = "magnitude"
    gain_db: tuple[float, float] = (-6.0, 6.0)
    shift: bool = True
    filter_db: float = Field(0.0, ge=0, le=40)
    speed: float = Field(0.0, ge=0, le=1)
    separated: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> RemixConfig:
        low, high = self.gain_db
        if not -60 <= low <= high <= 60:
            raise ValueError(f"gain_db: expected [lowest, highest] within -60 to 60, found [{low}, {high}]")
        return self

    def without_changes(self) -> RemixConfig:
        """For validation: the same sums, of sounds as they were recorded."""
        return self.model_copy(update={"filter_db": 0.0, "speed": 0.0, "separated": 0.0})
