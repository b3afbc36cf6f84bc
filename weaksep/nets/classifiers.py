"""Sound event classifiers: linear magnitude (B, T, F) -> frame logits (B, T', K), and clip probabilities.

Every classifier has ``time_pooling`` (T' = ceil(T / time_pooling)), ``clip_probabilities`` and takes the linear
magnitude, of a mixture or of one separated source.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from weaksep.nets.config import ClassifierConfig
from weaksep.nets.frontend import mel_matrix
from weaksep.nets.pooling import PLAIN_POOLS, AttentionPool

# Linear magnitudes of the method's levels lie around 0.01 to 1; the light net's logarithm is floored here.
MEL_FLOOR = 1e-3


class Classifier(nn.Module):
    """Shared part: features (B, T', D) -> logits, pooled in time to clips."""

    time_pooling = 1

    def __init__(self, config: ClassifierConfig, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)
        self.pooling = config.pooling
        self.attention = AttentionPool(n_features, n_classes) if config.pooling == "attention" else None

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> features (B, T', D)."""
        raise NotImplementedError

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> frame logits (B, T', K)."""
        return self.head(self.features(magnitude))

    def clip_probabilities(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> clip probabilities (B, K), by the configured pooling over time."""
        features = self.features(magnitude)
        probabilities = self.head(features).sigmoid()
        if self.attention is not None:
            return self.attention(probabilities, features)
        return PLAIN_POOLS[self.pooling](probabilities)


class BlstmClassifier(Classifier):
    """The paper's classifier A: BLSTM over linear magnitude frames."""

    def __init__(self, config: ClassifierConfig, n_classes: int, n_bins: int) -> None:
        super().__init__(config, 2 * config.units, n_classes)
        dropout = config.dropout if config.layers > 1 else 0.0
        self.blstm = nn.LSTM(n_bins, config.units, config.layers, batch_first=True, bidirectional=True, dropout=dropout)

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, T, 2 * units)."""
        return self.blstm(magnitude)[0]


class CrnnClassifier(Classifier):
    """The paper's classifier B: 5 x 5 convolutions, max-pooled (frequency x time) 2x1, 2x2, 2x2..., one BLSTM.

    The batch normalisation after each convolution is ours.
    """

    def __init__(self, config: ClassifierConfig, n_classes: int, n_bins: int) -> None:
        super().__init__(config, 2 * config.units, n_classes)
        blocks: list[nn.Module] = []
        before, bins, self.time_pooling = 1, n_bins, 1
        for index, channels in enumerate(config.channels):
            time = 1 if index == 0 else 2
            blocks += [
                nn.Conv2d(before, channels, 5, padding=2),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.MaxPool2d((time, 2), ceil_mode=True),
                nn.Dropout(config.dropout),
            ]
            before, bins = channels, -(-bins // 2)
            self.time_pooling *= time
        self.convolutions = nn.Sequential(*blocks)
        self.blstm = nn.LSTM(before * bins, config.units, batch_first=True, bidirectional=True)

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, ceil(T / time_pooling), 2 * units)."""
        maps = self.convolutions(magnitude.unsqueeze(1))  # (B, C, T', F')
        return self.blstm(maps.transpose(1, 2).flatten(start_dim=2))[0]


class LightClassifier(Classifier):
    """Our classifier for the CPU: log mel bands, pooled in time by 4 before anything costly, convolutions, one BLSTM.

    Weak training runs the classifier on K separated spectrograms a clip, so its cost counts K times.
    """

    time_pooling = 4
    mel: torch.Tensor

    def __init__(self, config: ClassifierConfig, n_classes: int, n_bins: int, sample_rate: int) -> None:
        super().__init__(config, 2 * config.units, n_classes)
        self.register_buffer("mel", mel_matrix(n_bins, config.mel_bands, sample_rate), persistent=False)
        layers: list[nn.Module] = []
        before = config.mel_bands
        for channels in config.channels:
            layers += [nn.Conv1d(before, channels, 3, padding=1), nn.BatchNorm1d(channels), nn.ReLU()]
            layers.append(nn.Dropout(config.dropout))
            before = channels
        self.convolutions = nn.Sequential(*layers)
        self.blstm = nn.LSTM(before, config.units, batch_first=True, bidirectional=True)

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, ceil(T / 4), 2 * units)."""
        bands = magnitude @ self.mel  # (B, T, bands)
        missing = -bands.shape[1] % self.time_pooling
        bands = functional.pad(bands, (0, 0, 0, missing)).unflatten(1, (-1, self.time_pooling))
        # Mean and maximum would both do; the maximum keeps a gun shot's onset sharp.
        logs = (bands.amax(dim=2) + MEL_FLOOR).log() + 3.0  # about zero-centred
        maps = self.convolutions(logs.transpose(1, 2))
        return self.blstm(maps.transpose(1, 2))[0]
