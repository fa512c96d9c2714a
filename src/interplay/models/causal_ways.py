"""Which short cuts leave the scores of a causal network as they are: tried, not believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from interplay.errors import BackendError, BadInput
from interplay.models.causal_passes import Reuse
from interplay.models.language import Tokens
from interplay.value_function import FloatArray

# A shared beginning is read by itself where it saves at least so many tokens, and such a share of
# all: a pass of its own has a price, and so have the passes that go on from it. With .3 M
# parameters, 2 % of the tokens saved cost 14 % more time, 9 to 17 % made no difference, and 29 %
# saved 25 %.
WORTH = 256
SHARE = 1 / 8


@dataclass(frozen=True)
class Ways:
    """What gives the same scores as plain passes, for one network.

    Attributes
    ----------
    narrow : bool
        Only the positions that are needed may go through the head.
    ragged : bool
        Sequences of several lengths may share a batch.
    reuse : str
        What may go on from a cache.
    worth : int
        How many tokens a shared beginning must save to be read by itself; 0: whatever it saves.
    """

    narrow: bool = False
    ragged: bool = False
    reuse: Reuse = "no"
    worth: int = WORTH

    def pays(self, saved: int, tokens: int) -> bool:
        """Whether to read a shared beginning by itself that saves so many of all tokens."""
        return saved >= max(self.worth, 1) and (not self.worth or saved >= SHARE * tokens)


Scores = Callable[[Sequence[Tokens], Sequence[Sequence[int]], Ways], FloatArray]
"""Queries, responses and ways -> log-probabilities ``(queries, all tokens of all responses)``."""


def tried(
    scores: Scores,
    reuse: Callable[[], Reuse],
    *,
    name: str,
    vocabulary: int,
    max_tokens: int | None,
    epsilon: float,
) -> Ways:
    """Find out, on tokens drawn once and for all, what leaves the network's scores as they are.

    Parameters
    ----------
    reuse : callable
        What the kind of the network's cache allows at most.
    epsilon : float
        Of the network's number format.

    Raises
    ------
    BadInput
        If the network looks at the tokens after the one that it predicts.
    BackendError
        If not even a plain pass succeeds.
    """
    size = 4 if max_tokens is None else min(4, max_tokens // 5)
    if size < 1:
        return Ways()
    rng = np.random.default_rng(0)
    start, *ends, long = (
        tuple(rng.integers(vocabulary, size=length).tolist())
        for length in (size, size, 2 * size, size)
    )
    queries = [Tokens((*start, *end)) for end in ends]
    tails = [long, long[:1]]
    try:
        plain = np.concatenate([scores([query], tails, Ways()) for query in queries])
    except Exception as error:
        raise BackendError(f"{name!r} fails on a plain pass over a few tokens: {error}") from error
    tolerance = max(1e-4, 16 * epsilon) * max(1.0, float(np.abs(plain).max()))
    if np.abs(plain[:, 0] - plain[:, size]).max() > tolerance:
        raise BadInput(
            f"{name!r} is not a causal language model: the probability of a token changes with the "
            "tokens after it. Use a model that reads from left to right (an encoder such as BERT "
            "does so only if its configuration says is_decoder)"
        )

    def agrees(ways: Ways, some: Sequence[Sequence[int]]) -> bool:
        try:
            found = scores(queries, some, ways)
        except Exception:  # a network refuses what it does not have in its own way
            return False
        return bool(np.abs(found - plain[:, : found.shape[1]]).max() <= tolerance)

    shapes = ((True, True), (False, True), (True, False))
    candidates = [Ways(narrow=narrow, ragged=ragged) for narrow, ragged in shapes]
    best = next((ways for ways in candidates if agrees(ways, tails)), Ways())
    allowed = reuse()
    kinds: dict[Reuse, tuple[Reuse, ...]] = {
        "no": (),
        "equal": ("equal",),
        "ragged": ("ragged", "equal"),
    }
    for kind in kinds[allowed]:
        ways = replace(best, reuse=kind, worth=0)
        if agrees(ways, tails[:1]) and agrees(ways, tails):
            return replace(best, reuse=kind)
    return best
