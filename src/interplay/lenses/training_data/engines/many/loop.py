"""One network after the other: for any network, and the fastest way where networks are large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from interplay.lenses.training_data.engines.many.batches import Order
from interplay.lenses.training_data.engines.many.recipe import BETAS, EPSILON, Recipe
from interplay.lenses.training_data.engines.many.task import Task, seeded


class Loop:
    """Networks that are trained one after the other, each on what it keeps.

    Attributes
    ----------
    scores : float (m, t, outputs)
        Of the test examples, once :meth:`steps` has ended.
    parameters : list of m float (P,)
        Of the trained networks.
    """

    def __init__(self, task: Task, orders: Sequence[Order]) -> None:
        self.task, self.orders = task, orders
        self.scores = task.tests.new_empty(len(orders), len(task.tests), task.outputs)
        self.parameters: list[Tensor] = []

    def steps(self) -> Iterator[None]:
        """Train, a step at a time."""
        task = self.task
        for place, order in enumerate(self.orders):
            with seeded(order.seed, task.inputs.device):  # for networks that are random in training
                network = task.network(order.seed).train()
                optimizer = _optimizer(task.recipe, network)
                rates = task.recipe.rates(order.steps)
                for rate, batch in zip(rates, order.batches(), strict=True):
                    rows = torch.from_numpy(batch).to(task.inputs.device)
                    loss = task.loss(network(task.inputs[rows]), task.labels[rows])
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.param_groups[0]["lr"] = float(rate)
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                    yield
                with torch.no_grad():
                    network.eval()
                    parts = torch.split(task.tests, task.piece)
                    torch.cat([network(part) for part in parts], out=self.scores[place])
                    own = [one.flatten() for one in network.parameters()]
                    self.parameters.append(torch.cat(own))


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    decay = recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(
            network.parameters(), betas=BETAS, eps=EPSILON, weight_decay=decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(), momentum=recipe.momentum, weight_decay=decay, fused=True
    )
