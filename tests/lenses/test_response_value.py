"""Prompts as value functions, over language models from real folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import interplay as ip
from interplay.errors import BadInput
from interplay.lenses.remake import value_function_of
from interplay.lenses.text import ResponseValueFunction
from interplay.models.hf_causal import HFCausalLM

STORY = "Once upon a time, there was a girl named Lily.  She had a red ball.\n\nShe liked to play."
ANSWER = "She wanted to play with it."


@pytest.fixture(scope="module")
def stories(assets: Path) -> HFCausalLM:
    torch.set_num_threads(1)
    return HFCausalLM.load(assets / "models" / "stories260k")


def made(model: object, text: object = STORY, **arguments: object) -> ResponseValueFunction:
    value = ip.text(text, model=model, **arguments)  # type: ignore[arg-type]
    assert isinstance(value, ResponseValueFunction)
    return value


def masks_of(value: ResponseValueFunction, m: int = 24, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((m, len(value.features))) < 0.5
    rows[0], rows[1] = True, False
    return rows


def by_hand(model: HFCausalLM, ids: list[int], response: tuple[int, ...]) -> float:
    """The log-probability of a response as the simplest loop computes it."""
    with torch.inference_mode():
        logits = model.model(torch.tensor([[*ids, *response]])).logits[0].double()
    logprobs = torch.log_softmax(logits, dim=-1)
    start = len(ids) - 1
    return float(sum(logprobs[start + k, token] for k, token in enumerate(response)))


@pytest.mark.parametrize("units", ["word", "sentence", "paragraph"])
@pytest.mark.parametrize("mask", ["delete", "...", "[UNK]"])
def test_values_are_the_models_own(stories: HFCausalLM, units: str, mask: str) -> None:
    value = made(stories, units=units, mask=mask, response=ANSWER)
    masks = masks_of(value)
    assert value.responses[0].text == f" {ANSWER}"
    for row, got in zip(masks, value(masks), strict=True):
        ids = stories.tokenizer(value.masked_text(row))["input_ids"]
        assert got == pytest.approx(by_hand(stories, ids, value.responses[0].ids), abs=1e-4)


def test_the_models_own_response_is_explained_by_default(stories: HFCausalLM) -> None:
    value = made(stories, max_new_tokens=12)
    assert value.targets == ("logprob",)
    assert value.subject["response"] == value.responses[0].text == value.reference
    prompt = stories.tokenizer(STORY, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        out = stories.model.generate(prompt, max_new_tokens=12, do_sample=False)
    assert value.responses[0].ids == tuple(out[0, prompt.shape[1] :].tolist())


def test_hidden_tokens_keep_their_places(stories: HFCausalLM) -> None:
    """``mask="attention"`` is the model's own attention mask over unmoved tokens.

    What follows the prompt is predicted from its last token that is not hidden: a hidden one
    would still speak for itself.
    """
    value = made(stories, units="word", mask="attention", response=ANSWER)
    masks = masks_of(value, 8)
    encoded = stories.tokenizer(STORY, return_offsets_mapping=True)
    ids, response = encoded["input_ids"], value.responses[0].ids
    spans = value.subject["spans"]
    for row, got in zip(masks, value(masks), strict=True):
        gone = [spans[i] for i in np.flatnonzero(~row)]
        seen = [
            not any(a < end and start < b for a, b in gone) or start == end
            for start, end in encoded["offset_mapping"]
        ]
        with torch.inference_mode():
            logits = stories.model(
                torch.tensor([[*ids, *response]]),
                attention_mask=torch.tensor([[*map(int, seen), *([1] * len(response))]]),
                position_ids=torch.arange(len(ids) + len(response))[None],
            ).logits[0].double()  # fmt: skip
        logprobs = torch.log_softmax(logits, dim=-1)
        last = max(i for i, one in enumerate(seen) if one)
        at = [last, *range(len(ids), len(ids) + len(response) - 1)]
        expected = sum(logprobs[i, t] for i, t in zip(at, response, strict=True))
        assert got == pytest.approx(float(expected), abs=1e-4)
    assert np.ptp(value(masks)) > 1


def test_token_units_of_a_prompt(stories: HFCausalLM) -> None:
    value = made(stories, units="token", question="Who?", response="Lily")
    assert "Question:" not in value.features
    assert "".join(value.features) == "".join(STORY.split())
    full = stories.tokenizer(value.subject["text"])["input_ids"]
    ids = value.ablation.queries(np.zeros((1, len(value.features)), dtype=bool))[0].ids  # type: ignore[union-attr]
    assert set(ids) < set(full)
    tail = stories.tokenizer("\nQuestion: Who?\nAnswer:", add_special_tokens=False)["input_ids"]
    assert list(ids[-len(tail) + 3 :]) == tail[3:]


def test_several_targets_from_the_same_calls(stories: HFCausalLM) -> None:
    targets = ["logprob:mean", "prob", "margin:She|He", "logprob[wanted]", "prob:Tom"]
    value = made(stories, target=targets, response=ANSWER)
    masks = masks_of(value, 6)
    values = value(masks)
    assert values.shape == (6, 5)
    for column, target in enumerate(targets):
        extra = {} if target in ("margin:She|He", "prob:Tom") else {"response": ANSWER}
        alone = made(stories, target=target, **extra)
        np.testing.assert_allclose(alone(masks), values[:, column], atol=1e-4)
    length = len(value.responses[0].ids)
    np.testing.assert_allclose(np.exp(length * values[:, 0]), values[:, 1], rtol=1e-3)


def test_generated_texts_are_judged_where_there_are_no_log_probabilities(
    stories: HFCausalLM,
) -> None:
    alike = made(stories, target="similarity", max_new_tokens=8, units="sentence")
    masks = masks_of(alike, 5)
    assert alike(masks)[0] == 1.0
    assert (alike(masks) <= 1).all()

    def length(texts: list[str]) -> list[int]:
        return [len(text) for text in texts]

    judged = made(stories, target=length, max_new_tokens=8, units="sentence")
    assert judged(masks)[0] > 0
    assert "arguments" not in judged.subject
    with pytest.raises(BadInput, match="judged by a Python function, which is not in the file"):
        value_function_of(judged.subject, judged.targets)
    short = made(stories, target=lambda texts: [1.0], max_new_tokens=2, units="sentence")
    with pytest.raises(BadInput, match=r"must return one number for each of 5 texts"):
        short(masks)


def test_what_identifies_a_value_function(stories: HFCausalLM, tmp_path: Path) -> None:
    same = made(stories, response=ANSWER).fingerprint
    folder = shutil.copytree(stories.name, tmp_path / "elsewhere")
    assert made(folder, response=ANSWER).fingerprint == same
    others = (
        {"response": "She wanted to sleep."},
        {"response": ANSWER, "units": "sentence"},
        {"response": ANSWER, "mask": "..."},
        {"response": ANSWER, "target": "prob"},
        {"response": ANSWER, "question": "Why?"},
        {"response": ANSWER, "fixed": ["Lily."]},
    )
    found = {made(stories, **other).fingerprint for other in others}
    assert len(found) == len(others)
    assert same not in found


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": "sentence", "question": "Who?", "template": "{question} {text} Answer:"},
        {"text": ["One. Two.", "Three."], "units": "chunk+sentence", "response": "She"},
        {"units": [(0, 4), (5, 9)], "mask": "...", "target": ["logprob:mean", "margin:a|b"]},
        {"examples": [("a", "b")], "units": "token", "mask": "attention", "fixed": ["Lily."]},
        {"target": "similarity", "max_new_tokens": 3, "mask": {"girl": "boy"}},
    ],
)
def test_made_again_from_what_a_run_says(stories: HFCausalLM, arguments: dict[str, object]) -> None:
    value = made(stories.name, **{"text": STORY, **arguments})
    subject = json.loads(json.dumps(value.subject))
    again = value_function_of(subject, value.targets)
    assert again.fingerprint == value.fingerprint  # type: ignore[attr-defined]
    masks = masks_of(value, 3)
    np.testing.assert_allclose(again(masks), value(masks), atol=1e-6)


def test_explained_and_replayed(stories: HFCausalLM, tmp_path: Path) -> None:
    value = made(stories.name, units="sentence+word", response=ANSWER)
    store = tmp_path / "runs.db"
    explanation = ip.explain(value, budget=120, store=store, method="lasso")
    assert explanation.config["first_pass"]["names"][0].startswith("Once upon")
    explanation.save(tmp_path / "run.json")
    assert ip.replay(tmp_path / "run.json").same_values
    (tmp_path / "run.npz").unlink()
    fresh = ip.replay(tmp_path / "run.json", fresh=True)
    assert fresh.values_from == "the model"
    assert fresh.same_values, fresh.differences


def test_chats_need_a_template(stories: HFCausalLM) -> None:
    chat = [{"role": "user", "content": "Hi there you."}]
    with pytest.raises(BadInput, match="chat template"):
        made(stories, chat, response="Hello")


def test_chats(stories: HFCausalLM, tmp_path: Path) -> None:
    folder = shutil.copytree(stories.name, tmp_path / "chat")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    tokenizer.save_pretrained(folder)
    chat = [
        {"role": "system", "content": "Tell a story."},
        {"role": "user", "content": "Lily had a ball."},
        {"role": "assistant", "content": "Yes she did."},
        {"role": "user", "content": "What did she do?"},
    ]
    model = HFCausalLM.load(folder)
    for units in ("message", "word", "token"):
        value = made(model, chat, units=units, response=" She played.")
        assert "Tell" not in value.features
        keep = np.ones((2, len(value.features)), dtype=bool)
        keep[1, 0] = False
        (full, less) = value.ablation.queries(keep)
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert list(full.ids) == tokenizer(text, add_special_tokens=False)["input_ids"]  # type: ignore[union-attr]
        assert len(less.ids) < len(full.ids)  # type: ignore[union-attr]
    hidden = made(model, chat, units="word", mask="attention", response=" She played.")
    query = hidden.ablation.queries(np.zeros((1, len(hidden.features)), dtype=bool))[0]
    assert len(query.hidden) >= len(hidden.features)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"response": "  "}, "response is empty; leave it out"),
        ({"response": "x", "target": "margin:a|b"}, "response 'x' is not used: no target is about"),
        ({"target": ["similarity", "logprob"]}, "take different calls; explain them one after"),
        ({"target": ["logprob", "logprob"]}, "target names the same twice: logprob, logprob"),
        ({"target": "logit:yes"}, "unknown target 'logit:yes' of a language model"),
        ({"target": 3}, "target must be a string; got int"),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number of at least 1; got 0"),
        ({"text": "word " * 600, "response": "x"}, r"the prompt has \d+ tokens, .*never truncates"),
        ({"text": "word " * 100, "mask": "many words in the place", "response": "x"},
         r"the longest masked prompt has \d+ tokens, .*use mask='delete'"),
        ({"mask": {"Tom": "x"}, "response": "x"}, "has a text for 'Tom', which is not a unit"),
        ({"mask": "[MASK]", "response": "x"}, r"the tokenizer of .* has no such token"),
        ({"device": "cpu", "response": "x"}, "device and dtype are fixed by a model that is"),
    ],
)  # fmt: skip
def test_bad_input(stories: HFCausalLM, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        made(stories, **{"text": STORY, **arguments})


def test_classifiers_take_no_prompt(bert: Path) -> None:
    for arguments, message in (
        ({"question": "Why?"}, "is a classifier and takes no question"),
        ({"response": "x"}, "is a classifier and takes no response"),
        ({"system": "x"}, "is a classifier, which reads one text, not the messages of a chat"),
        ({"target": len}, "a callable target judges texts that a language model generates"),
    ):
        with pytest.raises(BadInput, match=message):
            ip.text("not bad at all", model=bert, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["שלום עולם, מה שלומך היום?", "👍🏽 👩‍🔬 ok 🇩🇪", "a\u200bb c\ufeff d", "no\u0301 e"]
)
def test_any_script(stories: HFCausalLM, text: str) -> None:
    for units in ("word", "token"):
        value = made(stories, text, units=units, response="She")
        masks = masks_of(value, 4)
        assert np.isfinite(value(masks)).all()
        assert value.masked_text(masks[0]) == text
