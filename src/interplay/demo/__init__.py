"""What the package carries to show itself: two small models, two reviews, a list of facts."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

PHRASES = ("The film never fails to impress.", "The acting is not bad at all.")
"""Sentences that mean the opposite of the sum of their words."""


def model_path() -> Path:
    """Return the folder of the embedded sentiment classifier, in Hugging Face format.

    >>> (model_path() / "config.json").exists()
    True
    """
    return FOLDER / "sentiment"


def language_model_path() -> Path:
    """Return the folder of the embedded language model, in Hugging Face format.

    It answers questions about lists of facts, in the form that its model card gives.

    >>> (language_model_path() / "config.json").exists()
    True
    """
    return FOLDER / "facts"


def context() -> str:
    """Return a list of facts, written for this package.

    >>> context().count(".")
    6
    """
    return (
        "Mia is in the garden. Anna has the key. Rosa went to the office. Anna is in the kitchen. "
        "The hat is with Mia. Leo is in the garden."
    )


def question() -> str:
    """Return a question that takes two of the facts of ``context()`` to answer.

    >>> question()
    'Where is the key?'
    """
    return "Where is the key?"


def short_review() -> str:
    """Return a review of some 60 words, written for this package.

    >>> len(short_review().split())
    62
    """
    return (FOLDER / "short_review.txt").read_text("utf-8").strip()


def long_review() -> str:
    """Return a review of some 400 words, written for this package.

    >>> len(long_review().split())
    411
    """
    return (FOLDER / "long_review.txt").read_text("utf-8").strip()


def questions() -> Path:
    """Return the file of 60 questions about facts, with choices, for the embedded language model.

    One JSON object a line: what the model reads, the choices, and which of them is right.

    >>> len(questions().read_text("utf-8").splitlines())
    60
    """
    return FOLDER / "questions.jsonl"
