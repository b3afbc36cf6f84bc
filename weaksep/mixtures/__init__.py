"""Mixtures of isolated events: sample a description first (`sampler`), render it second (`renderer`)."""
