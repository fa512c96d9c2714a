"""Scores from a server equal the model's own, in every way of asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import FolderModel, Server, Style, WordModel

import interplay as ip
from interplay.errors import BackendError, BadInput
from interplay.models.language import Prompt, Response, Tokens
from interplay.models.openai_server import OpenAIServer, alignment

PLAIN = [
    Prompt.plain(f"The {size} town of {name}{' 😀' * smile} lies")
    for size in ("old", "new")
    for name in ("Lyon", "Łódź", "北京")
    for smile in (0, 1)
]
CHATS = [Prompt((("system", "Be brief."), ("user", p.text))) for p in PLAIN]


def connect(server: Server, **more: Any) -> OpenAIServer:
    return OpenAIServer.connect(server.name, base_url=server.url, **more)


def truth(model: WordModel, prompt: Prompt, response: str) -> list[float | None]:
    """The log-probabilities of the response's tokens, by the model itself."""
    if prompt.chat:
        messages = [{"role": role, "content": text} for role, text in prompt.messages]
        before = model.chat(messages, open=False)
    else:
        before = prompt.text
    count = len(model.encode(response, special=False)[0])
    return model.logprobs(model.encode(before + response)[0])[-count:]


@pytest.mark.parametrize(
    ("style", "mode", "chat"),
    [
        (Style(), "echo", False),
        (Style(), "prompt_logprobs", False),
        (Style(), "prompt_logprobs", True),
        (Style.openai(), "echo", False),
        (Style.openai(usage=False), "echo", False),
    ],
)
@pytest.mark.parametrize("model", [WordModel(), WordModel(bos=None), WordModel(ends=True)])
def test_scores_are_the_models_own(model: WordModel, style: Style, mode: str, chat: bool) -> None:
    prompts = CHATS if chat else PLAIN
    texts = ["north of the river", "é"] if chat else [" north of the river", " é 北."]
    with Server(model, style) as server, connect(server, chat=chat, mode=mode) as client:
        assert client.mode == mode
        responses = [client.fix(prompts[0], text) for text in texts]
        scored = client.score(prompts, responses)
    assert scored.failure is None
    for text, response, found in zip(texts, responses, scored.logprobs, strict=True):
        assert response.text == text
        assert "".join(text[a:b] for a, b in dict.fromkeys(response.spans)) == text
        expected = [truth(model, prompt, text) for prompt in prompts]
        np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-12)


@pytest.mark.parametrize(
    ("style", "chat", "mode"),
    [
        (Style(), False, "echo"),
        (Style(), True, "prompt_logprobs"),
        (Style(echo=False), False, "prompt_logprobs"),
        (Style.openai(echo=False), False, "labels"),
        (Style.openai(), True, "labels"),
        (Style.chat_only(), False, "labels"),
        (Style.chat_only(top=0), True, "text"),
        (Style.openai(top=0), False, "text"),
    ],
)
def test_auto_takes_the_first_way_that_works(style: Style, chat: bool, mode: str) -> None:
    with Server(WordModel(), style) as server, connect(server, chat=chat) as client:
        assert client.mode == mode
        assert repr(client) == (
            f"OpenAIServer('openai:words', base_url='{server.url}', mode='{mode}')"
        )
        assert client.max_tokens == 512


def test_equal_prompts_are_asked_once_and_paid_once() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PLAIN[0], " far away")
        before = len(server.calls)
        scored = client.score([PLAIN[0], PLAIN[1], PLAIN[0]], [response])
        assert len(server.calls) == before + 2
    assert scored.tokens is not None
    assert scored.tokens[2] == 0
    assert scored.tokens[0] > 0
    np.testing.assert_array_equal(scored.logprobs[0][0], scored.logprobs[0][2])


def test_scores_do_not_depend_on_order_and_concurrency() -> None:
    with Server(WordModel(), latency=0.002) as server:
        with connect(server) as client:
            responses = [client.fix(PLAIN[0], text) for text in (" far away", " near.")]
            one = client.score(PLAIN, responses)
        with connect(server, concurrency=1) as client:
            other = client.score(PLAIN[::-1], responses)
    for a, b in zip(one.logprobs, other.logprobs, strict=True):
        np.testing.assert_array_equal(a, b[::-1])
    assert 1 < server.most_flying <= 32


@pytest.mark.parametrize("style", [Style(), Style.openai()])
def test_token_ids_are_sent_where_there_is_a_tokenizer(gpt2: Path, style: Style) -> None:
    import transformers

    model = FolderModel(gpt2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt2)
    with Server(model, style) as server, connect(server, tokenizer=tokenizer) as client:
        # "fi" + "lm" would merge if they were sent as text
        prompts = [Prompt.plain("A slow fi"), Prompt.plain("The plot of a fi")]
        response = client.fix(prompts[0], "lm")
        scored = client.score(prompts, [response])
        assert isinstance(server.calls[-1].body["prompt"], list)
        for prompt, row in zip(prompts, scored.logprobs[0], strict=True):
            ids = [*tokenizer(prompt.text)["input_ids"], *response.ids]
            np.testing.assert_allclose(row, model.logprobs(ids)[-len(row) :], atol=1e-6)


def test_a_folders_tokenizer_is_read_and_is_in_the_fingerprint(gpt2: Path) -> None:
    with Server(FolderModel(gpt2)) as server:
        with connect(server) as plain, connect(server, tokenizer=str(gpt2)) as by_ids:
            assert plain.fingerprint != by_ids.fingerprint
        with connect(server) as again:
            assert again.fingerprint == plain.fingerprint
        with (
            pytest.raises(BadInput, match="has no chat template"),
            connect(server, tokenizer=str(gpt2)) as client,
        ):
            client.score([CHATS[0]], [Response(" a", (1,), ((0, 2),))])


def test_the_lens_asks_chats_as_chats() -> None:
    chat = [
        {"role": "system", "content": "Answer yes or no."},
        {"role": "user", "content": "The town lies north of the river. Is it south?"},
    ]
    model = WordModel()
    with Server(model, Style(completions=False)) as server:
        value = ip.text(
            chat, model="openai:words", base_url=server.url, target="logprob:yes, it is",
            units="sentence",
        )  # fmt: skip
        assert value.model.mode == "prompt_logprobs"
        assert {call.path for call in server.calls} == {"/v1/chat/completions"}
        (found,) = value(np.ones((1, len(value.features)), dtype=bool))
        value.model.close()
    prompt = Prompt(tuple((one["role"], one["content"]) for one in chat))
    expected = truth(model, prompt, "yes, it is")
    assert found == pytest.approx(sum(map(float, expected)))  # type: ignore[arg-type]


def test_the_lens_explains_label_margins_and_texts_of_chat_models() -> None:
    chat = [{"role": "user", "content": "The town lies north. Is it south of the river?"}]
    masks = np.array([[True, True], [False, True]])
    model = WordModel()
    with Server(model, Style.chat_only()) as server:
        common = {"model": "openai:words", "base_url": server.url, "units": "sentence"}
        margin = ip.text(chat, target="margin:yes|no", **common)
        found = margin(masks)
        for mask, value in zip(masks, found, strict=True):
            prompt = Prompt((("user", margin.masked_text(mask)),))
            (yes,), (no,) = truth(model, prompt, "yes"), truth(model, prompt, "no")
            assert yes is not None
            assert no is not None
            assert value == pytest.approx(yes - no)
        margin.model.close()
        similar = ip.text(chat, target="similarity", mode="text", **common)
        values = similar(masks)
        similar.model.close()
    assert values[0] == pytest.approx(1.0)
    assert 0 <= values[1] <= 1


def test_characters_that_cannot_be_sent() -> None:
    with Server(WordModel()) as server, connect(server) as client:
        response = client.fix(PLAIN[0], " yes")
        scored = client.score([PLAIN[0], Prompt.plain("half an emoji \ud83d lies")], [response])
    assert "cannot send to" in str(scored.failure)
    assert "surrogates not allowed" in str(scored.failure)


def test_echo_of_a_real_model_equals_its_forward_pass(gpt2: Path) -> None:
    model = FolderModel(gpt2)
    with Server(model) as server, connect(server) as client:
        prompts = [Prompt.plain("The film is"), Prompt.plain("我不喜欢 the plot: it is")]
        response = client.fix(prompts[0], " not bad at all")
        scored = client.score(prompts, [response])
    for prompt, row in zip(prompts, scored.logprobs[0], strict=True):
        values = model.logprobs(model.encode(prompt.text + response.text)[0])
        np.testing.assert_allclose(row, np.array(values[-len(row) :], dtype=float), atol=1e-6)


def test_responses_and_texts_are_generated() -> None:
    model = WordModel()
    with Server(model) as server, connect(server) as client:
        response = client.respond(PLAIN[0], max_tokens=3)
        ids = model.encode(PLAIN[0].text)[0]
        for _ in range(3):
            ids.append(next(iter(model.top(ids, 1))))
        assert response.text == "".join(model.pieces(ids[-3:]))
        assert len(response.spans) >= 1
        texts = client.generate(PLAIN, max_tokens=2)
        assert texts.failure is None
        assert all(texts.texts)
        assert len(set(texts.texts)) > 1
    with (
        Server(WordModel(ends=True)) as server,
        connect(server) as client,
        pytest.raises(BadInput, match="response of 'openai:words' to this prompt is empty"),
    ):
        client.respond(PLAIN[0], max_tokens=3)


class TestLabels:
    def test_are_read_off_one_answer(self) -> None:
        model = WordModel()
        with Server(model, Style.chat_only()) as server, connect(server, chat=True) as client:
            labels = [client.fix(CHATS[0], text) for text in ("yes", "no")]
            before = len(server.calls)
            scored = client.score(CHATS, labels)
            assert len(server.calls) == before + len(CHATS)
        for label, found in zip(("yes", "no"), scored.logprobs, strict=True):
            expected = [truth(model, chat, label) for chat in CHATS]
            np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-12)
        assert client.ledger.bounded == 0

    def test_beyond_the_most_likely_tokens_are_bounded_and_noted(self) -> None:
        model = WordModel()
        style = Style.chat_only(top=2)
        with Server(model, style) as server, connect(server, chat=True) as client:
            labels = [Response(text, (), ((0, len(text)),)) for text in ("yes", "no")]
            with pytest.warns(UserWarning, match="is not among the 2 most likely tokens"):
                scored = client.score(CHATS, labels)
        for label, found in zip(("yes", "no"), scored.logprobs, strict=True):
            exact = np.array([truth(model, chat, label) for chat in CHATS], dtype=float)
            assert (found >= exact - 1e-12).all()
        assert 0 < client.ledger.bounded < 2 * len(CHATS)
        assert f"{client.ledger.bounded:,} labels were not among" in client.ledger.sentence

    def test_take_the_spelling_that_the_server_shows(self) -> None:
        style = Style.openai(echo=False)
        with Server(WordModel(), style) as server, connect(server) as client:
            told = {client.fix(PLAIN[0], text).text for text in ("the", " the", "river")}
        assert told <= {" the", " river", "river", "the"}
        assert " the" in told or " river" in told

    def test_of_more_than_one_token_are_refused(self) -> None:
        with Server(WordModel(), Style.chat_only()) as server, connect(server, chat=True) as client:
            first = client.generate([CHATS[0]], max_tokens=1).texts[0]
            assert first
            with pytest.raises(BadInput, match=r"more than one token.*labels of one token each"):
                client.fix(CHATS[0], f"{first}abc")


class TestRefusals:
    def test_a_response_where_no_logprobs_are_told(self) -> None:
        with (
            Server(WordModel(), Style.openai(top=0)) as server,
            connect(server) as client,
            pytest.raises(BadInput, match=r"tells no log-probabilities.*similarity") as caught,
        ):
            client.fix(PLAIN[0], " yes")
        assert "echo at /completions" in str(caught.value)

    @pytest.mark.parametrize("mode", ["echo", "prompt_logprobs"])
    def test_a_token_that_straddles_prompt_and_response(self, mode: str) -> None:
        with (
            Server(WordModel()) as server,
            connect(server, mode=mode) as client,
            pytest.raises(BadInput, match="prompt and response share a token, ' river'"),
        ):
            client.fix(Prompt.plain("along the ri"), "ver bank")

    def test_a_response_that_a_masked_prompt_reads_otherwise(self) -> None:
        with Server(WordModel()) as server, connect(server) as client:
            response = client.fix(Prompt.plain("Town:"), "x yes")
            scored = client.score([Prompt.plain("Town:"), Prompt.plain("Town")], [response])
        assert isinstance(scored.failure, BadInput)
        assert "share a token" in str(scored.failure)
        assert np.isfinite(scored.logprobs[0][0]).all()
        assert np.isnan(scored.logprobs[0][1]).all()

    def test_an_empty_response_and_an_empty_prompt(self) -> None:
        with Server(WordModel(bos=None)) as server, connect(server) as client:
            with pytest.raises(BadInput, match="at least one character"):
                client.fix(PLAIN[0], "")
            with pytest.raises(BadInput, match="nothing is before it: keep a fixed part"):
                client.fix(Prompt.plain(""), "yes")

    def test_a_chat_where_only_texts_are_echoed(self) -> None:
        with (
            Server(WordModel(), Style.openai()) as server,
            pytest.raises(BadInput, match="mode='echo' scores plain texts, and this is a chat"),
        ):
            connect(server, mode="echo", chat=True)

    def test_hidden_tokens(self) -> None:
        with (
            Server(WordModel()) as server,
            connect(server) as client,
            pytest.raises(BadInput, match="hiding tokens from attention needs a local model"),
        ):
            client.score([Tokens((1, 2), (0,))], [Response(" a", (1,), ((0, 2),))])

    def test_a_text_longer_than_the_model(self) -> None:
        with Server(WordModel()) as server, connect(server) as client:
            response = client.fix(PLAIN[0], " yes")
            scored = client.score([PLAIN[0], Prompt.plain("word " * 600 + "lies")], [response])
        assert "longer than the model 'words' reads" in str(scored.failure)
        assert np.isfinite(scored.logprobs[0][0]).all()

    def test_after_it_was_closed(self) -> None:
        with Server(WordModel()) as server:
            client = connect(server)
            response = client.fix(PLAIN[0], " yes")
            client.close()
            with pytest.raises(BadInput, match="was closed: connect again"):
                client.score(PLAIN, [response])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"mode": "fast"}, "unknown mode 'fast'; valid: auto, echo"),
            ({"concurrency": 0}, "concurrency must be a whole number of at least 1; got 0"),
            ({"max_attempts": 2.5}, "max_attempts must be a whole number"),
            ({"timeout": 0}, "timeout must be a number above 0; got 0"),
            ({"requests_per_minute": -1}, "requests_per_minute must be a number above 0"),
            ({"usd_per_million": (1,)}, "usd_per_million must be two prices"),
            ({"usd_per_million": (1, -2)}, "usd_per_million must be two prices"),
            ({"max_usd": 1.0}, "max_usd needs prices"),
            ({"base_url": "localhost:8000"}, "base_url must be an address such as"),
            ({"base_url": "http://u:secret@h/v1"}, "must hold no user, password or query"),
            ({"base_url": "http://h/v1?key=secret"}, "must hold no user, password or query"),
            ({"base_url": "http://h/v1/completions"}, "is what comes before /completions"),
        ],
    )
    def test_options(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(BadInput, match=message) as caught:
            OpenAIServer.connect("words", **arguments)
        assert "secret" not in str(caught.value)

    def test_no_name(self) -> None:
        with pytest.raises(BadInput, match="the name of a model is missing"):
            OpenAIServer.connect("openai:")


class TestAlignment:
    @given(st.lists(st.text("ab é😀", min_size=1, max_size=4), min_size=2, max_size=8), st.data())
    @settings(max_examples=100)
    def test_whole_pieces_give_their_own_spans(self, pieces: list[str], data: Any) -> None:
        cut = data.draw(st.integers(1, len(pieces) - 1))
        before, response = "".join(pieces[:cut]), "".join(pieces[cut:])
        found = alignment.spans(["<s>", *pieces], before, response)
        assert [response[a:b] for a, b in found] == pieces[cut:]
        assert alignment.preamble(["<s>", *pieces], before + response) == "<s>"

    def test_parts_of_characters_share_their_span(self) -> None:
        pieces = ["Hi", " ", "\ufffd", "\ufffd", "\ufffd", "\ufffd", "!"]
        assert alignment.spans(pieces, "Hi ", "😀!") == [(0, 1)] * 4 + [(1, 2)]
        assert alignment.spans(["Hi", " ", "", "bytes:\\xc3", "!"], "Hi ", "é!") == [
            (0, 1), (0, 1), (1, 2),
        ]  # fmt: skip

    def test_pieces_without_their_spaces(self) -> None:
        assert alignment.spans(["Hi", "you", "there"], "Hi", " you there") == [(0, 4), (4, 10)]
        with pytest.raises(BadInput, match="share a token, ' you'"):
            alignment.spans(["Hi", "you", "there"], "Hi ", "you there")

    def test_another_text(self) -> None:
        with pytest.raises(BackendError, match="are not for the text that was sent"):
            alignment.spans(["A", " dog"], "A", " cat")
        assert alignment.preamble(["A", " dog"], "A cat") is None
