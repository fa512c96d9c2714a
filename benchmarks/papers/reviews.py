"""The SPEX paper's reviews under the demo classifier: samples of several sizes, and kept fits.

Masks are sequential: a smaller sample is the beginning of a larger one, and values are in the store
that ``benchmarks.inputs`` has for the same reviews. A fit is made once, by whichever section asks
for it first; its figures and the largest terms of its spectrum are kept beside the store.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import interplay as ip
from benchmarks.engine.data import Data
from benchmarks.engine.data import calls as calls_of_rule
from benchmarks.engine.results import Measured, Results
from benchmarks.inputs.octaves import (
    EACH,
    OCTAVES,
    QUICK_EACH,
    SEED,
    VALUES,
    Subject,
    chosen,
    coded_masks,
    fit_coded,
    folder,
    reviews,
)
from interplay import Spectrum
from interplay.codes import LEAST_BITS
from interplay.evaluate import Store, evaluate
from interplay.metrics import r_squared
from interplay.packing import mask_keys
from interplay.value_function import BoolArray, FloatArray

ALPHAS = {
    8: (0.5, 1.0, 2.0, 4.0, 8.0),
    16: (0.5, 1.0, 2.0, 4.0, 8.0),
    32: (0.5, 1.0, 2.0, 4.0),
    64: (0.5, 1.0, 2.0),
    128: (0.25, 0.5, 1.0),
    256: (0.125, 0.25, 0.5),
    512: (0.0625, 0.125),
}
"""Calls over n log2 n, by the fewest words of an octave: what an hour of one core affords."""
COUNTS = {8: 5, 16: 5, 32: 5, 64: 5, 128: 3, 256: 3, 512: 2}
"""Reviews of an octave, likewise."""
BITS = {8: 5, 16: 6, 32: 5, 64: 5, 128: 4, 256: 4, 512: 4}
"""Largest b of a coded design, by octave."""
MOST_SHARE = 3
"""A sample takes at most one in so many of all 2^n masks: the others are there to judge by."""
TERMS = 1000
"""Largest terms that are kept of a spectrum."""
SPEX = "spex"


@dataclass(frozen=True)
class Review(Subject):
    """A review, with the largest samples that are used of it."""

    low: int = 8
    """The fewest words of its octave."""

    @property
    def room(self) -> int:
        """Most masks of a sample."""
        return int(2**self.n // MOST_SHARE)

    @property
    def alphas(self) -> tuple[float, ...]:
        """Budgets as multiples of n log2 n."""
        return tuple(a for a in ALPHAS[self.low] if calls_of_rule(self.n, a) <= self.room)

    @property
    def calls(self) -> tuple[int, ...]:
        """Numbers of uniform masks, the full and the empty one among them."""
        return tuple(calls_of_rule(self.n, alpha) for alpha in self.alphas)

    @property
    def most_calls(self) -> int:
        return self.calls[-1]

    @property
    def bits(self) -> tuple[int, ...]:
        """Sizes of coded designs, the smallest in any case."""
        sizes = range(LEAST_BITS, BITS[self.low] + 1)
        fit = tuple(b for b in sizes if 2 + self.code.different(b) <= self.room)
        return fit or (LEAST_BITS,)

    @cached_property
    def coded(self) -> BoolArray:
        return coded_masks(self.code, self.bits[-1])

    @cached_property
    def samples(self) -> dict[str, tuple[BoolArray, FloatArray]]:
        """Masks and values by law: ``uniform``, ``coded``, ``test``."""
        function = self.function()
        found = {}
        folder().mkdir(parents=True, exist_ok=True)
        with Store(folder() / VALUES) as store:
            for law in ("uniform", "coded", "test"):
                masks = getattr(self, law)
                found[law] = masks, evaluate(function, masks, store=store).values[:, 0]
        return found

    @cached_property
    def kept(self) -> Results:
        """The fits that were made before, by this version of the package."""
        return Results(folder() / "papers" / f"review-{self.index}.json", ip.__version__)

    def evaluated(self, masks: BoolArray) -> FloatArray:
        """Return the model's values of further masks, kept in the store too."""
        with Store(folder() / VALUES) as store:
            return evaluate(self.function(), masks, store=store).values[:, 0]

    @property
    def full(self) -> float:
        """The value of the whole review."""
        return float(self.samples["uniform"][1][0])

    def sample(self, method: str, size: int) -> tuple[BoolArray, FloatArray]:
        """Return what a method is fitted to: ``size`` uniform masks, or the design of b = size."""
        masks, values = self.samples["coded" if method == SPEX else "uniform"]
        if method != SPEX:
            return masks[:size], values[:size]
        known = dict(zip(mask_keys(masks), values.tolist(), strict=True))
        smaller = coded_masks(self.code, size)
        return smaller, np.array([known[key] for key in mask_keys(smaller)])

    def data(self, m: int) -> Data:
        """Return the first m uniform masks as peers are given them."""
        masks, values = self.samples["uniform"]
        data = Data(f"review_{self.index}", "reviews", masks, values, *self.samples["test"])
        return data.first(m)

    def fitted(self, method: str, size: int) -> Measured:
        """Return R² on the test masks, calls and seconds of a fit.

        That of the largest sample has a ``spectrum`` too: the file of its largest terms.
        """
        cell = f"review {self.index}, n={self.n}, size={size}"
        largest = size == (self.bits[-1] if method == SPEX else self.most_calls)
        row = self.kept.row(
            "largest" if largest else "smaller",
            cell,
            method,
            SEED,
            lambda: self._fit(method, size, f"{self.index}-{size}" if largest else None),
        )
        if "error" in row:
            raise RuntimeError(f"{cell}, {method}: {row['error']}")
        return row

    def _fit(self, method: str, size: int, name: str | None) -> Measured:
        masks, values = self.sample(method, size)
        test, truth = self.samples["test"]
        began = time.process_time()
        if method == SPEX:
            surrogate = fit_coded(self.code, masks, values)
        else:
            surrogate = ip.fit(masks, values, method=method, seed=SEED)
        seconds = time.process_time() - began
        figures: Measured = {
            "n": self.n,
            "calls": len(masks),
            "r2": r_squared(truth, surrogate.predict(test)),
            "seconds": seconds,
        }
        if name is not None:
            path = folder() / "papers" / f"{method}-{name}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            surrogate.spectrum(TERMS).save(path)
            figures["spectrum"] = str(path)
        return figures

    def largest(self, method: str) -> tuple[Measured, Spectrum]:
        """Return the fit to the largest sample, with its spectrum."""
        row = self.fitted(method, self.bits[-1] if method == SPEX else self.most_calls)
        return row, Spectrum.load(Path(row["spectrum"]))


def drawn(quick: bool = False, octaves: Sequence[tuple[int, int]] = OCTAVES) -> list[Review]:
    """Return the reviews of the octaves, COUNTS of each; of a quick run two of the shortest.

    Their ranks by length are spread evenly over an octave. They are among those of the benchmark
    of inputs, so that values are paid for once.
    """
    import torch

    torch.set_num_threads(1)
    texts = reviews()
    found = []
    for low, high in octaves[:1] if quick else octaves:
        count = QUICK_EACH if quick else COUNTS[low]
        places = chosen(texts, low, high, EACH)
        spread = {1: places[2:3], 2: places[1::2], 3: places[::2], 5: places}[count]
        found += [Review(place, texts[place], low) for place in spread]
    return found
