"""What the settings of losses have in common: a weight, and from when on it counts."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Progress(NamedTuple):
    """Where a training is: step ``step`` (0-based) of ``total``. Validation is at the end, whatever the epoch."""

    step: int
    total: int


END = Progress(1, 1)


class LossSettings(BaseModel):
    """Settings of a loss; each loss's own class gives ``weight`` a default, and has what else its formula takes.

    Args:
        weight: what the loss is multiplied by.
        start: the weight is 0 up to this share of all steps,
        ramp: and rises linearly over the next share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(1.0, ge=0)
    start: float = Field(0.0, ge=0, lt=1)
    ramp: float = Field(0.0, ge=0, le=1)

    def weight_at(self, progress: Progress) -> float:
        """The weight at a step."""
        start, ramp = self.start * progress.total, self.ramp * progress.total
        if progress.step < start:
            return 0.0
        return self.weight * (1.0 if ramp == 0 else min(1.0, (progress.step - start + 1) / ramp))


class ResidualSettings(LossSettings):
    """Of a loss that a net with a residual output can have.

    ``residual_weight``: what it pays in the end for sound there, relative to an error of the same size;
    ``residual_first``: until the classes have taken shape. Over the next steps its price falls from the one to the
    other. Cheap from the start, it takes nearly everything and is not left again: while a net knows no class, silence
    in all of them is the smaller loss (mini_urban, 940 steps: 3.4 dB instead of 15.7). At 1, sound that may be of
    either of two classes can wait there; at 2 it costs as much as in a wrong class, which is too much there and lacks
    elsewhere.
    """

    residual_weight: float = Field(0.3, ge=0)
    residual_first: float = Field(1.0, ge=0)

    def residual_weight_at(self, progress: Progress) -> float:
        """The price of the residual at a step."""
        fallen = min(1.0, max(0.0, (progress.step / progress.total - CHEAPER_FROM) / (CHEAP_AT - CHEAPER_FROM)))
        dear = max(self.residual_first, self.residual_weight)
        return dear + (self.residual_weight - dear) * fallen


CHEAPER_FROM, CHEAP_AT = 0.3, 0.7  # shares of all steps
