"""Which examples repeat each other and which add to each other, over many targets at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from math import log
from statistics import NormalDist
from typing import Any, Final, TypeVar

import numpy as np

from interplay.errors import BadInput
from interplay.intervals import Z_90
from interplay.lenses.pairs import Kind, kind_of
from interplay.lenses.training_data.alike import alike
from interplay.lenses.training_data.moments import Moments
from interplay.lenses.training_data.value import MEAN
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values, feature_names

LISTED: Final = 100
"""Pairs and groups of a kind that are written to files."""
GROUP: Final = 8
"""Examples that a group which acts together has at most."""
SHOWN_TARGETS: Final = 5
SHOWN_SETS: Final = 10
"""Sets of a kind that a report shows."""
CHANCE: Final = 0.05
"""How probable it may be that one pair of all is called synergistic by chance."""

E = TypeVar("E")


@dataclass(frozen=True)
class JointPair:
    """Two examples (or groups), over all targets.

    Attributes
    ----------
    features, names
        Their numbers and names.
    kind : str
        ``"redundant"``, ``"synergistic"`` or ``"mixed"``.
    share : float
        The share of the effect of one that is gone where the other is there (it *repeats* the
        other); of synergy the negative share of the effect that is only there with the other.
        NaN where no effect can be seen.
    low, high : float
        Its 90 % interval.
    evidence : float
        Natural logarithm of how much likelier their effects are if they are alike.
    correlation : float
        Of their effects over targets, of alike ones.
    """

    features: tuple[int, int]
    names: tuple[str, str]
    kind: Kind
    share: float
    low: float
    high: float
    evidence: float
    correlation: float


@dataclass(frozen=True)
class Repeated:
    """Examples that repeat each other: semantic duplicates.

    ``share`` is the mean over their pairs, ``evidence`` the least that holds the set together.
    """

    features: tuple[int, ...]
    names: tuple[str, ...]
    share: float
    evidence: float


@dataclass(frozen=True)
class Group:
    """Examples of which every pair is synergistic: together they define what the model says.

    ``strength`` is the sum over its pairs and over targets of interaction times mean effect, as a
    share of the squared effects; ``targets`` are those on which its interactions are strongest,
    ``values`` the sums of its pairs' interactions there.
    """

    features: tuple[int, ...]
    names: tuple[str, ...]
    strength: float
    targets: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Together:
    """What examples are to each other over all targets; made by :func:`together`.

    Attributes
    ----------
    features : tuple of str
    targets : tuple of str
    moments : Moments
        Main effects ``(n, q)`` and sums over targets.
    share : float64 (n, n)
        Of each pair the share that repeats, or of synergy its negative; see :class:`JointPair`.
        NaN in the diagonal and where no effect can be seen.
    error : float64 (n, n)
        Standard errors of ``share``; infinity where that is NaN.
    evidence, correlation : float64 (n, n)
        See :func:`interplay.lenses.training_data.alike.alike`.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    moments: Moments = field(repr=False)
    share: FloatArray = field(repr=False)
    error: FloatArray = field(repr=False)
    evidence: FloatArray = field(repr=False)
    correlation: FloatArray = field(repr=False)

    @property
    def threshold(self) -> float:
        """Evidence above which two examples are called duplicates: the logarithm of n.

        Of all others, one may be the copy of an example: n to one is against any given one.
        """
        return log(max(len(self.features), 2))

    def pair(self, i: int, j: int) -> JointPair:
        """Return what is known of two features."""
        i, j = sorted((i, j))
        along = self.moments.along
        width = Z_90 * float(self.error[i, j])
        share = float(self.share[i, j])
        return JointPair(
            (i, j),
            (self.features[i], self.features[j]),
            kind_of(float(along[i, j]), float(along[j, i]), 1.0),
            share,
            share - width,
            share + width,
            float(self.evidence[i, j]),
            float(self.correlation[i, j]),
        )

    def duplicates(self, threshold: float | None = None) -> list[JointPair]:
        """Return the pairs that are alike on all targets and repeat each other, surest first."""
        level = self.threshold if threshold is None else threshold
        ranked = np.where(self.share > 0, self.evidence, -np.inf)  # a NaN is no share
        rows, columns = np.nonzero(np.triu(ranked > level, 1))
        order = np.argsort(-ranked[rows, columns], kind="stable")
        return [self.pair(int(rows[k]), int(columns[k])) for k in order]

    def strongest(self, kind: Kind, count: int = LISTED) -> list[JointPair]:
        """Return the pairs of a kind, those first that can least be chance."""
        along, spread = self.moments.along, self.moments.spread
        sums = (along + along.T) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            sure = np.where(spread > 0, sums / spread, np.sign(sums) * np.inf)
            sure = np.where(sums == 0, 0.0, sure)
        places = np.stack(np.triu_indices(len(along), 1), axis=1)
        # where all are sure, the larger sums come first
        keys = np.lexsort((-np.abs(sums)[*places.T], -np.abs(sure)[*places.T]))
        found: list[JointPair] = []
        for i, j in places[keys].tolist():
            if len(found) == count or not sums[i, j]:
                break
            if kind_of(along[i, j], along[j, i], 1.0) == kind:
                found.append(self.pair(i, j))
        return found

    def repeated(self, threshold: float | None = None) -> list[Repeated]:
        """Return the sets that duplicates form, each linked to another in it, largest first."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = self.duplicates(threshold)
        n = len(self.features)
        links = np.array([pair.features for pair in pairs], dtype=np.int64).reshape(-1, 2)
        graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(n, n))
        _, of = connected_components(graph, directed=False)
        found = []
        for number in np.flatnonzero(np.bincount(of) > 1):
            members = np.flatnonzero(of == number).tolist()
            inside = [pair for pair in pairs if of[pair.features[0]] == number]
            places = np.triu_indices(len(members), 1)
            share = float(np.nanmean(self.share[np.ix_(members, members)][places]))
            found.append(
                Repeated(
                    tuple(members),
                    tuple(self.features[i] for i in members),
                    share,
                    min(pair.evidence for pair in inside),
                )
            )
        return sorted(found, key=lambda one: (-len(one.features), -one.evidence))

    def groups(self, count: int = 10, chance: float = CHANCE) -> list[Group]:
        """Return sets of which every pair is synergistic, beyond chance, strongest first.

        Each begins with a pair and takes in what adds most to it, ``GROUP`` examples at most; an
        example is in one group only. ``chance`` is how probable it may be that a pair of all is
        counted by chance.
        """
        along, spread = self.moments.along, self.moments.spread
        n = len(along)
        sums = (along + along.T) / 2
        level = NormalDist().inv_cdf(1 - chance / max(n * (n - 1) / 2, 1))
        linked = (along > 0) & (along.T > 0) & (sums > level * spread)
        np.fill_diagonal(linked, False)
        scale = float(np.square(self.moments.effects).sum())
        strength = np.where(linked, sums, 0.0)
        free = np.ones(n, dtype=np.bool_)
        found: list[tuple[float, list[int]]] = []
        while len(found) < count and strength.max(initial=0.0) > 0:
            members = list(map(int, np.unravel_index(strength.argmax(), strength.shape)))
            while len(members) < GROUP:
                fitting = linked[members].all(axis=0) & free
                if not fitting.any():
                    break
                members.append(int(np.where(fitting, sums[members].sum(axis=0), -np.inf).argmax()))
            inside = sums[np.ix_(members, members)][np.triu_indices(len(members), 1)].sum()
            found.append((float(inside) / scale, sorted(members)))
            free[members] = False
            strength[members], strength[:, members] = 0.0, 0.0
        return [self._group(*one) for one in sorted(found, key=lambda one: -one[0])]

    def _group(self, strength: float, members: list[int]) -> Group:
        values = self.moments.interactions(list(combinations(members, 2))).sum(axis=0)
        top = np.argsort(-np.abs(values), kind="stable")[:SHOWN_TARGETS].tolist()
        return Group(
            tuple(members),
            tuple(self.features[i] for i in members),
            strength,
            tuple(self.targets[t] for t in top),
            tuple(float(values[t]) for t in top),
        )

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        sets = self.repeated()
        inside = sum(len(one.features) for one in sets)
        told = (
            f"{inside} of {len(self.features)} repeat each other, in {len(sets)} sets"
            if sets
            else f"None of {len(self.features)} are seen to repeat each other"
        )
        count = len(self.targets)
        over = f"over {count} targets" if count > 1 else "on one target"
        return f"{told}, {over} and {len(self.moments.masks):,} masks."

    def attached(self, explanation: E) -> E:
        """Return the explanation with these findings in its subject, so that reports show them."""
        told: dict[str, Any] = {"sentence": self.sentence}
        for name, found in (("repeated", self.repeated()), ("groups", self.groups())):
            told[name] = [_plain(one) for one in found[:SHOWN_SETS]]
        held: Any = explanation
        made: E = replace(held, subject={**held.subject, "together": told})
        return made

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as a JSON-able mapping, null for what is not finite."""
        return {
            "format": "interplay.together",
            "version": 1,
            "sentence": self.sentence,
            "masks": len(self.moments.masks),
            "rate": self.moments.rate,
            "targets": len(self.targets),
            "threshold": self.threshold,
            "duplicates": [_plain(pair) for pair in self.duplicates()],
            "repeated": [_plain(one) for one in self.repeated()],
            "groups": [_plain(one) for one in self.groups()],
            "redundant": [_plain(pair) for pair in self.strongest("redundant")],
            "synergistic": [_plain(pair) for pair in self.strongest("synergistic")],
        }


def together(
    found: Any,
    values: Any = None,
    *,
    features: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
) -> Together:
    """Find what repeats and what adds to each other, from masks and values alone.

    Parameters
    ----------
    found : Explanation, Recording, or bool array (m, n)
        An explanation of uniform masks with its evaluations; a recording; or masks. The target that
        is the mean of all others is left out.
    values : float array (m, q), optional
        With masks: their values.
    features, targets : sequence of str, optional
        With masks: names.

    Returns
    -------
    Together

    Raises
    ------
    BadInput
        If there are no evaluations, too few masks for effects of single features, or masks of
        several rates.

    Notes
    -----
    The share of a pair is a regression over targets of the interaction on the mean effect a of the
    two, ``b = -sum(I a) / sum(a²)``, told as a share of the effect e without the other: of
    proportional effects ``1 - e_with / e_without = b / (1 + p b)``. It is 0 of an additive game,
    and 1 where one of two is enough. docs/training_data.md has the details.

    Examples
    --------
    >>> masks = np.random.default_rng(0).random((2000, 12)) < 0.5
    >>> weights = np.random.default_rng(1).normal(size=(12, 30))
    >>> values = masks @ weights + np.outer(masks[:, 3] & masks[:, 7], -weights[3])
    >>> values += np.outer(masks[:, 7], weights[3] - weights[7])
    >>> seen = together(masks, values)  # of 3 and 7 one is enough
    >>> [(pair.features, round(pair.share, 1)) for pair in seen.duplicates()]
    [((3, 7), 1.0)]
    """
    masks, table, names, told = _evaluations(found, values, features, targets)
    moments = Moments.of(masks, table)
    effects, noise, along = moments.effects, moments.noise, moments.along
    products = effects @ effects.T
    own = np.diag(products)
    # squares of noisy numbers are too large by their variance; of a mean of two by half of it
    size = (own[:, None] + own + 2 * products) / 4 - np.trace(noise) / 2
    seen = size > 1e-12 * max(float(own.max()), 1e-300)
    np.fill_diagonal(seen, False)
    size = np.where(seen, size, 1.0)
    ratio = -(along + along.T) / 2 / size
    weight = np.where(ratio > 0, moments.rate, 1 - moments.rate)
    bent = 1 + weight * np.abs(ratio)
    evidence, correlation = alike(effects, noise, most=max(moments.degrees // 4, 1))
    return Together(
        features=names,
        targets=told,
        moments=moments,
        share=np.where(seen, ratio / bent, np.nan),
        error=np.where(seen, moments.spread / size / bent**2, np.inf),
        evidence=evidence,
        correlation=correlation,
    )


def moebius_reading(
    spectrum: Spectrum,
    labels: Sequence[str | None],
    label: str | None,
    *,
    order: int = 2,
    count: int = 3,
    helps: float = 1.0,
) -> dict[str, list[tuple[tuple[int, ...], float]]]:
    """Return synergistic and redundant sets by the convention of the ProxySPEX paper.

    Moebius terms of sets of the target's class are taken as they are, those of sets with an example
    of another class with the sign flipped. The largest are called synergistic, the most negative
    redundant. It is a heuristic by its authors' word: a term of a redundant cluster may be on
    either side. The reading of this package is :func:`interplay.lenses.pairs.kind_of`.

    Parameters
    ----------
    spectrum : Spectrum
        Of one target.
    labels : sequence of str or None, (n,)
        The class of each feature; None of a group of several.
    label : str
        The class of the target.
    order : int
        Size of the sets.
    count : int
        So many of each at most.
    helps : float
        -1 where a lower value is better (a loss).

    Examples
    --------
    >>> spectrum = Spectrum({(0, 1): 1.0, (0, 2): 0.5}, n=3)
    >>> moebius_reading(spectrum, ["cat", "cat", "dog"], "cat")
    {'synergistic': [((0, 1), 4.0)], 'redundant': [((0, 2), -2.0)]}
    """
    if len(labels) != spectrum.n:
        raise BadInput(f"labels must tell the class of {spectrum.n} features; got {len(labels)}")
    signed = {
        term: float(value) * helps * (1 if all(labels[i] == label for i in term) else -1)
        for term, value in spectrum.interactions("Moebius").items()
        if len(term) == order and value
    }
    ranked = sorted(signed.items(), key=lambda one: (-one[1], one[0]))
    return {
        "synergistic": [one for one in ranked[:count] if one[1] > 0],
        "redundant": [one for one in ranked[::-1][:count] if one[1] < 0],
    }


def _evaluations(
    found: Any, values: Any, features: Sequence[str] | None, targets: Sequence[str] | None
) -> tuple[BoolArray, FloatArray, tuple[str, ...], tuple[str, ...]]:
    if values is None:
        held = found.evaluations if hasattr(found, "evaluations") else found
        if held is None:
            raise BadInput(
                "the run was loaded without its evaluations: put the .npz beside the .json"
            )
        if not (hasattr(held, "masks") and hasattr(held, "values")):
            raise BadInput(
                "give an explanation, a recording, or masks and values; got "
                f"{type(found).__name__} without values"
            )
        given, values = held.masks, held.values
        features, targets = features or held.features, targets or held.targets
    else:
        given = found
    masks = check_masks(given)
    table = check_values(values, len(masks)).reshape(len(masks), -1)
    names = feature_names(features, masks.shape[1])
    told = tuple(targets) if targets is not None else tuple(map(str, range(table.shape[1])))
    if len(told) != table.shape[1]:
        raise BadInput(f"targets must name all {table.shape[1]} columns; got {len(told)} names")
    if len(told) > 1 and told[0] == MEAN:
        table, told = table[:, 1:], told[1:]
    if len(masks) < 2.0 ** masks.shape[1]:  # the full and the empty one are of no rate
        kept = masks.any(axis=1) & ~masks.all(axis=1)
        masks, table = masks[kept], table[kept]
    return masks, table, names, told


def _plain(one: JointPair | Repeated | Group) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in asdict(one).items()
    }
