"""The ledger is what the server bills, and the cap is never passed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import Server, Style, WordModel, at_random

import interplay as ip
from interplay.errors import BadInput, BudgetExceeded
from interplay.evaluate import SPENT, Meter, Store, evaluate, parse_budget
from interplay.models.language import Prompt
from interplay.models.openai_server import Ledger, OpenAIServer, Prices, batch
from interplay.models.openai_server.ledger import most_tokens

PRICES = (1000.0, 5000.0)  # USD per million: a cent for ten tokens
PROMPTS = [Prompt.plain(f"The town number {i} lies") for i in range(40)]


def connect(server: Server, **more: Any) -> OpenAIServer:
    return OpenAIServer.connect(
        "words", base_url=server.url, mode="echo", usd_per_million=PRICES, **more
    )


def billed(server: Server) -> float:
    return Prices(*PRICES).usd(*server.billed_tokens())


def test_the_ledger_is_what_was_billed() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        scored = client.score(PROMPTS, [response])
        client.generate(PROMPTS[:3], max_tokens=4)
        assert client.ledger.usd == pytest.approx(billed(server))
        assert client.ledger.tokens == sum(server.billed_tokens())
        assert client.ledger.answered == len(server.calls)
        assert client.ledger.estimated == client.ledger.uncertain_tokens == 0
    assert scored.usd is not None
    assert scored.usd.sum() < billed(server)
    assert client.ledger.sentence.startswith(f"{len(server.calls)} answers to")


def test_what_a_server_does_not_count_is_estimated_and_said() -> None:
    with Server(WordModel(), Style(usage=False)) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        client.score(PROMPTS, [response])
        usd = client.ledger.usd
        assert usd is not None
        assert usd >= billed(server)
        assert client.ledger.estimated == client.ledger.answered
        assert "did not say how many tokens they took" in client.ledger.sentence


def test_failed_attempts_that_may_have_been_billed_are_counted() -> None:
    with Server(WordModel(), bills=True) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        start = len(server.calls)
        server.faults = lambda number, body: "truncated" if (number - start) % 4 == 0 else None
        before = client.ledger.usd or 0.0
        scored = client.score(PROMPTS, [response])
        after = client.ledger.usd or 0.0
        assert after >= billed(server)
        assert scored.usd is not None
        assert scored.usd.sum() == pytest.approx(after - before)
        assert "for requests that failed" in client.ledger.sentence


def test_the_forecast_holds_the_cost() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PROMPTS[0], " near")
        told = client.forecast(PROMPTS, [response])
        before = client.ledger.tokens, client.ledger.usd or 0.0
        client.score(PROMPTS, [response])
        tokens, usd = client.ledger.tokens - before[0], (client.ledger.usd or 0.0) - before[1]
    assert told["tokens"][0] <= tokens <= told["tokens"][1]
    assert told["usd"][0] <= usd <= told["usd"][1]
    with Server(WordModel(), Style(usage=False)) as server:
        client = OpenAIServer.connect("words", base_url=server.url)
        assert set(client.forecast(PROMPTS, [response])) == {"tokens"}
        client.close()


@given(st.text(max_size=60))
def test_no_text_has_more_tokens_than_that(text: str) -> None:
    ids, _ = WordModel(bos=None).encode(text.replace("\ud800", ""))
    assert len(ids) <= most_tokens(text)


@pytest.fixture(scope="module")
def billing() -> Iterator[Server]:
    """A server that bills what fails."""
    with Server(WordModel(), bills=True, retry_after="0.001", latency=0.001) as server:
        yield server


@pytest.fixture(scope="module")
def payer(billing: Server) -> Iterator[OpenAIServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "FIRST_WAIT", 0.0005)
        patch.setattr(batch, "LONGEST_WAIT", 0.002)
        with connect(billing, max_attempts=50, concurrency=8) as client:
            yield client


class TestTheCap:
    @given(
        cents=st.floats(0, 60),
        share=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
        seed=st.integers(0, 1000),
        limits=st.sampled_from(["usd", "tokens", "both"]),
    )
    @settings(max_examples=40)
    def test_is_never_passed(
        self, billing: Server, payer: OpenAIServer, cents: float, share: float, seed: int,
        limits: str,
    ) -> None:  # fmt: skip
        server, client = billing, payer
        server.faults = lambda number, body: None
        client.allow()
        response = client.fix(PROMPTS[0], " near")
        server.faults = at_random(share, seed, ("429", "500", "truncated", "hang-up"))
        before, tokens = billed(server), sum(server.billed_tokens())
        usd, most = cents / 100, 10 * cents
        client.allow(
            usd=usd if limits != "tokens" else None, tokens=most if limits != "usd" else None
        )
        scored = client.score(PROMPTS, [response])
        if limits != "tokens":
            assert billed(server) - before <= usd + 1e-9
        if limits != "usd":
            assert sum(server.billed_tokens()) - tokens <= most
        missing = np.isnan(scored.logprobs[0]).all(axis=1)
        assert missing.any() == (scored.failure is not None)
        if missing.any():
            assert isinstance(scored.failure, BudgetExceeded)
            assert "the budget is spent" in str(scored.failure)
        if share == 0 and limits == "usd":  # and it is used: less than one request is left
            left = usd - (billed(server) - before)
            assert not missing.any() or left < 0.06

    def test_holds_the_probe_too(self) -> None:
        with Server(WordModel()) as server, pytest.raises(BudgetExceeded, match="budget is spent"):
            connect(server, max_usd=0.06)
        assert billed(server) <= 0.06
        with Server(WordModel()) as server, connect(server, max_usd=0.5) as client:
            response = client.fix(PROMPTS[0], " near")
            scored = client.score(PROMPTS, [response])
            assert isinstance(scored.failure, BudgetExceeded)
            assert 0.4 < billed(server) <= 0.5

    def test_in_usd_needs_prices(self) -> None:
        with (
            Server(WordModel()) as server,
            OpenAIServer.connect("words", base_url=server.url) as client,
        ):
            with pytest.raises(BadInput, match="a limit in USD needs prices"):
                client.allow(usd=1.0)
            client.allow(tokens=5)


class TestRuns:
    """Whole runs over masks, through the text lens."""

    def value(self, server: Server, **more: Any) -> Any:
        return ip.text(
            "The old town of Lyon lies far away in the hills",
            model="openai:words",
            base_url=server.url,
            target="logprob: north of the river",
            **more,
        )

    def test_end_within_the_budget_with_what_they_have(self, tmp_path: Path) -> None:
        with Server(WordModel(), bills=True, latency=0.001) as server:
            value = self.value(server, usd_per_million=PRICES, concurrency=4)
            server.faults = at_random(0.1, 1, ("500", "truncated"))
            before = billed(server)
            masks = np.random.default_rng(0).random((400, len(value.features))) < 0.5
            masks = np.unique(masks, axis=0)
            with Store(tmp_path / "runs.db") as store:
                run = evaluate(value, masks, store=store, meter=Meter(parse_budget("3usd")))
                assert run.stopped == SPENT
                assert 0 < len(run.values) < len(masks)
                assert billed(server) - before <= 3.0
                # failed attempts count at the most that they may have cost
                assert 2.9 < (value.model.ledger.usd or 0.0) - before <= 3.0
                spent = store.function(value.fingerprint)
                assert spent is not None
                assert billed(server) - before <= spent.usd <= 3.0
                # said again, nothing that was answered is asked again; a little may be left
                answered = len(server.answered())
                again = evaluate(value, masks, store=store, meter=Meter(parse_budget("3usd")))
                assert again.stopped == SPENT
                assert again.reused >= len(run.values)
                assert billed(server) - before <= 3.0
                texts = [call.body["prompt"] for call in server.answered()[:answered]]
                assert len(set(texts[9:])) >= len(texts[9:]) - 1  # the full text: fixed, and scored
            value.model.close()

    def test_are_explained_as_partial(self) -> None:
        with Server(WordModel()) as server:
            value = self.value(server, usd_per_million=PRICES)
            found = ip.explain(value, budget="500,4usd", method="lasso")
            value.model.close()
        assert found.sample.stopped == SPENT
        assert any("was spent after" in note for note in found.diagnostics())

    def test_without_prices_are_refused_before_anything_is_spent(self) -> None:
        with Server(WordModel()) as server:
            value = self.value(server)
            asked = len(server.calls)
            with pytest.raises(BadInput, match="a limit in USD needs prices"):
                ip.explain(value, budget="5usd", method="lasso")
            value.model.close()
            assert len(server.calls) == asked


def test_the_ledger_in_words() -> None:
    ledger = Ledger(Prices(1.0, 1.0))
    ledger.doubt(10, 1)
    assert "11 tokens (up to 11 of them for requests that failed)" in ledger.sentence
    generator = random.Random(0)
    for _ in range(100):
        ledger.answer(generator.randrange(100), 1, told=True)
    assert ledger.usd == pytest.approx(ledger.tokens / 1e6)
