"""``"spex"`` and the hybrid: through fit and explain, from coded masks to terms."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BadInput
from interplay.metrics import r_squared
from interplay.spectrum import Spectrum
from interplay.surrogates.auto import DECODED

N = 30
PARITY = Spectrum(
    {(): 0.7, (2, 5, 11, 17, 23): 0.9, (1, 4, 9, 25): -0.7, (3,): 0.5, (6, 8): 0.4}, N
)


def drawn(m: int, seed: int = 99) -> np.ndarray:
    return np.random.default_rng(seed).random((m, N)) < 0.5


def told(kind: str, budget: int, noise: float = 0.0, seed: int = 0) -> tuple[ip.Design, np.ndarray]:
    plan = ip.design(N, budget, kind, seed)
    values = PARITY.predict(plan.masks)
    return plan, values + noise * np.random.default_rng(seed).normal(size=len(values))


def test_terms_of_any_order_are_found_where_none_of_their_parts_is() -> None:
    plan, values = told("coded", 1000, noise=0.1)
    fitted = ip.fit(plan.masks, values, method="spex", design=plan)
    assert set(fitted.spectrum(4).terms) == set(PARITY.terms)
    for term, value in PARITY.terms.items():
        assert fitted.spectrum(None).terms[term] == pytest.approx(value, abs=0.03)
    assert r_squared(PARITY.predict(drawn(500)), fitted.predict(drawn(500))) > 0.99
    assert fitted.faithfulness.low < 0.995 < fitted.faithfulness.high + 0.01
    assert fitted.faithfulness.distribution == "uniform"


def test_a_collection_serves_every_smaller_design_in_any_order() -> None:
    plan, values = told("coded", 2000)
    order = np.random.default_rng(3).permutation(len(values))
    whole = ip.fit(plan.masks, values, method="spex", design=plan)
    again = ip.fit(plan.masks[order], values[order], method="spex", design=plan)
    assert whole.spectrum(None) == again.spectrum(None)
    assert whole.faithfulness == again.faithfulness
    small = ip.design(N, 500, "coded")
    known = {row.tobytes(): value for row, value in zip(plan.masks, values, strict=True)}
    coded = [row.tobytes() in known for row in small.masks]
    assert np.mean(coded) > 0.9  # all but some that were set aside
    part = ip.fit(plan.masks[:500], values[:500], method="spex", design=small)
    assert (2, 5, 11, 17, 23) in part.spectrum(10).terms


def test_uniform_masks_beside_the_design_count_in_the_refit() -> None:
    plan, values = told("mixed", 1000, noise=0.3)
    fitted = ip.fit(plan.masks, values, method="spex", design=plan)
    assert fitted.spectrum(None).terms[(1, 4, 9, 25)] == pytest.approx(-0.7, abs=0.06)


def test_without_a_coded_design_it_says_what_to_do() -> None:
    masks = drawn(200)
    with pytest.raises(BadInput, match=r"coded masks.*ip\.design\(n, budget, kind=\"coded\"\)"):
        ip.fit(masks, PARITY.predict(masks), method="spex")
    plan, values = told("coded", 1000)
    with pytest.raises(BadInput, match=r"not all .* of the smallest coded design"):
        ip.fit(plan.masks[:100], values[:100], method="spex", design=plan)


@cache
def hybrid_of(kind: str) -> ip.Surrogate:
    plan, values = told(kind, {"coded": 700, "mixed": 400}[kind], noise=0.1)
    fitted: ip.Surrogate = ip.fit(plan.masks, values, design=plan)
    return fitted


def test_the_stack_alone_misses_terms_of_high_order() -> None:
    uniform, test = drawn(400, 5), drawn(1000)
    alone = ip.fit(uniform, PARITY.predict(uniform))
    assert r_squared(PARITY.predict(test), alone.predict(test)) < 0.6


@pytest.mark.parametrize("kind", ["coded", "mixed"])
def test_the_hybrid_finds_what_the_stack_misses(kind: str) -> None:
    hybrid = hybrid_of(kind)
    assert DECODED in hybrid.members
    test = drawn(1000)
    truth = PARITY.predict(test)
    assert r_squared(truth, hybrid.predict(test)) > 0.98
    for term, value in PARITY.terms.items():
        assert hybrid.spectrum(20).terms[term] == pytest.approx(value, abs=0.08)
    assert hybrid.faithfulness.value > 0.9
    again = type(hybrid).from_arrays(hybrid.arrays(), N)
    assert np.array_equal(again.predict(test), hybrid.predict(test))


def test_the_hybrid_finds_nothing_in_noise_or_in_what_the_stack_knows() -> None:
    plan = ip.design(N, 400, "mixed")
    noise = np.random.default_rng(1).normal(size=len(plan.masks))
    fitted = ip.fit(plan.masks, noise, design=plan)
    assert DECODED not in fitted.members
    assert fitted.faithfulness.verdict == "do not trust"
    additive = 1.0 * plan.masks[:, :6].sum(axis=1) + 0.1 * noise
    assert DECODED not in ip.fit(plan.masks, additive, design=plan).members
    constant = ip.fit(plan.masks, np.full(len(plan.masks), 2.0), design=plan)
    assert constant.spectrum().terms == {(): 2.0}


def test_what_is_decoded_stands_in_every_answer() -> None:
    fitted = hybrid_of("mixed")
    term = (2, 5, 11, 17, 23)
    (value,), (error,) = fitted.coefficients([term])
    assert value == pytest.approx(0.9, abs=0.05)
    assert 0 <= error < 0.2
    said = " ".join(fitted.diagnostics())
    assert "spex 100 %" not in said.replace("proxyspex", "")
    assert re.search(r"[123] terms? w\w+ decoded from what the members left over", said)
    banzhaf = fitted.interactions("BII", order=5)
    exact = PARITY.interactions("BII", order=5)
    assert banzhaf[term] == pytest.approx(exact[term], rel=0.1)


@pytest.mark.parametrize(
    ("method", "design", "budget"), [("spex", None, 700), ("auto", "mixed", 400)]
)
def test_explain_says_how_many_calls_it_makes_before_it_makes_them(
    method: str, design: str | None, budget: int, tmp_path: Path
) -> None:
    heard: list[str] = []

    def counted(masks: np.ndarray) -> np.ndarray:
        heard.append("call")
        return PARITY.predict(masks)

    def listen(event: object) -> None:
        if type(event).__name__ == "Planned":
            heard.append(event.sentence)

    run = ip.explain(
        counted, N, budget=budget, method=method, design=design, store=None, on_event=listen
    )
    assert "groups x 2^" in heard[0]
    assert heard[1] == "call"
    assert (2, 5, 11, 17, 23) in run.spectrum.terms
    loaded = ip.load(run.save(tmp_path / "run.json"))
    test = drawn(100)
    assert np.array_equal(loaded.surrogate.predict(test), run.surrogate.predict(test))
    if method == "spex":
        assert ip.replay(tmp_path / "run.json", counted).same_results
        (tmp_path / "run.npz").unlink()  # the masks are drawn again
        assert ip.replay(tmp_path / "run.json", counted).same_results


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "spex", "design": "uniform"}, "needs a design of coded masks"),
        ({"method": "spex", "budget": 100}, "smallest design: 3 groups x 2\\^1"),
        ({"design": "mixed", "budget": 100}, "smallest design: 3 groups x 2\\^1"),
        ({"design": "code"}, "unknown design 'code'; valid: uniform, paired"),
    ],
)
def test_runs_that_cannot_be_are_refused_before_any_call(
    options: dict[str, object], message: str
) -> None:
    def never(masks: np.ndarray) -> np.ndarray:
        raise AssertionError("called")

    with pytest.raises(ip.InterplayError, match=message):
        ip.explain(never, features=N, store=None, **options)


def test_an_open_budget_takes_one_design_after_the_other() -> None:
    run = ip.explain(PARITY.predict, features=N, budget="auto", method="spex", store=None)
    assert run.spectrum.terms[(2, 5, 11, 17, 23)] == pytest.approx(0.9, abs=0.05)
    assert run.faithfulness.verdict == "trust"
