"""Batches of sequences of like length, under a bound that shrinks when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeVar

from interplay.errors import BackendError

T = TypeVar("T")


class Batches:
    """Work in batches, the longest sequences first, each batch padded to its own longest.

    Parameters
    ----------
    name : str
        The model, for messages.
    tokens : int or None
        How many tokens a batch holds, padding included; None: no bound but ``rows``.

    Attributes
    ----------
    tokens : int or None
        The bound now in force. A batch that runs out of memory halves it for good and is tried
        again; one sequence that does not fit by itself is an error.
    """

    def __init__(self, name: str, tokens: int | None = None) -> None:
        self.name = name
        self.tokens = tokens

    def run(
        self,
        lengths: Sequence[int],
        work: Callable[[list[int]], None],
        *,
        rows: int | None = None,
        equal: Sequence[int] | None = None,
    ) -> None:
        """Call ``work`` with the indices of each batch.

        Parameters
        ----------
        lengths : sequence of int
            What each sequence takes, in tokens.
        work : callable
            Is called again for some indices of a batch that ran out of memory.
        rows : int, optional
            At most so many sequences in a batch.
        equal : sequence of int, optional
            Only sequences that are equal here, in their length without padding, share a batch.

        Raises
        ------
        BackendError
            If memory does not suffice for a single sequence.
        """
        keys = [0] * len(lengths) if equal is None else equal
        order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], keys[i], i))
        done = 0
        while done < len(order):
            batch = self._next(order[done:], lengths, rows, keys)
            failed = short_of_memory(work, batch)
            if failed is None:
                done += len(batch)
                continue
            longest = lengths[batch[0]]
            if len(batch) == 1:
                raise BackendError(
                    f"{self.name!r} ran out of memory on one sequence of {longest} tokens; use a "
                    "device with more memory, dtype='bfloat16', or a shorter text"
                ) from failed
            self.tokens = len(batch) // 2 * longest

    def _next(
        self, order: Sequence[int], lengths: Sequence[int], rows: int | None, keys: Sequence[int]
    ) -> list[int]:
        first = order[0]
        size = len(order) if rows is None else rows
        if self.tokens is not None:
            size = min(size, self.tokens // max(lengths[first], 1))
        return list(takewhile(lambda i: keys[i] == keys[first], order[: max(size, 1)]))


def short_of_memory(work: Callable[[T], object], batch: T) -> Exception | None:
    """Do the work of a batch; return the error if memory did not suffice for it, free again."""
    failed = None
    try:
        work(batch)
    except Exception as error:
        if not out_of_memory(error):
            raise
        # the frames of the traceback hold the tensors that filled the memory
        failed = error.with_traceback(None)
    if failed is not None:
        _release()
    return failed


def out_of_memory(error: BaseException) -> bool:
    """Whether this is what torch raises when memory does not suffice."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # the allocators of main memory and of other devices raise a plain RuntimeError
    said = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in said)


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
