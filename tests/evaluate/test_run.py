"""evaluate(): batches, reuse, failures that lose nothing, and kill -9."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay
from interplay.errors import BackendError, BadInput, StoreError
from interplay.evaluate import (
    SPENT,
    Budget,
    Forecasted,
    Meter,
    Progress,
    Started,
    Store,
    Warned,
    evaluate,
)
from interplay.masks import all_masks, uniform
from interplay.value_function import Measured

MASKS = uniform(12, 200, np.random.default_rng(0))
WEIGHTS = np.linspace(-1, 1, 12)


class Recorder:
    """A linear value function that remembers its calls; ``spoil`` may change an answer."""

    def __init__(
        self,
        spoil: Callable[[int, np.ndarray, np.ndarray], Any] = lambda call, masks, values: values,
        **attributes: Any,
    ) -> None:
        self.batches: list[np.ndarray] = []
        self.spoil = spoil
        self.fingerprint = "linear"
        vars(self).update(attributes)

    def __call__(self, masks: np.ndarray) -> Any:
        self.batches.append(masks.copy())
        return self.spoil(len(self.batches), masks, masks @ WEIGHTS)

    @property
    def rows(self) -> list[bytes]:
        return [row.tobytes() for batch in self.batches for row in batch]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.db") as store:
        yield store


# --- values and batches ---------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 12),
    m=st.integers(0, 150),
    size=st.integers(1, 200),
    q=st.none() | st.integers(1, 3),
)
def test_values_are_those_of_the_function_each_mask_once(
    seed: int, n: int, m: int, size: int, q: int | None
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=n if q is None else (n, q))
    masks = rng.random((m, n)) < 0.5
    seen: list[bytes] = []
    sizes: list[int] = []

    def value_function(batch: np.ndarray) -> np.ndarray:
        seen.extend(row.tobytes() for row in batch)
        sizes.append(len(batch))
        return batch @ weights

    result = evaluate(value_function, masks, batch_size=size)
    if m:
        np.testing.assert_allclose(result.values, (masks @ weights).reshape(m, -1), atol=1e-12)
    assert result.values.dtype == np.float64
    assert len(set(seen)) == len(seen) == result.calls == len(np.unique(masks, axis=0))
    assert result.reused == 0
    assert all(k == size for k in sizes[:-1])


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), stops=st.lists(st.integers(1, 12), max_size=4))
def test_a_run_that_stops_anywhere_goes_on_with_the_same_batches(
    tmp_path_factory: pytest.TempPathFactory, seed: int, stops: list[int]
) -> None:
    """However often it is interrupted: each mask once, in the batches of an undisturbed run."""
    rng = np.random.default_rng(seed)
    masks = uniform(12, 90, rng)[rng.integers(90, size=150)]
    undisturbed = Recorder()
    expected = evaluate(undisturbed, masks, batch_size=8)
    path = tmp_path_factory.mktemp("store") / "runs.db"
    batches: list[np.ndarray] = []
    for stop in [*stops, 10**6]:

        def interrupt(call: int, _: np.ndarray, values: np.ndarray, stop: int = stop) -> np.ndarray:
            if call > stop:
                raise KeyboardInterrupt
            return values

        recorder = Recorder(interrupt)
        with Store(path) as store:
            try:
                result = evaluate(recorder, masks, store=store, batch_size=8)
            except KeyboardInterrupt:
                recorder.batches.pop()  # the one in flight
        batches += recorder.batches
    np.testing.assert_array_equal(result.values, expected.values)
    assert [b.tobytes() for b in batches] == [b.tobytes() for b in undisturbed.batches]


def test_default_batch_sizes() -> None:
    plain, lens = Recorder(), Recorder(batch_size=50)
    evaluate(plain, MASKS)
    evaluate(lens, MASKS)
    assert [len(b) for b in plain.batches] == [64, 64, 64, 8]
    assert [len(b) for b in lens.batches] == [50] * 4
    evaluate(lens, MASKS, batch_size=np.int64(200))  # type: ignore[arg-type]
    assert len(lens.batches[-1]) == 200


def test_one_feature_and_one_mask(store: Store) -> None:
    result = evaluate(lambda m: m[:, 0] * 2.0, np.array([[True]]), store=store)
    assert result.values.tolist() == [[2.0]]


def test_no_masks() -> None:
    result = evaluate(Recorder(), np.empty((0, 12), dtype=bool))
    assert (result.values.shape, result.calls, result.reused) == ((0, 1), 0, 0)


def test_the_function_cannot_spoil_masks_or_reuse_its_answer(store: Store) -> None:
    buffer = np.zeros(50)

    def rude(masks: np.ndarray) -> np.ndarray:
        buffer[: len(masks)] = masks @ WEIGHTS
        masks[:] = False
        return buffer[: len(masks)]

    masks = MASKS.copy()
    for given_store in (None, store):
        result = evaluate(rude, masks, batch_size=50, store=given_store, fingerprint="rude")
        np.testing.assert_array_equal(masks, MASKS)
        np.testing.assert_allclose(result.values[:, 0], MASKS @ WEIGHTS)
    np.testing.assert_allclose(store.get("rude", MASKS).values[:, 0], MASKS @ WEIGHTS)


def test_seconds_are_those_of_the_value_function() -> None:
    def slow(_: int, __: np.ndarray, values: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return values

    result = evaluate(Recorder(slow), MASKS, batch_size=100)
    assert 0.04 <= result.seconds < 2


# --- the store ----------------------------------------------------------------------------------


def test_stored_evaluations_are_not_made_again(store: Store) -> None:
    first, second = Recorder(), Recorder()
    half = evaluate(first, MASKS[:100], store=store)
    both = evaluate(second, MASKS, store=store)
    assert (half.calls, half.reused, both.calls, both.reused) == (100, 0, 100, 100)
    assert not set(first.rows) & set(second.rows)
    np.testing.assert_array_equal(both.values[:, 0], MASKS @ WEIGHTS)
    third = Recorder()
    again = evaluate(third, MASKS[::-1], store=store)
    assert third.batches == []
    assert again.seconds == 0
    np.testing.assert_array_equal(again.values, both.values[::-1])


def test_replicates_and_fingerprints_are_evaluated_apart(store: Store) -> None:
    recorder = Recorder()
    assert evaluate(recorder, MASKS, store=store).calls == 200
    assert evaluate(recorder, MASKS, store=store, fingerprint="other").calls == 200
    third = evaluate(recorder, MASKS, store=store, replicates=3)
    assert (third.calls, third.reused) == (400, 200)
    assert evaluate(recorder, MASKS, store=store, replicates=2).reused == 400


def test_several_targets(store: Store) -> None:
    def two(_: int, __: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.stack([values, -values], axis=1)

    recorder = Recorder(two, targets=("positive", "negative"))
    for _ in range(2):
        result = evaluate(recorder, MASKS, store=store)
        np.testing.assert_array_equal(result.values[:, 1], -(MASKS @ WEIGHTS))
    assert len(recorder.rows) == 200
    known = store.function("linear")
    assert known is not None
    assert tuple(known.identity.targets or ()) == ("positive", "negative")


def test_two_runs_at_once_share_their_work(store: Store) -> None:
    """What the other process stores in the meantime is not evaluated here, and its value holds."""

    def overtaken(call: int, _: np.ndarray, values: np.ndarray) -> np.ndarray:
        if call == 1:
            with Store(store.path) as other:
                other.put("linear", MASKS[32:96], np.full(64, 7.0))
        return values

    recorder = Recorder(overtaken)
    result = evaluate(recorder, MASKS, store=store)
    assert [len(b) for b in recorder.batches] == [64, 32, 64, 8]
    assert (result.values[32:96] == 7.0).all()
    assert result.reused + result.calls == 200


# --- events and warnings ------------------------------------------------------------------------


def test_events(store: Store) -> None:
    evaluate(Recorder(), MASKS[:70], store=store)
    events: list[Any] = []
    evaluate(Recorder(), np.concatenate([MASKS, MASKS]), store=store, on_event=events.append)
    assert events[0] == Started(total=200, reused=70, batch_size=64)
    assert isinstance(events[1], Forecasted)
    arrivals = [event for event in events[1:] if isinstance(event, Progress)]
    assert [event.done for event in arrivals] == [64, 128, 192, 200]
    assert [event.reused for event in arrivals] == [64, 70, 70, 70]
    seconds = [event.seconds for event in arrivals]
    assert seconds == sorted(seconds)


def opaque_function() -> Callable[[np.ndarray], np.ndarray]:
    model = itertools.count()  # like any live object of a library

    def value_function(masks: np.ndarray) -> np.ndarray:
        assert model
        return masks @ WEIGHTS

    return value_function


def test_what_the_fingerprint_cannot_see_is_said_when_a_run_resumes(store: Store) -> None:
    function = opaque_function()
    events: list[Any] = []
    evaluate(function, MASKS, store=store, on_event=events.append)
    assert not any(isinstance(event, Warned) for event in events)
    with pytest.warns(
        UserWarning, match=r"200 evaluations are reused from .*runs\.db, but .*'model"
    ):
        evaluate(function, MASKS, store=store)
    evaluate(function, MASKS, store=store, on_event=events.append)
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert "closure variable 'model' (count)" in warned.message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(function, MASKS, store=store, fingerprint="mine")
        evaluate(function, MASKS, store=store, fingerprint="mine")
        evaluate(function, MASKS)


# --- failures -----------------------------------------------------------------------------------


def fail_at(call_to_fail: int, answer: Any) -> Callable[[int, np.ndarray, np.ndarray], Any]:
    def spoil(call: int, masks: np.ndarray, values: np.ndarray) -> Any:
        if call != call_to_fail:
            return values
        if isinstance(answer, BaseException):
            raise answer
        return answer(masks, values)

    return spoil


def bad_rows(masks: np.ndarray, values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[[3, 5]] = [np.nan, np.inf]
    return values


FAILURES = [
    (lambda masks, values: values[:-1], BadInput, r"shape \(64,\) or \(64, q\) .*; got \(63,\)"),
    (lambda masks, values: values[:, None, None], BadInput, r"got \(64, 1, 1\)"),
    (lambda masks, values: np.empty((64, 0)), BadInput, r"at least one value per mask"),
    (lambda masks, values: 0.5, BadInput, r"got \(\)"),
    (lambda masks, values: None, BadInput, "must be numbers|got \\(\\)"),
    (lambda masks, values: ["a"] * 64, BadInput, "must be numbers"),
    (lambda masks, values: values + 1j, BadInput, "complex"),
    (lambda masks, values: np.stack([values] * 2, 1), BadInput, "gave 2 values per mask, and 1 in"),
    (RuntimeError("out of memory"), BackendError, "raised RuntimeError on a batch of 64 masks "
     r"\(rows 128 to 191 of masks\): out of memory"),
    (MemoryError(), BackendError, "raised MemoryError"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "message"), FAILURES)
def test_a_failure_keeps_the_batches_before(
    store: Store, answer: Any, kind: type[Exception], message: str
) -> None:
    recorder = Recorder(fail_at(3, answer))
    with pytest.raises(kind, match=message) as caught:
        evaluate(recorder, MASKS, store=store)
    assert (
        f"128 evaluations of this run are stored in {store.path}; running again reuses them"
        in str(caught.value)
    )
    if isinstance(answer, BaseException):
        assert caught.value.__cause__ is answer
    assert store.count() == 128
    again = Recorder()
    result = evaluate(again, MASKS, store=store)
    assert (result.reused, result.calls) == (128, 72)
    np.testing.assert_array_equal(result.values[:, 0], MASKS @ WEIGHTS)


def test_a_failure_without_a_store_says_how_to_keep_them() -> None:
    with pytest.raises(BackendError, match=r'128 evaluations .*lost.*pass store="runs.db" to keep'):
        evaluate(Recorder(fail_at(3, ValueError("no"))), MASKS)


def test_the_finite_values_of_a_bad_batch_are_kept(store: Store) -> None:
    twice = np.concatenate([MASKS[:10], MASKS])  # rows are counted as the caller gave them
    with pytest.raises(BadInput) as caught:
        evaluate(Recorder(fail_at(2, bad_rows)), twice, store=store)
    kept = int(MASKS[67].sum())
    assert (
        "values that are not finite for 2 of 64 masks, first for row 77 of masks "
        f"({kept} of 12 features kept): [nan]" in str(caught.value)
    )
    assert "126 evaluations of this run are stored" in str(caught.value)
    assert store.count() == 126
    again = Recorder()
    evaluate(again, twice, store=store)
    assert [len(batch) for batch in again.batches] == [2, 64, 8]
    np.testing.assert_array_equal(again.batches[0], MASKS[[67, 69]])


def test_one_bad_target_makes_the_row_bad(store: Store) -> None:
    def two(_: int, __: np.ndarray, values: np.ndarray) -> np.ndarray:
        both = np.stack([values, values], axis=1)
        both[1, 1] = np.nan
        return both

    with pytest.raises(BadInput, match="not finite for 1 of 64 masks"):
        evaluate(Recorder(two), MASKS, store=store)
    assert store.count() == 63


def test_all_values_bad(store: Store) -> None:
    with pytest.raises(BadInput, match="Nothing had been evaluated before"):
        evaluate(Recorder(lambda c, m, v: v * np.nan), MASKS, store=store)


def test_targets_that_do_not_match(store: Store) -> None:
    with pytest.raises(BadInput, match="gave 1 values per mask, but names 2 targets: a, b"):
        evaluate(Recorder(targets=("a", "b")), MASKS, store=store)


def test_keyboard_interrupt_passes_through_with_all_stored(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate(Recorder(fail_at(3, KeyboardInterrupt())), MASKS, store=store)
    assert store.count() == 128


def test_an_error_of_our_own_keeps_its_type_and_gets_a_note(store: Store) -> None:
    with pytest.raises(BadInput, match="the text is too long") as caught:
        evaluate(Recorder(fail_at(3, BadInput("the text is too long"))), MASKS, store=store)
    assert str(caught.value) == "the text is too long"
    assert caught.value.__notes__ == [
        f"128 evaluations of this run are stored in {store.path}; running again reuses them"
    ]


def test_a_store_that_fails_says_what_is_kept(store: Store) -> None:
    def fill_disk(call: int, _: np.ndarray, values: np.ndarray) -> np.ndarray:
        if call == 2:
            store._connection.execute("PRAGMA query_only = ON")
        return values

    with pytest.raises(
        StoreError,
        match=r"readonly.*Nothing stored before is lost; the 64 evaluations of this batch are not "
        r"stored\. 64 evaluations of this run are stored in .*runs\.db; running again",
    ):
        evaluate(Recorder(fill_disk), MASKS, store=store)
    store._connection.execute("PRAGMA query_only = OFF")
    assert store.count() == 64
    assert evaluate(Recorder(), MASKS, store=store).reused == 64


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_batch_size_that_is_none(size: Any) -> None:
    message = f"batch_size must be a whole number of at least 1; got {size}"
    with pytest.raises(BadInput, match=message):
        evaluate(Recorder(), MASKS, batch_size=size)
    with pytest.raises(BadInput, match=message):
        evaluate(Recorder(batch_size=size), MASKS)


def test_masks_are_checked() -> None:
    with pytest.raises(BadInput, match="masks must be boolean"):
        evaluate(Recorder(), MASKS.astype(float))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"masks must have shape \(m, n\)"):
        evaluate(Recorder(), MASKS[0])


# --- kill -9 ------------------------------------------------------------------------------------

RUN = """
import sys, time
import numpy as np
from interplay.evaluate import Store, evaluate
from interplay.masks import uniform

path, log, out = sys.argv[1:]
masks = uniform(40, 600, np.random.default_rng(5))
weights = np.random.default_rng(6).normal(size=40)

def value_function(masks):
    values = np.sin(masks @ weights)
    time.sleep(0.004)
    with open(log, "ab", buffering=0) as file:  # what a model would have been paid for
        file.write(b"".join(np.packbits(masks, axis=1)))
    return values

with Store(path) as store:
    result = evaluate(value_function, masks, store=store, batch_size=10, fingerprint="sine")
np.save(out, result.values)
print(result.calls, result.reused)
"""


def start_run(folder: Path, name: str) -> subprocess.Popen[str]:
    source = str(Path(interplay.__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder / f"{name}.db"), str(folder / f"{name}.log"),
         str(folder / f"{name}.npy")],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_kill_9_repeats_no_stored_evaluation(tmp_path: Path) -> None:
    """A run that is killed again and again makes each stored evaluation once, bit for bit."""
    undisturbed = start_run(tmp_path, "undisturbed")
    assert undisturbed.communicate(timeout=120)[0].split() == ["600", "0"]
    log, masks = tmp_path / "run.log", uniform(40, 600, np.random.default_rng(5))
    stored_before: set[bytes] = set()
    kills = 0
    for wait in (40, 50, 100, 5, 120):  # bytes of the log: further evaluations before the kill
        seen = log.stat().st_size if log.exists() else 0
        run = start_run(tmp_path, "run")
        while run.poll() is None and (log.stat().st_size if log.exists() else 0) < seen + 5 * wait:
            time.sleep(0.001)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        assert run.returncode == -signal.SIGKILL
        kills += 1
        now = logged(log)[seen // 5 :]
        assert not stored_before & set(now)  # nothing that was in the store was evaluated
        with Store(tmp_path / "run.db") as store:
            stored = masks[store.get("sine", masks).found]
        stored_before = {row.tobytes() for row in np.packbits(stored, axis=1)}
        lost = set(logged(log)) - stored_before
        assert len(lost) in (0, 10)  # at most the batch in flight
    assert kills == 5
    run = start_run(tmp_path, "run")
    calls, reused = run.communicate(timeout=120)[0].split()
    assert int(reused) == len(stored_before)
    assert int(calls) + int(reused) == 600
    rows = logged(log)
    assert len(set(rows)) == 600
    assert len(rows) <= 600 + 10 * kills
    killed, whole = (tmp_path / f"{name}.npy" for name in ("run", "undisturbed"))
    assert killed.read_bytes() == whole.read_bytes()


def logged(log: Path) -> list[bytes]:
    content = log.read_bytes()
    return [content[k : k + 5] for k in range(0, len(content), 5)]


# --- cost and real recordings ---------------------------------------------------------------------


def test_overhead_per_evaluation(store: Store) -> None:
    """Measured 5 us at n = 1,000 and batches of 256; the bar leaves room for a busy machine."""
    masks = uniform(1000, 20_000, np.random.default_rng(0))
    zeros = np.zeros(256)
    began = time.process_time()
    evaluate(lambda m: zeros[: len(m)], masks, store=store, batch_size=256)
    assert (time.process_time() - began) / len(masks) < 40e-6


def test_a_recorded_game_through_the_store(assets: Path, store: Store) -> None:
    with np.load(assets / "games" / "vit9_00.npz") as file:
        game = file["values"].astype(np.float64)

    def value_function(masks: np.ndarray) -> np.ndarray:
        return game[masks @ (1 << np.arange(9))]

    masks = all_masks(9)
    for _ in range(2):
        result = evaluate(value_function, masks, store=store)
        np.testing.assert_array_equal(result.values[:, 0], game)
    assert (result.calls, result.reused) == (0, 512)


# --- noise, prices, budgets -----------------------------------------------------------------------


def test_replicates_are_averaged_and_tell_the_noise(store: Store) -> None:
    rng = np.random.default_rng(0)

    def noisy(_: int, masks: np.ndarray, values: np.ndarray) -> np.ndarray:
        return values + rng.normal(scale=2.0, size=len(masks))

    recorder = Recorder(noisy)
    result = evaluate(recorder, MASKS, store=store, replicates=4)
    assert (result.calls, len(recorder.rows), len(set(recorder.rows))) == (800, 800, 200)
    assert result.noise_var is not None
    assert result.noise_var.shape == (200, 1)
    assert np.ptp(result.noise_var) == 0, "pooled over all masks"
    assert result.noise_var[0, 0] == pytest.approx(1.0, rel=0.2)  # 2² over 4
    assert np.var(result.values[:, 0] - MASKS @ WEIGHTS) == pytest.approx(1.0, rel=0.3)
    again = evaluate(Recorder(noisy), MASKS, store=store, replicates=4)
    assert again.calls == 0
    np.testing.assert_array_equal(again.values, result.values)
    np.testing.assert_array_equal(again.noise_var, result.noise_var)


def priced(_: int, masks: np.ndarray, values: np.ndarray) -> Measured:
    return Measured(
        values,
        noise_var=np.full(len(masks), 0.25),
        tokens=10.0 + masks.sum(1),
        usd=0.01 + 0 * values,
    )


def test_what_a_value_function_measures_is_kept(store: Store) -> None:
    first = evaluate(Recorder(priced), MASKS, store=store)
    assert first.usd == pytest.approx(2.0)
    assert first.tokens == 10 * 200 + MASKS.sum()
    assert first.noise_var is not None
    assert (first.noise_var == 0.25).all()
    again = evaluate(Recorder(priced), MASKS, store=store)
    assert (again.calls, again.usd) == (0, None)
    np.testing.assert_array_equal(again.noise_var, first.noise_var)
    stored = store.get("linear", MASKS)
    assert stored.usd.sum() == pytest.approx(2.0)


def test_measure_is_called_for_the_function_itself() -> None:
    class Lens(Recorder):
        def measure(self, masks: np.ndarray) -> Measured:
            return Measured(self(masks), tokens=np.ones(len(masks)))

    assert evaluate(Lens(), MASKS).tokens == 200


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"noise_var": np.ones(3)}, r"noise_var of the value function must have shape \(64,\)"),
        ({"noise_var": -np.ones(64)}, r"noise_var .* must be variances.*least -1"),
        ({"noise_var": np.ones((64, 2))}, r"noise_var .* must be variances.*shape \(64, 2\)"),
        ({"tokens": -np.ones(64)}, r"tokens .* one amount of at least 0 per mask; .*least -1"),
        ({"tokens": np.full(64, np.nan)}, r"tokens of the value function must be finite"),
        ({"usd": np.ones((64, 1))}, r"usd .* must be shape \(64,\)"),
        ({"usd": ["free"] * 64}, r"usd of the value function must be numbers"),
    ],
)
def test_wrong_measurements_are_named(answer: dict[str, Any], message: str) -> None:
    def measured(_: int, __: np.ndarray, values: np.ndarray) -> Measured:
        return Measured(values, **answer)

    with pytest.raises(BadInput, match=message):
        evaluate(Recorder(measured), MASKS)


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(calls=100), 100),
        (Budget(usd=1.0), 100),
        (Budget(usd=0.655), 65),
        (Budget(calls=500, usd=0.5, tokens=1e9), 64),  # the price is known after the first batch
        (Budget(usd=100.0), 200),
    ],
)
def test_a_budget_ends_the_run(budget: Budget, calls: int, store: Store) -> None:
    result = evaluate(Recorder(priced), MASKS, store=store, meter=Meter(budget))
    assert result.calls == calls == len(result.values)
    assert result.stopped == (None if calls == 200 else SPENT)
    # honoured when the run is repeated: what is stored counts at the price that was paid
    again = evaluate(Recorder(priced), MASKS, store=store, meter=Meter(budget))
    assert (again.calls, len(again.values)) == (0, calls)


def test_a_foretold_price_is_kept_from_the_first_batch_on() -> None:
    function = Recorder(priced, forecast=lambda masks: {"usd": (0.0, 0.01 * len(masks))})
    result = evaluate(function, MASKS, meter=Meter(Budget(usd=0.5)))
    assert result.calls == 50


def test_seconds_are_limited() -> None:
    def slow(_: int, __: np.ndarray, values: np.ndarray) -> np.ndarray:
        time.sleep(0.03)
        return values

    result = evaluate(Recorder(slow, batch_size=10), MASKS, meter=Meter(Budget(seconds=0.2)))
    assert 10 <= result.calls <= 80
    assert result.stopped == SPENT


def test_a_limit_on_what_is_not_counted_is_refused_and_nothing_lost(store: Store) -> None:
    with pytest.raises(BadInput, match=r"limits usd, but .*Measured\(values, usd=.*64 evaluations"):
        evaluate(Recorder(), MASKS, store=store, meter=Meter(Budget(usd=1.0)))
    assert store.count() == 64


def test_the_forecast_comes_before_the_first_call(store: Store) -> None:
    events: list[Any] = []
    function = Recorder(
        priced, forecast=lambda masks: {"tokens": (9.0 * len(masks), 22.0 * len(masks))}
    )
    evaluate(function, MASKS[:100], store=store, on_event=events.append)
    told = [event.forecast for event in events if isinstance(event, Forecasted)]
    assert told[0].tokens == (900.0, 2200.0)
    assert told[0].basis == "the value function"
    assert told[1].basis == "the first batch"
    assert isinstance(events[1], Forecasted)
    events.clear()
    evaluate(Recorder(priced), MASKS, store=store, on_event=events.append)
    (first, *_) = [event.forecast for event in events if isinstance(event, Forecasted)]
    assert (first.calls, first.reused, first.basis) == ((100, 100), 100, "what is stored")
    assert first.usd[0] <= 1.0 <= first.usd[1]


def test_a_forecast_of_another_form_is_refused() -> None:
    with pytest.raises(BadInput, match=r"forecast\(masks\) of the value function must return"):
        evaluate(Recorder(forecast=lambda masks: {"tokens": 5}), MASKS)


def test_a_stop_ends_the_run_between_batches(store: Store) -> None:
    recorder = Recorder()
    result = evaluate(
        recorder, MASKS, store=store, stop=lambda: "enough" if len(recorder.batches) == 2 else None
    )
    assert (len(result.values), result.stopped) == (128, "enough")


# --- one fingerprint, one value function ----------------------------------------------------------


def plus(shift: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda masks: masks @ WEIGHTS + shift


def test_another_value_function_under_a_given_fingerprint_is_refused(store: Store) -> None:
    evaluate(plus(0.0), MASKS[:100], store=store, fingerprint="mine")
    asked = Recorder(lambda *_: MASKS[:1] @ WEIGHTS + 1.0)
    del asked.fingerprint
    with pytest.raises(
        BadInput, match=r"two different value functions under one fingerprint.*Pass another"
    ):
        evaluate(asked, MASKS, store=store, fingerprint="mine")
    assert len(asked.rows) == 1, "one stored mask was asked again"
    assert store.count() == 100


def test_code_that_changed_but_says_the_same_goes_on(store: Store) -> None:
    evaluate(plus(0.0), MASKS[:100], store=store, fingerprint="mine")
    result = evaluate(plus(1e-9), MASKS, store=store, fingerprint="mine")
    assert (result.calls, result.reused) == (101, 100)
    result = evaluate(plus(0.0), MASKS, store=store, fingerprint="mine")
    assert result.values.shape == (200, 1)


def test_other_names_under_one_fingerprint_are_refused(store: Store) -> None:
    evaluate(Recorder(features=list("abcdefghijkl")), MASKS[:10], store=store)
    with pytest.raises(BadInput, match="two different value functions under one fingerprint"):
        evaluate(Recorder(features=list("abcdefghijkm")), MASKS, store=store)
    with pytest.raises(BadInput, match="11 features"):
        evaluate(Recorder(), MASKS[:, :11], store=store)


def test_samples_are_what_values_are_the_means_of() -> None:
    rng = np.random.default_rng(0)
    masks = all_masks(3)[[0, 5, 0, 2]]
    found = evaluate(lambda m: m.sum(1) + rng.normal(size=len(m)), masks, replicates=3)
    assert found.samples.shape == (3, 4, 1)
    np.testing.assert_allclose(found.samples.mean(0), found.values)
    np.testing.assert_array_equal(found.samples[:, 0], found.samples[:, 2])
    assert np.ptp(found.samples, axis=0).min() > 0
