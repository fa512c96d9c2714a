"""Before the first paid call: which servers are refused, and what is said."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from openai_server import Server, Style, WordModel

from interplay.errors import BackendError, BadInput, InterplayError
from interplay.models.language import Prompt
from interplay.models.openai_server import OpenAIServer


def connect(server: Server, **more: Any) -> OpenAIServer:
    return OpenAIServer.connect("words", base_url=server.url, **more)


def always(fault: str) -> Any:
    return lambda number, body: fault


def refusal(server: Server, kind: type[InterplayError], **more: Any) -> str:
    with server, pytest.raises(kind) as caught:
        connect(server, **more)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["echo", "prompt_logprobs"])
class TestWrongLogprobs:
    def test_of_another_text(self, mode: str) -> None:
        told = refusal(Server(WordModel(), faults=always("other-text")), BackendError, mode=mode)
        assert "log-probabilities are not for the text that was sent" in told
        assert "Another text" in told or "some length" in told

    def test_in_another_order(self, mode: str) -> None:
        # alone each gets its own; two that are sent together get each other's
        told = refusal(Server(WordModel(), faults=always("swap")), BackendError, mode=mode)
        assert "are not for the text that was sent" in told

    def test_that_change_from_call_to_call(self, mode: str) -> None:
        server = Server(WordModel())
        server.drift = -0.02
        told = refusal(server, BackendError, mode=mode)
        assert "for the same text, depending on what was asked before or at the same time" in told
        assert "--no-enable-prefix-caching" in told
        with Server(WordModel()) as server:
            server.drift = -0.02
            connect(server, mode=mode, tolerance=0.5).close()

    def test_of_the_token_after(self, mode: str) -> None:
        told = refusal(Server(WordModel(), faults=always("shifted")), BackendError, mode=mode)
        assert "not for the text that was sent: two texts with the same start differ" in told

    def test_that_are_none(self, mode: str) -> None:
        told = refusal(Server(WordModel(), faults=always("positive")), BackendError, mode=mode)
        assert "gives 1.0 as the log-probability of token 1" in told
        assert "must be a number of at most 0" in told
        told = refusal(Server(WordModel(), faults=always("constant")), BackendError, mode=mode)
        assert "gives every token the same log-probability" in told

    def test_that_are_missing(self, mode: str) -> None:
        told = refusal(Server(WordModel(), faults=always("no-logprobs")), BackendError, mode=mode)
        assert "has no log-probabilities" in told or "has no prompt_logprobs" in told


class Before(WordModel):
    """Each token has the value of the one before it."""

    def logprobs(self, ids: Any) -> list[float | None]:
        return [None, -1.0, *super().logprobs(ids)[1:-1]]


class Itself(WordModel):
    """Each token has its value after itself: llama.cpp, where nothing comes before a text."""

    def logprobs(self, ids: Any) -> list[float | None]:
        doubled = [i for one in ids for i in (one, one)]
        return [None, *super().logprobs(doubled)[3::2]]


@pytest.mark.parametrize("model", [Before(), Itself(bos=None)])
def test_values_of_other_tokens_are_found_where_the_pieces_are_right(model: WordModel) -> None:
    told = refusal(Server(model), BackendError)
    assert "when it is generated, and" in told
    assert "They may be those of the token before or after" in told


def test_logprobs_of_generated_tokens_only() -> None:
    class GeneratedOnly(Server):
        def _complete(self, call: Any) -> dict[str, Any]:
            echo = call.body.pop("echo", None)
            data = super()._complete(call)
            if echo:
                call.body["echo"] = echo
            return data

    told = refusal(GeneratedOnly(WordModel()), BackendError, mode="echo")
    assert "log-probabilities of generated tokens only" in told
    with GeneratedOnly(WordModel(), Style.openai()) as server, connect(server) as client:
        assert client.mode == "labels"
        prompt = Prompt.plain("The town")
        first = client.generate([prompt], max_tokens=1).texts[0]
        with pytest.raises(BadInput, match=r"echo at /completions: the server tells log-probab"):
            client.fix(prompt, f"{first}x")


class TestAddressNameAndKey:
    def test_nothing_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(BackendError, match=r"nothing listens at http://127.0.0.1:\d+/v1"):
            OpenAIServer.connect("words", base_url=f"http://127.0.0.1:{port}/v1")

    def test_no_such_host(self) -> None:
        with pytest.raises((BadInput, BackendError), match=r"cannot be found|nothing listens"):
            OpenAIServer.connect("words", base_url="http://no-such-host.invalid/v1")

    def test_a_server_that_is_silent(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            with pytest.raises(BackendError, match=r"did not answer within 0.05 s"):
                OpenAIServer.connect("words", base_url=url, timeout=0.05)

    def test_no_tls(self) -> None:
        with Server(WordModel()) as server, pytest.raises(BadInput, match="does not speak TLS"):
            OpenAIServer.connect("words", base_url=server.url.replace("http:", "https:"))

    def test_a_wrong_path(self) -> None:
        with Server(WordModel()) as server, pytest.raises(BadInput) as caught:
            OpenAIServer.connect("words", base_url=server.url.removesuffix("/v1"))
        assert "knows no such address, or no model 'words' (404)" in str(caught.value)
        assert "most often it ends in /v1" in str(caught.value)

    def test_a_wrong_name(self) -> None:
        with Server(WordModel()) as server, pytest.raises(BadInput, match="has no model 'wods'"):
            OpenAIServer.connect("wods", base_url=server.url)
        assert server.calls == []
        unlisted = Server(WordModel(), Style(models=False))
        with unlisted as server, pytest.raises(BadInput, match="no model 'wods'"):
            OpenAIServer.connect("wods", base_url=server.url)

    @pytest.mark.parametrize("key", ["", "sk-wrong-wrong-wrong"])
    def test_a_wrong_key(self, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        told = refusal(Server(WordModel(), key="sk-right-right-right"), BadInput)
        assert "refuses the key (401)" in told
        assert ("is not valid there" if key else "it wants a key") in told
        assert "wrong" not in told

    def test_no_right_to_the_model(self) -> None:
        told = refusal(Server(WordModel(), faults=always("403")), BadInput)
        assert "does not allow this (403)" in told

    def test_no_credit(self) -> None:
        server = Server(WordModel(), faults=always("quota"))
        told = refusal(server, BackendError)
        assert "no credit left (insufficient_quota)" in told
        assert len(server.calls) == 1

    def test_a_redirect(self) -> None:
        class Elsewhere(Server):
            def _error(self, error: Any) -> bytes:
                error.status, error.headers = 307, {"location": "http://elsewhere/v1"}
                return super()._error(error)

        told = refusal(Elsewhere(WordModel(), faults=always("403")), BadInput)
        assert "sends on to 'http://elsewhere/v1' (307)" in told


def test_faults_that_pass_do_not_refuse_a_server() -> None:
    server = Server(WordModel(), faults=lambda number, body: "500" if number % 3 == 1 else None)
    with server, connect(server) as client:
        assert client.mode == "echo"
        assert client.ledger.retries > 0


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ("max_tokens", "Unsupported parameter: use max_completion_tokens instead"),
        ("temperature", "Unsupported value: temperature does not support 0"),
    ],
)
def test_parameters_that_newer_models_want_otherwise(parameter: str, told: str) -> None:
    style = Style.chat_only(refuses={parameter: told})
    with Server(WordModel(), style) as server, connect(server, chat=True) as client:
        assert client.mode == "labels"
        assert parameter not in server.calls[-1].body


def test_a_server_that_tells_few_likely_tokens() -> None:
    class Few(Server):
        def _refuse(self, call: Any) -> None:
            if call.body.get("top_logprobs", 0) > 5:
                self.style.refuses = {"top_logprobs": "top_logprobs must be at most 5"}
            else:
                self.style.refuses = {}
            super()._refuse(call)

    with Few(WordModel(), Style.chat_only()) as server, connect(server, chat=True) as client:
        assert client.mode == "labels"
        assert server.calls[-1].body["top_logprobs"] == 5


def test_what_every_way_says_where_none_works() -> None:
    style = Style(completions=False, chats=False)
    told = refusal(Server(WordModel(), style), BadInput)
    assert "knows no such address, or no model 'words' (404)" in told


def test_it_is_asked_once_per_connection() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        asked = len(server.calls)
        response = client.fix(Prompt.plain("The town"), " lies")
        client.score([Prompt.plain("The town")], [response])
        assert len(server.calls) == asked + 2
        assert asked <= 9
        assert sum(len(str(call.body["prompt"])) for call in server.calls) < 600
