"""Executors: who makes the calls, how many at a time and in which order does not show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.errors import BackendError, BadInput, BudgetExceeded, StoreError
from interplay.evaluate import (
    SPENT,
    Evaluation,
    Event,
    Meter,
    Progress,
    Store,
    Warned,
    evaluate,
    parse_budget,
)
from interplay.evaluate.executors import LOCAL, Chunk, Reply, Workers, call
from interplay.masks import uniform
from interplay.value_function import BoolArray, Measured

MASKS = uniform(8, 90, np.random.default_rng(0))


class Threads:
    """Calls in threads, and gives the replies back in a random order."""

    def __init__(self, most: int = 4, seed: int = 0, leaves_after: int | None = None) -> None:
        self.most, self.leaves_after = most, leaves_after
        self.rng = np.random.default_rng(seed)
        self.submitted: list[Chunk] = []
        self.deepest = 0
        self.left = 0  # in flight when the run ended

    @contextmanager
    def workers(self, value_function: Callable[..., Any]) -> Iterator[Workers]:
        with ThreadPoolExecutor(self.most) as pool:
            run = _Threads(self, pool, value_function)
            try:
                yield run
            finally:
                self.left = len(run.flying)


class _Threads:
    def __init__(
        self, executor: Threads, pool: ThreadPoolExecutor, value_function: Callable[..., Any]
    ) -> None:
        self.executor, self.pool, self.value_function = executor, pool, value_function
        self.most = executor.most
        self.flying: list[Future[Reply]] = []
        self.replies = 0

    def submit(self, chunk: Chunk) -> None:
        self.executor.submitted.append(chunk)
        self.flying.append(self.pool.submit(call, self.value_function, chunk))
        self.executor.deepest = max(self.executor.deepest, len(self.flying))

    def reply(self) -> Reply:
        if self.replies == self.executor.leaves_after:
            raise KeyboardInterrupt
        self.replies += 1
        return self.flying.pop(int(self.executor.rng.integers(len(self.flying)))).result()


class Game:
    """Two targets of 8 features, with prices, and noise that depends on mask and replicate."""

    batch_size = 7
    fingerprint = "game"
    features = tuple("abcdefgh")
    targets = ("pair", "noise")
    noisy = True

    def __init__(self, replicate: int = 0, *, tells: bool = True, excludes: bool = False) -> None:
        self.r, self.tells, self.excludes = replicate, tells, excludes

    def replicate(self, r: int) -> Game:
        return Game(r, tells=self.tells, excludes=self.excludes)

    def price(self, masks: BoolArray) -> np.ndarray:
        return (masks * np.sqrt(np.arange(1, 9))).sum(1) + 0.1

    def forecast(self, masks: BoolArray) -> dict[str, tuple[float, float]]:
        price = float(self.price(masks).sum())
        told = {"usd": (price, price), "tokens": (3 * price, 3 * price)}
        return told if self.tells else {}

    def __call__(self, masks: BoolArray) -> Measured:
        number = np.packbits(masks, axis=1)[:, 0].astype(float)
        values = np.stack(
            [masks[:, 0] & masks[:, 1], np.sin(number * (1 + self.r) * 12.9898)], axis=1
        ).astype(float)
        excluded = (number % 11 == 3) if self.excludes else None
        if excluded is not None:
            values[excluded] = np.nan
        price = self.price(masks)
        return Measured(
            values, noise_var=np.full((len(masks), 2), 0.25), tokens=price * 3, usd=price,
            excluded=excluded,
        )  # fmt: skip


def _same(one: Evaluation, other: Evaluation) -> None:
    for name in ("values", "noise_var", "samples"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        assert a is None or a.tobytes() == b.tobytes()
    for name in ("calls", "reused", "tokens", "usd", "fingerprint", "stopped"):
        assert getattr(one, name) == getattr(other, name), name


@settings(max_examples=40)
@given(
    most=st.integers(1, 9),
    seed=st.integers(0, 2**16),
    batch_size=st.integers(1, 30),
    replicates=st.integers(1, 3),
    budget=st.sampled_from([None, "37", "60", "300usd", "900tok,50", "100usd"]),
    tells=st.booleans(),
    excludes=st.booleans(),
    stored=st.integers(0, 40),
)
def test_results_are_those_of_one_process_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, most: int, seed: int, batch_size: int,
    replicates: int, budget: str | None, tells: bool, excludes: bool, stored: int,
) -> None:  # fmt: skip
    if not tells and budget is not None and not budget.isdigit():
        tells = True  # what is not told beforehand is overrun by what is in flight: see below
    game = Game(tells=tells, excludes=excludes)
    results, records = [], []
    for executor in (LOCAL, Threads(most, seed)):
        with Store(tmp_path_factory.mktemp("run") / "runs.db") as store:
            evaluate(Game(), MASKS[20 : 20 + stored], store=store)
            meter = Meter() if budget is None else Meter(parse_budget(budget))
            results.append(
                evaluate(
                    game,
                    MASKS,
                    store=store,
                    replicates=replicates,
                    batch_size=batch_size,
                    meter=meter,
                    executor=executor,
                )
            )
            if store.count("game"):
                records.append([one.tobytes() for one in store.recording("game")[:2]])
    _same(*results)
    assert len(records) in (0, 2)
    assert records[:1] == records[1:]


@pytest.mark.parametrize("budget", [60, "auto,80"])
def test_a_run_file_is_the_same_but_for_its_times(tmp_path: Path, budget: Any) -> None:
    written = []
    for name, executor in (("one", None), ("many", Threads(5, 3))):
        path = tmp_path / f"{name}.json"
        ip.explain(Game(), budget=budget, store=None, executor=executor).save(path)
        run = json.loads(path.read_text())
        del run["created"]
        run["cost"] = {k: v for k, v in run["cost"].items() if "seconds" not in k}
        written.append((json.dumps(run), path.with_suffix(".npz").read_bytes()))
    assert written[0] == written[1]


def test_which_masks_share_a_call_does_not_depend_on_the_executor() -> None:
    chunks = []
    for executor in (Threads(1), Threads(6)):
        evaluate(Game(), MASKS, replicates=2, executor=executor)
        chunks.append([(one.replicate, one.masks.tobytes()) for one in executor.submitted])
    assert chunks[0] == chunks[1]


def test_no_more_are_in_flight_than_the_workers_take() -> None:
    executor = Threads(3)
    evaluate(Game(), MASKS, executor=executor)
    assert executor.deepest == 3
    assert executor.left == 0


def test_one_progress_for_each_batch_and_done_grows() -> None:
    events: list[Event] = []
    evaluate(Game(), MASKS, replicates=2, executor=Threads(5), on_event=events.append)
    done = [event.done for event in events if isinstance(event, Progress)]
    assert len(done) == -(-90 // 7)
    assert done == sorted(done)
    assert done[-1] == 180


def test_what_is_in_flight_is_stored_before_an_error_is_raised(tmp_path: Path) -> None:
    def breaks(masks: BoolArray) -> Any:
        if (masks == MASKS[14]).all(axis=1).any():  # in the third call
            raise OSError("wire cut")
        return masks.sum(1)

    breaks.batch_size = 7  # type: ignore[attr-defined]
    with Store(tmp_path / "runs.db") as store:
        with pytest.raises(BackendError, match=r"OSError.*rows 14 to 20.*wire cut") as caught:
            evaluate(breaks, MASKS, store=store, fingerprint="f", executor=Threads(4, 1))
        kept = store.count("f")
    assert kept % 7 == 0
    assert kept >= 14
    assert f"{kept} evaluations of this run are stored" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_of_several_errors_the_earliest_is_told() -> None:
    def breaks(masks: BoolArray) -> Any:
        raise OSError("wire cut")

    for seed in range(5):
        with pytest.raises(BackendError, match=r"rows 0 to 63 of masks\)"):
            evaluate(breaks, uniform(12, 500, np.random.default_rng(0)),
                     executor=Threads(4, seed))  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (lambda masks: masks[:, :1] @ np.ones((1, 3)), BadInput, r"3 values per mask, but names 2"),
        (lambda masks: np.ones(3), BadInput, r"must have shape \(7,\)"),
        (lambda masks: np.full((len(masks), 2), np.inf), BadInput, r"not finite for 7 of 7 masks"),
    ],
)
def test_what_cannot_be_used_is_refused_as_ever(
    answer: Callable[..., Any], kind: type[Exception], message: str
) -> None:
    class Wrong(Game):
        __call__ = staticmethod(answer)  # type: ignore[assignment]

    told = []
    for executor in (None, Threads(4)):
        with pytest.raises(kind, match=message) as caught:
            evaluate(Wrong(), MASKS, executor=executor)
        told.append(str(caught.value).replace("Nothing had been evaluated before", ""))
    assert told[0] == told[1]


def test_a_store_that_fails_ends_the_run_and_says_what_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        put, puts = store.put, [0]

        def failing(*arguments: Any, **options: Any) -> Any:
            puts[0] += 1
            if puts[0] == 3:
                raise StoreError("the disk is full")
            return put(*arguments, **options)

        store.put = failing  # type: ignore[method-assign]
        with pytest.raises(StoreError, match=r"the disk is full\. Nothing stored before") as caught:
            evaluate(Game(), MASKS, store=store, executor=Threads(4))
        kept = store.count("game")
    assert kept >= 14
    assert f"{kept} evaluations of this run are stored" in str(caught.value)


def test_stop_ends_the_run_after_what_is_in_flight() -> None:
    executor = Threads(4)
    result = evaluate(
        Game(), MASKS, executor=executor,
        stop=lambda: "enough" if len(executor.submitted) >= 6 else None,
    )  # fmt: skip
    assert result.stopped == "enough"
    assert len(result.values) == 42 == 7 * len(executor.submitted)


def test_ctrl_c_loses_what_is_in_flight_and_no_more(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        executor = Threads(4, leaves_after=5)
        with pytest.raises(KeyboardInterrupt):
            evaluate(Game(), MASKS, store=store, executor=executor)
        assert store.count("game") == 35
        assert executor.left == 4
        again = evaluate(Game(), MASKS, store=store, executor=Threads(4))
        assert again.reused == 35
    assert again.values.tobytes() == evaluate(Game(), MASKS).values.tobytes()


def test_a_gap_ends_the_result_and_what_is_behind_it_is_kept(tmp_path: Path) -> None:
    class Ends(Game):
        def __call__(self, masks: BoolArray) -> Measured:
            told = super().__call__(masks)
            lost = (masks == MASKS[16]).all(axis=1)  # the third row of the third call
            values = np.where(lost[:, None], np.nan, told.values)
            failure = BudgetExceeded("no more") if lost.any() else None
            return Measured(values, noise_var=told.noise_var, usd=told.usd, failure=failure)

    with Store(tmp_path / "runs.db") as store:
        result = evaluate(Ends(), MASKS, store=store, executor=Threads(5, 2))
        assert result.stopped == SPENT
        assert len(result.values) == 16
        assert store.count("game") >= 20


def test_while_nobody_knows_a_price_one_batch_is_in_flight() -> None:
    game = Game(tells=False)
    executor = Threads(8)
    events: list[int] = []

    def stop() -> None:
        events.append(len(executor.submitted))

    meter = Meter(parse_budget("60usd"))
    result = evaluate(game, MASKS, meter=meter, executor=executor, stop=stop)
    assert result.stopped == SPENT
    first = float(game.price(MASKS[:7]).sum())
    assert first > 60  # so that all is spent with the first batch, and no second was sent
    assert len(executor.submitted) == 1


def test_in_flight_counts_at_the_price_so_far() -> None:
    game = Game(tells=False)
    meter = Meter(parse_budget("400usd"))
    result = evaluate(game, MASKS, meter=meter, executor=Threads(8))
    assert result.stopped == SPENT
    dearest = float(np.sort(game.price(MASKS))[-7:].sum())
    assert meter.usd <= 400 + dearest


class Keeper(Game):
    def allow(self, **left: float | None) -> bool:
        return True


def test_one_that_keeps_to_its_budget_is_called_here() -> None:
    executor, events = Threads(4), list[Event]()
    result = evaluate(Keeper(), MASKS, executor=executor, on_event=events.append)
    assert len(result.values) == 90
    assert executor.submitted == []
    (warned,) = (event for event in events if isinstance(event, Warned))
    assert "it is called in this process, not by the workers" in warned.message


def test_a_reply_without_an_answer_is_an_error() -> None:
    class Silent(Threads):
        @contextmanager
        def workers(self, value_function: Callable[..., Any]) -> Iterator[Workers]:
            with super().workers(value_function) as run:
                run.reply = lambda: Reply(1)  # type: ignore[method-assign]
                yield run

    with pytest.raises(BadInput, match="no answer came"):
        evaluate(Game(), MASKS[:5], executor=Silent())


def test_the_actions_pass_it_on() -> None:
    executor = Threads(3)
    explanation = ip.explain(Game(), budget=60, store=None)
    ip.flip(explanation, Game(), target="pair", threshold=0.5, budget=50, executor=executor)
    assert executor.submitted
    replayed = ip.explain_many({"one": Game()}, budget=40, store=None, executor=Threads(2))
    assert replayed.ids == ("one",)
