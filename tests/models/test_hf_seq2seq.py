"""Scores of fixed tokens by encoder-decoders: one plain pass each is the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import SEQ2SEQ, save_causal, save_seq2seq

from interplay.errors import BadInput
from interplay.models.hf_seq2seq import HFSeq2SeqLM
from interplay.models.language import Prompt, Response, Tokens

# what the decoder reads first: its start token, and what the tokenizer puts before a text
OPENINGS = {"t5": [2], "bart": [2, 0]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("seq2seq")
    return {family: save_seq2seq(root / family, family) for family in SEQ2SEQ}


@pytest.fixture(params=list(SEQ2SEQ))
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> HFSeq2SeqLM:
    return HFSeq2SeqLM.load(folders[request.param])


def loop(model: HFSeq2SeqLM, queries: list[Tokens], ids: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities by the plainest code: one prompt, one pass, all logits."""
    opening = OPENINGS[model.model.config.model_type]
    rows = []
    for query in queries:
        attention = torch.ones((1, len(query.ids)), dtype=torch.long)
        attention[0, list(query.hidden)] = 0
        with torch.inference_mode():
            logits = model.model(
                input_ids=torch.tensor([query.ids]),
                attention_mask=attention,
                decoder_input_ids=torch.tensor([[*opening, *ids[:-1]]]),
            ).logits[0, len(opening) - 1 :]
        values = logits.double().log_softmax(dim=-1)
        rows.append([values[place, token].item() for place, token in enumerate(ids)])
    return np.array(rows)


def ragged(model: HFSeq2SeqLM, m: int = 12) -> list[Tokens]:
    rng = np.random.default_rng(0)
    words = ["film", "is", "a", "slow", "and", "moving", "story"]
    texts = [" ".join(["the", *rng.choice(words, rng.integers(1, 9))]) for _ in range(m)]
    return list(model.read([Prompt.plain(text) for text in texts]))  # type: ignore[arg-type]


def hidden(queries: list[Tokens]) -> list[Tokens]:
    rng = np.random.default_rng(1)
    out = []
    for query in queries:
        n = len(query.ids)
        gone = rng.choice(n - 1, rng.integers(1, n - 1), replace=False)
        out.append(Tokens(query.ids, tuple(sorted(gone.tolist()))))
    return out


def test_scores_equal_the_plain_loop_whatever_batch_and_order(model: HFSeq2SeqLM) -> None:
    queries = ragged(model) + hidden(ragged(model))
    responses = [model.fix(queries[0], text) for text in ("a story", "a slow film, too", ".")]
    assert len(responses[1].ids) > 3
    expected = [loop(model, queries, response.ids) for response in responses]
    assert np.ptp(expected[0], axis=0).min() > 0.1  # so that 1e-4 says something
    order = np.random.default_rng(2).permutation(len(queries))
    for tokens, padded in ((1, True), (70, True), (4096, True), (4096, False)):
        model._batches.tokens, model._ragged = tokens, padded
        found = model.score([queries[i] for i in order], responses)
        for values, wanted in zip(found.logprobs, expected, strict=True):
            np.testing.assert_allclose(values, wanted[order], atol=1e-4)
    assert found.tokens is not None
    total = float(found.tokens.sum())
    assert model.forecast(queries, responses) == {"tokens": (total, total)}


def test_the_encoder_reads_each_prompt_once(
    model: HFSeq2SeqLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = ragged(model, 6)
    responses = [model.fix(queries[0], text) for text in ("a story", "bad")]
    model.score(queries, responses)
    rows: list[int] = []
    plain = model._encoded
    monkeypatch.setattr(model, "_encoded", lambda some: rows.append(len(some)) or plain(some))
    model.score(queries + queries[:2], responses)
    assert sum(rows) == len(set(queries))


def test_padding_that_changes_scores_is_not_used(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFSeq2SeqLM.load(folders["t5"])
    queries = ragged(model)
    responses = [model.fix(queries[0], "a story")]
    expected = loop(model, queries, responses[0].ids)
    plain = model._encoded

    def disturbed(some: list[Tokens]) -> Any:
        encoded, mask = plain(some)
        encoded.last_hidden_state = encoded.last_hidden_state + float(not mask.all())
        return encoded, mask

    monkeypatch.setattr(model, "_encoded", disturbed)
    np.testing.assert_allclose(model.score(queries, responses).logprobs[0], expected, atol=1e-4)
    assert model._ragged is False


def test_generates_what_the_plain_loop_generates(model: HFSeq2SeqLM) -> None:
    queries, opening = ragged(model, 6), OPENINGS[model.model.config.model_type]
    expected = []
    for query in queries:
        with torch.inference_mode():
            row = model.model.generate(
                torch.tensor([query.ids]),
                attention_mask=torch.ones((1, len(query.ids)), dtype=torch.long),
                decoder_input_ids=torch.tensor([opening]),
                max_new_tokens=6,
                do_sample=False,
            )[0].tolist()[len(opening) :]
        ends = [place for place, token in enumerate(row) if token in model.end_ids]
        expected.append(row[: ends[0]] if ends else row)
    assert model._greedy(queries, 6) == expected
    assert [list(model.respond(query, max_tokens=6).ids) for query in queries] == expected
    texts = model.generate([*queries, queries[0]], max_tokens=6).texts
    assert texts[-1] == texts[0]
    assert texts[0] == model.tokenizer.decode(expected[0], skip_special_tokens=True)


def test_a_response_is_a_text_of_its_own(model: HFSeq2SeqLM) -> None:
    (query,) = model.read([Prompt.plain("the film is")])
    assert isinstance(query, Tokens)
    assert list(query.ids) == model.encode(["the film is"])[0]  # its end included
    response = model.fix(query, "bad 日")
    assert model.tokenizer.decode(response.ids) == "bad 日"
    assert response.spans[-1] == response.spans[-3] == (4, 5)
    with pytest.raises(BadInput, match=r"holds the special token '</s>'"):
        model.fix(query, "bad</s>")
    with pytest.raises(BadInput, match=r"has no chat template"):
        model.read([Prompt((("user", "is it bad?"),))])


def test_what_the_decoder_starts_with(folders: dict[str, Path]) -> None:
    model = HFSeq2SeqLM.load(folders["bart"])
    assert model._opening == [2, 0]
    assert HFSeq2SeqLM.load(folders["t5"])._opening == [2]
    model.model.generation_config.forced_bos_token_id = 7
    assert model._decoder_opening() == [2, 7]
    for place in (model.model.generation_config, model.model.config):
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
            setattr(place, name, None)
    with pytest.raises(
        BadInput, match=r"does not say what its decoder starts with; set decoder_st"
    ):
        model._decoder_opening()


def test_longer_than_the_model_reads(folders: dict[str, Path]) -> None:
    model = HFSeq2SeqLM.load(folders["bart"])
    assert model.max_tokens == 128
    short, long = Response("x", (5,), ((0, 1),)), Response("x", (5,) * 129, ((0, 1),) * 129)
    with pytest.raises(
        BadInput, match=r"a prompt has 129 tokens, but .* reads at most 128, .*never"
    ):
        model.score([Tokens((5,) * 129)], [short])
    with pytest.raises(BadInput, match=r"a response has 130 tokens, but .* reads at most 128"):
        model.score([Tokens((5,))], [long])
    assert len(model._generated([Tokens((5,))], 500)[0]) <= 126


def test_other_models_are_refused(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"not a encoder-decoder|not an encoder-decoder language model: .*random"
    ):
        HFSeq2SeqLM.load(bert)
    with pytest.raises(BadInput, match=r"encoder-decoder language model: .* LlamaForCausalLM"):
        HFSeq2SeqLM.load(save_causal(tmp_path, "llama"))
