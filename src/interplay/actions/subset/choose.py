"""Which parts to keep: by integer programming on the spectrum, and by the ways compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interplay.errors import BadInput
from interplay.optimize import best_subset
from interplay.recording import Recording
from interplay.spectrum import Spectrum
from interplay.surrogates import fit
from interplay.value_function import BoolArray, FloatArray
from interplay.walsh import parities

KAPPA = 1.0
"""Of robust choices: the mean less so many standard deviations."""
DRAWS = 60
STARTS = 8
"""Local searches from so many starts, where each layer keeps the same number."""


@dataclass(frozen=True)
class Room:
    """What a choice must meet.

    Attributes
    ----------
    share : float
        Of the parts, kept.
    n : int
        Parts there are.
    size : int
        Parts that are kept.
    layers : tuple of int, optional
        Of each part the layer, or the group of queries: each keeps the same share. None where only
        the sum counts.
    """

    share: float
    n: int
    size: int
    layers: tuple[int, ...] | None = None

    @property
    def quotas(self) -> list[tuple[list[int], int]]:
        """Parts of which so many are kept."""
        if self.layers is None:
            return [(list(range(self.n)), self.size)]
        of = np.array(self.layers)
        return [
            (np.flatnonzero(of == layer).tolist(), max(1, round(self.share * (of == layer).sum())))
            for layer in np.unique(of)
        ]

    def best(self, scores: FloatArray) -> BoolArray:
        """Return the mask that keeps the parts with the highest scores, ``(n,)`` or ``(n, k)``.

        Equal scores are told apart by the columns after the first, then by the order of the parts.
        """
        return self.thinned(np.ones(self.n, dtype=np.bool_), scores, self.size)

    def thinned(self, mask: BoolArray, scores: FloatArray, size: int) -> BoolArray:
        """Return a mask of which the parts with the lowest scores are gone, ``size`` are left.

        No layer is left with less than its share.
        """
        columns = scores.reshape(self.n, -1).T
        quota = np.zeros(self.n, dtype=np.int64)
        group = np.zeros(self.n, dtype=np.int64)
        for label, (members, count) in enumerate(self.quotas):
            group[members], quota[members] = label, count
        found = mask.copy()
        left = np.bincount(group[mask], minlength=self.n)
        surplus = int(mask.sum()) - size
        for part in np.lexsort((-np.arange(self.n), *columns[::-1])):
            if surplus and found[part] and left[group[part]] > quota[part]:
                found[part] = False
                left[group[part]] -= 1
                surplus -= 1
        return found

    def random(self, rng: np.random.Generator, count: int) -> BoolArray:
        """Return different masks that meet it, at most ``count``."""
        masks = np.stack([self.best(rng.random(self.n)) for _ in range(count)])
        return np.unique(masks, axis=0)


def rooms(
    keep: float | int | Sequence[float | int],
    n: int,
    layers: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    noun: str = "parts",
) -> tuple[Room, ...]:
    """Return what ``keep`` asks for: shares of n parts, or numbers of parts.

    With ``layers`` each layer keeps the share; with ``groups`` each group of queries, where the
    share of a group is a whole number. ``noun`` is what errors call them.

    Raises
    ------
    BadInput
        If it is not a share in (0, 1] or a number from 1 to n, or leaves no part.
    """
    several = isinstance(keep, Sequence | np.ndarray) and not isinstance(keep, str)
    asked: list[object] = list(keep) if several else [keep]  # type: ignore[arg-type]
    if not asked:
        raise BadInput(
            f"keep must be a share such as 0.66, a number of {noun}, or several; got {keep!r}"
        )
    found = [_room(one, n, layers, groups, noun) for one in asked]
    sizes = [room.size for room in found]
    if len(set(sizes)) < len(sizes):
        raise BadInput(f"keep={asked!r} asks for the same number of {noun} twice: {sizes}")
    return tuple(found)


def _room(
    one: object, n: int, layers: Sequence[int] | None, groups: Sequence[int] | None, noun: str
) -> Room:
    whole = isinstance(one, int | np.integer) and not isinstance(one, bool)
    if whole:
        if not 1 <= one <= n:  # type: ignore[operator]
            raise BadInput(f"keep must be a number of {noun} from 1 to {n}; got {one}")
        share = int(one) / n  # type: ignore[call-overload]
    elif isinstance(one, float | np.floating) and 0 < one <= 1:
        share = float(one)
    else:
        raise BadInput(
            f"keep must be a share of the {noun} above 0 and at most 1, such as 0.66, or a whole "
            f"number of them; got {one!r}"
        )
    size = int(one) if whole else round(share * n)  # type: ignore[call-overload]
    if size < 1:
        raise BadInput(f"keep={one} of {n} {noun} leaves none; keep at least {1 / n:.2g}")
    if layers is None:
        return Room(share, n, size)
    labels = layers
    if groups is not None:
        sizes = share * np.unique(groups, return_counts=True)[1]
        if (np.abs(sizes - np.round(sizes)) < 1e-9).all() and (sizes >= 1).all():
            labels = groups
    room = Room(share, n, size, tuple(labels))
    return Room(share, n, sum(quota for _, quota in room.quotas), tuple(labels))


def by_lasso(masks: BoolArray, values: FloatArray, seed: int) -> FloatArray:
    """Return what each part is worth alone, float64 ``(n, 2)``: its main effect of LASSO.

    The second column, the correlation with the values, tells equals apart: those left out.
    """
    effects = fit(masks, values, method="lasso", seed=seed).spectrum(None).main_effects
    signs = np.where(masks, 1.0, -1.0)
    return np.stack([effects, (values - values.mean()) @ signs], axis=1)


def by_program(
    spectrum: Spectrum,
    room: Room,
    *,
    draws: FloatArray | None = None,
    seed: int = 0,
    time_limit: float = 30.0,
) -> tuple[BoolArray, bool]:
    """Return the mask of the highest prediction, and whether it is proved to be.

    With ``draws`` of the coefficients, of the highest mean less :data:`KAPPA` sd.
    """
    if room.layers is not None:
        return _by_swaps(spectrum, room, draws, seed), False
    best = best_subset(
        spectrum,
        room.size,
        draws=draws,
        kappa=0.0 if draws is None else KAPPA,
        time_limit=time_limit,
        seed=seed,
    )
    return np.array(best.mask), best.optimal


def swapped(mask: BoolArray, room: Room) -> BoolArray:
    """Return the masks that one swap of a kept part for another makes, ``(s, n)``."""
    pairs = [
        (i, j)
        for members, _ in room.quotas
        for i in members
        if mask[i]
        for j in members
        if not mask[j]
    ]
    near = np.repeat(mask[None], len(pairs), axis=0)
    for row, (out, come) in enumerate(pairs):
        near[row, out], near[row, come] = False, True
    return near


def draws_of(
    spectrum: Spectrum, evaluations: Recording, values: FloatArray, seed: int
) -> FloatArray:
    """Return coefficients from refits to resampled masks, ``(d, k)``, about the spectrum's own.

    The terms stay; of what the spectrum leaves unexplained, each refit takes what a ridge
    regression finds in its resample, with a prior variance of a term's mean energy.
    """
    signs = parities(evaluations.masks, spectrum.packed)
    left = values - spectrum.predict(evaluations.masks)
    m, k = signs.shape
    noise = float(np.square(left).mean())
    prior = max(spectrum.variance / max(k - 1, 1), 1e-12 * (1 + noise))
    rng = np.random.default_rng([seed, 3])
    found = np.empty((DRAWS, k))
    for row in range(DRAWS):
        counts = rng.multinomial(m, np.full(m, 1 / m)).astype(np.float64)
        weighted = signs * counts[:, None]
        gram = weighted.T @ signs + (noise / prior) * np.eye(k)
        found[row] = np.linalg.lstsq(gram, weighted.T @ left, rcond=None)[0]
    centred: FloatArray = spectrum.coefficients + found - found.mean(axis=0)
    return centred


def _by_swaps(spectrum: Spectrum, room: Room, draws: FloatArray | None, seed: int) -> BoolArray:
    """The best of several local searches by swaps within layers."""
    rng = np.random.default_rng([seed, 4])
    singles = np.zeros(room.n)
    for term, coefficient in spectrum.terms.items():
        if len(term) == 1:
            singles[term[0]] = -coefficient

    def worth(masks: BoolArray) -> FloatArray:
        if draws is None:
            return spectrum.predict(masks)
        all_of_them = parities(masks, spectrum.packed) @ draws.T
        robust: FloatArray = all_of_them.mean(axis=1) - KAPPA * all_of_them.std(axis=1)
        return robust

    best, value = room.best(singles), -np.inf
    for start in range(STARTS):
        mask = room.best(singles if start == 0 else rng.random(room.n))
        now = float(worth(mask[None])[0])
        while True:
            near = swapped(mask, room)
            if not len(near):
                break
            values = worth(near)
            top = int(values.argmax())
            if values[top] <= now + 1e-12 * (1 + abs(now)):
                break
            mask, now = near[top], float(values[top])
        if now > value:
            best, value = mask, now
    return best
