"""What networks are trained on: tensors, the network, the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from interplay.lenses.training_data.engines.many.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Task:
    """Training set, test examples, and what is trained.

    Attributes
    ----------
    inputs : float (N, d) or (N, channels, height, width)
    labels : int64 (N,), or float (N,) of regression
    tests : float, as the inputs
    outputs : int
        Scores of an example: one for each class, or one.
    make : callable
        Returns an untrained network; the random state is set before.
    recipe : Recipe
    """

    inputs: Tensor
    labels: Tensor
    tests: Tensor
    outputs: int
    make: Callable[[int], nn.Module]
    recipe: Recipe

    @property
    def regression(self) -> bool:
        """Whether numbers are learnt."""
        return self.labels.is_floating_point()

    @property
    def piece(self) -> int:
        """How many test examples are scored at once."""
        return max(4 * self.recipe.batch, 256)

    def network(self, seed: int) -> nn.Module:
        """Return the untrained network of a seed, made in main memory: the same on all devices."""
        with seeded(seed):
            network = self.make(seed)
        return network.to(self.inputs)

    def losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each example, ``(b,)``: cross-entropy, or the squared error."""
        if self.regression:
            return (scores[:, 0] - labels).square()
        return functional.cross_entropy(scores, labels, reduction="none")

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        if self.regression:
            return functional.mse_loss(scores[:, 0], labels)
        return functional.cross_entropy(scores, labels)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Set torch's random state, of the device too, and put it back in the end."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
