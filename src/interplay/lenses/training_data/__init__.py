"""Training data as a subject: examples, or groups of them, are left out, a model is retrained."""

from __future__ import annotations

from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.files import remade
from interplay.lenses.training_data.lens import training_data
from interplay.lenses.training_data.value import TrainingDataValueFunction

__all__ = ["Dataset", "TrainingDataValueFunction", "remade", "training_data"]
