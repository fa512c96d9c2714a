"""Generated sentences in which constructions turn, keep or weaken the sense of a word.

The templates (``templates.txt``) and their words (``lexicon.txt``) were written for this project.
They cover the constructions of English that turn a judgement round, always beside the plain form,
so that the sense has to come from the combination.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from .data import Labelled, words_of

Choice = TypeVar("Choice")
FOLDER = Path(__file__).parent
_OTHER_POLARITY = {"O": "A", "X": "N", "R": "Q"}
_SECOND_FORM = {"W": "V", "U": "C"}
_JUDGING_SLOTS = ("A", "N", "Q", "F", "L", "V", "J")
_OPENINGS = (
    *[""] * 6,
    *("all in all , ", "in the end , ", "this time ", "for what it is , ", "as a whole , "),
    *("i must say , ", "to my mind ", "on the screen ", "once again , "),
)
_ENDINGS = (*[" ."] * 3, "", "", " !", " , from beginning to end .", " , as everyone said .")
_DETERMINERS = ("the", "the", "the", "this", "its", "the whole")


@dataclass(frozen=True)
class Template:
    """A sentence with slots."""

    turns: bool  # the sense of its words
    polarities: tuple[int, ...]  # of words with which it makes sense
    words: tuple[str, ...]


def _read_templates() -> list[Template]:
    lines = (FOLDER / "templates.txt").read_text(encoding="utf-8").splitlines()
    return [
        Template(
            turns=line[0] == "!",
            polarities={"+": (1,), "-": (0,)}.get(line[1], (0, 1)),
            words=tuple(line[2:].split()),
        )
        for line in lines
        if line and not line.startswith("#")
    ]


def _read_lexicon() -> dict[str, list[str]]:
    """Phrases by slot: ``"A+"``, ``"A-"``, ``"K"``, ..."""
    lexicon: dict[str, str] = {}
    slot = ""
    for line in (FOLDER / "lexicon.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            slot = line.strip("[]").replace(" ", "")
            lexicon[slot] = ""
        elif not line.startswith("#"):
            lexicon[slot] = f"{lexicon[slot]} {line}" if slot else ""
    return {slot: [p.strip() for p in text.split(",")] for slot, text in lexicon.items() if slot}


TEMPLATES = _read_templates()
LEXICON = _read_lexicon()


def generate(count: int, rng: np.random.Generator) -> list[Labelled]:
    """Draw labelled sentences; label 1 = positive."""
    return [_sentence(rng) for _ in range(count)]


def assert_other_words(pairs: Iterable[tuple[str, str, int, int]]) -> None:
    """Fail if a judging word of the lexicon stands in one of the composition pairs."""
    reserved = {word for pair in pairs for sentence in pair[:2] for word in words_of(sentence)}
    judging = {
        word
        for slot, phrases in LEXICON.items()
        if slot[0] in _JUDGING_SLOTS
        for phrase in phrases
        for form in phrase.split(" / ")
        if " " not in form
        for word in words_of(form)
    }
    if reserved & judging:
        raise AssertionError(f"words of the composition pairs in the lexicon: {reserved & judging}")


def _sentence(rng: np.random.Generator) -> Labelled:
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    polarity = int(_pick(template.polarities, rng))
    text = " ".join(_fill(word, polarity, rng) for word in template.words)
    text = _pick(_OPENINGS, rng) + _with_articles(text) + _pick(_ENDINGS, rng)
    return text, 1 - polarity if template.turns else polarity


def _fill(word: str, polarity: int, rng: np.random.Generator) -> str:
    """The word itself, or a phrase for the slot that it names (``Ks``: a plural)."""
    slot, ending = (word[0], "s") if word in ("Ts", "Ks") else (word, "")
    if slot == "S":
        return _subject(rng)
    if slot in _OTHER_POLARITY:
        slot, polarity = _OTHER_POLARITY[slot], 1 - polarity
    form = int(slot in _SECOND_FORM)
    slot = {"B": "A", **_SECOND_FORM}.get(slot, slot)
    phrases = LEXICON.get(slot) or LEXICON.get(slot + "-+"[polarity])
    if not phrases:
        return word
    forms = _pick(phrases, rng).split(" / ")
    return forms[min(form, len(forms) - 1)] + ending


def _subject(rng: np.random.Generator) -> str:
    if rng.random() < 0.12:
        return "it"
    return f"{_pick(_DETERMINERS, rng)} {_pick(LEXICON['S'], rng)}"


def _with_articles(text: str) -> str:
    words = text.split()
    for i, word in enumerate(words[:-1]):
        if word == "a" and words[i + 1][0] in "aeiou":
            words[i] = "an"
    return " ".join(words)


def _pick(options: Sequence[Choice], rng: np.random.Generator) -> Choice:
    return options[int(rng.integers(len(options)))]
