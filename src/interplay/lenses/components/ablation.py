"""Ablations by hooks, with a mask of its own for every row of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.lenses.components.sites import Site, is_matrix, turned

KINDS = ("zero", "mean", "resample")
"""What an ablated part gives: nothing, its mean over the train prompts, or another prompt's."""

Tensor = Any


@dataclass(eq=False)
class Group:
    """The parts that one hook ablates: those at the same end of the same module.

    Attributes
    ----------
    features : tuple of int
        Which columns of the masks.
    total : int
        How many parts of this kind the module has, features or not; 0 where nobody says.
    mean : float tensor (d,), optional
        Of the signal, where means stand in for ablated parts.
    """

    module: Any
    name: str
    at: str
    features: tuple[int, ...]
    sites: tuple[Site, ...]
    total: int = 0
    mean: Tensor = None
    _cover: Tensor = None
    _directions: Tensor = None
    _readers: Tensor = None
    _bias: Tensor = None
    _owner: Tensor = None
    _rectified: bool = False
    _passed: Tensor = None

    @property
    def directed(self) -> bool:
        """Whether parts are directions, not columns."""
        return self.sites[0].directions is not None

    # --- what of an activation belongs to the parts

    def signal(self, x: Tensor) -> Tensor:
        """Return the activation, or the multiples of the directions in it ``(..., r)``."""
        if not self.directed:
            return x
        self._prepare(x)
        coefficients = x @ self._readers.T
        return (coefficients + self._bias).relu() if self._rectified else coefficients

    def cover(self, x: Tensor) -> Tensor:
        """For each column of an activation, which of the parts it is of; the last: of none."""
        import torch

        if self._cover is None or self._cover.device != x.device:
            cover = torch.full((x.shape[-1],), len(self.sites), dtype=torch.long)
            for i, site in enumerate(self.sites):
                start, stop = site.columns or (0, x.shape[-1])
                if stop > x.shape[-1] or (cover[start:stop] < len(self.sites)).any():
                    raise BadInput(
                        f"columns {start} to {stop} of {site.name!r} overlap another part's, or "
                        f"are beyond the {x.shape[-1]} of {self.name!r}"
                    )
                cover[start:stop] = i
            self._cover = cover.to(x.device)
        return self._cover

    @property
    def projects(self) -> bool:
        """Whether it is a plain projection that the parts go into, so that a mean adds a bias."""
        plain = type(self.module).__name__ == "Linear" or turned(self.module)
        linear = plain and is_matrix(self.module) and self.module.weight.is_floating_point()
        return linear and self.at == "input" and not self.directed

    def bias(self, keep: Tensor, mean: Tensor) -> Tensor:
        """Return what the mean of ablated parts adds to the projection's output, ``(rows, out)``.

        Summed in double precision: a checkpoint that has it in its weights gives the same bits.
        """
        import torch

        if self._passed is None:
            weight = self.module.weight.T if turned(self.module) else self.module.weight
            columns = weight.detach().double() * mean.double()
            parts = torch.zeros(
                len(self.sites) + 1, len(weight), dtype=torch.double, device=weight.device
            )
            self._passed = parts.index_add_(0, self.cover(mean), columns.T)[:-1]
        return ((1 - keep).double() @ self._passed).to(keep.dtype)

    def changed(self, x: Tensor, keep: Tensor, donor: Tensor, *, rescale: bool) -> Tensor:
        """Return an activation ``(rows, ..., d)`` with some parts of each row ablated.

        ``keep`` is ``(rows, parts)``, 1 where a part is kept; ``donor`` stands for the signal of
        ablated ones, None for nothing.
        """
        import torch

        rows = keep.shape[0]
        if x.shape[0] % rows:
            raise BadInput(
                f"{self.name!r} is given {tuple(x.shape)} for a batch of {rows} rows, so that rows "
                "cannot be ablated one by one there; name other modules by hand, parts=[Site(...)]"
            )
        shape = x.shape
        x = x.reshape(rows, -1, shape[-1])  # some networks lay all rows in one
        if self.directed:
            return self._without_directions(x, keep, donor).reshape(shape)
        if len(self.sites) == 1 and self.sites[0].columns is None:
            scale = keep[:, :, None]
        else:
            others = torch.ones(rows, 1, dtype=keep.dtype, device=keep.device)
            scale = torch.cat([keep, others], dim=1)[:, self.cover(x)]
            if rescale:
                kept = self.total - keep.shape[1] + keep.sum(dim=1, keepdim=True)
                scale = scale * (self.total / kept.clamp(min=1))
            scale = scale[:, None, :]
        if donor is None:
            return (x * scale).reshape(shape)
        if donor.ndim == 1:
            return torch.addcmul((1 - scale) * donor, x, scale).reshape(shape)
        return torch.lerp(donor, x, scale.expand_as(x)).reshape(shape)

    def _without_directions(self, x: Tensor, keep: Tensor, donor: Tensor) -> Tensor:
        coefficients = self.signal(x)
        if donor is not None:
            coefficients = coefficients - donor
        return x - (coefficients * (1 - keep[:, self._owner])[:, None, :]) @ self._directions

    def _prepare(self, x: Tensor) -> None:
        import torch

        if self._directions is not None and self._directions.device == x.device:
            return
        directions = [site.directions for site in self.sites]
        assert all(one is not None for one in directions)
        width = x.shape[-1]
        if any(one.shape[1] != width for one in directions if one is not None):
            raise BadInput(
                f"directions at {self.name!r} must have {width} columns, as its {self.at} has; got "
                f"shapes {', '.join(str(one.shape) for one in directions if one is not None)}"
            )
        self._rectified = self.sites[0].readers is not None
        readers = [
            np.linalg.pinv(site.directions).T if site.readers is None else site.readers
            for site in self.sites
            if site.directions is not None
        ]
        bias = [
            np.zeros(len(rows)) if site.bias is None else np.asarray(site.bias, dtype=np.float64)
            for site, rows in zip(self.sites, readers, strict=True)
        ]
        owner = np.repeat(np.arange(len(readers)), [len(rows) for rows in readers])

        def tensor(array: Any) -> Tensor:
            return torch.as_tensor(np.asarray(array), dtype=x.dtype, device=x.device)

        self._directions = tensor(np.concatenate([one for one in directions if one is not None]))
        self._readers, self._bias = tensor(np.concatenate(readers)), tensor(np.concatenate(bias))
        self._owner = torch.as_tensor(owner, device=x.device)


class Ablation:
    """All hooks of a set of parts.

    Parameters
    ----------
    network : torch.nn.Module
    sites : sequence of Site
        One for each feature.
    kind : str
        ``"zero"``, ``"mean"`` or ``"resample"``.
    rescale : bool
        Whether what is left of a layer is scaled up: by the number of its heads over that of those
        that are kept, in each row.
    totals : mapping from module name to int, optional
        How many heads a module has.
    """

    def __init__(
        self,
        network: Any,
        sites: Sequence[Site],
        kind: str = "zero",
        *,
        rescale: bool = False,
        totals: dict[str, int] | None = None,
    ) -> None:
        if kind not in KINDS:
            raise unknown("ablation", kind, KINDS)
        if rescale and kind != "zero":
            raise BadInput(
                f"rescale is for ablation='zero', where something is missing; got {kind!r}"
            )
        modules = dict(network.named_modules())
        members: dict[tuple[str, str, bool, bool], list[int]] = {}
        for i, site in enumerate(sites):
            key = (site.module, site.at, site.directions is None, site.readers is None)
            members.setdefault(key, []).append(i)
        self.kind, self.rescale = kind, rescale
        self.groups = [
            Group(
                modules[name],
                name,
                at,
                tuple(features),
                tuple(sites[i] for i in features),
                total=(totals or {}).get(name, 0),
            )
            for (name, at, *_), features in members.items()
        ]

    @contextmanager
    def applied(
        self, keep: Tensor, donors: Callable[[Group], Tensor] | None = None
    ) -> Iterator[set[str]]:
        """Ablate in every forward pass inside, row by row.

        Parameters
        ----------
        keep : float tensor (rows, features)
            1 where a part is kept.
        donors : callable, optional
            What stands for the signal of a group's ablated parts.

        Yields
        ------
        set of str
            The modules whose hooks were reached, as they are.
        """
        reached: set[str] = set()
        # compared on the host: a question to the device for each module would wait for it
        needed = _needed(keep)
        with ExitStack() as stack:
            for group in self.groups:
                if not needed[list(group.features)].any():
                    continue
                donor = None if donors is None else donors(group)
                part = keep[:, list(group.features)]
                if donor is not None and donor.ndim == 1 and group.projects:
                    more = _more(group.bias(part, donor))
                    stack.enter_context(_hooked(group.module, "output", more))
                    donor = None
                change = self._change(group, part, donor, reached)
                stack.enter_context(_hooked(group.module, group.at, change))
            yield reached

    def _change(
        self, group: Group, keep: Tensor, donor: Tensor, reached: set[str]
    ) -> Callable[[Tensor], Tensor]:
        def change(x: Tensor) -> Tensor:
            reached.add(group.name)
            return group.changed(x, keep, donor, rescale=self.rescale and group.total > 0)

        return change

    @contextmanager
    def recorded(self) -> Iterator[list[Tensor]]:
        """Collect the signal of each group, in order, in one forward pass inside."""
        found: list[Tensor] = [None] * len(self.groups)

        def keep(place: int, group: Group) -> Callable[[Tensor], Tensor]:
            def look(x: Tensor) -> Tensor:
                found[place] = group.signal(x).detach()
                return x

            return look

        with ExitStack() as stack:
            for place, group in enumerate(self.groups):
                stack.enter_context(_hooked(group.module, group.at, keep(place, group)))
            yield found


def _needed(keep: Tensor) -> Any:
    return (keep.detach() != 1).any(dim=0).cpu().numpy()


def _more(added: Tensor) -> Callable[[Tensor], Tensor]:
    """Add to each row something of its own, everywhere alike."""

    def change(x: Tensor) -> Tensor:
        rows = x.reshape(len(added), -1, x.shape[-1])  # some networks lay all rows in one
        return (rows + added[:, None]).reshape(x.shape)

    return change


@contextmanager
def _hooked(module: Any, at: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    if at == "input":

        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                return (change(args[0]), *args[1:]), kwargs
            name = next(iter(kwargs))
            return args, {**kwargs, name: change(kwargs[name])}

        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        residual = at == "residual"

        def after(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
            first = out[0] if isinstance(out, tuple) else out
            if residual:
                x = args[0] if args else kwargs["hidden_states"]
                first = x + change(first - x)
            else:
                first = change(first)
            return (first, *out[1:]) if isinstance(out, tuple) else first

        handle = module.register_forward_hook(after, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
