"""The small world of the facts: who, where, what, how it is said, and what follows from it.

A statement is true, false or unknown (Kleene's three values): a list of facts says nothing about
a person whom it does not place.
"""

from __future__ import annotations

import numpy as np

NAMES = (
    *("Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Iris", "Jack"),
    *("Kate", "Leo", "Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor"),
)
PLACES = (
    *("kitchen", "garden", "office", "library", "garage", "cellar"),
    *("attic", "bedroom", "hallway", "barn", "studio", "park"),
)
OBJECTS = (
    *("key", "hat", "book", "lamp", "ball", "ring"),
    *("cup", "map", "coin", "knife", "phone", "bag"),
)
PLACE_SENTENCES = ("{person} is in the {thing}.", "{person} went to the {thing}.")
POSSESSION_SENTENCES = ("{person} has the {thing}.", "The {thing} is with {person}.")
QUESTIONS = {
    "look-up": "Where is {a}?",
    "two-hop": "Where is the {thing}?",
    "holder": "Who has the {thing}?",
    "check": "Is {a} in the {place}?",
    "conjunction": "Are {a} and {b} in the {place}?",
    "either": "Is {a} or {b} in the {place}?",
    "negation": "Is {a} but not {b} in the {place}?",
}
PROMPT = "{context}\nQuestion: {question}\nAnswer:"
YES, NO, UNKNOWN = "yes", "no", "unknown"
CONNECTIVES = ("conjunction", "either", "negation")
KINDS = ("look-up", "two-hop", *CONNECTIVES)  # what the model is judged on

TRUE, FALSE, OPEN = 0, 1, 2  # Kleene's values, in the order of ANSWERS
ANSWERS = (YES, NO, UNKNOWN)

# No training fact and no training question names a pair of these: a sixth of all.
_name = np.arange(len(NAMES))[:, None]
HELD_OUT_PLACES = (_name + np.arange(len(PLACES))) % 6 == 0  # person x place
HELD_OUT_OBJECTS = (_name - np.arange(len(OBJECTS))) % 6 == 0  # person x object


def kleene(kind: str, a: int, b: int) -> int:
    """Truth value of a statement about two persons, from the values of its two parts.

    >>> [kleene("conjunction", TRUE, OPEN), kleene("either", TRUE, OPEN)] == [OPEN, TRUE]
    True
    """
    if kind == "negation":  # a, but not b
        kind, b = "conjunction", {TRUE: FALSE, FALSE: TRUE, OPEN: OPEN}[b]
    decisive = TRUE if kind == "either" else FALSE
    if decisive in (a, b):
        return decisive
    return OPEN if OPEN in (a, b) else 1 - decisive
