"""Peeling: tell the strongest term of every bin, take it out of all bins, and look again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from interplay.codes import MaskCode
from interplay.value_function import FloatArray

SHARE: Final = 0.1
"""A term is believed that explains so much of a bin's energy; others may be in it, too."""

UNRELIABLE: Final = 12
"""Signs of a bin, of the smallest values, that may be wrong ..."""

PATTERNS: Final = 96
"""... and so many sets of them are tried, those of the smallest values first (Chase, 1972)."""

DOUBTFUL: Final = 4.0
"""Terms of fewer standard errors than this are let go in the end: noise looks like some of them."""

ALIKE: Final = 3.5
"""Bins of two groups are added up whose cosine is so many times that of noise ..."""

MOST_PAIRS: Final = 2000
"""... the most alike ones first, and no more than these."""

WORDS: Final = 60_000
"""Words that are decoded at a time."""

SWEEPS: Final = 40
"""Times that the bins are gone through; new terms run out long before."""

RIDGE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Peeled:
    """What was found in the bins.

    Attributes
    ----------
    sets
        int ``(s, t)``: the terms, rows of features padded on the left with -1.
    coefficients
        float64 ``(s,)``: least squares on all bins.
    noise
        standard deviation of what is left in a value of a bin, robustly estimated.
    """

    sets: NDArray[np.intp]
    coefficients: FloatArray
    noise: float


def peel(code: MaskCode, bins: FloatArray) -> Peeled:
    """Return the terms of a sparse series from its bins, float64 ``(C, 2^b, p + 1)``.

    All bins are decoded at once. What was found is fitted by least squares to all bins together,
    so that a term that was told in a bin with others does not keep their share; what the fit leaves
    over is decoded again. When single bins tell no more, the bins of different groups that look
    alike are added up: a weak term is in one of each, and noise is not.
    """
    sets = np.empty((0, code.t), dtype=np.intp)
    coefficients = np.empty(0)
    rest, least = bins, 1e-18 * np.square(bins).sum()
    changed, alone = np.ones(bins.shape[:2], dtype=np.bool_), True
    for _ in range(SWEEPS):
        if alone:
            active = changed & (np.square(rest).sum(axis=2) > least)
            found = _decode(code, *_single(rest, active), bins.shape[1])
        else:
            found = _decode(code, *_alike(rest, least), bins.shape[1])
        new = _new(found, sets)
        if len(sets) + len(new) > bins.size // 4:
            break
        if len(new):
            sets = np.concatenate([sets, new])
            before = rest
            coefficients, rest = _fit(code, sets, bins)
            moved = np.square(rest - before).sum(axis=2)
            changed, alone = moved > 1e-6 * np.square(before).sum(axis=2), True
        elif alone:
            alone = False
        else:
            break
    noise = float(np.median(np.abs(rest))) / 0.6745
    # each coefficient is a mean over one bin of each group
    strong = np.abs(coefficients) > DOUBTFUL * noise / np.sqrt(bins.shape[0] * bins.shape[2])
    if not strong.all():
        sets = sets[strong]
        coefficients, _ = _fit(code, sets, bins)
    return Peeled(sets, coefficients, noise)


Columns = tuple[FloatArray, NDArray[np.intp]]
"""Values ``(w, p + 1)`` to decode, and the bins ``(w, C)`` that they are from, -1 for unknown."""


def _single(bins: FloatArray, active: NDArray[np.bool_]) -> Columns:
    """Return the active bins."""
    group, number = np.nonzero(active)
    homes = np.full((len(group), len(bins)), -1)
    homes[np.arange(len(group)), group] = number
    return bins[group, number], homes


def _alike(bins: FloatArray, least: float) -> Columns:
    """Return sums of bins of different groups that are more alike, up to sign, than noise is."""
    size = np.sqrt(np.square(bins).sum(axis=2))
    unit = bins / np.where(np.square(size) > least, size, np.inf)[:, :, None]
    root = np.sqrt(bins.shape[2])
    columns, homes, likeness = [], [], []
    for one, other in combinations(range(len(bins)), 2):
        cosine = unit[one] @ unit[other].T
        i, j = np.nonzero(np.abs(cosine) * root > ALIKE)
        sign = np.sign(cosine[i, j])[:, None]
        total = bins[one, i] + sign * bins[other, j]
        home = np.full((len(i), len(bins)), -1)
        home[:, one], home[:, other] = i, j
        for third in set(range(len(bins))) - {one, other}:
            cosine_third = total @ unit[third].T / np.sqrt(np.square(total).sum(axis=1))[:, None]
            k = np.abs(cosine_third).argmax(axis=1)
            strength = cosine_third[np.arange(len(k)), k]
            add = np.abs(strength) * root > ALIKE
            total[add] += np.sign(strength[add])[:, None] * bins[third, k[add]]
            home[add, third] = k[add]
        columns.append(total)
        homes.append(home)
        likeness.append(np.abs(cosine[i, j]))
    order = np.argsort(-np.concatenate(likeness), kind="stable")[:MOST_PAIRS]
    return np.concatenate(columns)[order], np.concatenate(homes)[order]


def _decode(
    code: MaskCode, columns: FloatArray, homes: NDArray[np.intp], number: int
) -> NDArray[np.intp]:
    """Return the believable terms ``(w, t)`` of columns, in designs of ``number`` bins a group."""
    best = np.zeros(len(columns))
    sets = np.full((len(columns), code.t), -1, dtype=np.intp)
    checks = code.bch.checks
    # a wrong sign of the first value turns all parity bits
    checks = np.concatenate([np.bitwise_xor.reduce(checks, axis=0)[None], checks])
    syndromes = np.bitwise_xor.reduce(np.where(columns[:, :, None] < 0, checks, 0), axis=1)
    doubtful = np.argsort(np.abs(columns), axis=1, kind="stable")[:, :UNRELIABLE]
    tried = patterns(doubtful.shape[1], PATTERNS)
    energy = np.square(columns).sum(axis=1)
    block = max(1, WORDS // len(tried))
    for start in range(0, len(columns), block):
        part = slice(start, start + block)
        flips = checks[doubtful[part]]
        words = np.repeat(syndromes[part, None, :], len(tried), axis=1)
        for place in range(doubtful.shape[1]):
            words[:, tried[:, place]] ^= flips[:, None, place]
        told, found = code.bch.decode(words.reshape(-1, code.t))
        row = np.repeat(np.arange(len(columns))[part], len(tried))[told]
        found, home = found[told], homes[row]
        at_home = ((home < 0) | (code.bins(found) % number == home)).all(axis=1)
        row, found = row[at_home], found[at_home]
        mean = (signature(code, found) * columns[row]).mean(axis=1)
        share = np.square(mean) * columns.shape[1] / energy[row]
        for i in np.argsort(share, kind="stable").tolist():  # the largest comes last
            best[row[i]], sets[row[i]] = share[i], found[i]
    return sets[best > SHARE]


def signature(code: MaskCode, sets: NDArray[np.intp]) -> FloatArray:
    """Return the signs ``(w, p + 1)`` with which terms stand in the values of their bins."""
    signs = np.ones((len(sets), len(code.offsets)))
    signs[:, 1:] -= 2.0 * code.bch.parities_of(sets)
    return signs


@cache
def patterns(places: int, count: int) -> NDArray[np.bool_]:
    """Return the first ``count`` sets of places, bool ``(count, places)``, by the sum of ranks.

    The sum of ranks stands for that of the values at the places, which are in ascending order
    (Duffy, An and Medard, 2022): so one list serves every bin.

    >>> patterns(3, 5).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    sets = [chosen for size in range(5) for chosen in combinations(range(places), size)]
    sets.sort(key=lambda chosen: (sum(chosen) + len(chosen), chosen[::-1]))
    tried = np.zeros((min(count, len(sets)), places), dtype=np.bool_)
    for row, chosen in enumerate(sets[:count]):
        tried[row, list(chosen)] = True
    return tried


def _new(candidates: NDArray[np.intp], sets: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the different candidates that are not among the sets, in a fixed order."""
    candidates = np.unique(candidates, axis=0)
    known = {row.tobytes() for row in sets}
    fresh = [row.tobytes() not in known for row in candidates]
    return candidates[np.array(fresh, dtype=np.bool_)]


def _fit(code: MaskCode, sets: NDArray[np.intp], bins: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least squares of terms on all bins: coefficients, and the bins without them.

    A term is in one bin of each group, so two terms meet in few places: their products are those of
    their signs, times the number of groups in which they share a bin.
    """
    signs = signature(code, sets)
    homes = code.bins(sets) & (bins.shape[1] - 1)
    groups = np.arange(code.groups)
    shared = (homes[:, None, :] == homes[None, :, :]).sum(axis=2)
    gram = shared * (signs @ signs.T)
    gram[np.diag_indices_from(gram)] *= 1.0 + RIDGE
    moment = np.einsum("sd,scd->s", signs, bins[groups, homes])
    coefficients: FloatArray = scipy.linalg.solve(gram, moment, assume_a="pos")
    rest = bins.copy()
    for group in groups:
        np.subtract.at(rest[group], homes[:, group], coefficients[:, None] * signs)
    return coefficients, rest
