"""Where a part is in a network: a module, and what of its input or output belongs to the part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.lenses.components.parts import Part

PROJECTIONS = (
    "self_attn.o_proj",  # Llama, Qwen, Mistral, Gemma, Phi-3
    "self_attn.out_proj",  # OPT, CLIP
    "self_attn.dense",  # Phi
    "attn.c_proj",  # GPT-2
    "attn.out_proj",
    "attn.Wo",  # ModernBERT
    "attn.proj",
    "attention.dense",  # GPT-NeoX
    "attention.output.dense",  # BERT, RoBERTa, ELECTRA; ViT before transformers 5
    "attention.o_proj",  # ViT
    "attention.out_lin",  # DistilBERT
    "attn.attention.out_proj",  # GPT-Neo
    "self_attention.dense",  # BLOOM, Falcon
)
"""The projection that every head's output goes through, as it is called within a layer."""
MLPS = ("mlp", "ffn", "feed_forward", "output.dense", "fc2")
"""The module whose output an MLP adds to the residual stream."""
HEAD_WIDTHS = ("head_dim", "attention_head_size", "head_size", "dim_head")

At = Literal["input", "output", "residual"]


@dataclass(frozen=True, eq=False)
class Site:
    """Where an ablation takes place, by the names of the network's own modules.

    Attributes
    ----------
    module : str
        As ``network.named_modules()`` calls it.
    columns : (int, int), optional
        The part of the feature axis, from the first to before the second; default: all of it.
    at : str
        ``"input"`` of the module, its ``"output"``, or ``"residual"``: what a layer adds to its
        input.
    directions : array (r, d), optional
        In place of columns: what the part writes are multiples of these rows, as the decoder rows
        of a sparse autoencoder are. Ablating takes them out of the activation.
    readers : array (r, d), optional
        How much of each direction there is: ``relu(x @ readers.T + bias)``, as an encoder says.
        Default: the projection on the direction.
    bias : array (r,), optional
        Of the readers.
    name : str
        What the feature is called.
    layer : int
        For reports, and for what is computed once: the layers before it. -1: not known.

    Examples
    --------
    >>> Site("model.layers.0.mlp.down_proj", columns=(3, 4)).name
    'model.layers.0.mlp.down_proj[3:4]'
    """

    module: str
    columns: tuple[int, int] | None = None
    at: At = "input"
    directions: NDArray[Any] | None = None
    readers: NDArray[Any] | None = None
    bias: NDArray[Any] | None = None
    name: str = ""
    layer: int = -1

    def __post_init__(self) -> None:
        if self.at not in ("input", "output", "residual"):
            raise BadInput(f"at must be 'input', 'output' or 'residual'; got {self.at!r}")
        if self.columns is not None and self.directions is not None:
            raise BadInput(f"a site has either columns or directions; {self.module!r} has both")
        if self.readers is not None and self.directions is None:
            raise BadInput(f"readers need the directions that they are of ({self.module!r})")
        for field in ("directions", "readers"):
            given = getattr(self, field)
            if given is None:
                continue
            array = np.atleast_2d(np.asarray(given, dtype=np.float64))
            if array.ndim != 2 or not np.isfinite(array).all() or not array.any(axis=1).all():
                raise BadInput(
                    f"{field} of {self.module!r} must be rows (r, d), finite and not zero; got "
                    f"shape {array.shape}"
                )
            object.__setattr__(self, field, array)
        if not self.name:
            inside = "" if self.columns is None else f"[{self.columns[0]}:{self.columns[1]}]"
            object.__setattr__(self, "name", f"{self.module}{inside}")


@dataclass(frozen=True)
class Anatomy:
    """The layers of a network, and in each the attention's output projection and the MLP.

    Attributes
    ----------
    layers : tuple of str
        Names of the modules, in the order in which they are passed.
    projections : tuple of str
        Of each layer, the module whose input holds the heads' outputs side by side.
    heads : tuple of int
        How many each layer has. Of grouped queries, the query heads.
    widths : tuple of int
        Of a head.
    mlps : tuple of str
        Of each layer; ``""`` where none was found.
    """

    layers: tuple[str, ...]
    projections: tuple[str, ...]
    heads: tuple[int, ...]
    widths: tuple[int, ...]
    mlps: tuple[str, ...]

    def site(self, part: Part) -> Site:
        """Return where a part is.

        Raises
        ------
        BadInput
            If it is an MLP that was not found.
        """
        layer = part.layer
        if part.kind == "head":
            width = self.widths[layer]
            return Site(
                self.projections[layer],
                columns=(part.index * width, (part.index + 1) * width),
                name=part.name,
                layer=layer,
            )
        if part.kind == "layer":
            return Site(self.layers[layer], at="residual", name=part.name, layer=layer)
        if not self.mlps[layer]:
            raise BadInput(
                f"no MLP was found in {self.layers[layer]!r}; name the modules by hand: "
                f"parts=[Site('{self.layers[layer]}.NAME', at='output'), ...]"
            )
        return Site(self.mlps[layer], at="output", name=part.name, layer=layer)


def anatomy(network: Any, *, projection: str | None = None, heads: int | None = None) -> Anatomy:
    """Find layers, output projections, heads and MLPs of a network.

    Parameters
    ----------
    network : torch.nn.Module
    projection : str, optional
        How the projections are called, with ``{layer}`` for the number of the layer, such as
        ``"transformer.h.{layer}.attn.c_proj"``; default: found among known names.
    heads : int, optional
        Heads of a layer; default: by the configuration.

    Raises
    ------
    BadInput
        If there are no layers with an attention of a known kind: the message lists what there is.
    """
    modules = dict(network.named_modules())
    found = _named(modules, projection) if projection is not None else _known(network, modules)
    layers = tuple(layer for layer, _ in found)
    projections = tuple(name for _, name in found)
    widths = tuple(_width(network, modules, layer, name, heads) for layer, name in found)
    return Anatomy(
        layers=layers,
        projections=projections,
        heads=tuple(
            inputs_of(modules[name]) // width
            for name, width in zip(projections, widths, strict=True)
        ),
        widths=widths,
        mlps=tuple(
            next((f"{layer}.{mlp}" for mlp in MLPS if f"{layer}.{mlp}" in modules), "")
            for layer in layers
        ),
    )


def inputs_of(module: Any) -> int:
    """Return how many features a linear module takes."""
    features = getattr(module, "in_features", None)
    if features is None:  # GPT-2's Conv1D has its matrix the other way round
        features = module.weight.shape[0]
    return int(features)


def is_matrix(module: Any) -> bool:
    """Whether a module has a matrix as its weight."""
    return getattr(getattr(module, "weight", None), "ndim", 0) == 2


def turned(module: Any) -> bool:
    """Whether a module has its matrix the other way round, as GPT-2's Conv1D."""
    return type(module).__name__ == "Conv1D"


def _named(modules: dict[str, Any], pattern: str) -> list[tuple[str, str]]:
    if "{layer}" not in pattern:
        raise BadInput(f"projection must have {{layer}} for the layer's number; got {pattern!r}")
    found: list[tuple[str, str]] = []
    while (name := pattern.replace("{layer}", str(len(found)))) in modules:
        before, _, _ = pattern.partition("{layer}")
        found.append((f"{before}{len(found)}", name))
    if not found:
        raise BadInput(f"there is no module {name!r}; {_what_there_is(modules)}")
    return found


def _known(network: Any, modules: dict[str, Any]) -> list[tuple[str, str]]:
    stacks = [stack for stack in _stacks(modules) if len(stack) > 0]
    if not stacks:
        raise BadInput(
            f"no attention of a known kind in {type(network).__name__} (an output projection "
            f"called {', '.join(PROJECTIONS[:5])} ...); {_what_there_is(modules)}. Name the "
            'projections by hand: projection="blocks.{layer}.attention.proj", heads=8; or '
            "the parts: parts=[Site('MODULE', columns=(0, 64)), ...]"
        )
    if len(stacks) > 1:
        starts = [stack[0][1] for stack in stacks]
        raise BadInput(
            f"{type(network).__name__} has several stacks of layers ({', '.join(starts)}); say "
            f'which: projection="{starts[0].replace(".0.", ".{layer}.", 1)}"'
        )
    return stacks[0]


def _stacks(modules: dict[str, Any]) -> Iterator[list[tuple[str, str]]]:
    """Lists of modules each of which has an output projection, by its known name."""
    for name, module in modules.items():
        if type(module).__name__ != "ModuleList" or len(module) == 0:
            continue
        layers = [f"{name}.{i}" if name else str(i) for i in range(len(module))]
        for inner in PROJECTIONS:
            if all(_is_linear(modules.get(f"{layer}.{inner}")) for layer in layers):
                yield [(layer, f"{layer}.{inner}") for layer in layers]
                break


def _is_linear(module: Any) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None


def _width(
    network: Any, modules: dict[str, Any], layer: str, projection: str, heads: int | None
) -> int:
    inputs = inputs_of(modules[projection])
    if heads is None:
        inside = [module for name, module in modules.items() if name.startswith(f"{layer}.")]
        widths = (getattr(module, name, None) for module in inside for name in HEAD_WIDTHS)
        width = next((w for w in widths if isinstance(w, int) and w > 0), None)
        if width is None:
            config = getattr(network, "config", None)
            count = getattr(config, "num_attention_heads", None)
            if not isinstance(count, int):
                raise BadInput(f"how many heads {projection!r} has is not known; give heads=NUMBER")
            width = inputs // count
    else:
        width = inputs // heads if heads > 0 else 0
    if width < 1 or inputs % width:
        told = f"heads={heads}" if heads is not None else f"a width of {width}"
        raise BadInput(
            f"{projection!r} takes {inputs} features, which {told} does not divide; give "
            "heads=NUMBER of a layer"
        )
    return width


def _what_there_is(modules: dict[str, Any], most: int = 12) -> str:
    """The linear modules of a network in words, those of the first layer for all."""
    names = [name for name, module in modules.items() if name and is_matrix(module)]
    told = ", ".join(names[:most]) or "no module with a matrix"
    return f"found {told}" + (f" and {len(names) - most} more" if len(names) > most else "")


def check_sites(network: Any, sites: Sequence[Site]) -> None:
    """Raise BadInput if a site is not in the network."""
    modules = dict(network.named_modules())
    names = [site.name for site in sites]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"two parts are called {twice!r}; give each Site a name of its own")
    for site in sites:
        if site.module not in modules:
            raise BadInput(f"there is no module {site.module!r}; {_what_there_is(modules)}")
        if site.columns is None:
            continue
        start, stop = site.columns
        module = modules[site.module]
        width = inputs_of(module) if site.at == "input" and is_matrix(module) else None
        if not 0 <= start < stop or (width is not None and stop > width):
            raise BadInput(
                f"columns {site.columns} are not in {site.module!r}"
                + (f", which takes {width} features" if width is not None else "")
            )
