"""Tiny classifiers for these tests."""

from tiny_models import bert, gpt2, one_thread, roberta  # noqa: F401
