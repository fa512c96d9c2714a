"""Faithfulness by the length of the text, at equal calls: words of reviews, the demo classifier.

Of each octave of lengths, five reviews of ``text/long_reviews.csv`` whose ranks by length are
spread evenly. Each is evaluated with as many calls as a coded design takes, the one whose size is
nearest to 6 per word (as a ratio), but at most ``MOST_CALLS``. SPEX gets the masks of its design,
all of them to train on, the other methods as many uniform ones; all have the full and the empty
mask. R² is of the model's own values on further uniform masks, which are in neither.

Values are kept in a store and fits in a JSON file, both in a folder for temporary files: a run that
was stopped goes on there.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import log
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.results import Results, source
from benchmarks.ground.row import Row
from benchmarks.table import assets, markdown
from interplay.codes import LEAST_BITS, MOST_BITS, MaskCode
from interplay.demo import model_path
from interplay.evaluate import Store, evaluate
from interplay.masks import uniform
from interplay.metrics import r_squared
from interplay.value_function import BoolArray, FloatArray

OCTAVES = tuple((2**k, 2 ** (k + 1) - 1) for k in range(3, 10))
EACH, QUICK_EACH = 5, 2
CALLS_PER_WORD = 6
MOST_CALLS = 3000
"""So that the benchmark takes an hour or two: a call on 800 words takes some 90 ms of a core."""
TOKENS = 2048
"""Words in a batch: of long texts a third of the time is saved by small ones, on one core."""
VALUES = "octaves.db"
"""The store of values, in :func:`folder`; what one benchmark of reviews paid for, others have."""
SEED = 0
AUTO, PEERS = "auto", ("proxyspex", "spex")
ALSO = ("lasso",)
PUBLISHED, PUBLISHED_WORDS = "proxyspex-published", 63
"""It fits 20,000 trees a fold: on the short texts only."""


@dataclass(frozen=True)
class Subject:
    """A review, and the masks that the methods and the judge get."""

    index: int
    """Its place in the file."""
    text: str

    @property
    def n(self) -> int:
        return len(self.text.split())

    @property
    def tests(self) -> int:
        return 1000 if self.n < 128 else 500

    def function(self) -> Any:
        """Return the value function: the logit of "positive", words replaced by [MASK]."""
        function = ip.text(
            self.text,
            model=str(model_path()),
            target="logit:positive",
            batch_size=max(1, min(32, TOKENS // self.n)),
        )
        if len(function.features) != self.n:
            raise ValueError(f"review {self.index}: {len(function.features)} words, not {self.n}")
        return function

    @cached_property
    def code(self) -> MaskCode:
        return MaskCode.drawn(self.n, np.random.default_rng([SEED, self.index, 0]))

    @cached_property
    def coded(self) -> BoolArray:
        """The different masks of the coded design, the full and the empty one first."""
        return coded_masks(self.code, bits_for(self.code))

    @property
    def most_calls(self) -> int:
        """How many uniform masks there are, the full and the empty one among them."""
        return len(self.coded)

    @property
    def uniform(self) -> BoolArray:
        """As many uniform masks, the full and the empty one first."""
        rng = np.random.default_rng([SEED, self.index, 1])
        return np.concatenate([_ends(self.n), uniform(self.n, self.most_calls - 2, rng)])

    @property
    def test(self) -> BoolArray:
        """Uniform masks that no method sees; in a small game all that are left."""
        rng = np.random.default_rng([SEED, self.index, 2])
        return uniform(self.n, self.tests, rng, exclude=np.concatenate([self.coded, self.uniform]))


def coded_masks(code: MaskCode, bits: int) -> BoolArray:
    """Return the full, the empty and the different masks of a coded design, in its order."""
    groups = [code.masks(g, np.arange(2**bits)).reshape(-1, code.n) for g in range(code.groups)]
    return _different(np.concatenate([_ends(code.n), *groups]))


def bits_for(code: MaskCode) -> int:
    """Return the bits of the design whose calls are nearest to 6 per word, as a ratio."""
    sizes = {bits: 2 + code.different(bits) for bits in range(LEAST_BITS, MOST_BITS + 1)}
    allowed = [bits for bits, size in sizes.items() if size <= MOST_CALLS] or [LEAST_BITS]
    return min(allowed, key=lambda bits: abs(log(sizes[bits] / (CALLS_PER_WORD * code.n))))


def chosen(texts: Sequence[str], low: int, high: int, count: int = EACH) -> list[int]:
    """Return the places of the texts in the middle of ``count`` equal parts of an octave.

    >>> chosen(["a " * n for n in (9, 3, 8, 4, 15, 12, 16)], 8, 15, 2)
    [0, 4]
    """
    sized = sorted((len(text.split()), place) for place, text in enumerate(texts))
    inside = [place for n, place in sized if low <= n <= high]
    return [inside[(2 * i + 1) * len(inside) // (2 * count)] for i in range(count)]


def reviews() -> list[str]:
    """Return the 160 reviews of the SPEX paper, in the order of the file."""
    with (assets() / "text" / "long_reviews.csv").open(encoding="utf-8", newline="") as file:
        return [row["review"] for row in csv.DictReader(file)]


def folder() -> Path:
    """Return where values and fits are kept."""
    return Path(tempfile.gettempdir()) / f"interplay-benchmarks-{os.getuid()}"


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each octave; of a quick run that of the shortest, with two reviews."""
    import torch

    torch.set_num_threads(1)
    texts = reviews()
    found = []
    for low, high in OCTAVES[:1] if quick else OCTAVES:
        places = chosen(texts, low, high, QUICK_EACH if quick else EACH)
        measured = [measure(Subject(place, texts[place]), folder()) for place in places]
        found.append(octave(low, high, measured))
    return found


def measure(subject: Subject, kept: Path) -> dict[str, Any]:
    """Return the R² of each method on one review, with its calls and seconds."""
    kept.mkdir(parents=True, exist_ok=True)
    function = subject.function()
    began = time.perf_counter()
    values = {}
    with Store(kept / VALUES) as store:
        for name in ("uniform", "coded", "test"):
            masks = getattr(subject, name)
            values[name] = evaluate(function, masks, store=store).values[:, 0]
    seconds = time.perf_counter() - began
    calls = len(subject.coded)
    methods = [AUTO, *PEERS, *ALSO, *([PUBLISHED] if subject.n <= PUBLISHED_WORDS else [])]
    fits = Results(kept / "octaves.json", source())
    figures: dict[str, Any] = {
        "index": subject.index,
        "n": subject.n,
        "bits": bits_for(subject.code),
        "calls": calls,
    }
    for method in methods:
        cell = f"{function.fingerprint} calls={calls}"
        row = fits.row("octaves", cell, method, SEED, partial(fitted, subject, values, method))
        if "error" in row:
            raise RuntimeError(f"review {subject.index}, {method}: {row['error']}")
        figures[method] = row["r2"]
    figures["tests"] = len(values["test"])
    print(f"review {subject.index} ({seconds:.0f} s in the model): {figures}", flush=True)
    return figures


def fitted(subject: Subject, values: dict[str, FloatArray], method: str) -> dict[str, Any]:
    """Fit one method and judge it."""
    began = time.perf_counter()
    if method == "spex":
        surrogate = fit_coded(subject.code, subject.coded, values["coded"])
    else:
        surrogate = ip.fit(subject.uniform, values["uniform"], method=method, seed=SEED)
    seconds = time.perf_counter() - began
    return {"r2": r_squared(values["test"], surrogate.predict(subject.test)), "seconds": seconds}


def fit_coded(code: MaskCode, masks: BoolArray, values: FloatArray) -> Any:
    """Return the fit of "spex" to the masks of a coded design."""
    design = ip.Recording(masks, values, design="coded", code=code)
    return ip.fit(masks, values, method="spex", design=design, seed=SEED)


def octave(low: int, high: int, measured: Sequence[dict[str, Any]]) -> Row:
    """Return the row of one octave, from the figures of its reviews."""
    means = {name: float(np.mean([one[name] for one in measured])) for name in (AUTO, *PEERS)}
    beaten = [one["index"] for one in measured if one[AUTO] <= max(one[name] for name in PEERS)]
    calls = [one["calls"] for one in measured]
    span = f"{min(calls):,}" if min(calls) == max(calls) else f"{min(calls):,} to {max(calls):,}"
    least = min(one[AUTO] - max(one[name] for name in PEERS) for one in measured)
    return Row(
        f"mean faithfulness, {low} to {high} words, {len(measured)} reviews, {span} calls each",
        "auto above proxyspex and spex",
        "R² "
        + ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        + f"; auto not above both on {len(beaten)} of {len(measured)} "
        + f"(smallest lead {least:+.4f})",
        all(means[AUTO] > means[name] for name in PEERS),
        {"reviews": list(measured), "means": means, "beaten": beaten},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of all reviews."""
    names = (AUTO, *PEERS, *ALSO, PUBLISHED)
    reviews = [one for row in rows for one in row.detail["reviews"]]
    bits = [one["bits"] for one in reviews]
    beaten = [str(one["n"]) for one in reviews if one[AUTO] <= max(one[name] for name in PEERS)]
    where = f" (of {', '.join(beaten)} words)" if beaten else ""
    table = [
        [
            one["n"],
            f"{one['calls']:,}",
            one["tests"],
            *(f"{one[name]:.4f}" if name in one else "" for name in names),
        ]
        for one in reviews
    ]
    return f"""## Faithfulness by the length of the text

Words of reviews are replaced by [MASK]; the value is the logit of "positive". In each octave
the {EACH} reviews of `long_reviews.csv` whose ranks by length are spread evenly. Calls: the size of
the coded (SPEX) design nearest to {CALLS_PER_WORD} per word, as a ratio, but at most
{MOST_CALLS:,}. `spex` is fitted to the masks of that design, none of them set aside; the others
to as many uniform masks. R² on up to 1,000 (from 128 words on, 500) further uniform masks, which no
method saw: of 8 words there are 256 masks in all, so fewer are left.
`{PUBLISHED}` is run up to {PUBLISHED_WORDS} words. One draw of masks and one fit seed per review.

`{AUTO}` is not above both on {len(beaten)} of {len(reviews)} reviews{where}. In the longest
octave, at two to four calls a word, all methods are close, `lasso` too: what can be found are
mostly single words, and another draw of masks may turn the order.

The papers give SPEX many more calls (b = 3 to 8, here {min(bits)} to {max(bits)}): this says what
the methods make of few, not where SPEX would arrive.

{markdown(["words", "calls", "test masks", *names], table)}"""


def _ends(n: int) -> BoolArray:
    return np.array([np.ones(n), np.zeros(n)], dtype=np.bool_)


def _different(masks: BoolArray) -> BoolArray:
    """The different rows, in the order in which they first stand."""
    first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)[1]
    return masks[np.sort(first)]
