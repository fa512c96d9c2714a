"""Forward passes of a network over readings: inputs put together, outputs where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import numpy as np

from interplay.errors import BackendError
from interplay.lenses.components.network import Network
from interplay.lenses.components.task import Reading
from interplay.models.causal_passes import only_at

Tensor = Any


class Passes:
    """Forward passes over some of the readings of a task.

    Attributes
    ----------
    can_narrow : bool
        Whether there is a head that could be given some positions only.
    """

    def __init__(self, network: Network, readings: Sequence[Reading]) -> None:
        self.module, self.device = network.module, network.device
        self._readings = readings
        self._inputs: dict[int, dict[str, Tensor]] = {}
        parameters = signature(self.module.forward).parameters
        self._extra = {"use_cache": False} if "use_cache" in parameters else {}
        self._open = any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())
        self._parameters = set(parameters)
        floats = [one for one in self.module.parameters() if one.is_floating_point()]
        self._dtype = floats[0].dtype if floats else None
        head = getattr(self.module, "get_output_embeddings", lambda: None)
        try:
            self._head = head()
        except Exception:  # transformers raises where there is none in some kinds of networks
            self._head = None
        self.can_narrow = self._head is not None and all(
            one.positions is not None for one in readings
        )

    def __call__(self, whose: Sequence[int], *, narrow: bool) -> Tensor:
        """Return the outputs at the positions that the readings want, in order.

        Logits ``(positions, vocabulary)``, or where readings want none in particular what the
        network gives, rows first.
        """
        inputs = {name: self._stacked(name, whose) for name in self._readings[whose[0]].inputs}
        flat = self._positions(whose)
        with only_at(self._head, flat) if narrow else nullcontext():
            found = _logits(self._call(inputs))
        if narrow:
            return found[0]
        if flat is None:
            return found
        if found.ndim != 3:
            raise BackendError(
                f"the task wants outputs at positions, (rows, positions, vocabulary); the network "
                f"gives shape {tuple(found.shape)}"
            )
        return found.flatten(0, 1).index_select(0, flat)

    def _call(self, inputs: dict[str, Tensor]) -> Any:
        if self._open or set(inputs) <= self._parameters:
            return self.module(**inputs, **self._extra)
        return self.module(*inputs.values(), **self._extra)  # a plain module has its own names

    def _stacked(self, name: str, whose: Sequence[int]) -> Tensor:
        import torch

        if len(set(whose)) == 1:
            one = self._tensor(whose[0], name)
            return one.expand(len(whose), *one.shape)
        return torch.stack([self._tensor(i, name) for i in whose])

    def _tensor(self, i: int, name: str) -> Tensor:
        import torch

        if i not in self._inputs:
            made = {}
            for key, array in self._readings[i].inputs.items():
                tensor = torch.from_numpy(np.array(array)).to(self.device)
                floating = tensor.is_floating_point() and self._dtype is not None
                made[key] = tensor.to(self._dtype) if floating else tensor
            self._inputs[i] = made
        return self._inputs[i][name]

    def _positions(self, whose: Sequence[int]) -> Tensor | None:
        """Where outputs are wanted, in a batch whose rows are laid in one."""
        import torch

        wanted = [self._readings[i].positions for i in whose]
        if any(one is None for one in wanted):
            return None
        width = len(next(iter(self._readings[whose[0]].inputs.values())))
        places = [row * width + one for row, one in enumerate(wanted) if one is not None]
        return torch.from_numpy(np.concatenate(places)).to(self.device)


def _logits(found: Any) -> Tensor:
    logits = getattr(found, "logits", None)
    if logits is not None:
        return logits
    if hasattr(found, "to_tuple"):
        found = found.to_tuple()
    while isinstance(found, tuple | list) and found:
        found = found[0]
    if not hasattr(found, "ndim"):
        raise BackendError(f"the network gives {type(found).__name__}, which holds no tensor")
    return found


class States(dict[int, Tensor]):
    """Hidden states ``(rows, t, d)`` by the layer that they go into; ``forms`` of the outputs."""

    forms: list[int]


@contextmanager
def captured(layers: Sequence[Any], levels: Sequence[int]) -> Iterator[States]:
    """Collect what goes into some layers in a pass inside, and in what form each gives its own."""
    states = States()
    states.forms = [0] * len(layers)
    handles = []

    def before(level: int) -> Any:
        def look(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            states[level] = args[0] if args else kwargs.get("hidden_states")

        return look

    def after(level: int) -> Any:
        def look(_: Any, __: Any, out: Any) -> None:
            states.forms[level] = len(out) if isinstance(out, tuple) else 0

        return look

    try:
        for level in levels:
            layer = layers[level]
            handles.append(layer.register_forward_pre_hook(before(level), with_kwargs=True))
            handles.append(layer.register_forward_hook(after(level)))
        yield states
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def resumed(
    layers: Sequence[Any], start: int, hidden: Tensor, forms: Sequence[int]
) -> Iterator[None]:
    """Let the layers before ``start`` do nothing inside, and the last of them give ``hidden``."""
    own = [layer.__dict__.get("forward") for layer in layers[:start]]

    def instead(place: int) -> Any:
        def forward(*args: Any, **kwargs: Any) -> Any:
            given = args[0] if args else kwargs["hidden_states"]
            x = hidden if place == start - 1 else given
            return (x, *[None] * (forms[place] - 1)) if forms[place] else x

        return forward

    try:
        for place, layer in enumerate(layers[:start]):
            layer.forward = instead(place)
        yield
    finally:
        for layer, before in zip(layers[:start], own, strict=True):
            if before is None:
                layer.__dict__.pop("forward", None)
            else:
                layer.forward = before


@dataclass(eq=False)
class Attention:
    """The attention of one layer: a module that ends with the heads' output projection.

    Attributes
    ----------
    module, projection : torch.nn.Module
    form : int
        What the module gives: a tensor (0), or a tuple of so many.
    """

    module: Any
    projection: Any
    form: int = 0

    @contextmanager
    def captured(self) -> Iterator[list[Tensor]]:
        """Collect what goes into the projection in a pass inside."""
        found: list[Tensor] = []

        def look(_: Any, args: tuple[Any, ...]) -> None:
            found.append(args[0])

        def form(_: Any, __: Any, out: Any) -> None:
            self.form = len(out) if isinstance(out, tuple) else 0

        handles = [
            self.projection.register_forward_pre_hook(look),
            self.module.register_forward_hook(form),
        ]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def given(self, heads: Tensor) -> Iterator[None]:
        """Let the projection take ``heads`` inside, whatever the module is given."""
        own = self.module.__dict__.get("forward")

        def forward(*_: Any, **__: Any) -> Any:
            out = self.projection(heads)
            return (out, *[None] * (self.form - 1)) if self.form else out

        try:
            self.module.forward = forward
            yield
        finally:
            if own is None:
                self.module.__dict__.pop("forward", None)
            else:
                self.module.forward = own
