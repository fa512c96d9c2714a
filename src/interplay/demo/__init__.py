"""What the package carries to show itself: a sentiment classifier and two reviews."""

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
