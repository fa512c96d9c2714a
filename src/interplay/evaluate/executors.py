"""Who calls the value function: this process, or workers somewhere else.

Which masks share a call is settled before anybody is asked to make it, and what comes back is
placed by its rows. So it does not show in the results who made the calls, how many at a time, and
in which order they came back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from interplay.errors import BadInput
from interplay.evaluate.answer import Answer
from interplay.value_function import BoolArray


@dataclass(frozen=True, eq=False)
class Chunk:
    """Masks of one call of the value function, bool ``(k, n)``, asked the ``replicate``-th time.

    ``number`` tells it from the others of a run.
    """

    number: int
    masks: BoolArray
    replicate: int = 0


@dataclass(frozen=True, eq=False)
class Reply:
    """What came of the chunk of that ``number``: an answer, or the error that is in its place.

    ``raised`` says whose error it is: of the value function, or of those who call it (True); or it
    says what is wrong with what the value function returned (False).
    """

    number: int
    answer: Answer | None = None
    error: Exception | None = None
    raised: bool = True


class Workers(Protocol):
    """They call one value function, for one run; made by an :class:`Executor`."""

    most: int
    """How many chunks may be in flight: submitted, and their replies not fetched yet."""

    def submit(self, chunk: Chunk) -> None:
        """Take a chunk on; returns at once. There are fewer than ``most`` in flight."""

    def reply(self) -> Reply:
        """Wait for the reply to any of the chunks in flight, and return it."""


class Executor(Protocol):
    """A way to call value functions."""

    def workers(self, value_function: Callable[..., Any]) -> AbstractContextManager[Workers]:
        """Return the workers for a run; what is in flight at the end of the context is given up."""


class _Here:
    """One worker: this process."""

    most = 1

    def __init__(self, value_function: Callable[..., Any]) -> None:
        self._value_function = value_function
        self._chunk: Chunk

    def submit(self, chunk: Chunk) -> None:
        self._chunk = chunk

    def reply(self) -> Reply:
        return call(self._value_function, self._chunk)


class Local:
    """Calls the value function in this process, chunk after chunk."""

    @contextmanager
    def workers(self, value_function: Callable[..., Any]) -> Iterator[Workers]:
        """Return the one worker that this process is."""
        yield _Here(value_function)


LOCAL: Final[Executor] = Local()


def call(value_function: Callable[..., Any], chunk: Chunk) -> Reply:
    """Call a value function for a chunk, time it, check what it says.

    >>> import numpy as np
    >>> call(lambda masks: masks.sum(1), Chunk(0, np.array([[True, True]]))).answer.values
    array([[2.]])
    """
    function = value_function
    began = time.perf_counter()
    try:
        if chunk.replicate and hasattr(function, "replicate"):
            function = function.replicate(chunk.replicate)
        # a copy: what the value function does to its argument must not reach the store
        told = getattr(function, "measure", function)(chunk.masks.copy())
    except Exception as error:
        return Reply(chunk.number, error=error)
    seconds = time.perf_counter() - began
    try:
        return Reply(chunk.number, Answer.of(told, len(chunk.masks), seconds))
    except BadInput as error:
        return Reply(chunk.number, error=error, raised=False)
