"""Training batches, drawn as token ids: one list of facts and many questions in each row.

A row is ``<s>``, the sentences (padded on the left) and ``\\nQuestion:``, which all questions
share; then one block for each question, ``Where is Anna?\\nAnswer:`` and the answer. A block sees
the context and itself, and its positions go on from the context: the model computes for it exactly
what it computes for a prompt with that one question.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from . import world
from .tokenizer import BOS, EOS, PAD

FACTS = 8  # at most, in one context
PERSONS = 8  # in the world of one row; those without a place are asked about, too
SENTENCE = 6  # tokens, at most
CANDIDATES = 64  # of a question, among which one with the wanted truth values is taken
IGNORED = -100
HELPERS = ("place", "holder", "far", "truth")
SLOTS = (  # the questions of a row
    *["look-up"] * 3, *["two-hop"] * 4, *["holder"] * 2, "check",
    *["conjunction"] * 3, *["either"] * 3, *["negation"] * 3,
)  # fmt: skip

# How often the two parts (a, b) of a statement are true, false, open: yes and no equally often,
# whatever makes it so, and a fifth unknown.
_PARTS = {
    "conjunction": ((40, 12, 8), (12, 10, 3), (8, 3, 4)),
    "either": ((10, 12, 3), (12, 40, 8), (3, 8, 4)),
    "negation": ((12, 40, 8), (12, 10, 3), (3, 8, 4)),
}
PART_SHARES = {kind: np.array(shares) / np.sum(shares) for kind, shares in _PARTS.items()}
CHECK_SHARES = np.array([0.4, 0.4, 0.2])


@dataclass(frozen=True)
class Difficulty:
    """Of the contexts: how many facts are told, and how many of them are left out again."""

    facts: tuple[int, int] = (4, 8)
    thinned: float = 0.4  # share of rows of which sentences are dropped
    hidden: float = 0.15  # share of rows in which these keep their place but are not attended to


@dataclass(frozen=True)
class Batch:
    """Rows of token ids with what the model needs to read them and to learn from them."""

    ids: torch.Tensor  # rows x tokens
    positions: torch.Tensor
    attention: torch.Tensor  # rows x 1 x tokens x tokens, true where a token may look
    targets: torch.Tensor  # rows x tokens: the next token, where it is learned
    bound: torch.Tensor  # rows x tokens: helper targets, the first word of a fact at its second
    parts: dict[str, torch.Tensor]  # helper targets of the words of a question


class Packer:
    """Draws batches; everything about the layout of a row that is always the same."""

    def __init__(self, tokenizer: Tokenizer, slots: tuple[str, ...] = SLOTS) -> None:
        def ids(text: str) -> list[int]:
            return list(tokenizer.encode(text, add_special_tokens=False).ids)

        self.slots = slots
        self.names = np.array([ids(f" {word}")[0] for word in world.NAMES])
        self.places = np.array([ids(f" {word}")[0] for word in world.PLACES])
        self.objects = np.array([ids(f" {word}")[0] for word in world.OBJECTS])
        self.answers = np.array([ids(f" {word}")[0] for word in world.ANSWERS])
        # The first sentence has no space before it.
        self.at_start = np.arange(tokenizer.get_vocab_size())
        for word in (*world.NAMES, "The"):
            self.at_start[ids(f" {word}")[0]] = ids(word)[0]

        self.sentences = np.full((4, SENTENCE), -3)
        marks = {" Anna": -1, " key": -2}
        for row, pattern in enumerate(world.PLACE_SENTENCES + world.POSSESSION_SENTENCES):
            text = " " + pattern.format(person="Anna", thing="key")
            tokens = tokenizer.encode(text, add_special_tokens=False)
            words = [
                marks.get(text[a:b], i)
                for i, (a, b) in zip(tokens.ids, tokens.offsets, strict=True)
            ]
            self.sentences[row, : len(words)] = words

        self.lead = ids("\nQuestion:")
        self.context = 1 + FACTS * SENTENCE + len(self.lead)
        block: list[int] = [0] * self.context
        offset: list[int] = [0] * self.context
        static: list[int] = [PAD] * self.context
        self.where: list[dict[str, int]] = []  # columns of the words of each question
        for number, kind in enumerate(slots, start=1):
            fill = {"a": "Anna", "b": "Ben", "thing": "key", "place": "kitchen"}
            text = world.QUESTIONS[kind].format(**fill)
            tokens = ids(f" {text}\nAnswer:")
            start = len(static)
            columns = {
                k: start + tokens.index(ids(f" {w}")[0]) for k, w in fill.items() if w in text
            }
            self.where.append({**columns, "answer": start + len(tokens)})
            static += [*tokens, PAD]  # the answer
            block += [number] * (len(tokens) + 1)
            offset += range(len(tokens) + 1)
        ends = {k: w["answer"] + 1 for k, w in zip(slots, self.where, strict=True)}
        # Questions of a kind stand side by side; in three groups their attention is cheapest.
        groups = (ends["check"], ends["either"], ends["negation"])
        cuts = [0, self.context, *groups]
        self.segments = list(itertools.pairwise(cuts))
        self.asking = np.array([w["answer"] - 1 for w in self.where])
        self.ending = np.array([ends[k] - 1 for k in ends])
        self.static, self.offset = np.array(static), np.array(offset)
        blocks = np.array(block)
        order = np.arange(len(static))
        self.sees = (order[:, None] >= order) & ((blocks == blocks[:, None]) | (blocks == 0))

    def draw(self, rows: int, rng: np.random.Generator, difficulty: Difficulty) -> Batch:
        """Draw contexts, questions about them with balanced answers, and pack them."""
        told = _draw_facts(rows, rng, difficulty)
        ids = np.tile(self.static, (rows, 1))
        targets = np.full(ids.shape, IGNORED)
        bound = np.full(ids.shape, IGNORED)
        visible = np.ones(ids.shape, dtype=bool)
        positions = self._context(told, rng, difficulty, ids, bound, visible)
        parts = {key: np.full(ids.shape, IGNORED) for key in HELPERS}
        for kind, columns in zip(self.slots, self.where, strict=True):
            self._question(kind, columns, told, rng, ids, targets, parts)
        sees = (self.sees & visible[:, None]) | np.eye(ids.shape[1], dtype=bool)
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(positions),
            torch.from_numpy(sees)[:, None],
            torch.from_numpy(targets),
            torch.from_numpy(bound),
            {key: torch.from_numpy(values) for key, values in parts.items()},
        )

    def _context(
        self,
        told: _Facts,
        rng: np.random.Generator,
        difficulty: Difficulty,
        ids: np.ndarray,
        bound: np.ndarray,
        visible: np.ndarray,
    ) -> np.ndarray:
        """Write the sentences in random order; return the positions of the whole rows."""
        rows = len(told.person)
        pattern = np.where(told.is_place, 0, 2) + rng.integers(0, 2, told.person.shape)
        tokens = self.sentences[pattern]
        person = self.names[told.person]
        thing = np.where(
            told.is_place, self.places[told.thing], self.objects[np.minimum(told.thing, 11)]
        )
        first_is_person = (pattern != 3)[:, :, None]
        second = np.where(first_is_person, tokens == -2, tokens == -1)
        first_word = np.where(
            pattern != 3, told.person, len(world.NAMES) + len(world.PLACES) + told.thing
        )
        helper = np.where(second, first_word[:, :, None], IGNORED)
        words = np.where(tokens == -1, person[:, :, None], tokens)
        words = np.where(tokens == -2, thing[:, :, None], words)

        order = rng.random(told.person.shape).argsort(1)[:, :, None]
        words, helper = (np.take_along_axis(x, order, 1) for x in (words, helper))
        hidden = rng.random((rows, 1)) < difficulty.hidden  # dropped, but in their place
        present = np.take_along_axis(told.kept | (told.exists & hidden), order[:, :, 0], 1)
        attended = np.take_along_axis(told.kept, order[:, :, 0], 1)
        shown = (present[:, :, None] & (words != -3)).reshape(rows, -1)
        seen = (attended[:, :, None] & (words != -3)).reshape(rows, -1)
        words, helper = words.reshape(rows, -1), helper.reshape(rows, -1)

        # Padding first, then <s>, then the words.
        ones = np.ones((rows, 1), dtype=bool)
        key = np.concatenate([ones, np.where(shown, 2, 0)], axis=1)
        order = np.argsort(key, axis=1, kind="stable")
        words = np.concatenate([np.full((rows, 1), BOS), np.where(shown, words, PAD)], axis=1)
        shown, seen = (np.concatenate([ones, x], axis=1) for x in (shown, seen))
        helper = np.concatenate([np.full((rows, 1), IGNORED), helper], axis=1)
        words, shown, seen, helper = (
            np.take_along_axis(x, order, 1) for x in (words, shown, seen, helper)
        )
        first = (shown.cumsum(1) == 2) & shown
        words = np.where(first, self.at_start[words], words)

        width = words.shape[1]
        ids[:, :width] = words
        ids[:, width : self.context] = self.lead
        bound[:, :width] = np.where(seen, helper, IGNORED)
        visible[:, :width] = seen
        length = shown.sum(1)[:, None] + len(self.lead)
        positions = np.tile(self.offset, (rows, 1)) + length
        positions[:, : self.context] = np.maximum(
            length - self.context + np.arange(self.context), 0
        )
        return positions

    def _question(
        self,
        kind: str,
        columns: dict[str, int],
        told: _Facts,
        rng: np.random.Generator,
        ids: np.ndarray,
        targets: np.ndarray,
        parts: dict[str, np.ndarray],
    ) -> None:
        rows = len(ids)
        each = np.arange(rows)[:, None]
        if kind in ("two-hop", "holder"):
            # 0: answered; 1: the object is not mentioned; 2: its holder is nowhere.
            things = rng.integers(0, len(world.OBJECTS), (rows, CANDIDATES))
            count = told.objects.shape[1]
            inside = told.objects[each, rng.integers(0, count, (rows, CANDIDATES))]
            things = np.where(rng.random(things.shape) < 0.8, inside, things)
            holder = told.holder_of[each, things]
            place = np.where(holder < 0, -1, told.place_of[each, np.maximum(holder, 0)])
            if kind == "holder":
                state = np.where(holder < 0, 1, 0)
                wanted = rng.choice(2, rows, p=[0.8, 0.2])
            else:
                state = np.where(place >= 0, 0, np.where(holder < 0, 1, 2))
                wanted = rng.choice(3, rows, p=[0.7, 0.15, 0.15])
            chosen, _ = _choose(state, wanted, np.ones_like(state, dtype=bool), rng)
            things, holder, place = (x[each[:, 0], chosen] for x in (things, holder, place))
            ids[:, columns["thing"]] = self.objects[things]
            parts["holder"][:, columns["thing"]] = np.where(holder < 0, len(world.NAMES), holder)
            if kind == "holder":
                answer = np.where(holder < 0, self.answers[world.OPEN], self.names[holder])
            else:
                parts["far"][:, columns["thing"]] = np.where(place < 0, len(world.PLACES), place)
                answer = np.where(place < 0, self.answers[world.OPEN], self.places[place])
            self._answer(columns, answer, np.ones(rows, dtype=bool), ids, targets)
            return

        told_of = told.place_of[each, told.persons] >= 0
        pick = (rng.random((rows, CANDIDATES, PERSONS)) - 0.3 * told_of[:, None]).argsort(2)
        a, b = (told.persons[each, pick[:, :, i]] for i in range(2))
        a_at, b_at = told.place_of[each, a], told.place_of[each, b]
        origin = rng.random(a.shape)
        place = told.pool[each, rng.integers(0, told.pool.shape[1], a.shape)]
        place = np.where((origin < 0.3) & (a_at >= 0), a_at, place)
        place = np.where((origin > 0.7) & (b_at >= 0), b_at, place)
        anywhere = rng.random(a.shape) < 0.15
        place = np.where(anywhere, rng.integers(0, len(world.PLACES), a.shape), place)
        a_is, b_is = (np.where(at < 0, world.OPEN, (at != place) * 1) for at in (a_at, b_at))
        allowed = ~world.HELD_OUT_PLACES[a, place]
        if kind == "look-up":
            state, allowed = np.where(a_at < 0, 1, 0), np.ones_like(allowed)
            wanted = rng.choice(2, rows, p=[0.8, 0.2])
        elif kind == "check":
            state, wanted = a_is, rng.choice(3, rows, p=CHECK_SHARES)
        else:
            allowed &= ~world.HELD_OUT_PLACES[b, place]
            state = a_is * 3 + b_is
            wanted = rng.choice(9, rows, p=PART_SHARES[kind].ravel())
        chosen, found = _choose(state, wanted, allowed, rng)
        take = (each[:, 0], chosen)
        ids[:, columns["a"]] = self.names[a[take]]
        parts["place"][:, columns["a"]] = np.where(a_at[take] < 0, len(world.PLACES), a_at[take])
        if kind == "look-up":
            answer = np.where(a_at[take] < 0, self.answers[world.OPEN], self.places[a_at[take]])
            self._answer(columns, answer, np.ones(rows, dtype=bool), ids, targets)
            return
        ids[:, columns["place"]] = self.places[place[take]]
        if kind == "check":
            truth = a_is[take]
            parts["truth"][:, columns["place"]] = truth
        else:
            ids[:, columns["b"]] = self.names[b[take]]
            at = b_at[take]
            parts["place"][:, columns["b"]] = np.where(at < 0, len(world.PLACES), at)
            truth = _KLEENE[kind][a_is[take], b_is[take]]
            parts["truth"][:, columns["place"]] = state[take]
        self._answer(columns, self.answers[truth], found, ids, targets)

    def _answer(
        self,
        columns: dict[str, int],
        answer: np.ndarray,
        found: np.ndarray,
        ids: np.ndarray,
        targets: np.ndarray,
    ) -> None:
        at = columns["answer"]
        ids[:, at] = answer
        targets[:, at - 1] = np.where(found, answer, IGNORED)
        if at in self.ending:  # one of each kind is enough for so simple a thing
            targets[:, at] = EOS


_KLEENE = {
    kind: np.array([[world.kleene(kind, a, b) for b in range(3)] for a in range(3)])
    for kind in world.CONNECTIVES
}


@dataclass(frozen=True)
class _Facts:
    """Facts of all rows; those that are told, and what follows from the ones that are kept."""

    persons: np.ndarray  # rows x PERSONS
    pool: np.ndarray  # rows x places that persons are at, with repetitions
    objects: np.ndarray  # rows x objects that somebody has
    is_place: np.ndarray  # rows x FACTS
    person: np.ndarray
    thing: np.ndarray  # place or object
    exists: np.ndarray
    kept: np.ndarray
    place_of: np.ndarray  # rows x names, -1 = not told
    holder_of: np.ndarray  # rows x objects, -1 = not told


def _draw_facts(rows: int, rng: np.random.Generator, difficulty: Difficulty) -> _Facts:
    low, high = difficulty.facts
    each = np.arange(rows)[:, None]
    persons = rng.random((rows, len(world.NAMES))).argsort(1)[:, :PERSONS]
    objects = rng.random((rows, len(world.OBJECTS))).argsort(1)[:, :FACTS]
    count = rng.integers(low, high + 1, rows)
    placed = np.rint(count * rng.uniform(0.4, 0.85, rows)).astype(int)
    placed = np.clip(placed, 1, np.maximum(count - 1, 1))[:, None]
    number = np.arange(FACTS)
    is_place = number < placed
    exists = number < count[:, None]

    # Few different places, so that persons meet.
    size = rng.integers(2, 5, (rows, 1))
    rank = rng.random((rows, len(world.PLACES))).argsort(1).argsort(1)
    score = rng.random((rows, PERSONS, len(world.PLACES))) + (rank < size)[:, None]
    score -= 9.0 * world.HELD_OUT_PLACES[persons]
    places = score.argmax(2)

    # Most holders are among those who have a place.
    chance = rng.random((rows, FACTS, PERSONS))
    chance += (np.arange(PERSONS) < placed)[:, None] & (rng.random((rows, FACTS, 1)) < 0.8)
    chance -= 9.0 * world.HELD_OUT_OBJECTS[persons[:, None], objects[:, :, None]]
    holders = persons[each, chance.argmax(2)]

    index = np.maximum(number - placed, 0)
    person = np.where(is_place, persons[:, :FACTS], holders[each, index])
    thing = np.where(is_place, places[:, :FACTS], objects[each, index])
    drop = rng.uniform(0.1, 0.9, (rows, 1)) * (rng.random((rows, 1)) < difficulty.thinned)
    kept = exists & (rng.random((rows, FACTS)) >= drop)

    place_of = np.full((rows, len(world.NAMES) + 1), -1)
    place_of[each, np.where(kept & is_place, person, -1)] = thing
    place_of[:, -1] = -1
    holder_of = np.full((rows, len(world.OBJECTS) + 1), -1)
    holder_of[each, np.where(kept & ~is_place, thing, -1)] = person
    holder_of[:, -1] = -1
    pool = np.where(is_place[:, :FACTS], places[:, :FACTS], places[:, :1])
    some = np.where(exists & ~is_place, thing, objects[:, :1])
    return _Facts(persons, pool, some, is_place, person, thing, exists, kept, place_of, holder_of)


def _choose(
    state: np.ndarray, wanted: np.ndarray, allowed: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Index of a candidate in the wanted state, and whether there was one."""
    fits = (state == wanted[:, None]) & allowed
    chosen = (rng.random(state.shape) + 2.0 * fits + allowed).argmax(1)
    return chosen, fits[np.arange(len(fits)), chosen]
