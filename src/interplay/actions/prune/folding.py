"""An ablation written into a network's weights, so that no hook is needed any more."""

from __future__ import annotations

from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.components.sites import is_matrix, turned
from interplay.value_function import BoolArray

LAST = ("down_proj", "c_proj", "fc2", "dense_4h_to_h", "w2", "wo", "Wo", "output", "dense", "lin2")
"""What the projection is called that an MLP's output comes out of."""


def fold(network: Any, ablation: Any, mask: BoolArray, anatomy: Any) -> list[int]:
    """Write an ablation into the weights of a network; return the layers that are gone.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    ablation : Ablation
        Of the same network, or one that it is a copy of.
    mask : bool (n,)
    anatomy : Anatomy, optional

    Raises
    ------
    BadInput
        If the weights cannot say what the ablation does.
    """
    import torch

    if ablation.kind == "resample":
        raise BadInput(
            "ablation='resample' puts other prompts' activations in, which no weights can do; "
            "explain and prune with ablation='zero' or 'mean' to save a checkpoint"
        )
    gone: list[int] = []
    with torch.no_grad():
        for group in ablation.groups:
            kept = mask[list(group.features)]
            if kept.all():
                continue
            if group.directed:
                raise BadInput(
                    f"parts of {group.name!r} are directions of an activation, which no projection "
                    "of the network writes by itself; prune heads, MLPs, layers or columns"
                )
            if group.at == "residual":
                gone += _layer(group, anatomy)
            elif group.at == "input":
                _columns(network, group, kept, ablation)
            else:
                _outputs(network, group, kept)
    return sorted(gone)


def _columns(network: Any, group: Any, kept: BoolArray, ablation: Any) -> None:
    """Parts of what goes into a projection: its columns."""
    module = network.get_submodule(group.name)
    weight = _matrix(network, module, group.name)
    added = 0.0
    for site, stays in zip(group.sites, kept, strict=True):
        if stays:
            continue
        start, stop = site.columns or (0, weight.shape[1])
        if group.mean is not None:  # summed in double precision: each rounding moves the logits
            added = added + weight[:, start:stop].double() @ group.mean[start:stop].double()
        weight[:, start:stop] = 0
    if group.mean is not None:
        bias = _biased(network, module, group.name)
        bias.copy_(bias.double() + added)
    if ablation.rescale and group.total:
        left = group.total - len(kept) + int(kept.sum())
        weight *= group.total / max(left, 1)


def _outputs(network: Any, group: Any, kept: BoolArray) -> None:
    """Parts of what a module gives: rows of the projection that it comes out of."""
    name, module = _last(network.get_submodule(group.name), group.name)
    weight = _matrix(network, module, name)
    for site, stays in zip(group.sites, kept, strict=True):
        if stays:
            continue
        start, stop = site.columns or (0, weight.shape[0])
        weight[start:stop] = 0
        if group.mean is not None:
            _biased(network, module, name)[start:stop] = group.mean[start:stop]
        elif module.bias is not None:
            module.bias[start:stop] = 0


def _layer(group: Any, anatomy: Any) -> list[int]:
    if group.mean is not None:
        raise BadInput(
            f"the mean of what {group.name!r} adds cannot be folded into its weights; explain and "
            "prune layers with ablation='zero'"
        )
    return [anatomy.layers.index(group.name)]


def _last(module: Any, name: str) -> tuple[str, Any]:
    """The projection that a module's output comes out of."""
    if is_matrix(module):
        return name, module
    for end in LAST:
        inner = getattr(module, end, None)
        if inner is not None and is_matrix(inner):
            return f"{name}.{end}", inner
    raise BadInput(
        f"no projection was found that the output of {name!r} comes out of (looked for "
        f"{', '.join(LAST)}): it cannot be written into the weights"
    )


def _matrix(network: Any, module: Any, name: str) -> Any:
    """The weight as ``(out, in)``, a view."""
    if not is_matrix(module) or not module.weight.is_floating_point():
        raise BadInput(
            f"{name!r} is a {type(module).__name__} without a matrix of floats (quantised?), so "
            "that nothing can be written into it; load the model without quantisation"
        )
    owners = [
        owner
        for owner, one in network.named_parameters(remove_duplicate=False)
        if one is module.weight
    ]
    if len(owners) > 1:
        raise BadInput(
            f"{' and '.join(owners[:3])} are one weight: zeroing {name!r} would change the other "
            "too, so that no checkpoint can hold this choice"
        )
    return module.weight.T if turned(module) else module.weight


def _biased(network: Any, module: Any, name: str) -> Any:
    """The bias of a projection; made where the architecture knows one that is switched off."""
    import torch

    if getattr(module, "bias", None) is not None:
        return module.bias
    switch = "attention_bias" if "attn" in name or "attention" in name else "mlp_bias"
    config = getattr(network, "config", None)
    if getattr(config, switch, None) is not False:
        raise BadInput(
            f"the mean of ablated parts goes into a bias, and {name!r} of "
            f"{type(network).__name__} has none; explain and prune with ablation='zero'"
        )
    setattr(config, switch, True)
    end, family = name.rpartition(".")[2], name.rpartition(".")[0].rpartition(".")[2]
    beside = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", end)
    for where, one in network.named_modules():
        parent, _, own = where.rpartition(".")
        alike = parent.rpartition(".")[2] == family and own in beside and is_matrix(one)
        if alike and one.bias is None:
            rows = one.weight.shape[0]
            one.bias = torch.nn.Parameter(
                torch.zeros(rows, dtype=one.weight.dtype, device=one.weight.device)
            )
    return module.bias


def parameters_of(network: Any) -> tuple[int, int]:
    """Return how many parameters a network has, and their bytes; tied ones count once."""
    each = list(network.parameters())
    return (
        int(np.sum([one.numel() for one in each])),
        int(np.sum([one.numel() * one.element_size() for one in each])),
    )
