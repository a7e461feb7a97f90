"""Hypothesis on a machine that many share: no deadline per example."""

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
