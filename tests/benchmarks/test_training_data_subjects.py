"""What the benchmark of training data plants and counts."""

from __future__ import annotations

import numpy as np
from benchmarks.training_data import duplicates, subjects


def test_planted_pairs_are_copies() -> None:
    rows, pairs = subjects.planted(50, 12, seed=3)
    assert len(rows) == 50
    assert len(pairs) == 12
    assert all(rows[i] == rows[j] and i < j for i, j in pairs)
    assert len(set(rows.tolist())) == 38
    other, _ = subjects.planted(50, 12, seed=4)
    assert not np.array_equal(rows, other)


def test_parts_of_the_digits_have_nothing_in_common() -> None:
    train, targets, holdout = subjects.digits(60, 30, seed=1, classes=(3, 8))
    names = [set(part.names) for part in (train, targets, holdout)]
    assert [len(part) for part in names[:2]] == [60, 30]
    assert sum(map(len, names)) == len(set.union(*names))
    assert train.classes == ("3", "8")
    assert all(name.split()[0] == train.classes[label] for name, label in zip(
        train.names, train.labels, strict=True,
    ))  # fmt: skip


def test_curve_of_recall_and_precision() -> None:
    evidence = np.zeros((4, 4))
    evidence[0, 1], evidence[0, 2], evidence[2, 3] = 3.0, 2.0, 1.0
    # named in this order: a hit, a miss, a hit
    assert duplicates._ranked(evidence, {(0, 1), (2, 3)}) == [(0.5, 1.0), (1.0, 2 / 3)]
    thinned = duplicates._thinned([[(0.5, 1.0), (1.0, 2 / 3)]])
    assert [point["precision"] for point in thinned] == [1.0] * 5 + [2 / 3] * 5
