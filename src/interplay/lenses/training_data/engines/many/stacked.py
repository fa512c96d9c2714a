"""Networks side by side: their weights are stacked, and all take each step together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from interplay.lenses.training_data.engines.many.batches import Order, Together
from interplay.lenses.training_data.engines.many.recipe import BETAS, EPSILON, Recipe
from interplay.lenses.training_data.engines.many.task import Task


class Stacked(ABC):
    """Networks that take their steps together.

    Those with more steps come first, so that the networks that still train are always the first
    ``k`` of the stack, and one that is through costs nothing more.

    Attributes
    ----------
    weights : dict of float (m, ...)
        Parameters of the m networks, stacked.
    state : dict of float (m, ...)
        What else the networks carry (running statistics), stacked.
    scores : float (m, t, outputs)
        Of the test examples, once :meth:`steps` has ended.
    """

    def __init__(self, task: Task, orders: Sequence[Order]) -> None:
        self.task, self.together = task, Together.of(orders)
        networks = [task.network(orders[place].seed) for place in self.together.places]
        self.network = networks[0]
        with torch.no_grad():
            self.weights, self.state = (
                {name: torch.stack(found) for name, found in _by_name(tensors).items()}
                for tensors in (
                    [network.named_parameters() for network in networks],
                    [network.named_buffers() for network in networks],
                )
            )
        self.scores = task.tests.new_empty(len(orders), len(task.tests), task.outputs)

    @abstractmethod
    def gradients(self, k: int, inputs: Tensor, labels: Tensor, sizes: Tensor) -> list[Tensor]:
        """Return the gradients of the first k networks' mean losses, stacked, in their order.

        ``inputs`` ``(k, width, ...)`` and ``labels`` ``(k, width)`` are the batches, of which the
        first ``sizes`` ``(k,)`` count.
        """

    @abstractmethod
    def scored(self, inputs: Tensor) -> Tensor:
        """Return the scores of inputs ``(t, ...)`` by all networks, ``(m, t, outputs)``."""

    @property
    def parameters(self) -> list[Tensor]:
        """Those of each network, ``(P,)``, in the order in which the trainings were given."""
        flat = torch.cat([weight.flatten(1) for weight in self.weights.values()], 1)
        return list(flat[torch.from_numpy(self.together.places.argsort()).to(flat.device)])

    def steps(self) -> Iterator[None]:
        """Train, a step at a time."""
        task, together = self.task, self.together
        device = task.inputs.device
        rows = torch.from_numpy(together.rows).to(device)
        sizes = torch.from_numpy(together.sizes).to(task.inputs)
        rates = torch.zeros(len(rows), len(together.steps), dtype=torch.float64)
        for column, steps in enumerate(together.steps):
            rates[:steps, column] = torch.from_numpy(task.recipe.rates(int(steps)))
        rates = rates.to(task.inputs)
        optimizer = _optimizer(task.recipe, list(self.weights.values()))
        self.network.train()
        for step in range(len(rows)):
            k = together.under_way(step)
            width = int(together.sizes[step].max())
            here = rows[step, :k, :width]
            inputs = task.inputs[here]
            found = self.gradients(k, inputs, task.labels[here], sizes[step, :k])
            with torch.no_grad():
                optimizer.step(found, rates[step, :k])
            yield
        self.network.eval()
        with torch.no_grad():
            places = torch.from_numpy(together.places).to(device)
            parts = [self.scored(part) for part in torch.split(task.tests, task.piece)]
            self.scores[places] = torch.cat(parts, 1)

    def shares(self, sizes: Tensor, width: int) -> Tensor:
        """Return what each example of a batch counts in the mean, float ``(k, width)``."""
        counted = torch.arange(width, device=sizes.device) < sizes[:, None]
        return counted / sizes[:, None]


def _by_name(networks: Sequence[Iterator[tuple[str, Tensor]]]) -> dict[str, list[Tensor]]:
    found: dict[str, list[Tensor]] = {}
    for network in networks:
        for name, tensor in network:
            found.setdefault(name, []).append(tensor)
    return found


class _SGD:
    """torch.optim.SGD for stacks of weights, each network with its own rate."""

    def __init__(self, recipe: Recipe, weights: list[Tensor]) -> None:
        self.weights, self.recipe = weights, recipe
        self.speed = [torch.zeros_like(weight) for weight in weights]

    def step(self, gradients: list[Tensor], rates: Tensor) -> None:
        k = len(rates)
        for weight, speed, gradient in zip(self.weights, self.speed, gradients, strict=True):
            weight, speed = weight[:k], speed[:k]
            torch.add(gradient, speed, alpha=self.recipe.momentum, out=speed)
            if self.recipe.weight_decay:
                speed.add_(weight, alpha=self.recipe.weight_decay)
            weight.addcmul_(speed, _like(rates, weight), value=-1)


class _AdamW:
    """torch.optim.AdamW for stacks of weights, each network with its own rate."""

    def __init__(self, recipe: Recipe, weights: list[Tensor]) -> None:
        self.weights, self.recipe, self.taken = weights, recipe, 0
        self.first = [torch.zeros_like(weight) for weight in weights]
        self.second = [torch.zeros_like(weight) for weight in weights]

    def step(self, gradients: list[Tensor], rates: Tensor) -> None:
        k, (beta, gamma) = len(rates), BETAS
        self.taken += 1
        for weight, first, second, gradient in zip(
            self.weights, self.first, self.second, gradients, strict=True
        ):
            weight, first, second = weight[:k], first[:k], second[:k]
            rate = _like(rates, weight)
            weight.mul_(1 - rate * self.recipe.weight_decay)
            first.lerp_(gradient, 1 - beta)
            second.mul_(gamma).addcmul_(gradient, gradient, value=1 - gamma)
            scale = second.sqrt().div_((1 - gamma**self.taken) ** 0.5).add_(EPSILON)
            weight.addcdiv_(first * rate, scale, value=-1 / (1 - beta**self.taken))


def _optimizer(recipe: Recipe, weights: list[Tensor]) -> _SGD | _AdamW:
    return _AdamW(recipe, weights) if recipe.optimizer == "adamw" else _SGD(recipe, weights)


def _like(rates: Tensor, weight: Tensor) -> Tensor:
    """The rates ``(k,)``, to be spread over weights ``(k, ...)``."""
    return rates.reshape(-1, *[1] * (weight.ndim - 1))
