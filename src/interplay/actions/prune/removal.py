"""Heads and layers taken out of a network, as far as its configuration can say so.

A configuration has one number of heads for all layers. So every layer loses as many heads (and of
grouped queries as many groups, with all their queries) as the fullest layer can spare; what a
layer has to keep beyond its choice is what the ablation has made idle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.value_function import BoolArray


@dataclass(frozen=True)
class Layout:
    """The heads that every layer has: ``groups`` of keys and values, ``each`` with its queries."""

    groups: int
    each: int

    @property
    def heads(self) -> int:
        return self.groups * self.each


@dataclass(frozen=True)
class Attention:
    """The projections of one layer's attention, and its heads.

    ``kept`` is bool ``(groups, queries)``.
    """

    query: Any
    key: Any
    value: Any
    output: Any
    width: int
    kept: BoolArray


def attentions(network: Any, value_function: Any, mask: BoolArray) -> list[Attention] | str:
    """Return the attention of every layer, or why heads cannot be taken out."""
    anatomy = value_function.anatomy
    if anatomy is None:
        return "its layers are not known"
    if any(part.kind == "head" for part in value_function.parts) is False:
        return "none of its parts are heads"
    kept = [np.ones(count, dtype=bool) for count in anatomy.heads]
    for part, stays in zip(value_function.parts, mask, strict=True):
        if part.kind == "head":
            kept[part.layer][part.index] = stays
    found = []
    for layer, name in enumerate(anatomy.projections):
        parent = network.get_submodule(name.rpartition(".")[0])
        inner: list[Any] = [getattr(parent, one, None) for one in ("q_proj", "k_proj", "v_proj")]
        if any(one is None for one in inner):
            return (
                f"{type(network).__name__} has its queries, keys and values in one matrix, or "
                "fixes a head's width by their number"
            )
        width = anatomy.widths[layer]
        heads, groups = anatomy.heads[layer], inner[1].weight.shape[0] // width
        if groups < 1 or heads % groups or inner[0].weight.shape[0] != heads * width:
            return "the heads of its queries do not divide into those of its keys"
        found.append(
            Attention(
                inner[0],
                inner[1],
                inner[2],
                network.get_submodule(name),
                width,
                kept[layer].reshape(groups, heads // groups),
            )
        )
    if len({one.kept.shape for one in found}) > 1:
        return "its layers have different numbers of heads"
    return found


def queries_of_group(value_function: Any) -> int:
    """Return how many heads share keys and values; 1 where that is not known."""
    every = np.ones(len(value_function.features), dtype=bool)
    found = attentions(value_function.network.module, value_function, every)
    return 1 if isinstance(found, str) else found[0].kept.shape[1]


def layouts(found: Sequence[Attention]) -> Iterator[Layout]:
    """Yield the layouts that hold all kept heads and are smaller than now, smallest first."""
    groups, each = found[0].kept.shape
    least_groups = max(1, *(int(one.kept.any(axis=1).sum()) for one in found), 1)
    least_each = max(1, *(int(one.kept.sum(axis=1).max()) for one in found), 1)
    fitting = [
        Layout(g, e)
        for g in range(least_groups, groups + 1)
        for e in range(least_each, each + 1)
        if g * e < groups * each
    ]
    yield from sorted(fitting, key=lambda one: (one.heads, one.groups))


def resized(config: Any, layout: Layout, width: int) -> Any | None:
    """Return the configuration with so many heads; None where it cannot say so."""
    made = deepcopy(config)
    try:
        made.num_attention_heads = layout.heads
        made.head_dim = width
        if hasattr(made, "num_key_value_heads"):
            made.num_key_value_heads = layout.groups
        elif layout.groups != layout.heads:
            return None
        again = type(made).from_dict(made.to_dict())  # its own checks
    except Exception:  # each configuration refuses in its own way
        return None
    ok = again.num_attention_heads == layout.heads and getattr(again, "head_dim", 0) == width
    return made if ok else None


def take_out(found: Sequence[Attention], layout: Layout) -> int:
    """Take heads out of the weights, in place; return how many in all layers together."""
    for one in found:
        each = one.kept.shape[1]
        order = np.argsort(~one.kept.any(axis=1), kind="stable")[: layout.groups]
        chosen = np.sort(order)
        queries = np.concatenate(
            [
                group * each + np.sort(np.argsort(~one.kept[group], kind="stable")[: layout.each])
                for group in chosen
            ]
        )
        _rows(one.query, queries, one.width)
        _rows(one.key, chosen, one.width)
        _rows(one.value, chosen, one.width)
        _columns(one.output, queries, one.width)
    return len(found) * (found[0].kept.size - layout.heads)


def take_out_layers(network: Any, anatomy: Any, gone: Sequence[int]) -> None:
    """Take layers out of a network and its configuration, in place."""
    import torch

    stack = anatomy.layers[0].rpartition(".")[0]
    parent, _, own = stack.rpartition(".")
    left = [i for i in range(len(anatomy.layers)) if i not in set(gone)]
    modules = list(network.get_submodule(stack))
    owner = network.get_submodule(parent) if parent else network
    setattr(owner, own, torch.nn.ModuleList(modules[i] for i in left))
    config = network.config
    for name, value in config.to_dict().items():
        if isinstance(value, list) and len(value) == len(modules) and name.endswith("layer_types"):
            setattr(config, name, [value[i] for i in left])
    config.num_hidden_layers = len(left)


def _rows(module: Any, heads: Any, width: int) -> None:
    import torch

    index = _index(heads, width, module.weight)
    with torch.no_grad():
        module.weight = torch.nn.Parameter(module.weight[index].clone())
        if module.bias is not None:
            module.bias = torch.nn.Parameter(module.bias[index].clone())
    module.out_features = len(index)


def _columns(module: Any, heads: Any, width: int) -> None:
    import torch

    index = _index(heads, width, module.weight)
    with torch.no_grad():
        module.weight = torch.nn.Parameter(module.weight[:, index].clone())
    module.in_features = len(index)


def _index(heads: Any, width: int, like: Any) -> Any:
    import torch

    index = (np.asarray(heads)[:, None] * width + np.arange(width)).ravel()
    return torch.from_numpy(index).to(like.device)
