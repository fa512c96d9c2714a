"""Games and masks that the tests of the baselines share."""

from __future__ import annotations

import numpy as np

from interplay.masks import all_masks


def random_game(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """All masks and a value for each."""
    return all_masks(n), np.random.default_rng(seed).normal(size=2**n)


def with_ends(m: int, n: int, seed: int = 0) -> np.ndarray:
    """The full and the empty mask, every single deletion, and m uniform masks."""
    uniform = np.random.default_rng(seed).random((m, n)) < 0.5
    return np.concatenate(
        [np.ones((1, n), bool), np.zeros((1, n), bool), ~np.eye(n, dtype=bool), uniform]
    )


def ends_only(m: int, n: int, seed: int = 0) -> np.ndarray:
    """The full and the empty mask, and m uniform masks."""
    masks = with_ends(m, n, seed)
    return np.delete(masks, np.arange(2, n + 2), axis=0)
