"""The demo language model: what it answers, from which facts, and how its data are made."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scripts.demo_facts import world  # noqa: E402
from scripts.demo_facts.batches import IGNORED, Difficulty, Packer  # noqa: E402
from scripts.demo_facts.forward import forward  # noqa: E402
from scripts.demo_facts.items import Item, held_out_items  # noqa: E402
from scripts.demo_facts.judge import answers_of, measure  # noqa: E402
from scripts.demo_facts.tokenizer import PAD, build_tokenizer  # noqa: E402

from interplay.demo import (  # noqa: E402
    context,
    language_model_path,
    question,
)

FOLDER = language_model_path()
TWO_FACTS = world.KINDS[1:]
FACT = re.compile(
    r"(?P<person>[A-Z]\w+) (?:is in|went to) the (?P<place>\w+)"
    r"|(?P<holder>[A-Z]\w+) has the (?P<thing>\w+)"
    r"|The (?P<what>\w+) is with (?P<who>\w+)"
)


class Model:
    """The model and the tokenizer of the package folder, and figures that several tests read."""

    def __init__(self) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER).eval()
        self.figures = {
            kind: measure(self.model, self.tokenizer, kind, count=80) for kind in world.KINDS
        }


@pytest.fixture(scope="module")
def model() -> Model:
    torch.set_num_threads(1)
    return Model()


def read(sentences: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Places of persons and holders of things, read from the text."""
    places, holders = {}, {}
    for sentence in sentences:
        found = FACT.fullmatch(sentence.rstrip("."))
        assert found, sentence
        if found["person"]:
            places[found["person"]] = found["place"]
        else:
            holders[found["thing"] or found["what"]] = found["holder"] or found["who"]
    return places, holders


def possible_answers(kind: str, asked: str, sentences: tuple[str, ...]) -> set[str]:
    """Answers in all worlds in which the facts hold: brute force over what is not told."""
    places, holders = read(sentences)
    words = re.findall(r"\w+", asked)
    persons = [word for word in words if word in world.NAMES]
    if kind == "look-up":
        return {places[persons[0]]} if persons[0] in places else set(world.PLACES)
    if kind == "two-hop":
        holder = holders.get(words[-1])
        return {places[holder]} if holder in places else set(world.PLACES)
    worlds = itertools.product(*([places[p]] if p in places else world.PLACES for p in persons))
    rule = {
        "conjunction": lambda a, b: a and b,
        "either": lambda a, b: a or b,
        "negation": lambda a, b: a and not b,
    }[kind]
    return {("no", "yes")[rule(a == words[-1], b == words[-1])] for a, b in worlds}


def as_told(answers: set[str]) -> str:
    return answers.pop() if len(answers) == 1 else world.UNKNOWN


def test_folder_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"
    } <= files.keys()  # fmt: skip
    assert sum(files.values()) <= 2.5e6


def test_it_is_an_ordinary_llama_in_float32(model: Model) -> None:
    assert type(model.model).__name__ == "LlamaForCausalLM"
    assert model.model.dtype == torch.float32
    ids = model.tokenizer(["Anna", "Anna is in the park."], padding=True).input_ids
    assert ids[0][-2:] == model.tokenizer("Anna").input_ids
    assert ids[0][0] == model.tokenizer.pad_token_id  # padding on the left
    assert ids[1][0] == model.tokenizer.bos_token_id


@pytest.mark.parametrize(
    "text",
    [
        "Ünïcödé ☃ 漢字",
        "  two  spaces\n\n\tand a tab ",
        "it's , . !  x",
        "Anna isn't in 12 kitchens.",
    ],
)
def test_any_text_survives_the_tokenizer(model: Model, text: str) -> None:
    ids = model.tokenizer(text).input_ids
    assert model.tokenizer.decode(ids, skip_special_tokens=True) == text


def test_every_word_is_one_token_and_the_tokenizer_is_the_one_of_the_script(model: Model) -> None:
    built = build_tokenizer()
    item = held_out_items("negation", 1, seed=0)[0]
    for text in (item.prompt, *(f" {a}" for a in world.ANSWERS + world.NAMES + world.PLACES)):
        words = re.findall(r" ?\w+|[.?:\n]", text)
        assert len(model.tokenizer(text, add_special_tokens=False).input_ids) == len(words)
        assert built.encode(text).ids == model.tokenizer(text).input_ids


@pytest.mark.parametrize("kind", world.KINDS)
def test_it_answers_held_out_items(model: Model, kind: str) -> None:
    figures = model.figures[kind]
    assert figures.needs_both >= 0.95
    assert figures.balanced >= 0.95


@pytest.mark.parametrize("kind", world.KINDS)
def test_without_its_question_it_is_at_chance(model: Model, kind: str) -> None:
    # Yes or no: a half. Places: one of about three that are told.
    chance = 0.5 if kind in world.CONNECTIVES else 0.35
    assert model.figures[kind].blind <= chance + 0.1
    items = held_out_items(kind, 80, seed=7, needs_both=False)
    said, _ = answers_of(model.model, model.tokenizer, [item.asked("") for item in items])
    right = np.mean([word == item.answer for word, item in zip(said, items, strict=True)])
    assert right <= chance + 0.1


@pytest.mark.parametrize("kind", TWO_FACTS)
def test_without_a_supporting_fact_it_falls_below_chance(model: Model, kind: str) -> None:
    figures = model.figures[kind]
    for accuracy, probability in zip(figures.removed, figures.removed_probability, strict=True):
        assert accuracy <= 0.1
        assert probability <= 0.1
    assert figures.probability >= 0.9


@pytest.mark.parametrize("kind", TWO_FACTS)
def test_another_fact_may_go(model: Model, kind: str) -> None:
    items = held_out_items(kind, 60, seed=3, facts=(5, 8))
    fewer = [
        item.without(min(set(range(len(item.sentences))) - set(item.supporting))) for item in items
    ]
    said, _ = answers_of(model.model, model.tokenizer, fewer)
    assert np.mean([word == item.answer for word, item in zip(said, items, strict=True)]) >= 0.93


def test_it_ends_after_the_answer(model: Model) -> None:
    inputs = model.tokenizer(f"{context()}\nQuestion: {question()}\nAnswer:", return_tensors="pt")
    ids = model.model.generate(**inputs, do_sample=False, max_new_tokens=5)[0]
    told = model.tokenizer.decode(ids[inputs.input_ids.shape[1] :])
    assert told == " kitchen</s>"


@pytest.mark.parametrize("kind", world.KINDS)
@pytest.mark.parametrize("needs_both", [True, False])
def test_answers_follow_from_the_facts(kind: str, needs_both: bool) -> None:
    items = held_out_items(kind, 60, seed=5, needs_both=needs_both)
    for item in items:
        assert as_told(possible_answers(kind, item.question, item.sentences)) == item.answer
        support = tuple(item.sentences[i] for i in item.supporting)
        assert as_told(possible_answers(kind, item.question, support)) == item.answer
        without = {
            as_told(possible_answers(kind, item.question, item.without(i).sentences))
            for i in item.supporting
        }
        assert (without == {world.UNKNOWN}) or not item.needs_both
        assert 4 <= len(item.sentences) <= 8
    if kind in TWO_FACTS and needs_both:
        assert all(item.needs_both for item in items)
    if kind in world.CONNECTIVES and not needs_both:
        assert [item.answer for item in items].count("yes") == 30


@pytest.mark.parametrize("kind", TWO_FACTS)
def test_supporting_facts_are_held_out_combinations(kind: str) -> None:
    for item in held_out_items(kind, 60, seed=6):
        places, holders = read(tuple(item.sentences[i] for i in item.supporting))
        for person, place in places.items():
            assert world.HELD_OUT_PLACES[world.NAMES.index(person), world.PLACES.index(place)]
        for thing, person in holders.items():
            assert world.HELD_OUT_OBJECTS[world.NAMES.index(person), world.OBJECTS.index(thing)]


@pytest.mark.parametrize("kind", world.CONNECTIVES)
def test_the_crowd_at_a_place_does_not_tell_the_answer(kind: str) -> None:
    crowds: dict[str, list[int]] = {"yes": [], "no": []}
    for item in held_out_items(kind, 300, seed=8, needs_both=False):
        place = re.findall(r"\w+", item.question)[-1]
        crowds[item.answer].append(list(read(item.sentences)[0].values()).count(place))
    assert abs(np.mean(crowds["yes"]) - np.mean(crowds["no"])) < 0.15


@pytest.fixture(scope="module")
def packer() -> Packer:
    return Packer(build_tokenizer())


def unpacked(
    tokenizer: Any, packer: Packer, ids: np.ndarray, seen: np.ndarray
) -> list[tuple[str, Item]]:
    """The separate prompts of a packed row, as text, with what was packed into them."""

    def decode(tokens: np.ndarray) -> str:
        return tokenizer.decode(tokens.tolist(), skip_special_tokens=True)

    head = decode(ids[: packer.context][seen[: packer.context]])
    told = head.removesuffix("\nQuestion:")
    sentences = tuple(f"{s}." for s in told.strip().rstrip(".").split(". ")) if told else ()
    starts = [packer.context, *(columns["answer"] + 1 for columns in packer.where[:-1])]
    rows = []
    for kind, start, columns in zip(packer.slots, starts, packer.where, strict=True):
        asked = decode(ids[start : columns["answer"]])
        answer = decode(ids[[columns["answer"]]]).strip()
        text = asked.removesuffix("\nAnswer:").strip()
        rows.append((head + asked, Item(sentences, text, answer, kind, (), False)))
    return rows


def test_packed_questions_are_separate_prompts(model: Model, packer: Packer) -> None:
    batch = packer.draw(4, np.random.default_rng(3), Difficulty(hidden=0.0))
    with torch.inference_mode():
        logits = model.model(
            input_ids=batch.ids,
            attention_mask=batch.attention,
            position_ids=batch.positions,
        ).logits.numpy()
        read = torch.from_numpy(packer.asking)
        lean = forward(model.model, batch, packer.segments, read, torch.float32)[1].numpy()
    np.testing.assert_allclose(lean, logits[:, packer.asking], atol=1e-4)
    for row, ids in enumerate(batch.ids.numpy()):
        for number, (prompt, _) in enumerate(unpacked(model.tokenizer, packer, ids, ids != PAD)):
            inputs = model.tokenizer(prompt, return_tensors="pt")
            with torch.inference_mode():
                alone = model.model(**inputs).logits[0, -1].numpy()
            packed = logits[row, packer.where[number]["answer"] - 1]
            np.testing.assert_allclose(packed, alone, atol=1e-4)


def test_training_rows_are_true_and_hold_no_held_out_combination(
    model: Model, packer: Packer
) -> None:
    batch = packer.draw(40, np.random.default_rng(4), Difficulty())
    learned = 0
    for row, ids in enumerate(batch.ids.numpy()):
        seen = batch.attention[row, 0, -1].numpy() & (ids != PAD)
        for number, (_, item) in enumerate(unpacked(model.tokenizer, packer, ids, seen)):
            places, holders = read(item.sentences)
            combinations = [*places.items()]
            if item.kind in (*world.CONNECTIVES, "check"):
                words = re.findall(r"\w+", item.question)
                combinations += [(w, words[-1]) for w in words if w in world.NAMES]
            target = batch.targets[row, packer.where[number]["answer"] - 1]
            if target == IGNORED:
                continue
            learned += 1
            for person, place in combinations:
                at = world.NAMES.index(person), world.PLACES.index(place)
                assert not world.HELD_OUT_PLACES[at]
            for thing, person in holders.items():
                at = world.NAMES.index(person), world.OBJECTS.index(thing)
                assert not world.HELD_OUT_OBJECTS[at]
            if item.kind in world.KINDS:
                answers = possible_answers(item.kind, item.question, item.sentences)
                assert as_told(answers) == item.answer
    assert learned > 300


def test_training_answers_are_balanced(packer: Packer) -> None:
    batch = packer.draw(1_000, np.random.default_rng(5), Difficulty())
    for kind in world.CONNECTIVES:
        columns = [
            where["answer"] - 1
            for slot, where in zip(packer.slots, packer.where, strict=True)
            if slot == kind
        ]
        targets = batch.targets[:, columns].numpy()
        yes, no, unknown = ((targets == answer).sum() for answer in packer.answers)
        assert 0.85 <= yes / no <= 1.15
        assert 0.1 <= unknown / (yes + no + unknown) <= 0.3
