"""Gradient-boosted trees for 0/1 features, many ensembles at once, with their exact Walsh spectrum.

A split of a 0/1 feature has no threshold to search, so the histogram of a whole level is one matrix
product: masks transposed times residuals, one column per (ensemble, node). Ensembles that differ in
target or training rows (cross-validation folds, bags) share the product. That makes these trees
faster on masks than a general booster, and a fit is free of threads, locks and log lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interplay.value_function import BoolArray, FloatArray

Members = NDArray[np.int32]
"""Terms as rows of feature indices ``(k, width)``, ascending, padded on the left with -1."""


@dataclass(frozen=True)
class BoostingOptions:
    """How the trees are grown.

    ``depth`` levels of splits, so terms have at most this order. ``rate`` shrinks each tree,
    ``ridge`` is added to the row count of a leaf, ``feature_share`` of the features may be split
    in one round. Growth stops after ``patience`` rounds without a better error on judging rows.
    """

    depth: int = 4
    rate: float = 0.2
    rounds: int = 120
    ridge: float = 1.0
    min_rows: int = 2
    feature_share: float = 0.5
    patience: int = 20


@dataclass(frozen=True)
class Trees:
    """Perfect binary trees in heap order, left = feature masked (0), right = kept (1).

    ``features`` int32 ``(trees, 2^depth - 1)``, -1 where a node is not split; ``leaves`` float64
    ``(trees, 2^depth)``; ``ensemble`` int ``(trees,)``, whose tree it is; ``base`` float64
    ``(ensembles,)``, what each starts from.
    """

    features: NDArray[np.int32]
    leaves: FloatArray
    ensemble: NDArray[np.intp]
    base: FloatArray

    def spectrum(self, ensemble: int, n: int) -> tuple[float, Members, FloatArray]:
        """Return the exact Walsh series of one ensemble: constant, terms, coefficients.

        Let the subtrees left and right of node v differ by 2Δ in their mean over all masks, and let
        d be its depth. Then v adds ``Δ 2^-d ∏ sign_i`` to the term {v's feature} ∪ S for every set
        S of features on the path to v, sign_i being +1 where the path turned left, -1 where right.
        (The recursion N = (L+R)/2, N = (L-R)/2 of Kushilevitz and Mansour, summed in closed form.)
        """
        rows = self.ensemble == ensemble
        features, leaves = self.features[rows], self.leaves[rows]
        depth = leaves.shape[1].bit_length() - 1
        means = [leaves]
        while means[-1].shape[1] > 1:
            means.append((means[-1][:, 0::2] + means[-1][:, 1::2]) / 2)
        means.reverse()
        terms, coefficients = [np.empty((0, depth), np.int32)], [np.empty(0)]
        for d in range(depth):
            difference = (means[d + 1][:, 0::2] - means[d + 1][:, 1::2]) / 2
            tree, node = np.nonzero(difference)
            share = difference[tree, node] / 2**d
            own = features[tree, 2**d - 1 + node]
            above = [features[tree, 2**e - 1 + (node >> (d - e))] for e in range(d)]
            sign = [1.0 - 2.0 * ((node >> (d - e - 1)) & 1) for e in range(d)]
            for chosen in range(2**d):
                term = np.full((len(tree), depth), -1, np.int32)
                term[:, 0] = own
                value = share
                for e in range(d):
                    if chosen >> e & 1:
                        term[:, e + 1] = above[e]
                        value = value * sign[e]
                terms.append(term)
                coefficients.append(value)
        constant = float(self.base[ensemble] + means[0].sum())
        members = np.sort(np.concatenate(terms), axis=1)
        return constant, *merge(members, np.concatenate(coefficients), n)


def merge(members: Members, coefficients: FloatArray, n: int) -> tuple[Members, FloatArray]:
    """Sum the coefficients of equal terms; terms come back in a fixed, unspecified order.

    Terms are compared by a 64-bit hash (xor of one random word per feature), which is verified and
    redrawn in the improbable case of a collision.
    """
    seed = 0
    while True:
        words = np.random.default_rng(seed).integers(0, 2**64, n + 1, dtype=np.uint64)
        words[n] = 0  # index -1, the padding
        keys = np.bitwise_xor.reduce(words[members], axis=1)
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        merged = members[first]
        if (merged[inverse] == members).all():
            return merged, np.bincount(inverse, coefficients, len(first)).astype(np.float64)
        seed += 1


def boost(
    masks: BoolArray,
    targets: FloatArray,
    *,
    train: FloatArray,
    judge: FloatArray,
    groups: NDArray[np.intp],
    rng: np.random.Generator,
    options: BoostingOptions,
    usable: BoolArray | None = None,
) -> list[Trees]:
    """Grow one ensemble of trees per column of each of ``targets``.

    What is grown for one of ``targets`` does not depend, to the last bit, on the others: matrix
    products are made one by one in equal shapes, and each stops growing when it would alone.

    Parameters
    ----------
    masks
        bool ``(m, n)``.
    targets
        float ``(q, m, b)``, best scaled to unit variance (the trees work in float32).
    train, judge
        float ``(m, b)``: weight of a row in growing ensemble b, and in judging it.
    groups
        int ``(b,)``: ensembles that differ in nothing but their rows. How many rounds one keeps is
        decided by the errors of the *others* in its group, so that the rows that judge it have no
        part in it; an ensemble alone in its group judges itself.
    rng
        source of the features that may be split in each round.
    usable
        bool ``(b, n)``: the features that each ensemble may split at all; None for all.
    """
    n, (q, _, b) = masks.shape[1], targets.shape
    columns = np.ascontiguousarray(masks.T, dtype=np.float32)
    target, weight = targets.astype(np.float32), train.astype(np.float32)
    judging = judge.astype(np.float32)
    base = (target * weight).sum(axis=1) / weight.sum(axis=0)
    residual = target - base[:, None]
    errors = np.empty((q, options.rounds + 1, b))
    errors[:, 0] = (np.square(residual) * judging).sum(axis=1, dtype=np.float64)
    grown: list[list[tuple[NDArray[np.int32], NDArray[np.float32]]]] = [[] for _ in range(q)]
    allowed = max(1, round(options.feature_share * n))
    together = (groups[:, None] == groups).astype(np.float64)
    growing = np.arange(q)
    for done in range(1, options.rounds + 1):
        subset = np.sort(rng.permutation(n)[:allowed])
        features, leaves, leaf = _grow(
            masks,
            columns[subset],
            subset,
            residual * weight,
            weight,
            options,
            None if usable is None else ~usable[:, subset].T,
        )
        residual -= leaves.take(leaf)
        errors[growing, done] = (np.square(residual) * judging).sum(axis=1, dtype=np.float64)
        for one, nodes, ends in zip(growing.tolist(), features, leaves, strict=True):
            grown[one].append((nodes, ends))
        by_group = errors[growing, : done + 1] @ together
        waiting = (done - by_group.argmin(axis=1) < options.patience).any(axis=1)
        if not waiting.all():
            growing, residual = growing[waiting], residual[waiting]
            if not len(growing):
                break
    alone = together.sum(axis=0) == 1
    forests = []
    for one, rounds in enumerate(map(len, grown)):
        others = errors[one, : rounds + 1] @ (together - np.diag(~alone))
        born, ensemble = np.nonzero(np.arange(rounds)[:, None] < others.argmin(axis=0))
        forests.append(
            Trees(
                features=np.array([features for features, _ in grown[one]])[born, ensemble],
                leaves=np.array([leaves for _, leaves in grown[one]])[born, ensemble].astype(
                    np.float64
                ),
                ensemble=ensemble,
                base=base[one].astype(np.float64),
            )
        )
    return forests


def _grow(
    masks: BoolArray,
    columns: NDArray[np.float32],
    subset: NDArray[np.intp],
    residual: NDArray[np.float32],
    weight: NDArray[np.float32],
    options: BoostingOptions,
    forbidden: BoolArray | None,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.intp]]:
    """Grow one tree per column of ``residual`` ``(q, m, b)``.

    Returns features ``(q, b, 2^depth - 1)``, leaf values ``(q, b, 2^depth)``, and for every row
    ``(q, m, b)`` the place of its leaf among all leaf values.
    """
    q, m, b = residual.shape
    k, ridge, depth = len(subset), options.ridge, options.depth
    row_start = np.arange(m)[:, None] * masks.shape[1]
    tree = np.arange(q)[:, None, None] * b + np.arange(b)
    node = np.zeros((q, m, b), np.intp)
    features = np.full((q, b, 2**depth - 1), -1, np.int32)
    # sums of residual and weight: per node, and of its rows that keep feature j: (q, j, tree, node)
    total, count = (
        residual.sum(axis=1)[:, :, None],
        np.repeat(weight.sum(axis=0)[None, :, None], q, 0),
    )
    value = total / (count + ridge)
    both = np.concatenate([residual, np.repeat(weight[None], q, 0)], axis=2)
    kept = (columns @ both).reshape(q, k, 2, b, 1)
    kept_total, kept_count = kept[:, :, 0], kept[:, :, 1]
    for d in range(depth):
        width = 2**d
        if d:
            left = _left_sums(columns, residual, weight, node, width // 2)
            kept_total = _children(kept_total, left[:, :, 0])
            kept_count = _children(kept_count, left[:, :, 1])
        rest = count[:, None] - kept_count
        gain = np.square(kept_total) / (kept_count + ridge)
        gain += np.square(total[:, None] - kept_total) / (rest + ridge)
        gain[(kept_count < options.min_rows) | (rest < options.min_rows)] = -1.0
        if forbidden is not None:
            gain[:, forbidden] = -1.0
        best = gain.argmax(axis=1)
        score = _at(gain, best)
        split = score > np.square(total) / (count + ridge) * (1 + 1e-6) + 1e-9
        features[:, :, width - 1 : 2 * width - 1] = np.where(split, subset[best], -1)
        right_total = np.where(split, _at(kept_total, best), 0)
        right_count = np.where(split, _at(kept_count, best), 0)
        left_total, left_count = total - right_total, count - right_count
        # a node that is not split hands its value down to both children
        value = _interleave(
            np.where(split, left_total / (left_count + ridge), value),
            np.where(split, right_total / (right_count + ridge), value),
        )
        total = _interleave(left_total, right_total)
        count = _interleave(left_count, right_count)
        # take from the flat arrays, which is twice as fast as indexing by several axes
        feature = features.take(tree * (2**depth - 1) + (width - 1) + node)
        node = 2 * node + (masks.take(row_start + feature) & (feature >= 0))
    return features, value * np.float32(options.rate), tree * 2**depth + node


def _at(of_features: NDArray[np.float32], best: NDArray[np.intp]) -> NDArray[np.float32]:
    """The entries ``(q, b, nodes)`` of ``(q, k, b, nodes)`` at the best feature."""
    return np.take_along_axis(of_features, best[:, None], axis=1)[:, 0]


def _interleave(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left and right children, side by side on the last axis."""
    return np.stack([left, right], axis=-1).reshape(*left.shape[:-1], -1)


def _left_sums(
    columns: NDArray[np.float32],
    residual: NDArray[np.float32],
    weight: NDArray[np.float32],
    node: NDArray[np.intp],
    parents: int,
) -> NDArray[np.float32]:
    """Sums over the left children, ``(q, k, 2, b, parents)``; the right follow by subtraction."""
    q, m, b = residual.shape
    left = 2 * np.arange(parents, dtype=np.int8)
    in_left = (node.astype(np.int8)[..., None] == left).astype(np.float32)
    stacked = np.empty((q, m, 2, b, parents), np.float32)
    np.multiply(residual[..., None], in_left, out=stacked[:, :, 0])
    np.multiply(weight[:, :, None], in_left, out=stacked[:, :, 1])
    sums = columns @ stacked.reshape(q, m, -1)
    return sums.reshape(q, len(columns), 2, b, parents)


def _children(parent: NDArray[np.float32], left: NDArray[np.float32]) -> NDArray[np.float32]:
    return _interleave(left, parent - left)
