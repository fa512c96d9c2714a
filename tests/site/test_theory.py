"""The formulas of the theory pages, as they stand there, against brute force on four features."""

from __future__ import annotations

import re
from itertools import combinations
from math import comb, exp, log, sqrt
from pathlib import Path

import index_oracles as oracles
import numpy as np
import pytest

from interplay import Spectrum
from interplay.codes import MaskCode
from interplay.indices import weight
from interplay.intervals import Z_90, bootstrap
from interplay.metrics import faithfulness, r_squared
from interplay.surrogates.boosting import Trees
from interplay.surrogates.parity_gp import error_bars
from interplay.surrogates.parity_gp.kernel import Kernel

DOCS = Path(__file__).parents[2] / "docs"
N = 4
SETS = [t for size in range(N + 1) for t in combinations(range(N), size)]
MASKS = (np.arange(2**N)[:, None] >> np.arange(N) & 1).astype(np.bool_)
KEPT = [tuple(np.flatnonzero(row).tolist()) for row in MASKS]
SIGNS = 1.0 - 2.0 * MASKS
VALUES = np.random.default_rng(0).normal(size=2**N)
"""f(S), S the bits of the position."""


def parity(s, t):
    return (-1) ** len({*s} & {*t})


def above(t):
    return [s for s in SETS if {*s} >= {*t}]


F = {t: np.mean([f * parity(s, t) for s, f in zip(KEPT, VALUES, strict=True)]) for t in SETS}
M = {
    t: sum((-1) ** (len(t) - len(s)) * f for s, f in zip(KEPT, VALUES, strict=True) if {*s} <= {*t})
    for t in SETS
}


# --- the series


def test_series_and_moebius():
    for s, f in zip(KEPT, VALUES, strict=True):
        assert f == pytest.approx(sum(F[t] * parity(s, t) for t in SETS))
        assert f == pytest.approx(sum(M[t] for t in SETS if {*t} <= {*s}))
    assert VALUES[0] == pytest.approx(sum(F.values()))
    for t in SETS:
        assert M[t] == pytest.approx((-2) ** len(t) * sum(F[s] for s in above(t)))
        assert F[t] == pytest.approx((-1) ** len(t) * sum(2.0 ** -len(s) * M[s] for s in above(t)))
    assert Spectrum.from_values(VALUES, N).terms == pytest.approx(F)


def test_energy_is_variance_and_r_squared_is_energy():
    assert VALUES.mean() == pytest.approx(F[()])
    variance = sum(F[t] ** 2 for t in SETS if t)
    assert VALUES.var() == pytest.approx(variance)
    energy = Spectrum(F, N).energy()
    for order in range(1, N + 1):
        found = sum(F[t] ** 2 for t in SETS if len(t) == order) / variance
        assert energy[order] == pytest.approx(found)
    other = {t: f + 0.1 for t, f in F.items()}
    share = 1 - sum((F[t] - other[t]) ** 2 for t in SETS) / variance
    assert r_squared(VALUES, Spectrum(other, N).predict(MASKS)) == pytest.approx(share)
    some = {t: F[t] for t in SETS[:7]}
    share = sum(F[t] ** 2 for t in SETS[1:7]) / variance
    assert r_squared(VALUES, Spectrum(some, N).predict(MASKS)) == pytest.approx(share)


def test_interval_of_faithfulness():
    rng = np.random.default_rng(1)
    values = rng.normal(size=400)
    predicted = values + 0.3 * rng.normal(size=400)
    counts, a, q = bootstrap(400, rng), 0.5, 0.2
    error, spread = counts @ np.square(values - predicted), counts @ np.square(values)
    spread -= np.square(counts @ values) / 400
    u = 1 - r_squared(values, predicted)
    g = -a * log(1 - q)
    half = 1.645 * sqrt(1.1**2 * np.log(error / spread).var() + 6 / 400)
    centre = u * exp(-g * (1 - u))
    found = faithfulness(values, predicted, counts, gain=g, other_fits=True)
    assert pytest.approx(1.645, abs=5e-4) == Z_90
    assert found.value == pytest.approx(1 - centre)
    assert (found.low, found.high) == pytest.approx(
        (1 - centre * exp(half), 1 - centre * exp(-half)), abs=2e-4
    )


def test_tree_recursion():
    rng = np.random.default_rng(2)
    leaves = rng.normal(size=(1, 8))
    features = np.array([[0, 2, 1, 3, 1, 0, 2]], dtype=np.int32)  # 0 comes twice on a path
    features[0, 5] = 3

    def series(node):
        if node >= 7:
            return {(): leaves[0, node - 7]}
        i = int(features[0, node])
        masked, kept = series(2 * node + 1), series(2 * node + 2)
        found = {}
        for t in {*masked, *kept}:
            left, right = masked.get(t, 0.0), kept.get(t, 0.0)
            found[t] = (left + right) / 2
            found[tuple(sorted((*t, i)))] = (left - right) / 2
        return found

    def value(mask):
        node = 0
        while node < 7:
            node = 2 * node + 1 + int(mask[features[0, node]])
        return leaves[0, node - 7]

    expected = series(0)
    assert len(expected) <= 4**3
    truth = Spectrum.from_values(np.array([value(mask) for mask in MASKS]), N).terms
    assert {t: v for t, v in expected.items() if abs(v) > 1e-12} == pytest.approx(truth)
    trees = Trees(features, leaves, np.zeros(1, np.intp), np.zeros(1))
    constant, members, coefficients = trees.spectrum(0, N)
    found = {(): constant}
    for row, v in zip(members.tolist(), coefficients.tolist(), strict=True):
        found[tuple(i for i in row if i >= 0)] = v
    assert found == pytest.approx({t: expected[t] for t in found})


def test_coefficients_of_the_parity_process():
    rng = np.random.default_rng(3)
    relevances = rng.uniform(0.1, 2.0, N)
    a0, a1, a2, a3 = 0.5, 0.7, 1.3, 0.9
    rho, share = np.tanh(relevances / 2), relevances / relevances.sum()
    direction = rng.normal(size=N)
    kernel = Kernel(relevances, direction, a0, a1, a2, a3, 0.1)
    z, other = SIGNS[5], SIGNS[11]
    product = np.prod((1 + rho * z * other) / (1 + rho))
    coupled = a3 * exp(-((direction @ (z - other)) ** 2) / 2)
    expected = a0 + a1 * (share * z) @ other + (a2 + coupled) * product
    assert kernel(z[None], other[None])[0, 0] == pytest.approx(expected)

    plain = Kernel(relevances, np.zeros(N), a0, a1, a2, 0.0, 0.1)
    rows, alpha = SIGNS[[1, 4, 6, 13]], rng.normal(size=4)
    truth = Spectrum.from_values(plain(SIGNS, rows) @ alpha, N).terms
    for t in SETS:
        chi = rows[:, list(t)].prod(axis=1)
        found = a2 * rho[list(t)].prod() / (1 + rho).prod() * (alpha @ chi)
        found += a1 * share[t[0]] * (alpha @ rows[:, t[0]]) if len(t) == 1 else 0.0
        found += a0 * alpha.sum() if not t else 0.0
        assert found == pytest.approx(truth[t])


def test_bins_of_coded_masks():
    b = 3
    code = MaskCode.drawn(N, np.random.default_rng(4))
    position = 2 ** np.arange(N)
    numbers = np.arange(2**b)
    for group, matrix in enumerate(code.matrices):
        matrix = matrix[:, :b].astype(int)
        masks = code.masks(group, numbers)
        for row, d in enumerate(code.offsets):
            u = VALUES[masks[:, row] @ position]
            for j in range(2**b):
                inner = np.bitwise_count(numbers & j)
                transform = 2.0**-b * ((-1.0) ** inner @ u)
                bits = j >> np.arange(b) & 1
                alone = [
                    t for t in SETS if (matrix[list(t)].sum(axis=0) % 2 == bits).all()
                ]  # fmt: skip
                inside = np.flatnonzero(d).tolist()
                assert transform == pytest.approx(sum(F[t] * parity(inside, t) for t in alone))
    assert code.calls(b) == 3 * 2**b * len(code.offsets)


def test_error_bars_of_the_process():
    variances, plain = np.array([0.2, 3.0]), 0.7
    assert error_bars(variances, plain) == pytest.approx(variances**0.15 * plain**0.35)


# --- the indices


def on_the_page():
    """Return what the page's block of Python defines."""
    text = (DOCS / "theory_indices.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(block, names)
    return names


PAGE = on_the_page()
TABLE = ("Fourier", "Moebius", "BII", "SII", "k-SII", "STII", "FSII", "FBII")
CLOSED = {
    "Fourier": lambda s, t, order: s == t,
    "Moebius": lambda s, t, order: (-2) ** t,
    "OR": lambda s, t, order: -((-2) ** t) * (-1) ** s,
    "BII": lambda s, t, order: (-2) ** t * (s == t),
    "SII": lambda s, t, order: (-2) ** t * ((s - t) % 2 == 0) / (s - t + 1),
    "k-SII": lambda s, t, order: sum(
        comb(s - t, q - t) * PAGE["bernoulli"](q - t) * CLOSED["SII"](s, q, order)
        for q in range(t, min(order, s) + 1)
    ),
    "FBII": lambda s, t, order: (-2) ** t * (s <= order),
}
ORDERS = {"Fourier": N, "Moebius": N, "OR": N}


@pytest.mark.parametrize("index", TABLE)
def test_weights_of_moebius_values(index):
    for order in [ORDERS[index]] if index in ORDERS else [1, 2, 3]:
        truth = oracles.BRUTE_FORCE[index](VALUES, N, order)
        for t in SETS:
            if 1 <= len(t) <= order:
                value = sum(float(PAGE["w"](index, len(r), len(t), order)) * M[r] for r in above(t))
                assert value == pytest.approx(truth[t])


@pytest.mark.parametrize("index", [*TABLE, "OR"])
def test_weights_of_fourier_coefficients(index):
    for order in [ORDERS[index]] if index in ORDERS else [1, 2, 3]:
        truth = oracles.BRUTE_FORCE[index](VALUES, N, order)
        for t in SETS:
            if 1 <= len(t) <= order:
                c = {s: weight(index, len(s), len(t), order) for s in above(t)}
                assert sum(c[s] * F[s] for s in c) == pytest.approx(truth[t])
                for s in c:
                    size, own = len(s), len(t)
                    if index in TABLE:
                        assert c[s] == pytest.approx(float(PAGE["c"](index, size, own, order)))
                    if index in CLOSED:
                        assert c[s] == pytest.approx(float(CLOSED[index](size, own, order)))


def test_values_of_the_empty_set():
    for index in ("Moebius", "OR", "SV", "SII", "k-SII", "STII", "FSII"):
        assert all(weight(index, s, 0, 2) == 1 for s in range(N + 1)), index
    for index in ("Fourier", "BV", "BII"):
        assert [weight(index, s, 0, 2) for s in range(3)] == [1, 0, 0]
    assert [weight("FBII", s, 0, 2) for s in range(N + 1)] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("index", "order"),
    [("Moebius", N), ("OR", N), ("SV", 1), ("k-SII", 2), ("STII", 2), ("FSII", 2)],
)
def test_what_adds_up(index, order):
    table = Spectrum(F, N).interactions(index, order)
    assert sum(v for t, v in table.items() if t) == pytest.approx(VALUES[-1] - VALUES[0])


@pytest.mark.parametrize(("index", "order"), [("BV", 1), ("BII", 2), ("FBII", 2), ("SII", 2)])
def test_what_does_not(index, order):
    table = Spectrum(F, N).interactions(index, order)
    assert sum(v for t, v in table.items() if t) != pytest.approx(VALUES[-1] - VALUES[0])


def test_influence_is_what_averaging_a_feature_away_takes():
    for i in range(N):
        swapped = VALUES[np.arange(2**N) ^ (1 << i)]
        lost = VALUES.var() - ((VALUES + swapped) / 2).var()
        assert lost == pytest.approx(sum(F[t] ** 2 for t in SETS if i in t))
