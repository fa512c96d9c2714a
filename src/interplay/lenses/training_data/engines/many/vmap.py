"""Any network without running statistics, many at once by torch's own transformation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.func import functional_call, grad, vmap

from interplay.lenses.training_data.engines.many.batches import Order
from interplay.lenses.training_data.engines.many.stacked import Stacked
from interplay.lenses.training_data.engines.many.task import Task


class Vmapped(Stacked):
    """Networks as one function of stacked weights: ``vmap`` of ``functional_call``."""

    def __init__(self, task: Task, orders: Sequence[Order]) -> None:
        super().__init__(task, orders)

        def scores(weights: dict[str, Tensor], inputs: Tensor) -> Tensor:
            found: Tensor = functional_call(self.network, weights, (inputs,))
            return found

        def loss(
            weights: dict[str, Tensor], inputs: Tensor, labels: Tensor, share: Tensor
        ) -> Tensor:
            return (task.losses(scores(weights, inputs), labels) * share).sum()

        self._gradient = vmap(grad(loss))
        self._scores = vmap(scores, in_dims=(0, None))

    def gradients(self, k: int, inputs: Tensor, labels: Tensor, sizes: Tensor) -> list[Tensor]:
        weights = {name: weight[:k] for name, weight in self.weights.items()}
        share = self.shares(sizes, inputs.shape[1])
        return list(self._gradient(weights, inputs, labels, share).values())

    def scored(self, inputs: Tensor) -> Tensor:
        found: Tensor = self._scores(self.weights, inputs)
        return found
