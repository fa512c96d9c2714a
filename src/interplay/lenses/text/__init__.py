"""Texts and prompts: parts are masked, a classifier or a language model says what that does."""

from interplay.lenses.text.response_value import ResponseValueFunction
from interplay.lenses.text.text import remade, text
from interplay.lenses.text.value import TextValueFunction

__all__ = ["ResponseValueFunction", "TextValueFunction", "remade", "text"]
