"""Value functions that workers import: exact ones, and some that die, break and wait."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from interplay.value_function import BoolArray, Measured


class Game:
    """Two targets of 12 features, priced, noisy, with masks that have no value."""

    batch_size = 16
    fingerprint = "game"
    features = tuple("abcdefghijkl")
    targets = ("pair", "noise")

    def __init__(self, replicate: int = 0) -> None:
        self.r = replicate

    def replicate(self, r: int) -> Game:
        return Game(r)

    def __call__(self, masks: BoolArray) -> Measured:
        number = (masks * 2.0 ** np.arange(masks.shape[1])).sum(1)
        values = np.stack(
            [masks[:, 0] & masks[:, 1], np.sin(number * (1 + self.r) * 12.9898)], axis=1
        ).astype(float)
        excluded = number % 97 == 5
        values[excluded] = np.nan
        price = np.sqrt(1 + number)
        return Measured(
            values,
            noise_var=np.full(values.shape, 0.25),
            tokens=price * 3,
            usd=price,
            excluded=excluded,
        )


class Logged:
    """Sums of the kept features; each call leaves a file: its masks, and the process it ran in.

    Where a mask keeps ``dies_of`` alone, the process kills itself, as often as ``lives`` files
    can be made.
    """

    batch_size = 8
    fingerprint = "logged"
    features = tuple(f"x{i}" for i in range(12))

    def __init__(
        self, folder: Path, *, dies_of: int | None = None, deaths: int = 0, seconds: float = 0.0
    ) -> None:
        self.folder, self.dies_of, self.deaths, self.seconds = folder, dies_of, deaths, seconds

    def __call__(self, masks: BoolArray) -> np.ndarray:
        name = f"{os.getpid()}-{time.monotonic_ns()}.npy"
        np.save(self.folder / name, masks)
        time.sleep(self.seconds)
        if self.dies_of is not None and (masks[:, self.dies_of] & (masks.sum(1) == 1)).any():
            died = len(list(self.folder.glob("death-*")))
            if died < self.deaths:
                (self.folder / f"death-{died}").touch()
                os.kill(os.getpid(), 9)
        return masks.sum(1).astype(float)

    def calls(self) -> list[tuple[int, BoolArray]]:
        """Return what was called so far, and by which process."""
        return [(int(path.name.split("-")[0]), np.load(path)) for path in self.folder.glob("*.npy")]


class Locked(Exception):
    """An error that cannot be sent: it holds a lock."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} ({code})")
        self.lock = threading.Lock()


def breaks(masks: BoolArray) -> Any:
    """Raise what cannot be sent."""
    raise Locked("no such layer", 7)


def environment(masks: BoolArray) -> np.ndarray:
    """Return the threads that numpy and torch may use, and whether GPUs are seen."""
    import torch

    told = [
        float(os.environ["OMP_NUM_THREADS"]),
        float(torch.get_num_threads()),
        float(os.environ.get("CUDA_VISIBLE_DEVICES") == ""),
    ]
    return np.tile(told, (len(masks), 1))


def made() -> Game:
    """Make a value function, in a worker."""
    return Game()


def made_otherwise() -> Game:
    """Make another value function than is asked for."""
    game = Game()
    game.fingerprint = "another game"
    return game
