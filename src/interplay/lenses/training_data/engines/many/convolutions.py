"""Networks for pictures, many at once: each layer is one convolution in as many groups."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from interplay.lenses.training_data.engines.many.stacked import Stacked


class Grouped(Stacked):
    """Networks of :mod:`.networks`, whose channels lie side by side."""

    def gradients(self, k: int, inputs: Tensor, labels: Tensor, sizes: Tensor) -> list[Tensor]:
        width = inputs.shape[1]
        leaves = {name: _joined(stack[:k]).requires_grad_() for name, stack in self.weights.items()}
        share = self.shares(sizes, width).T  # (width, k)
        present = None if bool((share > 0).all()) else (share > 0).to(share)
        scores = self._called(leaves, k, inputs.transpose(0, 1), present)
        losses = self.task.losses(scores.flatten(0, 1), labels.T.flatten())
        found = torch.autograd.grad((losses * share.flatten()).sum(), list(leaves.values()))
        return [
            one.view(k, *stack.shape[1:])
            for one, stack in zip(found, self.weights.values(), strict=True)
        ]

    def scored(self, inputs: Tensor) -> Tensor:
        m = len(self.scores)
        joined = {name: _joined(stack) for name, stack in self.weights.items()}
        spread = inputs[:, None].expand(-1, m, *inputs.shape[1:])
        return self._called(joined, m, spread, None).transpose(0, 1)

    def _called(
        self, weights: dict[str, Tensor], k: int, inputs: Tensor, present: Tensor | None
    ) -> Tensor:
        """Scores ``(b, k, outputs)`` of inputs ``(b, k, channels, height, width)``."""
        state = {name: _joined(stack[:k]) for name, stack in self.state.items()}
        found: Tensor = functional_call(
            self.network, {**weights, **state}, (inputs.flatten(1, 2), present)
        )
        return torch.unflatten(found, 1, (k, -1))


def _joined(stack: Tensor) -> Tensor:
    """Tensors of k networks ``(k, a, ...)`` as those of one ``(k a, ...)``, in the same memory."""
    return stack.detach().flatten(0, 1)
