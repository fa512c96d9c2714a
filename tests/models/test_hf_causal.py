"""Scores of fixed tokens by causal language models: one plain pass each is the oracle."""

from __future__ import annotations

import json
import shutil
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import CAUSAL, LINES, save_bert, save_causal

from interplay.errors import BackendError, BadInput, MissingExtra
from interplay.models.causal_passes import Passes
from interplay.models.causal_ways import Ways
from interplay.models.hf_causal import HFCausalLM
from interplay.models.language import Prompt, Response, Tokens

REAL = ("stories260k", "babyllama")
OPENING = "The film is not bad at all; "
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ raise_exception('no system message, please') }}{% endif %}"
    "<{{ message['role'] }}>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("causal")
    return {family: save_causal(root / family, family) for family in CAUSAL}


@pytest.fixture(scope="session")
def models(folders: dict[str, Path]) -> dict[str, HFCausalLM]:
    return {family: HFCausalLM.load(folder) for family, folder in folders.items()}


@pytest.fixture(scope="session")
def stories(assets: Path) -> HFCausalLM:
    return HFCausalLM.load(assets / "models" / "stories260k")


@pytest.fixture(scope="session")
def baby(assets: Path) -> HFCausalLM:
    return HFCausalLM.load(assets / "models" / "babyllama")


def loop(model: HFCausalLM, queries: list[Tokens], ids: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities by the plainest code: one sequence, one pass, all logits, no cache."""
    return np.array([_alone(model.model, query, ids) for query in queries])


def _alone(network: Any, query: Tokens, ids: tuple[int, ...]) -> list[float]:
    sequence = torch.tensor([[*query.ids, *ids]])
    inputs = {"input_ids": sequence}
    if query.hidden:
        attention = torch.ones_like(sequence)
        attention[0, list(query.hidden)] = 0
        inputs["attention_mask"] = attention
        if "position_ids" in signature(network.forward).parameters:
            inputs["position_ids"] = torch.arange(sequence.shape[1])[None]
    with torch.inference_mode():
        logits = network(**inputs, use_cache=False).logits[0]
    values = logits.double().log_softmax(dim=-1)
    last = max(i for i in range(len(query.ids)) if i not in query.hidden)
    places = [last, *range(len(query.ids), sequence.shape[1] - 1)]
    return [values[place, token].item() for place, token in zip(places, ids, strict=True)]


def ragged(model: HFCausalLM, m: int, seed: int = 0, opening: str = OPENING) -> list[Tokens]:
    """Prompts of many lengths that begin alike."""
    rng = np.random.default_rng(seed)
    words = ["the", "film", "is", "a", "slow", "and", "moving", "story", "with", "no", "plot"]
    texts = [opening + " ".join(rng.choice(words, rng.integers(0, 7))) for _ in range(m)]
    return list(model.read([Prompt.plain(text) for text in texts]))  # type: ignore[arg-type]


def hidden(queries: list[Tokens], seed: int = 0) -> list[Tokens]:
    """The same prompts with positions hidden here and there, the last ones among them."""
    rng = np.random.default_rng(seed)
    out = []
    for i, query in enumerate(queries):
        n = len(query.ids)
        gone = set(rng.choice(np.arange(i % 2, n), rng.integers(1, n - 2), replace=False).tolist())
        out.append(Tokens(query.ids, tuple(sorted(gone | ({n - 1} if i % 3 == 0 else set())))))
    return out


def fixed(model: HFCausalLM, query: Tokens, *texts: str) -> list[Response]:
    return [model.fix(query, text) for text in texts]


def check(model: HFCausalLM, queries: list[Tokens], responses: list[Response]) -> None:
    found = model.score(queries, responses)
    assert len(found.logprobs) == len(responses)
    for response, values in zip(responses, found.logprobs, strict=True):
        np.testing.assert_allclose(values, loop(model, queries, response.ids), atol=1e-4)


# --- scores


@pytest.mark.parametrize("family", [*CAUSAL, *REAL])
def test_scores_equal_the_plain_loop(
    family: str, models: dict[str, HFCausalLM], request: pytest.FixtureRequest
) -> None:
    model = models.get(family) or request.getfixturevalue(
        {"babyllama": "baby"}.get(family, "stories")
    )
    plain = ragged(model, 6)
    responses = fixed(model, plain[0], " story", " and it is", " .")
    assert len(responses[1].ids) > 2
    queries = plain + hidden(plain)
    expected = [loop(model, queries, response.ids) for response in responses]
    assert np.ptp(expected[0][:, 0]) > 0.1  # so that 1e-4 says something
    for some in (slice(None), slice(len(plain)), slice(len(plain), None)):
        # several responses go on from one pass; one alone is read with its prompt
        for which in (slice(None), slice(1, 2)):
            found = model.score(queries[some], responses[which]).logprobs
            for values, wanted in zip(found, expected[which], strict=True):
                assert values.dtype == np.float64
                np.testing.assert_allclose(values, wanted[some], atol=1e-4)
    ways = model._tried
    assert ways == Ways(True, True, "equal" if family == "mistral" else "ragged")


@pytest.mark.parametrize("family", ["llama", "mistral", "bloom"])
def test_scores_whatever_batch_order_and_reuse(family: str, folders: dict[str, Path]) -> None:
    model = HFCausalLM.load(folders[family])
    model._ways()
    queries = ragged(model, 9) + hidden(ragged(model, 6, seed=1), seed=1)
    responses = fixed(model, queries[0], " a film that is", " bad")
    expected = [loop(model, queries, response.ids) for response in responses]
    order = np.random.default_rng(2).permutation(len(queries))
    for tokens in (1, 60, 200, 10_000):
        for ways in (
            Ways(True, True, "ragged" if family != "mistral" else "equal", worth=0),
            Ways(False, True, "equal", worth=0),
            Ways(True, True, "no"),
            Ways(True, False, "equal"),
            Ways(False, False, "no"),
        ):
            model._batches.tokens, model._tried, model._passes.narrow = tokens, ways, ways.narrow
            for some in (slice(None), slice(1)):
                found = model.score([queries[i] for i in order], responses[some])
                for values, wanted in zip(found.logprobs, expected[some], strict=True):
                    np.testing.assert_allclose(values, wanted[order], atol=1e-4)


def test_shared_beginning_is_read_once_and_kept(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    queries = ragged(model, 40)
    responses = fixed(model, queries[0], " good", " bad")
    model._ways()
    read: list[tuple[int, int]] = []
    plain = Passes.__call__

    def counted(self: Passes, ids: Any, targets: Any, **more: Any) -> Any:
        read.append(ids.shape)
        return plain(self, ids, targets, **more)

    monkeypatch.setattr(Passes, "__call__", counted)
    first = model.score(queries, responses).logprobs
    shared = len(model.read([Prompt.plain(OPENING.rstrip())])[0].ids)  # type: ignore[union-attr]
    assert read[0][0] == 1
    assert read[0][1] >= shared
    assert all(rows > 1 and width < 30 for rows, width in read[1:])
    read.clear()
    again = model.score(queries, responses).logprobs
    assert all(rows > 1 for rows, _ in read)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    # values never depend on the calls before
    fresh = HFCausalLM.load(folders["llama"])
    np.testing.assert_array_equal(fresh.score(queries, responses).logprobs[0], first[0])


def test_a_beginning_is_read_by_itself_where_that_saves_enough() -> None:
    ways = Ways(True, True, "ragged", worth=256)
    assert not ways.pays(saved=255, tokens=300)
    assert not ways.pays(saved=300, tokens=10_000)
    assert ways.pays(saved=300, tokens=2400)


def test_equal_queries_are_scored_once(
    models: dict[str, HFCausalLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["llama"]
    queries = list(dict.fromkeys(ragged(model, 9)))[:3]
    responses = fixed(model, queries[0], " good")
    expected = model.score(queries, responses).logprobs[0]
    rows: list[int] = []
    plain = Passes.__call__

    def counted(self: Passes, ids: Any, targets: Any, **more: Any) -> Any:
        rows.append(len(ids))
        return plain(self, ids, targets, **more)

    monkeypatch.setattr(Passes, "__call__", counted)
    found = model.score([queries[i] for i in (0, 1, 0, 2, 1, 0)], responses)
    assert sum(rows) == 3
    np.testing.assert_array_equal(found.logprobs[0], expected[[0, 1, 0, 2, 1, 0]])
    assert found.tokens is not None
    lengths = [len(queries[i].ids) + len(responses[0].ids) for i in (0, 1, 0, 2, 1, 0)]
    np.testing.assert_array_equal(found.tokens, lengths)
    total = float(sum(lengths))
    again = [queries[i] for i in (0, 1, 0, 2, 1, 0)]
    assert model.forecast(again, responses) == {"tokens": (total, total)}


def test_a_window_slides_over_prefix_prompt_and_response(models: dict[str, HFCausalLM]) -> None:
    model = models["mistral"]  # sees 8 tokens
    queries = ragged(model, 8, opening=" ".join(LINES[:2])[:60])
    assert min(len(query.ids) for query in queries) > 16
    check(model, queries, fixed(model, queries[0], " a slow film that is moving", " bad", " story"))


def test_nothing_to_score(models: dict[str, HFCausalLM]) -> None:
    model = models["gpt2"]
    queries = ragged(model, 2)
    response = model.fix(queries[0], " bad")
    assert model.score([], [response]).logprobs[0].shape == (0, len(response.ids))
    assert model.score(queries, []).logprobs == []
    empty = Response("", (), ())
    found = model.score(queries, [empty, response]).logprobs
    assert found[0].shape == (2, 0)
    np.testing.assert_allclose(found[1], loop(model, queries, response.ids), atol=1e-4)


def test_all_hidden_reads_what_stands_for_nothing(models: dict[str, HFCausalLM]) -> None:
    model = models["llama"]
    ids = (7, 8, 9)
    response = Response(" x", (20, 21), ((0, 1), (1, 2)))
    found = model.score([Tokens(ids, (0, 1, 2))], [response]).logprobs[0]
    expected = loop(model, [Tokens((7, 8, model.tokenizer.bos_token_id), (0, 1))], response.ids)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_bfloat16_and_float64(folders: dict[str, Path]) -> None:
    exact = HFCausalLM.load(folders["llama"], dtype="float64")
    queries = ragged(exact, 6)
    responses = fixed(exact, queries[0], " a film", " bad")
    expected = exact.score(queries, responses).logprobs
    np.testing.assert_allclose(expected[0], loop(exact, queries, responses[0].ids), atol=1e-10)
    half = HFCausalLM.load(folders["llama"], dtype="bfloat16")
    found = half.score(queries, responses).logprobs
    assert half._tried == Ways(True, True, "ragged")
    assert half.fingerprint != exact.fingerprint
    assert np.abs(found[0] - expected[0]).mean() < 0.3


# --- networks that do not allow every short cut


def _disturbed(model: HFCausalLM, monkeypatch: pytest.MonkeyPatch, disturb: Any) -> None:
    plain = model.model.forward

    def forward(*arguments: Any, **inputs: Any) -> Any:
        result = plain(*arguments, **inputs)
        result.logits = result.logits + disturb(inputs)
        return result

    forward.__signature__ = signature(plain)  # type: ignore[attr-defined]
    monkeypatch.setattr(model.model, "forward", forward)


def _shift(size: int) -> torch.Tensor:
    return torch.linspace(0, 1, size)


def test_caches_that_change_scores_are_not_used(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    queries = ragged(model, 12)
    responses = fixed(model, queries[0], " a film", " bad")
    size = model._vocabulary
    _disturbed(model, monkeypatch, lambda x: _shift(size) * ("past_key_values" in x))
    check(model, queries, responses)
    assert model._tried == Ways(True, True, "no")
    assert model.respond(queries[0], max_tokens=4).ids == _generated(model, queries[0], 4)


def test_padding_that_changes_scores_is_not_used(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["gpt2"])
    queries = ragged(model, 12)
    responses = fixed(model, queries[0], " a film")
    size = model._vocabulary

    def padded(inputs: dict[str, Any]) -> Any:
        ids = inputs["input_ids"]
        return _shift(size) * (len(ids) > 1 and bool((ids[:, -1] == 0).any()))

    _disturbed(model, monkeypatch, padded)
    check(model, queries, responses)
    assert model._tried is not None
    assert not model._tried.ragged


def test_network_without_a_head_that_can_be_narrowed(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["neox"])
    monkeypatch.setattr(model.model, "get_output_embeddings", lambda: None)
    queries = ragged(model, 8)
    check(model, queries, fixed(model, queries[0], " a film", " bad"))
    assert model._tried == Ways(False, True, "ragged")


def test_network_that_refuses_caches(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    plain = model.model.forward

    def forward(input_ids: Any, use_cache: bool = False) -> Any:
        if use_cache:
            raise ValueError("no caches here")
        return plain(input_ids=input_ids, use_cache=False)

    monkeypatch.setattr(model.model, "forward", forward)
    model._passes = Passes(model.model, "cpu")
    queries = ragged(model, 8)
    check(model, queries, fixed(model, queries[0], " a film", " bad"))
    assert model._tried == Ways(True, True, "no")


def test_network_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    save_bert(tmp_path, architecture="BertLMHeadModel")
    model = HFCausalLM.load(tmp_path)
    (query,) = model.read([Prompt.plain("the film is")])
    response = Response(" bad", (30, 31), ((0, 2), (2, 4)))
    with pytest.raises(BadInput, match=r"not a causal language model: .*changes with the tokens"):
        model.score([query], [response])


def test_network_that_fails(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = HFCausalLM.load(folders["llama"])

    def broken(**_: Any) -> Any:
        raise ValueError("a tensor has the wrong size")

    monkeypatch.setattr(model.model, "forward", broken)
    (query,) = ragged(model, 1)
    with pytest.raises(
        BackendError, match=r"fails on a plain pass .*: a tensor has the wrong size"
    ):
        model.score([query], fixed(model, query, " bad"))


# --- memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_batches_halve_when_memory_runs_out(
    error: Exception, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    queries = ragged(model, 30)
    responses = fixed(model, queries[0], " a film", " bad")
    expected = [loop(model, queries, response.ids) for response in responses]
    model._ways()
    plain, tries = Passes.__call__, []

    def limited(self: Passes, ids: Any, targets: Any, **more: Any) -> Any:
        tries.append(len(ids))
        if len(ids) > 8:
            raise error
        return plain(self, ids, targets, **more)

    monkeypatch.setattr(Passes, "__call__", limited)
    found = model.score(queries, responses).logprobs
    for values, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(values, wanted, atol=1e-4)
    assert max(tries) > 8
    tries.clear()
    model.score(queries, responses)
    assert max(tries) <= 8  # it stays there
    assert len(model.generate(queries[:20], max_tokens=3).texts) == 20


def test_memory_for_not_even_one_sequence(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    queries = ragged(model, 2)
    responses = fixed(model, queries[0], " bad")
    model._ways()

    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Passes, "__call__", full)
    queries = ragged(model, 40)  # so many that they would share what they begin with
    with pytest.raises(BackendError, match=r"ran out of memory on one sequence of \d+ tokens; use"):
        model.score(queries, responses)


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFCausalLM.load(folders["llama"])
    queries = ragged(model, 2)
    model._ways()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("expected a tensor")

    monkeypatch.setattr(Passes, "__call__", broken)
    with pytest.raises(RuntimeError, match="expected a tensor"):
        model.score(queries, fixed(model, queries[0], " bad"))


# --- responses of its own


def _generated(model: HFCausalLM, query: Tokens, count: int) -> tuple[int, ...]:
    """The most likely tokens by the plainest code."""
    ids = list(query.ids)
    for _ in range(count):
        with torch.inference_mode():
            token = int(model.model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if token in model.end_ids:
            break
        ids.append(token)
    return tuple(ids[len(query.ids) :])


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral", "bloom"])
def test_generates_what_the_plain_loop_generates(
    family: str, models: dict[str, HFCausalLM]
) -> None:
    model = models[family]
    queries = ragged(model, 9)
    expected = [_generated(model, query, 7) for query in queries]
    assert len(set(expected)) > 3
    assert model._greedy(queries, 7) == [list(ids) for ids in expected]
    assert [model.respond(query, max_tokens=7).ids for query in queries] == expected
    found = model.generate([queries[0], *queries], max_tokens=7)
    assert found.texts[1:] == [
        model._decoded(query, [i for i in ids if i not in model._special]).text
        for query, ids in zip(queries, expected, strict=True)
    ]
    assert found.texts[0] == found.texts[1]
    assert found.tokens is not None
    assert found.tokens[0] == len(queries[0].ids) + len(expected[0])


def test_stories_end_where_the_next_would_begin(stories: HFCausalLM) -> None:
    opening = "Lily was happy and they played together all day.\n"
    (query,) = stories.read([Prompt.plain(opening)])
    response = stories.respond(query, max_tokens=480)
    assert 20 < len(response.ids) < 480  # it has ended by itself
    assert not {1, 2} & set(response.ids)
    assert "".join(response.text[a:b] for a, b in response.spans) == response.text
    # the tokens of a text of its own are those that the tokenizer finds in it
    assert stories.fix(query, response.text) == response
    (text,) = stories.generate([query], max_tokens=480).texts
    assert text == response.text


def test_response_is_no_longer_than_the_model_reads(models: dict[str, HFCausalLM]) -> None:
    model = models["llama"]
    query = Tokens(tuple(range(5, 125)))
    assert len(model._generated([query], 50)[0]) <= 8
    with pytest.raises(BadInput, match=r"a prompt has 128 tokens, .* at most 128, .* no room"):
        model.respond(Tokens((5,) * 128), max_tokens=3)
    for wrong in (0, 1.5, True):
        with pytest.raises(BadInput, match=r"max_tokens must be a whole number of at least 1; got"):
            model.respond(query, max_tokens=wrong)  # type: ignore[arg-type]


# --- prompts


def test_reads_plain_texts_with_the_tokenizers_own_special_tokens(
    stories: HFCausalLM, tmp_path: Path
) -> None:
    (query,) = stories.read([Prompt.plain("Once upon a time")])
    assert query == Tokens((1, 403, 407, 261, 378))
    assert stories.read([Prompt.plain("")]) == [Tokens((1,))]
    assert stories.read([]) == []
    # a prompt that is to be continued does not end, even if the tokenizer ends all texts
    model = HFCausalLM.load(save_causal(tmp_path, "llama", ends=True))
    assert model.encode(["film"])[0][-1] == 1
    (query,) = model.read([Prompt.plain("film")])
    assert isinstance(query, Tokens)
    assert query.ids == tuple(model.encode(["film"])[0][:-1])


def test_reads_chats_through_the_template(tmp_path: Path) -> None:
    model = HFCausalLM.load(save_causal(tmp_path, "llama", template=TEMPLATE))
    chat = Prompt((("user", "is it bad?"),))
    plain, query = model.read([Prompt.plain("a film"), chat])
    assert isinstance(query, Tokens)
    assert isinstance(plain, Tokens)
    assert model.tokenizer.decode(query.ids) == "<user>is it bad?</s><assistant>"
    assert plain.ids == tuple(model.encode(["a film"])[0])
    response = model.fix(query, "not bad")
    assert model.tokenizer.decode(response.ids) == "not bad"
    check(model, [query], [response])
    with pytest.raises(BadInput, match=r"chat template of .* refuses .*no system message, please"):
        model.read([Prompt((("system", "be brief"), ("user", "is it bad?")))])


def test_chat_without_a_template(stories: HFCausalLM) -> None:
    with pytest.raises(
        BadInput, match=r"has no chat template, .*messages of a chat \(user\); give"
    ):
        stories.read([Prompt((("user", "tell me a story"),))])


def test_prompts_must_have_been_read(stories: HFCausalLM) -> None:
    with pytest.raises(BadInput, match=r"is given tokens, not Prompt; make them with read\(\)"):
        stories.fix(Prompt.plain("Once"), " upon")


# --- responses with fixed tokens


def test_response_has_the_tokens_it_would_have_in_one_text(stories: HFCausalLM) -> None:
    (query,) = stories.read([Prompt.plain("Once upon a time")])
    assert isinstance(query, Tokens)
    response = stories.fix(query, " there was")
    whole = stories.encode(["Once upon a time there was"])[0]
    assert query.ids + response.ids == tuple(whole)
    assert response == Response(" there was", (383, 286), ((0, 6), (6, 10)))


def test_response_that_merges_with_the_prompt_gets_tokens_of_its_own(
    stories: HFCausalLM, models: dict[str, HFCausalLM]
) -> None:
    for model in (stories, models["llama"]):
        (query,) = model.read([Prompt.plain("the fi")])
        assert isinstance(query, Tokens)
        response = model.fix(query, "lm is")
        assert model.tokenizer.decode([*query.ids, *response.ids]).endswith("the film is")
        joined = model.encode(["the film is"])[0]
        assert list(query.ids + response.ids) != joined
        assert "".join(response.text[a:b] for a, b in response.spans) == "lm is"


def test_bytes_of_one_character_share_its_span(
    stories: HFCausalLM, models: dict[str, HFCausalLM]
) -> None:
    text = " é日👍 a\u200db שלום"
    for model in (stories, models["gpt2"]):
        (query,) = model.read([Prompt.plain("the film")])
        assert isinstance(query, Tokens)
        response = model.fix(query, text)
        assert model.tokenizer.decode([*query.ids, *response.ids]).endswith(text)
        pieces = [text[a:b] for a, b in response.spans]
        assert pieces.count("日") == 3
        assert pieces.count("👍") == 4
        assert "".join(text[a:b] for a, b in dict.fromkeys(response.spans)) == text


@settings(max_examples=40)
@given(st.text(alphabet="ab th.é日👍\n ", min_size=1, max_size=12), st.sampled_from(LINES))
def test_spans_cover_any_response(text: str, prompt: str) -> None:
    model = _cached_gpt2()
    (query,) = model.read([Prompt.plain(prompt)])
    assert isinstance(query, Tokens)
    response = model.fix(query, text)
    decoded = model.tokenizer.decode([*query.ids, *response.ids], skip_special_tokens=True)
    assert decoded == prompt + text
    assert "".join(text[a:b] for a, b in dict.fromkeys(response.spans)) == text
    assert list(response.spans) == sorted(response.spans)


_GPT2: list[HFCausalLM] = []


@pytest.fixture(autouse=True, scope="module")
def _gpt2(models: dict[str, HFCausalLM]) -> None:
    _GPT2.append(models["gpt2"])


def _cached_gpt2() -> HFCausalLM:
    return _GPT2[0]


def test_spans_without_offsets_are_found_by_decoding(
    stories: HFCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    (query,) = stories.read([Prompt.plain("Once upon a time")])
    text = " there was é日 big"
    fast = stories.fix(query, text)
    monkeypatch.setattr(type(stories.tokenizer), "is_fast", False)
    assert stories.fix(query, text) == fast


def test_space_that_the_tokenizer_drops_from_the_prompt(baby: HFCausalLM) -> None:
    (query,) = baby.read([Prompt.plain("Once upon ")])
    assert isinstance(query, Tokens)
    response = baby.fix(query, "a time")
    assert [*query.ids, *response.ids] == baby.encode(["Once upon a time"])[0]


def test_responses_that_cannot_be_scored(
    stories: HFCausalLM, baby: HFCausalLM, tmp_path: Path
) -> None:
    (query,) = stories.read([Prompt.plain("Once upon a time")])
    with pytest.raises(BadInput, match=r"a response must have at least one character .* got ''"):
        stories.fix(query, "")
    with pytest.raises(
        BadInput, match=r"response ' end</s>' holds the special token '</s>'; leave"
    ):
        stories.fix(query, " end</s>")
    (query,) = baby.read([Prompt.plain("Once upon a time")])
    with pytest.raises(BadInput, match=r"does not know '日', '👍' in the response ' a日👍'"):
        baby.fix(query, " a日👍")
    with pytest.raises(BadInput, match=r"makes no token of the response '  '"):
        baby.fix(query, "  ")


def test_response_that_has_no_tokens_of_its_own(assets: Path, tmp_path: Path) -> None:
    """Where each text begins with a space, what continues a word cannot be written."""
    folder = shutil.copytree(assets / "models" / "stories260k", tmp_path / "model")
    for path in folder.iterdir():
        path.chmod(0o644)
    folder.chmod(0o755)
    content = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁time": 3, "▁ti": 4, "▁me": 5, "▁a": 6}
    content["model"] = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    content["normalizer"] = None
    content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    model = HFCausalLM.load(folder)
    (query,) = model.read([Prompt.plain("a ti")])
    assert model.fix(query, " time").ids == (3,)
    with pytest.raises(
        BadInput, match=r"response 'me' has no tokens of its own .* one token 'time'\. Start the"
    ):
        model.fix(query, "me")


# --- limits and folders


@pytest.mark.parametrize("family", ["gpt2", "opt", "llama"])
def test_as_long_as_the_model_reads(family: str, models: dict[str, HFCausalLM]) -> None:
    """Padding and what follows it need no position beyond the last."""
    model = models[family]
    rng = np.random.default_rng(0)
    start = rng.integers(5, 300, size=60).tolist()
    queries = [
        Tokens((*start, *rng.integers(5, 300, size=size).tolist())) for size in (65, 5, 30, 64, 1)
    ]
    check(model, queries, [Response("x", (5, 6, 7), ((0, 1),) * 3)] * 2)
    check(model, queries, [Response("x", (5, 6, 7), ((0, 1),) * 3)])
    assert max(map(len, model._generated(queries, 50))) <= 3


def test_longer_than_the_model_reads(models: dict[str, HFCausalLM]) -> None:
    model = models["llama"]
    response = Response("x", (5, 6, 7), ((0, 1),) * 3)
    model.score([Tokens((5,) * 125)], [response])
    with pytest.raises(
        BadInput,
        match=r"a prompt of 126 tokens with a response of 3 has 129 .* at most 128, .*never",
    ):
        model.score([Tokens((5,)), Tokens((5,) * 126)], [response])


def test_tokenizer_of_another_model(models: dict[str, HFCausalLM]) -> None:
    with pytest.raises(BadInput, match=r"makes token id 5000, but the model knows \d+ tokens"):
        models["llama"].score([Tokens((1, 5000))], [Response("x", (5,), ((0, 1),))])


def test_other_models_are_refused(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"not a causal language model: .* BertForSequenceClassification.*random"
    ):
        HFCausalLM.load(bert)
    with pytest.raises(BadInput, match=r"model folder '.*nowhere' does not exist"):
        HFCausalLM.load(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"unknown dtype 'int4'"):
        HFCausalLM.load(bert, dtype="int4")


def test_missing_extra(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtra, match=r'pip install "interplay\[hf\]"'):
        HFCausalLM.load(folders["llama"])


def test_bfloat16_is_the_default_on_gpus_only(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from interplay.models import hf_loading

    assert HFCausalLM.load(folders["gpt2"]).model.dtype == torch.float32
    monkeypatch.setattr(hf_loading, "_is_gpu", lambda device: True)
    assert HFCausalLM.load(folders["gpt2"]).model.dtype == torch.bfloat16
    assert HFCausalLM.load(folders["gpt2"], dtype="float32").model.dtype == torch.float32
