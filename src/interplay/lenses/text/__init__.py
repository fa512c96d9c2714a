"""Texts: words, sentences or tokens are masked, a classifier says what that does."""

from interplay.lenses.text.value import TextValueFunction, text

__all__ = ["TextValueFunction", "text"]
