"""How parts of a network act: alone, with parts of their own layer, across layers; and which pairs.

Pure functions of a spectrum and the layers of its features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.intervals import middle
from interplay.lenses import pairs as of_any
from interplay.numbers import MINUS
from interplay.spectrum import Spectrum
from interplay.value_function import FloatArray

GROUPS = 3
"""Groups that the layers of a network are put into, where they follow each other without a gap."""
DRAWS = 1000
PAIRS = 200
"""Pairs that are listed at most, strongest first."""


@dataclass(frozen=True)
class GroupEnergy:
    """What the parts of some layers carry, as shares of all that they carry.

    A term's energy F² is its parts' in equal shares, so that the energies of all groups add up to
    that of the spectrum.

    Attributes
    ----------
    layers : tuple of int
    linear, within, across : float
        Shares of the group's energy: single parts; several parts of one layer; of several layers.
    share : float
        Of the energy of the whole spectrum.
    low, high : float, optional
        90 % interval of ``linear``; None where the coefficients have no errors.
    """

    layers: tuple[int, ...]
    linear: float
    within: float
    across: float
    share: float
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        """Its layers in a word.

        >>> GroupEnergy((1, 2, 3), 0.8, 0.08, 0.12, 1.0, None, None).name
        'L1-3'
        """
        return span(self.layers)


@dataclass(frozen=True)
class Pair(of_any.Pair):
    """Two parts and their Banzhaf interaction; ``across``: they are of different layers."""

    across: bool


@dataclass(frozen=True)
class NetworkPicture:
    """The picture of a network that a spectrum over its parts gives.

    Attributes
    ----------
    orders : dict of int to float
        Shares of the energy by order.
    groups : tuple of GroupEnergy
        Of the layers, first ones first.
    whole : GroupEnergy
        All layers together.
    layers : dict of int to GroupEnergy
        Each layer by itself.
    between : float array (l, l)
        Share of the energy of terms of several parts by pairs of layers, in the order of
        ``layers``: of a term of more than two parts, each pair of parts has an equal share.
    pairs : tuple of Pair
        Every pair that the spectrum holds, strongest first; ``redundant`` and ``synergistic`` are
        those of a kind.
    difference : (float, float or None, float or None), optional
        Linear share of the first group minus that of the last, with a 90 % interval; None where
        there is one group, or nothing to share out.
    """

    orders: dict[int, float]
    groups: tuple[GroupEnergy, ...]
    whole: GroupEnergy
    layers: dict[int, GroupEnergy]
    between: FloatArray
    pairs: tuple[Pair, ...]
    difference: tuple[float, float | None, float | None] | None

    @property
    def redundant(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.kind == "redundant")

    @property
    def synergistic(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.kind == "synergistic")

    @property
    def trend(self) -> str:
        """Whether early layers act linearly and later ones together, in a sentence."""
        if self.difference is None:
            return "Whether early layers act more linearly than later ones cannot be seen here."
        value, low, high = self.difference
        first, last = self.groups[0], self.groups[-1]
        told = (
            f"{first.name} acts {_percent(first.linear)} linearly, {last.name} "
            f"{_percent(last.linear)}: {_points(value)} points"
        )
        if low is None or high is None:
            return f"{told}, without error bars. {_claim(value, value)}"
        told += f" (90 % interval {_points(low)} to {_points(high)})"
        return f"{told}. {_claim(low, high)}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "orders": {str(order): share for order, share in self.orders.items()},
            "whole": _plain(self.whole),
            "groups": [_plain(group) for group in self.groups],
            "layers": [_plain(group) for group in self.layers.values()],
            "between": self.between.tolist(),
            "pairs": [asdict(pair) for pair in self.pairs[:PAIRS]],
            "pairs_found": len(self.pairs),
            "difference": self.difference,
            "trend": self.trend,
        }


def _plain(group: GroupEnergy) -> dict[str, Any]:
    return asdict(group) | {"name": group.name}


def _claim(low: float, high: float) -> str:
    if low > 0:
        return "So the early layers act more linearly than the late ones here."
    if high < 0:
        return "So the early layers act less linearly than the late ones here: the reverse."
    if low == high:
        return "So early and late layers act alike here."
    return "So no difference between early and late layers shows here."


def picture(
    spectrum: Spectrum, layers: Sequence[int], *, seed: int = 0, groups: int = GROUPS
) -> NetworkPicture:
    """Return how the parts of a network act, alone and together.

    Parameters
    ----------
    spectrum : Spectrum
        Over n parts. With standard errors there are intervals.
    layers : sequence of int, (n,)
        Of each part.
    seed : int
        Of the draws that the intervals are from.
    groups : int
        Into how many groups the layers are put, as equal as can be; where they have gaps, such as
        1-3 and 14-16, each run of layers is a group.

    Raises
    ------
    BadInput
        If there is not one layer for each feature.

    Examples
    --------
    >>> terms = {(0,): 3.0, (1,): 2.0, (0, 1): -1.0, (1, 2): 1.0, (2,): 1.0}
    >>> seen = picture(Spectrum(terms, n=3), [0, 0, 1])
    >>> round(seen.whole.linear, 3), round(seen.whole.within, 3), round(seen.whole.across, 3)
    (0.875, 0.062, 0.062)
    >>> [(pair.names, pair.kind) for pair in seen.pairs]
    [(('x0', 'x1'), 'synergistic'), (('x1', 'x2'), 'redundant')]
    """
    of = np.asarray(layers, dtype=np.int64)
    if of.shape != (spectrum.n,):
        raise BadInput(
            f"layers must say the layer of each of the {spectrum.n} parts; got shape {of.shape}"
        )
    known = np.unique(of)
    terms = [term for term in spectrum.terms if term]
    rows = np.array([i for i, term in enumerate(spectrum.terms) if term], dtype=np.int64)
    coefficients = spectrum.coefficients[rows]
    errors = None if spectrum.standard_errors is None else spectrum.standard_errors[rows]
    place = {int(layer): i for i, layer in enumerate(known)}
    owned = np.zeros((len(terms), len(known)))  # how much of each term is each layer's
    kind = np.zeros(len(terms), dtype=np.int64)  # 0: single, 1: within a layer, 2: across
    for row, term in enumerate(terms):
        for i in term:
            owned[row, place[int(of[i])]] += 1 / len(term)
        if len(term) > 1:
            kind[row] = 1 if owned[row].max() > 1 - 1e-9 else 2
    energies = coefficients**2
    drawn = None
    if errors is not None and len(terms):
        noise = np.random.default_rng(seed).standard_normal((DRAWS, len(terms)))
        # squares of noisy numbers are too large by their variance, twice here: fit and draw
        drawn = (coefficients + errors * noise) ** 2 - 2 * errors**2
    total = float(energies.sum())

    def group(chosen: Sequence[int]) -> tuple[GroupEnergy, FloatArray | None]:
        weights = owned[:, [place[layer] for layer in chosen]].sum(axis=1)
        parts = [float((energies * weights)[kind == k].sum()) for k in range(3)]
        whole = sum(parts)
        linear, within, across = (part / whole if whole else 0.0 for part in parts)
        draws = None
        low = high = None
        if drawn is not None and whole:
            alone, together = (
                np.maximum(drawn[:, rows] @ weights[rows], 0.0) for rows in (kind == 0, kind > 0)
            )
            draws = alone / np.maximum(alone + together, 1e-300)
            low, high = _interval(linear, draws)
        share = whole / total if total else 0.0
        return GroupEnergy(tuple(map(int, chosen)), linear, within, across, share, low, high), draws

    found = [group(chosen) for chosen in _grouped(known.tolist(), groups)]
    difference: tuple[float, float | None, float | None] | None = None
    if len(found) > 1 and found[0][0].share and found[-1][0].share:
        value = found[0][0].linear - found[-1][0].linear
        difference = (value, None, None)
        first, last = found[0][1], found[-1][1]
        if first is not None and last is not None:
            difference = (value, *_interval(value, first - last))
    return NetworkPicture(
        orders=spectrum.energy(),
        groups=tuple(one for one, _ in found),
        whole=group(known.tolist())[0],
        layers={int(layer): group([int(layer)])[0] for layer in known},
        between=_between(terms, energies, of, place, total),
        pairs=tuple(
            Pair(**vars(pair), across=bool(of[pair.features[0]] != of[pair.features[1]]))
            for pair in of_any.pairs_of(spectrum)
        ),
        difference=difference,
    )


def layers_of(parts: Sequence[Sequence[Any]]) -> list[int]:
    """Return the layers of parts as a run file tells them, ``[[kind, layer, index], ...]``."""
    return [int(part[1]) for part in parts]


def span(layers: Sequence[int]) -> str:
    """Return layers in a word: ``L0``, ``L1-3``, ``L0, 4``."""
    first, last = layers[0], layers[-1]
    if len(layers) == 1:
        return f"L{first}" if first >= 0 else "no layer"
    if list(layers) == list(range(first, last + 1)):
        return f"L{first}-{last}"
    return "L" + ", ".join(map(str, layers))


def _grouped(layers: list[int], groups: int) -> list[list[int]]:
    """Runs of layers without a gap, if there are several; else groups as equal as can be."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    if 1 < len(runs) <= 2 * groups:
        return runs
    cut = np.array_split(np.array(layers), min(groups, len(layers)))
    return [part.tolist() for part in cut]


def _interval(value: float, draws: FloatArray) -> tuple[float, float]:
    """The interval of the draws, and the value in it: it is not corrected, and may lie outside."""
    low, high = middle(draws)
    return min(low, value), max(high, value)


def _between(
    terms: list[tuple[int, ...]],
    energies: FloatArray,
    of: Any,
    place: dict[int, int],
    total: float,
) -> FloatArray:
    table = np.zeros((len(place), len(place)))
    for term, energy in zip(terms, energies, strict=True):
        at = [place[int(of[i])] for i in term]
        count = len(at) * (len(at) - 1) / 2
        for j in range(1, len(at)):
            for i in range(j):
                a, b = sorted((at[i], at[j]))
                table[a, b] += energy / count
    table = table / total if total else table
    return table + np.triu(table, 1).T  # both ways round; a pair of layers counts once


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(share: float) -> str:
    return f"{100 * share:+.0f}".replace("-", MINUS)
