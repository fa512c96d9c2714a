"""What many inputs have in common: effects and interactions, averaged over inputs by label.

A *label* is what features of different inputs share: the text of a unit, its place, or the slot of
a template that it fills. For a set of labels (``not`` and ``bad``), each input in which they all
occur gives one number, the sum of the index over all sets of features with these labels (0 where
its explanation has no such term). The mean of these numbers is over the inputs, not over the
occurrences, and so is its error.

The interval is Student's t over the inputs. The variance between the inputs already holds the error
that each input's fit makes, so nothing is added for that; but it never counts for less than the
fits' own errors, or two inputs that agree by chance would look certain.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from typing import Any

import numpy as np
from scipy.sparse import coo_array, triu
from scipy.special import stdtr, stdtrit

from interplay.collection.aggregated import Aggregated, Shared
from interplay.collection.labels import BY, Labels, labels_of
from interplay.errors import BadInput, check_whole, unknown
from interplay.explanation import Explanation
from interplay.intervals import LEVEL
from interplay.metrics import q_values
from interplay.numbers import count


def aggregate(
    explanations: Mapping[str, Explanation],
    *,
    by: str = "unit",
    order: int = 2,
    index: str = "BII",
    min_inputs: int = 2,
    target: str | None = None,
    trusted_only: bool = True,
) -> Aggregated:
    """Average effects and interactions over inputs: see :meth:`Explanations.aggregate`."""
    if by not in BY:
        raise unknown("by", by, BY)
    check_whole("order", order, 1)
    check_whole("min_inputs", min_inputs, 2)
    target = common_target(explanations) if target is None else target
    chosen, notes = _choose(explanations, target, trusted_only=trusted_only)
    inputs = [_Input.read(id, found, by, index, order) for id, found in chosen.items()]
    looked_at = {t: _looked_at(inputs, t, min_inputs) for t in range(1, order + 1)}
    rows = _with_q(_rows(inputs, min_inputs), looked_at)
    if rows:
        notes.append(_chance(looked_at, min_inputs))
    elif inputs:
        notes.append(f"No effect or combination occurs in {count(min_inputs, 'input')} or more.")
    return Aggregated(
        rows=tuple(sorted(rows, key=lambda row: row.rank)),
        by=by,
        index=index,
        target=target,
        ids=tuple(chosen),
        looked_at=looked_at,
        notes=tuple(notes),
    )


def common_target(explanations: Mapping[str, Explanation]) -> str:
    """Return the target that all inputs show; raise BadInput where they differ."""
    shown = Counter(found.target_name for found in explanations.values())
    if len(shown) == 1:
        return next(iter(shown))
    told = ", ".join(f"{name} ({count(number, 'input')})" for name, number in shown.most_common())
    raise BadInput(
        f"the inputs speak of different targets: {told}. Numbers of different targets have no "
        "common mean: pass target= to look at the inputs of one, or explain all for the same target"
    )


def _choose(
    explanations: Mapping[str, Explanation], target: str, *, trusted_only: bool
) -> tuple[dict[str, Explanation], list[str]]:
    """Return the views that are averaged, and in words what is left out and why."""
    known = list(dict.fromkeys(t for found in explanations.values() for t in found.targets))
    if target not in known:
        raise unknown("target", target, known)
    chosen: dict[str, Explanation] = {}
    others = copies = 0
    doubtful: list[str] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for id, found in explanations.items():
        if target not in found.targets:
            others += 1
            continue
        view = found.target(target)
        if trusted_only and view.faithfulness.verdict == "do not trust":
            doubtful.append(id)
            continue
        # The same input twice is one observation, however often it is in the file.
        same = (str(view.config.get("fingerprint") or id), view.features)
        if same in seen:
            copies += 1
            continue
        seen.add(same)
        chosen[id] = view
    total, notes = len(explanations), []
    if others:
        notes.append(f"{others} of {count(total, 'input')} do not speak of {target}.")
    if doubtful:
        named = ", ".join(doubtful[:5]) + (", ..." if len(doubtful) > 5 else "")
        notes.append(
            f"Left out: {len(doubtful)} of {count(total, 'input')}, whose explanation is not to be "
            f"trusted ({named}). More budget for these would bring them in."
        )
    if copies:
        notes.append(f"{copies} of {count(total, 'input')} repeat others and count once.")
    for key, word in (("model", "models"), ("mask", "masks"), ("units", "units")):
        kinds = {str(view.subject.get(key)) for view in chosen.values()}
        if len(kinds) > 1:
            notes.append(
                f"The inputs were explained with different {word}: {', '.join(sorted(kinds))}."
            )
    return chosen, notes


@dataclass
class _Sum:
    """The sum of an index over the features of one input that have some labels."""

    value: float = 0.0
    variance: float = 0.0
    terms: int = 0
    standing: Counter[Labels] = field(default_factory=Counter)  # the labels as the text has them


@dataclass
class _Input:
    """One input: how often each label occurs, and the sums that its explanation has."""

    id: str
    counts: Counter[str]
    sums: dict[Labels, _Sum]
    left_out: dict[int, float]
    """Order -> variance of a term that the fit did not keep: as of those that it did."""

    @classmethod
    def read(cls, id: str, found: Explanation, by: str, index: str, order: int) -> _Input:
        labels = labels_of(found, by, id)
        table = found.interactions(index, min(order, len(labels)))
        sums: dict[Labels, _Sum] = defaultdict(_Sum)
        errors: dict[int, list[float]] = defaultdict(list)
        for term, value in table.items():
            if not term:
                continue
            standing = tuple(labels[i] for i in term)
            total = sums[tuple(sorted(standing))]
            total.value += value
            total.terms += 1
            total.standing[standing] += 1
            if table.errors is not None:
                total.variance += table.errors[term] ** 2
                errors[len(term)].append(table.errors[term])
        left_out = {t: float(np.median(found)) ** 2 for t, found in errors.items()}
        return cls(id, Counter(labels), dict(sums), left_out)

    def has(self, labels: Mapping[str, int]) -> bool:
        return all(self.counts[label] >= times for label, times in labels.items())

    def look_up(self, key: Labels, labels: Mapping[str, int]) -> _Sum:
        """The sum for some labels that occur here; terms that are not there count 0."""
        found = self.sums.get(key, _Sum())
        sets = 1
        for label, times in labels.items():
            sets *= comb(self.counts[label], times)
        missing = (sets - found.terms) * self.left_out.get(len(key), 0.0)
        return _Sum(found.value, found.variance + missing, found.terms, found.standing)


def _rows(inputs: Sequence[_Input], min_inputs: int) -> list[Shared]:
    having: dict[str, set[int]] = defaultdict(set)
    for k, one in enumerate(inputs):
        for label in one.counts:
            having[label].add(k)
    rows = []
    for key in dict.fromkeys(key for one in inputs for key in one.sums):
        labels = Counter(key)
        together = sorted(set.intersection(*(having[label] for label in labels)))
        among = [inputs[k] for k in together if inputs[k].has(labels)]
        if len(among) >= min_inputs:
            rows.append(_shared(among, [one.look_up(key, labels) for one in among]))
    return rows


def _shared(among: Sequence[_Input], sums: Sequence[_Sum]) -> Shared:
    values = np.array([found.value for found in sums])
    standing = Counter[Labels]()
    for found in sums:
        standing.update(found.standing)
    value, low, high, p = mean_with_interval(values, np.array([s.variance for s in sums]))
    return Shared(
        labels=min(standing, key=lambda labels: (-standing[labels], labels)),
        value=value,
        low=low,
        high=high,
        inputs=len(among),
        found=sum(found.terms > 0 for found in sums),
        agree=int((np.sign(values) == np.sign(value)).sum()) if value else 0,
        p=p,
        q=p,
        values={one.id: found.value for one, found in zip(among, sums, strict=True)},
    )


def mean_with_interval(
    values: np.ndarray[Any, np.dtype[np.float64]], variances: np.ndarray[Any, np.dtype[np.float64]]
) -> tuple[float, float, float, float]:
    """Return the mean over inputs, its 90 % interval, and the two-sided p value of a mean of 0.

    Parameters
    ----------
    values, variances
        float ``(k,)``, k at least 2: each input's value, and the variance of its own error.

    Examples
    --------
    >>> mean_with_interval(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    (2.0, 0.31..., 3.68..., 0.07...)
    """
    k = len(values)
    mean = float(values.mean())
    # identical numbers must have no spread at all, not one of a rounding
    spread = float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0
    error = float(np.sqrt(max(spread, float(variances.mean())) / k))
    if error == 0:
        return mean, mean, mean, float(mean == 0)
    half = float(stdtrit(k - 1, (1 + LEVEL) / 2)) * error
    return mean, mean - half, mean + half, float(2 * stdtr(k - 1, -abs(mean) / error))


def _looked_at(inputs: Sequence[_Input], order: int, min_inputs: int) -> int:
    """Return how many sets of labels occur in enough inputs to make a row."""
    if order > 2:  # too many to list; each is counted in at least min_inputs inputs
        return sum(comb(one.counts.total(), order) for one in inputs) // min_inputs
    having = Counter(label for one in inputs for label in one.counts)
    frequent = {label: j for j, (label, k) in enumerate(having.items()) if k >= min_inputs}
    if order == 1:
        return len(frequent)
    twice = Counter(label for one in inputs for label, times in one.counts.items() if times > 1)
    doubled = sum(times >= min_inputs for times in twice.values())
    places = [
        (k, frequent[label])
        for k, one in enumerate(inputs)
        for label in one.counts
        if label in frequent
    ]
    if not places:
        return doubled
    rows, columns = zip(*places, strict=True)
    present = coo_array((np.ones(len(rows), dtype=np.int32), (rows, columns))).tocsr()
    together = triu(present.T @ present, k=1)
    return doubled + int((together.data >= min_inputs).sum())


def _with_q(rows: Sequence[Shared], looked_at: Mapping[int, int]) -> list[Shared]:
    """Return the rows with their q values, order by order.

    Sets of labels that no explanation has a term for were looked at too, and count with p = 1.
    """
    out: list[Shared] = []
    for order, family in looked_at.items():
        mine = [row for row in rows if row.order == order]
        found = q_values(np.array([row.p for row in mine]), family).tolist()
        out += [replace(row, q=q) for row, q in zip(mine, found, strict=True)]
    return out


def _chance(looked_at: Mapping[int, int], min_inputs: int) -> str:
    nouns = {1: "unit", 2: "pair"}
    told = [
        count(number, nouns[order]) if order in nouns else f"at most {number:,} groups of {order}"
        for order, number in looked_at.items()
        if number
    ]
    return (
        f"{' and '.join(told)} occur in {min_inputs} inputs or more and were looked at. By chance "
        "alone one in ten of so many would have an interval that leaves out 0; q is the share of "
        "such chance finds among the rows that are at least as clear as this one."
    )
