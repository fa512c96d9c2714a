"""The search for the smallest flip: what is tried, in which order, and what that proves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, islice
from math import comb, inf
from typing import Final

import numpy as np

from interplay.actions.flip.decision import Decision
from interplay.actions.flip.nearby import Nearby
from interplay.actions.flip.probe import Probe, Removed, masks_without
from interplay.optimize import best_subset
from interplay.value_function import FloatArray

AT_ONCE: Final = 8
"""Sets that are verified before the predictions are set right again."""

LISTED: Final = 20_000
"""Of so many sets of one size all are predicted; of more only those that grow from likely ones."""

WIDTH: Final = 64
"""Likely sets of one size that those of the next grow from."""

GROWN: Final = 6
"""Up to this size they have grown from likely ones themselves; larger ones are the solver's."""

PLAUSIBLE: Final = 2.0
"""A set is tried early if its predicted distance is within so many standard deviations of 0."""

CONCEIVABLE: Final = 3.0
"""A smaller set is tried before a flip is called the smallest if it is within so many."""

ALL_SUBSETS: Final = 6
"""Up to this size every proper subset of a flip is tried."""

SECONDS: Final = 2.0
"""Of the solver, for one size."""


@dataclass
class Search:
    """Looks for the fewest features whose removal changes a decision.

    Attributes
    ----------
    free
        the features that may be removed.
    at_most
        how many of them.
    reserve
        calls that are left for what comes after the search.
    known
        values that are known already, ``(columns,)`` each.
    seed
        of the solver.
    tried
        values that were asked for, or known, by set.
    rejected
        sets that flip a single noisy value, but not most of several.
    """

    decision: Decision
    nearby: Nearby
    probe: Probe
    free: tuple[int, ...]
    at_most: int
    reserve: int
    known: Mapping[Removed, FloatArray] = field(default_factory=dict)
    seed: int = 0
    tried: dict[Removed, FloatArray] = field(default_factory=dict)
    rejected: set[Removed] = field(default_factory=set)

    def run(self) -> Removed | None:
        """Return the smallest set that was found to flip the decision; None if there is none."""
        before = self.flips()
        found = before[0] if before else self.single() or self.growing() or self.remaining()
        if found is not None and len(found) > 1:
            found = self.smaller(self.shrunk(found))
        return found if found is None or len(found) <= self.at_most else None

    # ---- what has been found

    def flips(self, sets: Iterable[Removed] | None = None) -> list[Removed]:
        """Return the sets that were tried and flip: the smallest first, the clearest first."""
        sets = self.tried if sets is None else sets
        found = [one for one in sets if one in self.tried and one not in self.rejected and one]
        if not found:
            return []
        values = np.stack([self.tried[one] for one in found])
        flipped, far = self.decision.flipped(values), self.decision.distance(values)
        order = sorted((len(one), far[k], one) for k, one in enumerate(found) if flipped[k])
        return [one for _, _, one in order]

    def closest(self) -> Removed | None:
        """Return the set that came closest, of those that were tried and are not too large."""
        found = [one for one in self.tried if 0 < len(one) <= self.at_most]
        if not found:
            return None
        far = self.decision.distance(np.stack([self.tried[one] for one in found]))
        return found[int(np.argmin(far))]

    def counted(self, below: int) -> tuple[int, int]:
        """Return how many sets of fewer than ``below`` features were tried, and how many exist."""
        tried = sum(0 < len(one) < below for one in self.tried)
        return tried, sum(comb(len(self.free), size) for size in range(1, below))

    # ---- real values

    def verify(self, sets: Sequence[Removed]) -> list[Removed]:
        """Ask for the values of sets, learn from them, and return those that flip."""
        new = [one for one in dict.fromkeys(sets) if one not in self.tried]
        have = {one: self.known[one] for one in new if one in self.known}
        ask = [one for one in new if one not in have]
        room = self.probe.left(self.reserve)
        ask = ask if room == inf else ask[: int(room)]
        got = self.probe.values(ask)
        have |= dict(zip(ask[: len(got)], got, strict=True))
        if have:
            masks = masks_without(list(have), self.nearby.n)
            self.nearby.learn(masks, np.stack(list(have.values())))
            self.tried |= have
        return self.flips(sets)

    def over(self) -> bool:
        """Whether nothing more can be asked."""
        return self.probe.stopped is not None or self.probe.left(self.reserve) <= 0

    # ---- predictions

    def likely(self, sets: Sequence[Removed]) -> list[tuple[float, Removed]]:
        """Return sets not tried yet with their predicted distance in standard deviations.

        The likeliest come first.
        """
        new = [one for one in sets if one not in self.tried]
        if not new:
            return []
        mean, spread = self.nearby.predict(masks_without(new, self.nearby.n))
        far = self.decision.distance(mean)
        if self.decision.decide is None:
            sure = far / (spread[:, 0] + 1e-12)
        else:  # its sides are known, not how far they are
            sure = np.where(self.decision.flipped(mean), -1.0, far * (PLAUSIBLE + 1))
        order = np.lexsort((far, np.where(sure < 0, far, sure), sure >= 0))
        return [(float(sure[k]), new[k]) for k in order]

    def candidates(self, size: int) -> list[Removed]:
        """Return sets of a size that are worth predicting: all, or those that grow from others."""
        free = self.free
        if comb(len(free), size) <= LISTED:
            return list(combinations(free, size))
        grown: set[Removed] = set()
        seeds = self.seeds(size - 1)
        for seed in seeds:
            grown.update(tuple(sorted({*seed, i})) for i in free if i not in seed)
        grown.update(self.solved(size))
        return sorted(grown)

    def seeds(self, size: int) -> list[Removed]:
        """Return the likeliest sets of a size, tried ones included."""
        if size == 1:
            pool: list[Removed] = [(i,) for i in self.free]
        elif comb(len(self.free), size) <= LISTED:
            pool = list(combinations(self.free, size))
        else:
            known = (one for one in self.tried if len(one) == size)
            grown = self.candidates(size) if size <= GROWN else self.solved(size)
            pool = sorted({*grown, *known})
        mean, _ = self.nearby.predict(masks_without(pool, self.nearby.n))
        order = np.argsort(self.decision.distance(mean), kind="stable")[:WIDTH]
        return [pool[int(k)] for k in order]

    def solved(self, size: int) -> list[Removed]:
        """Return the best sets of a size under the corrected spectrum, by integer programming."""
        n = self.nearby.n
        held = [i for i in range(n) if i not in set(self.free)]
        found: list[Removed] = []
        if self.decision.decide is None:
            wanted = [(0, not self.decision.before)]
        else:  # a callable may turn either way, on any target
            wanted = [(k, up) for k in range(len(self.nearby.spectra)) for up in (False, True)]
        for column, up in wanted:
            best = best_subset(
                self.nearby.linear(column),
                n - size,
                keep=held,
                maximize=up,
                time_limit=SECONDS,
                seed=self.seed,
            )
            found.append(tuple(np.flatnonzero(~best.mask).tolist()))
        return list(dict.fromkeys(found))

    # ---- the order of things

    def single(self) -> Removed | None:
        """Try single features: the likeliest, then all if half of the budget allows it."""
        singles: list[Removed] = [(i,) for i in self.free]
        first = [one for _, one in self.likely(singles)]
        flips = self.verify(first[:AT_ONCE])
        if not flips and not self.over():
            affordable = self.probe.left(self.reserve) / 2
            rest = [one for _, one in self.likely(singles)]
            flips = self.verify(rest if len(rest) <= affordable else rest[: int(affordable / 2)])
        return flips[0] if flips else None

    def growing(self) -> Removed | None:
        """Try what is predicted to flip, or nearly so, size by size."""
        for size in self.sizes():
            for _ in range(2):
                if self.over():
                    return None
                likely = self.likely(self.candidates(size))
                promising = [one for sure, one in likely[:AT_ONCE] if sure <= PLAUSIBLE]
                if not promising:
                    break
                flips = self.verify(promising)
                if flips:
                    return flips[0]
        return None

    def sizes(self) -> Iterator[int]:
        """Sizes from 2 on: each at first, then with growing steps, up to ``at_most``."""
        size = 2
        while size < self.at_most:
            yield size
            size += 1 if size < 6 else size // 3
        if self.at_most >= 2:
            yield self.at_most

    def remaining(self) -> Removed | None:
        """Where predictions led nowhere: flips among the masks of the run, then whatever is left.

        Masks of the run lack many features; :meth:`shrunk` makes the set small.
        """
        if self.over():
            return None
        of_run = sorted((one for one in self.known if one and set(one) <= set(self.free)), key=len)
        if of_run:
            flipped = self.decision.flipped(np.stack([self.known[one] for one in of_run]))
            first = next((one for k, one in enumerate(of_run) if flipped[k]), None)
            if first is not None and self.verify([first]):
                return first
        sizes: Iterable[int] = range(1, self.at_most + 1)
        if self.counted(self.at_most + 1)[1] > LISTED:
            sizes = dict.fromkeys((1, *islice(self.sizes(), 2), self.at_most))
        while not self.over():
            pools = (self.candidates(size) for size in sizes)
            likely = self.likely(list(chain.from_iterable(pools)))
            if not likely:
                return None
            # predicting takes longer the more features there are
            flips = self.verify(
                [one for _, one in likely[: max(2 * AT_ONCE, len(self.free) // 16)]]
            )
            if flips:
                return flips[0]
        return None

    def shrunk(self, found: Removed) -> Removed:
        """Return a subset that flips too, as small as trying subsets makes it."""
        while len(found) > 1 and not self.over():
            smaller = None
            if len(found) > 2 * ALL_SUBSETS:
                smaller = self.bisected(found)
            smaller = smaller or self.without_one(found)
            if smaller is None:
                break
            found = smaller
        if len(found) <= ALL_SUBSETS:
            for size in range(1, len(found) - 1):
                flips = self.verify(list(combinations(found, size)))
                if flips:
                    return self.shrunk(flips[0])
        return found

    def without_one(self, found: Removed) -> Removed | None:
        """Return a subset with one feature less that flips, the clearest; None if there is none."""
        subsets = list(combinations(found, len(found) - 1))
        ordered = [one for _, one in self.likely(subsets)]
        flips = self.flips(subsets)
        for start in range(0, len(ordered), AT_ONCE):
            if flips or self.over():
                break
            flips = self.verify(ordered[start : start + AT_ONCE])
        return flips[0] if flips else None

    def bisected(self, found: Removed) -> Removed | None:
        """Return the fewest features that flip, of an order in which those needed most come first.

        The order is by what restoring each alone is predicted to do.
        """
        subsets = list(combinations(found, len(found) - 1))
        mean, _ = self.nearby.predict(masks_without(subsets, self.nearby.n))
        needed = np.argsort(-self.decision.distance(mean), kind="stable")
        order = [next(iter(set(found) - set(subsets[int(k)]))) for k in needed]
        low, high = 0, len(order)
        while high - low > 1 and not self.over():
            middle = (low + high) // 2
            part = tuple(sorted(order[:middle]))
            low, high = (low, middle) if self.verify([part]) else (middle, high)
        return tuple(sorted(order[:high])) if high < len(order) else None

    def smaller(self, found: Removed) -> Removed:
        """Try smaller sets elsewhere: all if the budget allows it, else all that may well flip."""
        while len(found) > 1 and not self.over():
            pools = [self.candidates(size) for size in range(1, len(found))]
            likely = self.likely(list(chain.from_iterable(pools)))
            tried, exist = self.counted(len(found))
            if exist - tried > self.probe.left(self.reserve) or len(likely) < exist - tried:
                likely = [one for one in likely if one[0] <= CONCEIVABLE]
            if not likely:
                break
            flips = self.verify([one for _, one in likely[: 2 * AT_ONCE]])
            if flips:
                found = self.shrunk(flips[0])
        return found
