"""Multilayer perceptrons by batched products, with the gradients written out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from interplay.lenses.training_data.engines.many.batches import Order
from interplay.lenses.training_data.engines.many.stacked import Stacked
from interplay.lenses.training_data.engines.many.task import Task


class StackedMLP(Stacked):
    """Perceptrons whose layers are products of stacks of matrices.

    The gradients of the mean cross-entropy are ``softmax(scores) - one_hot(label)`` at the last
    layer, of the mean squared error ``2 (score - label)``, and go back through the products.
    """

    def __init__(self, task: Task, orders: Sequence[Order]) -> None:
        super().__init__(task, orders)
        stacks = list(self.weights.values())
        self.layers = list(zip(stacks[::2], stacks[1::2], strict=True))
        self.space = [torch.empty_like(stack) for stack in stacks]

    def gradients(self, k: int, inputs: Tensor, labels: Tensor, sizes: Tensor) -> list[Tensor]:
        with torch.no_grad():
            read, sums = [inputs], []
            for weight, bias in self.layers[:-1]:
                sums.append(_layer(read[-1], weight[:k], bias[:k]))
                read.append(functional.silu(sums[-1]))
            weight, bias = self.layers[-1]
            back = self._at_scores(_layer(read[-1], weight[:k], bias[:k]), labels)
            back.mul_(self.shares(sizes, inputs.shape[1])[:, :, None])
            found = [space[:k] for space in self.space]
            for layer in reversed(range(len(self.layers))):
                torch.bmm(back.mT, read[layer], out=found[2 * layer])
                torch.sum(back, 1, out=found[2 * layer + 1])
                if layer:
                    back = torch.bmm(back, self.layers[layer][0][:k])
                    back = torch.ops.aten.silu_backward(back, sums[layer - 1])
            return found

    def scored(self, inputs: Tensor) -> Tensor:
        (weight, bias), *others = self.layers
        found = torch.matmul(inputs, weight.mT).add_(bias[:, None])
        for weight, bias in others:
            found = _layer(functional.silu(found), weight, bias)
        return found

    def _at_scores(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the examples' losses by their scores ``(k, width, outputs)``."""
        if self.task.regression:
            return scores.sub_(labels[:, :, None]).mul_(2)
        found = torch.softmax(scores, -1)
        ones = torch.ones(labels.shape, dtype=found.dtype, device=found.device)
        return found.scatter_add_(2, labels[:, :, None], -ones[:, :, None])


def _layer(read: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.baddbmm(bias[:, None], read, weight.mT)
