"""Limits, retries and slowing down: by the clock of the server that is asked."""

from __future__ import annotations

import signal
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import Server, WordModel, at_random

from interplay.errors import BackendError, BadInput
from interplay.models.language import Prompt
from interplay.models.openai_server import OpenAIServer, batch
from interplay.models.openai_server.faults import from_status, retry_after
from interplay.models.openai_server.key import Key
from interplay.models.openai_server.limits import Pace, TokenBucket

PROMPTS = [Prompt.plain(f"The town number {i} lies") for i in range(60)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.002)


def connect(server: Server, **more: Any) -> OpenAIServer:
    return OpenAIServer.connect("words", base_url=server.url, mode="echo", **more)


def after_the_probe(server: Server, faults: Any) -> int:
    """Let things go wrong from here on."""
    start = len(server.calls)
    server.faults = lambda number, body: faults(number - start, body)
    return start


def bodies(server: Server, start: int) -> list[str]:
    return [call.body["prompt"] for call in server.calls[start:]]


@pytest.mark.parametrize("fault", ["429", "500", "408", "truncated", "hang-up"])
@pytest.mark.usefixtures("impatient")
def test_what_passes_is_tried_again(fault: str) -> None:
    with Server(WordModel(), retry_after="0.01") as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        right = client.score(PROMPTS, [response]).logprobs[0]
        start = after_the_probe(server, lambda n, body: fault if n % 5 == 0 else None)
        retries = client.ledger.retries
        scored = client.score(PROMPTS, [response])
        asked = bodies(server, start)
    assert scored.failure is None
    np.testing.assert_array_equal(scored.logprobs[0], right)
    assert len(asked) == len(PROMPTS) + client.ledger.retries - retries
    answered = [c.body["prompt"] for c in server.calls[start:] if c.answered]
    assert len(answered) == len(set(answered)) == len(PROMPTS)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("403", BadInput, "does not allow this"),
        ("422", BadInput, "refuses the request"),
        ("quota", BackendError, "no credit left"),
        ("leak-400", BadInput, "refuses the request"),
    ],
)
def test_what_does_not_pass_is_not(fault: str, kind: type[Exception], message: str) -> None:
    with Server(WordModel()) as server, connect(server, concurrency=1) as client:
        response = client.fix(PROMPTS[0], " near")
        start = after_the_probe(server, lambda n, body: fault if n == 7 else None)
        scored = client.score(PROMPTS, [response])
    assert isinstance(scored.failure, kind)
    assert message in str(scored.failure)
    assert len(server.calls) == start + 8
    assert np.isfinite(scored.logprobs[0][:7]).all()
    assert np.isnan(scored.logprobs[0][7:]).all()


@pytest.mark.usefixtures("impatient")
def test_an_end_of_the_attempts_says_what_is_kept() -> None:
    with Server(WordModel()) as server, connect(server, max_attempts=3) as client:
        response = client.fix(PROMPTS[0], " near")
        after_the_probe(server, lambda n, body: "500" if "number 9 " in body["prompt"] else None)
        scored = client.score(PROMPTS, [response])
    assert isinstance(scored.failure, BackendError)
    assert "answered 500" in str(scored.failure)
    assert "(tried 3 times). What was received is kept" in str(scored.failure)
    assert np.isfinite(scored.logprobs[0]).all(axis=1).sum() >= 32


def test_a_stall_is_given_up_and_tried_again() -> None:
    with Server(WordModel()) as server, connect(server, timeout=0.2) as client:
        response = client.fix(PROMPTS[0], " near")
        after_the_probe(server, lambda n, body: "stall" if n in (3, 4) else None)
        began = time.perf_counter()
        scored = client.score(PROMPTS, [response])
    assert scored.failure is None
    assert time.perf_counter() - began < 5
    assert client.ledger.uncertain_tokens > 0


def test_waiting_for_a_retry_holds_no_place() -> None:
    """One place, and a refusal that asks for half a second: all others go before."""
    with Server(WordModel(), retry_after="0.5") as server, connect(server, concurrency=1) as client:
        response = client.fix(PROMPTS[0], " near")
        client._connection.pace.concurrency = 2  # a single place would slow down as a whole
        start = after_the_probe(server, lambda n, body: "429" if n == 0 else None)
        scored = client.score(PROMPTS[:20], [response])
        asked = bodies(server, start)
    assert scored.failure is None
    assert asked[-1] == asked[0]
    assert server.calls[-1].at - server.calls[start].at >= 0.5
    assert server.calls[-2].at - server.calls[start].at < 0.5


def test_retry_after_as_a_date_is_waited_for() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        start = after_the_probe(server, lambda n, body: "429-date" if n == 0 else None)
        assert client.score(PROMPTS[:1], [response]).failure is None
    assert server.calls[-1].at - server.calls[start].at >= 1.0


def test_a_server_that_asks_for_an_hour_is_not_waited_for() -> None:
    with Server(WordModel(), retry_after="3600") as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        after_the_probe(server, lambda n, body: "429" if n == 5 else None)
        scored = client.score(PROMPTS, [response])
    assert "asks to wait 3,600 s" in str(scored.failure)


def test_many_refusals_slow_the_whole_client_down() -> None:
    """A server that takes ten requests per tenth of a second is met at about that rate."""
    taken: list[float] = []

    def limited(number: int, body: dict[str, Any]) -> str | None:
        now = time.monotonic()
        if sum(now - at < 0.1 for at in taken) >= 10:
            return "429"
        taken.append(now)
        return None

    prompts = [Prompt.plain(f"The town {i} lies") for i in range(150)]
    with Server(WordModel(), latency=0.01, retry_after="0.05") as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        start = after_the_probe(server, limited)
        scored = client.score(prompts, [response])
        assert client._connection.pace.limit < 32
    assert scored.failure is None
    refused = sum(call.fault == "429" for call in server.calls[start:])
    assert 0 < refused < len(prompts)


def test_concurrency_is_bounded_and_used() -> None:
    with Server(WordModel(), latency=0.02) as server, connect(server, concurrency=5) as client:
        response = client.fix(PROMPTS[0], " near")
        client.score(PROMPTS, [response])
    assert server.most_flying == 5


def test_an_interrupt_sends_nothing_more_and_leaves_the_connection_usable() -> None:
    class Interrupt(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    with Server(WordModel(), latency=0.05) as server, connect(server, concurrency=4) as client:
        response = client.fix(PROMPTS[0], " near")
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(Interrupt):
                client.score(PROMPTS, [response])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        time.sleep(0.1)
        asked = len(server.calls)
        assert asked < len(PROMPTS)
        time.sleep(0.1)
        assert len(server.calls) == asked
        assert client.score(PROMPTS[:3], [response]).failure is None
        assert client.ledger.uncertain_tokens > 0


def test_a_limit_of_requests_is_kept() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        client._connection.pace._requests = TokenBucket(3000)  # 45 a second
        client._connection.pace._requests.take(300, client._connection.loop.time())
        began = time.perf_counter()
        assert client.score(PROMPTS[:30], [response]).failure is None
    assert time.perf_counter() - began > 0.6


def test_the_servers_own_limits_are_read() -> None:
    pace = Pace(4)
    pace.read({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 5.0)
    assert pace.wait(1, 5.0) == 90
    pace.read({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "9m"}, 5.0)
    assert pace.wait(1, 5.0) == 90


@given(
    st.floats(1, 5000),
    st.lists(st.tuples(st.floats(0, 3), st.floats(1, 50)), min_size=1, max_size=60),
)
@settings(max_examples=60)
def test_no_minute_has_more_than_the_limit(
    per_minute: float, asked: list[tuple[float, float]]
) -> None:
    bucket, now = TokenBucket(per_minute), 0.0
    taken: list[tuple[float, float]] = []
    for pause, amount in asked:
        now += pause
        wait = bucket.wait(amount, now)
        now += wait
        assert bucket.wait(amount, now) < 1e-6
        bucket.take(amount, now)
        taken.append((now, amount))
    for at, _ in taken:
        inside = [amount for when, amount in taken if at <= when < at + 60]
        # what is larger than the bucket goes alone, and is paid for afterwards
        assert sum(inside[:-1]) <= per_minute + 1e-6 or len(inside) == 1


@given(st.integers(0, 10**6), st.sampled_from([400, 404, 408, 429, 500, 503]), st.text(max_size=40))
@settings(max_examples=50)
def test_any_body_of_an_error_gives_a_sentence(seed: int, status: int, body: str) -> None:
    fault = from_status(status, {}, body, where="there", model="m", key=Key("sk-12345678901"))
    assert str(fault.error)
    assert fault.again == (status in (408, 429) or status >= 500)
    assert retry_after({"retry-after": body}) is None or body.strip()


def test_waits_are_from_the_seed() -> None:
    with (
        Server(WordModel()) as server,
        connect(server, seed=1) as one,
        connect(server, seed=1) as other,
    ):
        assert one._connection.random.random() == other._connection.random.random()


def test_random_faults_of_all_kinds() -> None:
    with Server(WordModel(), retry_after="0.02") as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        right = client.score(PROMPTS, [response]).logprobs[0]
        start = after_the_probe(server, at_random(0.2, 3))
        scored = client.score(PROMPTS, [response])
    assert scored.failure is None
    np.testing.assert_array_equal(scored.logprobs[0], right)
    assert {call.fault for call in server.calls[start:]} == {None, "429", "500", "truncated"}
