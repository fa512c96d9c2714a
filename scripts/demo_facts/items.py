"""Held-out items: a list of facts, a question, its answer, and the sentences that decide it.

Their supporting facts are combinations of a person and a place, or of a person and an object, of
which the training has seen none; nothing here is shared with the generator of the training rows
but the words and the rules of ``world``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from . import world


@dataclass(frozen=True)
class Item:
    """A question about a list of facts.

    Attributes
    ----------
    sentences : tuple of str
        The facts, in the order in which they are told.
    question : str
        Ends with a question mark.
    answer : str
        One word.
    kind : str
        A key of ``world.QUESTIONS``.
    supporting : tuple of int
        Indices of the sentences about what is asked for, in the order of the question (two-hop:
        who has the object, then where that person is). Without any other sentence the answer is
        the same.
    needs_both : bool
        Whether the answer is ``unknown`` as soon as one of them is missing.
    """

    sentences: tuple[str, ...]
    question: str
    answer: str
    kind: str
    supporting: tuple[int, ...]
    needs_both: bool

    @property
    def context(self) -> str:
        """The sentences as one text."""
        return " ".join(self.sentences)

    @property
    def prompt(self) -> str:
        """What the model is given; it goes on with a space and the answer."""
        return world.PROMPT.format(context=self.context, question=self.question)

    def asked(self, question: str) -> Item:
        """The same facts with another question; the rest of the item is left as it is."""
        return replace(self, question=question)

    def without(self, *removed: int) -> Item:
        """The item without some of its sentences; answer and supporting facts are left as is."""
        kept = (s for i, s in enumerate(self.sentences) if i not in removed)
        return replace(self, sentences=tuple(kept))


def held_out_items(
    kind: str,
    count: int,
    seed: int,
    facts: tuple[int, int] = (4, 8),
    needs_both: bool = True,
) -> list[Item]:
    """Draw items whose supporting facts are held-out combinations.

    Parameters
    ----------
    kind : str
        One of ``world.KINDS``.
    count : int
        Number of items.
    seed : int
        Of the random numbers.
    facts : tuple of int
        Fewest and most sentences.
    needs_both : bool
        Only items that cannot be answered without both supporting facts. Those of one connective
        have one answer (both: yes; neither of the two: no; one but not the other: yes); otherwise
        yes and no are equally frequent and, within each, the ways to come about.

    Returns
    -------
    list of Item
        All different. For ``"look-up"`` there is one supporting fact.
    """
    if kind not in world.KINDS:
        raise ValueError(f"kind is {kind!r}; there are {', '.join(world.KINDS)}")
    rng = np.random.default_rng([seed, world.KINDS.index(kind), int(needs_both)])
    ways = [_BOTH_NEEDED.get(kind, (True, True))]
    if not needs_both and kind in _BOTH_NEEDED:
        others = [w for w in itertools.product((True, False), repeat=2) if w not in ways]
        ways = [*(ways * len(others)), *others]
    items: dict[str, Item] = {}
    while len(items) < count:
        item = None
        while item is None:  # until persons and places for this way are found
            size = int(rng.integers(facts[0], facts[1] + 1))
            item = _draw(kind, size, ways[len(items) % len(ways)], rng)
        items.setdefault(item.prompt, item)
    return list(items.values())


# Where the two persons must be (at the place asked for?) for an answer that needs both facts.
_BOTH_NEEDED = {"conjunction": (True, True), "either": (False, False), "negation": (True, False)}


def truth(kind: str, a: int, b: int, place: int, places: dict[int, int]) -> int:
    """Kleene's value of a statement about persons ``a`` and ``b``, given where persons are."""
    values = (
        world.OPEN if who not in places else world.TRUE if places[who] == place else world.FALSE
        for who in (a, b)
    )
    return world.kleene(kind, *values)


def _draw(kind: str, size: int, way: tuple[bool, bool], rng: np.random.Generator) -> Item | None:
    """One item, or none where the persons that were drawn do not fit."""
    a, b, *others = (int(person) for person in rng.permutation(len(world.NAMES)))
    held = [np.flatnonzero(world.HELD_OUT_PLACES[person]) for person in (a, b)]
    a_at, b_at = (int(rng.choice(places)) for places in held)
    objects = [int(thing) for thing in rng.permutation(len(world.OBJECTS))]
    places, holders = {a: a_at}, dict[int, int]()
    if kind in world.CONNECTIVES:
        place = a_at if way[0] else b_at if way[1] else int(rng.integers(len(world.PLACES)))
        if (a_at == place, b_at == place) != way:
            return None
        places[b] = b_at
        # How many persons are at the place says nothing about the answer.
        crowd = 2 + int(size > 4 and rng.random() < 0.3) - sum(way)
        places |= {others.pop(): place for _ in range(crowd)}
        pool = {a_at, b_at, *(int(p) for p in rng.permutation(len(world.PLACES))[:3])} - {place}
        answer = world.ANSWERS[truth(kind, a, b, place, places)]
    else:
        place, answer = a_at, world.PLACES[a_at]
        if kind == "two-hop":
            holders[int(rng.choice(np.flatnonzero(world.HELD_OUT_OBJECTS[a])))] = a
        # All places are told about equally often.
        pool = {place, *(int(p) for p in rng.permutation(len(world.PLACES))[:3])}
    thing = next(iter(holders), 0)
    objects.remove(thing)
    turns = itertools.cycle(rng.permutation(sorted(pool)))
    for _ in range(size - len(places) - len(holders)):
        if (kind == "two-hop" and len(holders) == 1) or rng.random() < 0.35:
            holders[objects.pop()] = int(rng.choice(list(places)))
        else:
            places[others.pop()] = int(next(turns))
    return _told(kind, (a, b), place, thing, answer, places, holders, rng)


def _told(
    kind: str,
    persons: tuple[int, int],
    place: int,
    thing: int,
    answer: str,
    places: dict[int, int],
    holders: dict[int, int],
    rng: np.random.Generator,
) -> Item:
    """Put everything into words, in random order."""
    facts = [("place", person, at) for person, at in places.items()]
    facts += [("object", person, what) for what, person in holders.items()]
    facts = [facts[i] for i in rng.permutation(len(facts))]
    sentences = []
    for sort, person, what in facts:
        patterns, words = (
            (world.PLACE_SENTENCES, world.PLACES)
            if sort == "place"
            else (world.POSSESSION_SENTENCES, world.OBJECTS)
        )
        pattern = patterns[rng.integers(len(patterns))]
        sentences.append(pattern.format(person=world.NAMES[person], thing=words[what]))
    a, b = persons
    wanted = [("place", a, places[a])]
    needs_both = kind == "two-hop"
    if kind == "two-hop":
        wanted.insert(0, ("object", a, thing))
    elif kind in world.CONNECTIVES:
        wanted.append(("place", b, places[b]))
        alone = [truth(kind, a, b, place, {who: places[who]}) for who in persons]
        needs_both = alone == [world.OPEN, world.OPEN]
    question = world.QUESTIONS[kind].format(
        a=world.NAMES[a],
        b=world.NAMES[b],
        place=world.PLACES[place],
        thing=world.OBJECTS[thing],
    )
    supporting = tuple(facts.index(fact) for fact in wanted)
    return Item(tuple(sentences), question, answer, kind, supporting, needs_both)
