"""Texts as value functions, over classifiers loaded from real folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny_models import save_bert

import interplay
from interplay.errors import BadInput
from interplay.lenses.text import TextValueFunction, text
from interplay.models.hf_classifier import HFClassifier
from interplay.value_function import ValueFunction

REVIEW = "The film is not bad at all, it is a joy from start to finish.\n\nI did like this."


def random_masks(value: TextValueFunction, m: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((m, len(value.features))) < 0.5


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    """The logits of each text as the model's own documentation computes them, one by one."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    rows = []
    for one in texts:
        encoded = tokenizer(one, return_tensors="pt")
        if encoded["input_ids"].shape[1] == 0:
            encoded = {"input_ids": torch.tensor([[tokenizer.bos_token_id]])}
        with torch.inference_mode():
            rows.append(model(**encoded).logits[0].double().numpy())
    return np.array(rows)


@pytest.mark.parametrize("folder", ["bert", "roberta", "gpt2"])
@pytest.mark.parametrize("units", ["word", "sentence"])
@pytest.mark.parametrize("mask", [None, "delete", "..."])
def test_values_are_the_models_own(
    folder: str, units: str, mask: str | None, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(folder)
    value = text(REVIEW, model=path, units=units, mask=mask)
    masks = np.concatenate([random_masks(value), np.ones_like(random_masks(value)[:1])])
    logits = reference(path, [value.masked_text(row) for row in masks])
    column = value.model.labels.index(value.targets[0].removeprefix("logit:"))
    assert column == logits[-1].argmax()  # the label predicted for the full text
    np.testing.assert_allclose(value(masks), logits[:, column], atol=1e-4)
    assert np.ptp(logits[:, column]) > 0.02


def test_values_do_not_depend_on_batches_or_order(bert: Path) -> None:
    masks = random_masks(text(REVIEW, model=bert), 60)
    expected = text(REVIEW, model=bert, batch_size=1)(masks)
    order = np.random.default_rng(1).permutation(60)
    for batch_size in (2, 7, 64):
        value = text(REVIEW, model=bert, batch_size=batch_size)
        assert value.batch_size >= batch_size
        np.testing.assert_allclose(value(masks), expected, atol=1e-4)
        np.testing.assert_allclose(value(masks[order]), expected[order], atol=1e-4)
        parts = np.concatenate([value(masks[i : i + 9]) for i in range(0, 60, 9)])
        np.testing.assert_allclose(parts, expected, atol=1e-4)


def test_equal_masked_texts_are_scored_once(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = text("a a a film", model=bert, mask="delete")
    scored: list[int] = []
    forward = value.model._forward
    monkeypatch.setattr(
        value.model,
        "_forward",
        lambda batch, *rest: scored.append(len(batch)) or forward(batch, *rest),
    )
    masks = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]], dtype=bool)
    values = value(masks)
    assert scored == [1]
    assert len(set(values.tolist())) == 1


def test_attributes(bert: Path) -> None:
    value = text("  Not bad,  at all. ", model=bert, target="margin:positive|NEGATIVE")
    assert isinstance(value, ValueFunction)
    assert value.features == ("Not", "bad,", "at", "all.")
    assert value.targets == ("margin:Positive|negative",)
    assert value.subject == {
        "kind": "text",
        "text": "  Not bad,  at all. ",
        "spans": [[2, 5], [6, 10], [12, 14], [15, 19]],
        "units": "word",
        "mask": "[MASK]",
        "model": str(bert),
        "target": "margin:Positive|negative",
        "arguments": {},
    }
    json.dumps(value.subject)
    assert repr(value) == "<TextValueFunction of 4 features: margin:Positive|negative>"
    assert value.masked_text(np.array([True, False, True, False])) == "  Not [MASK]  at [MASK] "


def test_no_masks_and_one(bert: Path) -> None:
    value = text(REVIEW, model=bert)
    assert value(random_masks(value)[:0]).shape == (0,)
    assert value(random_masks(value)[:1]).shape == (1,)


def test_masks_of_the_wrong_kind(bert: Path) -> None:
    value = text(REVIEW, model=bert)
    with pytest.raises(BadInput, match="masks must be boolean"):
        value(np.ones((2, len(value.features))))
    with pytest.raises(BadInput, match=r"must have \d+ columns, one per feature; got shape \(2, 3"):
        value(np.ones((2, 3), dtype=bool))


def test_targets_of_one_text_agree(bert: Path) -> None:
    model = HFClassifier.load(bert)
    values = {
        target: text(REVIEW, model=model, target=target)
        for target in (
            "logit:positive",
            "logit:negative",
            "margin:positive|negative",
            "prob:neutral",
        )
    }
    masks = random_masks(values["prob:neutral"])
    np.testing.assert_allclose(
        values["margin:positive|negative"](masks),
        values["logit:positive"](masks) - values["logit:negative"](masks),
    )
    assert ((values["prob:neutral"](masks) > 0) & (values["prob:neutral"](masks) < 1)).all()
    assert len({value.fingerprint for value in values.values()}) == len(values)


def test_multi_label_and_single_output_models(tmp_path: Path) -> None:
    save_bert(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["problem_type"] = "multi_label_classification"
    (tmp_path / "config.json").write_text(json.dumps(settings))
    probability = text(REVIEW, model=tmp_path, target="prob:neutral")
    logit = text(REVIEW, model=tmp_path, target="logit:neutral")
    masks = random_masks(logit)
    np.testing.assert_allclose(probability(masks), 1 / (1 + np.exp(-logit(masks))), atol=1e-6)


def test_demo_classifier_whatever_the_batch_and_order() -> None:
    folder = Path(interplay.__file__).parent / "demo" / "sentiment"
    if not (folder / "config.json").is_file():
        pytest.skip("the demo classifier is not in the package yet")
    review = (folder.parent / "short_review.txt").read_text(encoding="utf-8")
    model = HFClassifier.load(folder)
    for units, mask in [("word", None), ("word", "delete"), ("token", None)]:
        value = text(review, model=model, units=units, mask=mask, batch_size=1)
        masks = random_masks(value, 24)
        expected = value(masks)
        if units == "word":
            logits = reference(folder, [value.masked_text(row) for row in masks])
            np.testing.assert_allclose(expected, value.wanted[0](logits), atol=1e-4)
        batched = text(review, model=model, units=units, mask=mask, batch_size=10)
        np.testing.assert_allclose(batched(masks[::-1])[::-1], expected, atol=1e-4)


# --- token units


def test_token_units_replace_tokens_in_place(bert: Path) -> None:
    value = text("Neither beautifully told, nor funny", model=bert, units="token", mask="[UNK]")
    model = value.model
    full = model.encode(["Neither beautifully told, nor funny"])[0]
    assert len(value.features) == len(full) - 2
    masks = random_masks(value)
    rows = []
    for keep in masks:
        rows.append([2, *np.where(keep, full[1:-1], model.tokenizer.unk_token_id).tolist(), 3])
    np.testing.assert_allclose(value(masks), value.wanted[0](model.logits(rows)), atol=1e-4)
    assert value.subject["units"] == "token"


# --- fingerprints


def test_fingerprint_changes_with_what_changes_values_and_nothing_else(
    bert: Path, gpt2: Path, tmp_path: Path
) -> None:
    base = {"text": REVIEW, "model": bert, "target": "logit:neutral"}

    def fingerprint(**changes: object) -> str:
        return text(**{**base, **changes}).fingerprint  # type: ignore[arg-type]

    same = fingerprint()
    copy = shutil.copytree(bert, tmp_path / "copy")
    assert fingerprint(model=copy) == same
    assert fingerprint(model=HFClassifier.load(bert)) == same
    assert fingerprint(batch_size=3, device="cpu", mask="[MASK]") == same
    assert fingerprint(target="LOGIT:Neutral") == same
    changed = [
        fingerprint(text=REVIEW + " "),
        fingerprint(units="sentence"),
        fingerprint(units="token"),
        fingerprint(mask="delete"),
        fingerprint(mask="..."),
        fingerprint(target="prob:neutral"),
        fingerprint(target="logit:negative"),
        fingerprint(dtype="float64"),
        text(REVIEW, model=gpt2).fingerprint,
    ]
    assert len({same, *changed}) == len(changed) + 1


# --- long texts


@pytest.fixture(scope="module")
def short_sighted(tmp_path_factory: pytest.TempPathFactory) -> HFClassifier:
    """A classifier that reads 20 tokens."""
    return HFClassifier.load(save_bert(tmp_path_factory.mktemp("short"), positions=20))


def test_long_text_is_refused_not_truncated(short_sighted: HFClassifier) -> None:
    text("film " * 18, model=short_sighted)
    with pytest.raises(
        BadInput, match=r"text has 21 tokens, but .* reads at most 20, .*never truncates; shorten"
    ):
        text("film " * 19, model=short_sighted)
    with pytest.raises(BadInput, match="text has 21 tokens"):
        text("film " * 19, model=short_sighted, units="token")
    with pytest.raises(BadInput, match="text has 21 tokens"):
        text("film " * 19, model=short_sighted, mask="delete")


@pytest.mark.parametrize("units", ["word", "token"])
def test_replacement_that_makes_the_text_too_long(short_sighted: HFClassifier, units: str) -> None:
    with pytest.raises(
        BadInput,
        match=r"longest masked text has 32 tokens, .* at most 20, .*mask '\.\.\.' makes it longer",
    ):
        text("film " * 10, model=short_sighted, mask="...", units=units)


def test_length_is_checked_again_at_every_call(
    short_sighted: HFClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = text("film " * 10, model=short_sighted)
    # a tokenizer whose tokens the check of single units underestimated
    monkeypatch.setattr(value.ablation, "token_ids", lambda masks: [[5] * 21] * len(masks))
    with pytest.raises(BadInput, match=r"a masked text has 21 tokens, .* use the tokenizer's mask"):
        value(np.ones((1, 10), dtype=bool))


# --- bad input


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": ""}, "text is empty"),
        ({"text": " \n "}, "text holds nothing but white space"),
        ({"text": " \n ", "units": "token"}, "text holds nothing but white space"),
        ({"text": "", "units": "token"}, "text is empty"),
        ({"text": "Hello"}, "text has one word, 'Hello', so there is nothing to combine"),
        ({"text": "Not bad.", "units": "sentence"}, "one sentence, 'Not bad.', .* units='word'"),
        ({"text": "a", "units": "token"}, "one token, 'a', so there is nothing to combine"),
        ({"text": b"Not bad"}, "text must be a string, several, .*; got bytes"),
        ({"text": "Not \ud800 bad"}, "text is not valid Unicode: .* at character 4; read the file"),
        ({"mask": 3}, "mask must be a string; got int"),
        ({"mask": ""}, "mask is the empty string"),
        ({"target": 1}, "target must be a string; got int"),
        ({"target": "logit:happy"}, "unknown label 'happy'; valid: negative, neutral, Positive"),
        ({"target": "positive"}, "unknown target 'positive'; valid: logit:LABEL, prob:LABEL"),
        ({"units": 3}, r"units must be a name such as 'word', or stretches .*; got 3"),
        ({"units": "chapter"}, "unknown units 'chapter'; valid: word, sentence, paragraph"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1; got 2.5"),
        ({"model": "no/such/folder"}, "model folder 'no/such/folder' does not exist"),
    ],
)
def test_bad_input(bert: Path, given: dict[str, object], message: str) -> None:
    arguments = {"text": REVIEW, "model": bert, **given}
    with pytest.raises(BadInput, match=message):
        text(**arguments)  # type: ignore[arg-type]


def test_device_of_a_loaded_model(bert: Path) -> None:
    with pytest.raises(BadInput, match="device and dtype are fixed by a model that is loaded"):
        text(REVIEW, model=HFClassifier.load(bert), device="cpu")


def test_bad_texts_are_refused_before_the_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HFClassifier, "load", None)
    with pytest.raises(BadInput, match="text is empty"):
        text("", model="anything")


def test_the_lens_imports_no_torch_before_it_loads_a_model() -> None:
    code = (
        "import sys, interplay.lenses.text; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'tokenizers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
