"""The inputs of the papers' experiments, through the lens: reviews, HotpotQA, DROP, riddles.

No language model at hand can answer them; what is tested is that they are cut, masked and scored
as the experiments did it.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interplay as ip
from interplay.lenses.text.compose import document
from interplay.models.hf_causal import HFCausalLM

PROMPT = "{text}\nQuery: {question} Keep the answer as short as possible.\n"


@pytest.fixture(scope="module")
def stories(assets: Path) -> HFCausalLM:
    torch.set_num_threads(1)
    return HFCausalLM.load(assets / "models" / "stories260k")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def passage(paragraphs: list[dict[str, Any]]) -> tuple[str, list[tuple[int, int]]]:
    """Title and Content blocks, and where each labelled sentence stands in them."""
    text, spans = "", []
    for paragraph in paragraphs:
        text += ("\n\n" if text else "") + f"Title: {paragraph['title']}\nContent:"
        for sentence in paragraph["sentences"]:
            text += " "
            core = sentence.strip()
            if core:
                spans.append((len(text), len(text) + len(core)))
            text += core
    return text, spans


def test_every_labelled_sentence_of_hotpotqa_is_a_feature(assets: Path) -> None:
    for item in lines(assets / "qa" / "hotpotqa_dev_200.jsonl"):
        text, spans = passage(item["context"])
        made = document(text, spans, question=item["question"], template=PROMPT)
        sentences = [s.strip() for p in item["context"] for s in p["sentences"] if s.strip()]
        assert list(made.features) == sentences
        gone = ["" if i % 2 else None for i in range(len(spans))]
        ((_, rendered),) = made.render(gone)
        assert all(p["title"] in rendered for p in item["context"])
        assert item["question"] in rendered
        chunks = [passage([p])[0] for p in item["context"]]
        nested = document(chunks, "chunk+sentence", question=item["question"])
        assert nested.nesting is not None
        assert len(nested.nesting.groups) == len(chunks)
        assert nested.render([None] * len(nested.features))[0][1].startswith(chunks[0])


def test_supporting_paragraphs_of_hotpotqa_are_scored(assets: Path, stories: HFCausalLM) -> None:
    scored = 0
    for item in lines(assets / "qa" / "hotpotqa_dev_200.jsonl"):
        kept = sorted({paragraph for paragraph, _ in item["supporting_facts"]})
        text, spans = passage([item["context"][i] for i in kept])
        if len(text) > 600 or len(spans) < 3:
            continue
        value = ip.text(
            text, model=stories, units=spans, question=item["question"], template=PROMPT,
            response=item["answer"], target=["logprob", "logprob:mean"],
        )  # fmt: skip
        masks = np.random.default_rng(0).random((6, len(spans))) < 0.5
        values = value(masks)
        length = len(value.responses[0].ids)  # type: ignore[union-attr]
        np.testing.assert_allclose(values[:, 0], length * values[:, 1], rtol=1e-6)
        assert (values < 0).all()
        scored += 1
        if scored == 5:
            break
    assert scored == 5


def test_passages_of_drop_are_cut_into_words(assets: Path, stories: HFCausalLM) -> None:
    items = lines(assets / "qa" / "drop_dev_500.jsonl")
    for item in items[:100]:
        made = document(item["passage"], "word", question=item["question"], template=PROMPT)
        words = item["passage"].split()
        # a passage with Chinese names has more: each of their characters is a word
        assert len(made.features) == len(words) or not item["passage"].isascii()
    short = min(items, key=lambda item: len(item["passage"]))
    value = ip.text(
        short["passage"], model=stories, question=short["question"], template=PROMPT,
        response=str(short["answer"]), mask="[UNK]",
    )  # fmt: skip
    explanation = ip.explain(value, budget=80, method="lasso", store=None)
    assert explanation.features == value.features


def test_altered_riddles(assets: Path, stories: HFCausalLM) -> None:
    """True or false, and by how much: the margin of the two answers, words as features."""
    with (assets / "qa" / "puzzles.csv").open(encoding="utf-8", newline="") as file:
        riddles = list(csv.DictReader(file))
    assert len(riddles) == 5
    for riddle in riddles:
        value = ip.text(
            riddle["context"], model=stories, question=riddle["question"], template=PROMPT,
            target="margin:False|True",
        )  # fmt: skip
        assert value.features[0] == riddle["context"].split()[0]
        masks = np.random.default_rng(1).random((4, len(value.features))) < 0.5
        assert np.isfinite(value(masks)).all()
        assert np.ptp(value(masks)) > 0


def test_long_reviews_are_cut_into_as_many_words_as_were_counted(assets: Path) -> None:
    with (assets / "text" / "long_reviews.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert abs(len(document(row["review"], "word").features) - int(row["n"])) <= 3
