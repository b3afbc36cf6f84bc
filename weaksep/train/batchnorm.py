"""Batch normalisation over the clips of all ranks, as one process would do it.

On GPUs this is torch's ``SyncBatchNorm``, which does not work on the CPU. There mean and variance are added up with two
sums over the ranks in a layer's forward pass, and as many in its backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from weaksep.train.distributed import Team


class _SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over the ranks; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, team: Team) -> torch.Tensor:
        ctx.team = team
        return team.sum(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.team.sum(gradient), None


class SharedBatchNorm(_BatchNorm):
    """``nn.BatchNorm1d`` or ``2d`` on the CPU, over all ranks.

    Args:
        layer: the one whose weights and averages it takes over.
        team: the ranks.
    """

    def __init__(self, layer: _BatchNorm, team: Team) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)
        self._team = team

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Whatever the layer before has accepted."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) -> the same shape."""
        if not self.training:
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(input.dim())]
        wide = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        here = wide.new_full((1,), input.numel() // input.shape[1])
        summed = _SumOverRanks.apply(torch.cat([wide.sum(dim=axes), here]), self._team)
        count, mean = summed[-1].detach(), summed[:-1] / summed[-1].detach()
        centred = wide - mean.view(shape)
        variance = _SumOverRanks.apply(centred.square().sum(dim=axes), self._team) / count
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr,arg-type]
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)  # type: ignore[union-attr,arg-type]
        factor = self.weight * (variance + self.eps).rsqrt()
        return (centred * factor.view(shape) + self.bias.view(shape)).to(input.dtype)


def share_batch_norm(module: nn.Module, team: Team) -> None:
    """Put layers that normalise over all ranks in the place of a module's own."""
    if team.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(module)
        return
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, SharedBatchNorm(child, team))
        else:
            share_batch_norm(child, team)
