"""Networks for small data sets, whose weights may be those of many networks, side by side.

Every layer takes the number of networks from the shapes that it meets: a convolution with weights
``(k * out, in, 3, 3)`` reads pictures ``(batch, k * in, height, width)`` in k groups. With the
weights of one network they are ordinary networks.

All is smooth: SiLU, and means over places, where the papers have ReLU and maxima. With those,
rounding decides now and then which of two inputs a gradient goes to, and networks that are trained
side by side end elsewhere than alone, by as much as .01 in a weight; here by 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import gcd
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["group", "batch"]

NORMS: Final = ("group", "batch")

SMALLEST: Final = 4
"""Pictures must be so wide and high."""

REMEMBERED: Final = 0.9
"""The share of the running statistics of a batch norm that a step leaves as it is, as in torch."""


def mlp(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Return a multilayer perceptron with SiLU between its layers.

    >>> [tuple(p.shape) for p in mlp(4, [3], 2).parameters()]
    [(3, 4), (3,), (2, 3), (2,)]
    """
    widths = [inputs, *hidden, outputs]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class Convolution(nn.Conv2d):
    """A convolution without bias that keeps the size (or halves it), of one network or of k."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(inputs, outputs, size, stride, padding=size // 2, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        networks = input.shape[1] // self.weight.shape[1]
        return functional.conv2d(
            input, self.weight, None, self.stride, self.padding, groups=networks
        )


class Head(nn.Linear):
    """A linear layer on ``(batch, k * in)``, of one network or of k."""

    def forward(self, input: Tensor) -> Tensor:
        networks = input.shape[1] // self.weight.shape[1]
        if networks == 1:
            return super().forward(input)
        split = torch.unflatten(input, 1, (networks, -1)).transpose(0, 1)
        weight, bias = (
            torch.unflatten(self.weight, 0, (networks, -1)),
            torch.unflatten(self.bias, 0, (networks, -1)),
        )
        found = torch.baddbmm(bias[:, None], split, weight.mT)
        return found.transpose(0, 1).flatten(1)


class GroupNorm(nn.GroupNorm):
    """Group normalisation: groups of 8 channels, or of more where 8 do not divide."""

    def __init__(self, channels: int) -> None:
        super().__init__(gcd(channels, max(1, channels // 8)), channels)

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        networks = input.shape[1] // self.num_channels
        return functional.group_norm(
            input, networks * self.num_groups, self.weight, self.bias, self.eps
        )


class BatchNorm(nn.Module):
    """Batch normalisation by the statistics of the examples that are present.

    Where k networks see batches of different sizes, ``present``, float ``(batch, k)``, is 1 for an
    example and 0 for what fills a batch up; None where all are examples. The running statistics,
    which count once training is over, are torch's: a tenth of each batch, the variance unbiased.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.channels, self.eps = channels, 1e-5

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        if self.training and present is None and input.numel() == input.shape[1]:
            present = input.new_ones(1, 1)  # torch refuses a single value
        if not self.training or present is None:
            return functional.batch_norm(
                input,
                self.mean,
                self.variance,
                self.weight,
                self.bias,
                self.training,
                1 - REMEMBERED,
                self.eps,
            )
        return self._weighted(input, present.expand(len(input), input.shape[1] // self.channels))

    def _weighted(self, input: Tensor, present: Tensor) -> Tensor:
        split = torch.unflatten(input, 1, (present.shape[1], self.channels))
        count = present.sum(0) * input.shape[2] * input.shape[3]  # (k,)
        share = (present / count)[:, :, None, None, None]
        mean = (split * share).sum((0, 3, 4), keepdim=True)
        centred = split - mean
        variance = (centred.square() * share).sum((0, 3, 4), keepdim=True)
        with torch.no_grad():
            unbiased = variance[0, :, :, 0, 0] * (count / (count - 1).clamp(min=1))[:, None]
            self.mean.mul_(REMEMBERED).add_(mean.flatten(), alpha=1 - REMEMBERED)
            self.variance.mul_(REMEMBERED).add_(unbiased.flatten(), alpha=1 - REMEMBERED)
        scaled = (centred * (variance + self.eps).rsqrt()).flatten(1, 2)
        return torch.addcmul(self.bias[:, None, None], scaled, self.weight[:, None, None])


def _norm(kind: Norm, channels: int) -> GroupNorm | BatchNorm:
    return GroupNorm(channels) if kind == "group" else BatchNorm(channels)


class Block(nn.Module):
    """Convolution, normalisation, SiLU."""

    def __init__(
        self, inputs: int, outputs: int, norm: Norm, size: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.convolution = Convolution(inputs, outputs, size, stride)
        self.norm = _norm(norm, outputs)

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        return functional.silu(self.norm(self.convolution(input), present))


class ResNet9(nn.Module):
    """A network of the ResNet-9 type: eight convolutions, two of its blocks residual.

    The convolutions are those of the network that the datamodels of CIFAR-10 were measured on
    [1]_, whose ``width`` is 64 and whose norm is ``"batch"``; its last one keeps the size here, so
    that pictures of 4 x 4 have an output too.

    References
    ----------
    .. [1] Ilyas, Park, Engstrom, Leclerc, Madry (2022). Datamodels: Predicting Predictions from
       Training Data. ICML. arXiv:2202.00622
    """

    def __init__(self, channels: int, outputs: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.first = Block(channels, width, norm)
        self.second = Block(width, 2 * width, norm, size=5, stride=2)
        self.third = nn.ModuleList(Block(2 * width, 2 * width, norm) for _ in range(2))
        self.fourth = Block(2 * width, 4 * width, norm)
        self.fifth = nn.ModuleList(Block(4 * width, 4 * width, norm) for _ in range(2))
        self.sixth = Block(4 * width, 2 * width, norm)
        self.head = Head(2 * width, outputs)

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        found = self.second(self.first(input, present), present)
        found = found + _through(self.third, found, present)
        found = functional.avg_pool2d(self.fourth(found, present), 2)
        found = found + _through(self.fifth, found, present)
        return self.head(self.sixth(found, present).mean((2, 3)))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """Two convolutions beside an identity, subsampled and padded with zeros at a stride."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, stride: int) -> None:
        super().__init__()
        self.first = Block(inputs, outputs, norm, stride=stride)
        self.second = Convolution(outputs, outputs)
        self.norm = _norm(norm, outputs)
        self.inputs, self.outputs, self.stride = inputs, outputs, stride

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        found = self.norm(self.second(self.first(input, present)), present)
        beside = input
        if self.stride > 1:
            beside = input[:, :, :: self.stride, :: self.stride]
            split = torch.unflatten(
                beside, 1, (-1, self.inputs)
            )  # each network's channels are padded
            more = self.outputs - self.inputs
            beside = functional.pad(split, (0, 0, 0, 0, more // 2, more - more // 2)).flatten(1, 2)
        return functional.silu(found + beside)


class ResNet20(nn.Module):
    """A ResNet-20: nine residual blocks in three stages, shortcuts without weights [1]_.

    Its own ``width`` is 16, its norm ``"batch"``.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun (2016). Deep Residual Learning for Image Recognition. CVPR, section
       4.2. arXiv:1512.03385
    """

    def __init__(self, channels: int, outputs: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.first = Block(channels, width, norm)
        blocks, before = [], width
        for stage in range(3):
            after = width * 2**stage
            for place in range(3):
                stride = 2 if stage and not place else 1
                blocks.append(Residual(before, after, norm, stride))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.head = Head(before, outputs)

    def forward(self, input: Tensor, present: Tensor | None = None) -> Tensor:
        found = _through(self.blocks, self.first(input, present), present)
        return self.head(found.mean((2, 3)))  # type: ignore[no-any-return]


def _through(layers: nn.ModuleList, found: Tensor, present: Tensor | None) -> Tensor:
    for layer in layers:
        found = layer(found, present)
    return found
