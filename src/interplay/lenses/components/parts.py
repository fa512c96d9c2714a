"""The parts of a network that are ablated: heads, MLPs, layers, and what a user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from interplay.errors import BadInput

KINDS = {"heads": "head", "mlps": "mlp", "layers": "layer"}
"""What parts are called in ``parts=``, and the kind of each of them."""
FORMS = ("heads", "mlps", "layers", "heads:1-3", "heads:0,4+mlps:0-4")

_NAME = re.compile(r"L(\d+)(?:\.(H(\d+)|MLP))?")


@dataclass(frozen=True, order=True)
class Part:
    """One part of a network; layers and heads are counted from 0.

    Attributes
    ----------
    kind : str
        ``"head"``, ``"mlp"``, ``"layer"``, or ``"unit"`` for what a user named by hand.
    layer : int
        -1 for units whose layer is not known.
    index : int
        Of a head in its layer, of a unit among the units; else 0.
    name : str
        ``"L2.H5"``, ``"L2.MLP"``, ``"L2"``, or the unit's own.

    Examples
    --------
    >>> Part("head", 2, 5).name
    'L2.H5'
    """

    kind: str
    layer: int
    index: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self._own_name())

    def _own_name(self) -> str:
        if self.kind == "unit":
            return f"unit {self.index}"
        end = {"head": f".H{self.index}", "mlp": ".MLP", "layer": ""}[self.kind]
        return f"L{self.layer}{end}"


def parse_parts(parts: str | Sequence[object], heads: Sequence[int]) -> tuple[Part, ...]:
    """Return the parts that ``parts`` asks for, sorted by layer, heads before the MLP.

    Parameters
    ----------
    parts : str or sequence
        ``"heads"``, ``"mlps"``, ``"layers"``, of some layers (``"heads:1-3"``, ``"heads:0,4"``), or
        several (``"heads+mlps"``); or a sequence of names (``"L2.H5"``), of :class:`Part`, or of
        ``[kind, layer, index]``.
    heads : sequence of int
        How many heads each layer has.

    Raises
    ------
    BadInput
        If nothing of that name exists in the network.

    Examples
    --------
    >>> [part.name for part in parse_parts("heads:1+mlps", [2, 2])]
    ['L0.MLP', 'L1.H0', 'L1.H1', 'L1.MLP']
    """
    if isinstance(parts, str):
        found = [part for one in parts.split("+") for part in _several(one.strip(), parts, heads)]
    elif isinstance(parts, Sequence):
        found = [_one(part) for part in parts]
    else:
        raise BadInput(f"parts must be a string or a sequence of parts; got {parts!r}")
    for part in found:
        _check(part, heads)
    unique = dict.fromkeys(found)
    if len(unique) < len(found):
        raise BadInput(f"parts {parts!r} names the same part twice")
    order = list(KINDS.values())
    return tuple(sorted(unique, key=lambda part: (part.layer, order.index(part.kind), part.index)))


def _several(one: str, parts: str, heads: Sequence[int]) -> list[Part]:
    word, colon, where = one.partition(":")
    kind = KINDS.get(word.strip().lower())
    if kind is None or (colon and not where.strip()):
        raise BadInput(f"unknown parts {parts!r}; valid: {', '.join(FORMS)}")
    layers = _layers(where, parts) if colon else list(range(len(heads)))
    for layer in layers:
        _check(Part(kind, layer), heads)
    if kind == "head":
        return [Part(kind, layer, index) for layer in layers for index in range(heads[layer])]
    return [Part(kind, layer) for layer in layers]


def _layers(where: str, parts: str) -> list[int]:
    """The layers of ``"0,2-4"``."""
    found: list[int] = []
    for one in where.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", one)
        if ends is None or (ends[2] and int(ends[2]) < int(ends[1])):
            raise BadInput(
                f"parts {parts!r} has layers that cannot be read, {one.strip()!r}; give numbers "
                "and ranges, counted from 0, such as heads:1-3 or heads:0,4"
            )
        found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return found


def _one(part: object) -> Part:
    if isinstance(part, Part):
        return part
    if isinstance(part, str):
        name = _NAME.fullmatch(part.strip())
        if name is None:
            raise BadInput(f"unknown part {part!r}; parts are called L2.H5, L2.MLP or L2")
        layer = int(name[1])
        if name[3] is not None:
            return Part("head", layer, int(name[3]))
        return Part("mlp" if name[2] else "layer", layer)
    if isinstance(part, Sequence) and len(part) == 3 and part[0] in KINDS.values():
        return Part(str(part[0]), int(part[1]), int(part[2]))
    raise BadInput(f"a part must be a name such as L2.H5, or [kind, layer, index]; got {part!r}")


def _check(part: Part, heads: Sequence[int]) -> None:
    if part.kind not in KINDS.values():
        raise BadInput(f"{part.name} is a {part.kind}; name it by a Site")
    if not 0 <= part.layer < len(heads):
        raise BadInput(
            f"{part.name} is not in the network: layer {part.layer} does not exist; its "
            f"{len(heads)} layers are 0 to {len(heads) - 1}"
        )
    if part.kind == "head" and not 0 <= part.index < heads[part.layer]:
        raise BadInput(
            f"{part.name} is not in the network: layer {part.layer} has {heads[part.layer]} "
            f"heads, 0 to {heads[part.layer] - 1}"
        )
