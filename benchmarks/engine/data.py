"""What the methods are fitted to: recordings of language models, exact games, known functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.table import assets
from interplay.masks import uniform
from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

LANGUAGE_MODELS = (
    "stories_heads_1",
    "baby_heads_1",
    "stories_tokens_n64_1",
    "baby_tokens_n128_1",
)
RECORDED_GAMES = (
    "sentiment_00",
    "sentiment_10",
    "sentiment_12",
    "vit16_00",
    "vit16_10",
    "datavaluation_adult_dt_00",
)
"""The games whose rows stand in recordings/ too, as game_*: the benchmark of games has others."""
FEWEST_FEATURES = 9
MOST_TESTS = 4000


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to fit, ``masks`` (m, n) and ``values`` (m,), and rows to judge by, which no fit sees.

    ``family`` gathers alike value functions: their figures are reported together.
    """

    name: str
    family: str
    masks: BoolArray
    values: FloatArray
    test: BoolArray
    truth: FloatArray

    @property
    def n(self) -> int:
        return int(self.masks.shape[1])

    @property
    def m(self) -> int:
        return len(self.masks)

    def first(self, m: int) -> Data:
        """Return the cell of the first m rows."""
        if m > self.m:
            raise ValueError(f"{self.name} has {self.m} rows, {m} are asked for")
        return Data(self.name, self.family, self.masks[:m], self.values[:m], self.test, self.truth)

    def drawn(self, m: int, seed: int) -> Data:
        """Return a cell of m rows drawn from all."""
        rows = np.random.default_rng([seed, m]).permutation(self.m)[:m]
        return Data(
            self.name, self.family, self.masks[rows], self.values[rows], self.test, self.truth
        )

    def with_ends(self) -> Data:
        """Return as many rows, the last two of them the full and the empty mask, of recordings."""
        ends = np.array([np.ones(self.n), np.zeros(self.n)], dtype=np.bool_)
        return replace(
            self,
            masks=np.concatenate([self.masks[:-2], ends]),
            values=np.concatenate([self.values[:-2], ends_of(self.name)]),
        )

    @cached_property
    def hash(self) -> str:
        """Hash of all rows: results of a peer are kept under it."""
        digest = hashlib.sha256(f"{self.n} {self.m}".encode())
        for masks in (self.masks, self.test):
            digest.update(np.packbits(masks, axis=1).tobytes())
        for values in (self.values, self.truth):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()[:16]


@lru_cache(maxsize=4)
def recording(name: str) -> Data:
    """Return a recording with its own test rows."""
    with np.load(assets() / "recordings" / f"{name}.npz") as archive:
        n = int(archive["n"])
        return Data(
            name,
            family_of(name),
            np.unpackbits(archive["masks_packed"], axis=1)[:, :n].astype(bool),
            archive["values"].astype(np.float64),
            np.unpackbits(archive["test_masks_packed"], axis=1)[:, :n].astype(bool),
            archive["test_values"].astype(np.float64),
        )


def ends_of(name: str) -> FloatArray:
    """Return the values of the full and the empty mask of a recording, ``(2,)``."""
    if name.startswith("game_"):
        return game_values(name.removeprefix("game_"))[[-1, 0]]
    with np.load(assets() / "recordings" / f"{name}.npz") as archive:
        return np.array([archive["full_value"], archive["empty_value"]], dtype=np.float64)


def family_of(name: str) -> str:
    """Return a name without its instance.

    >>> family_of("vit16_00"), family_of("datavaluation_adult_dt_00"), family_of("baby_heads_1")
    ('vit16', 'datavaluation', 'language model')
    """
    if name in LANGUAGE_MODELS:
        return "language model"
    return name.removeprefix("game_").split("_")[0]


def other_games() -> list[str]:
    """Return the names of all games of 9 or more features that are not in recordings/."""
    paths = sorted((assets() / "games").glob("*.npz"))
    return [
        path.stem
        for path in paths
        if path.stem not in RECORDED_GAMES and _features(path) >= FEWEST_FEATURES
    ]


def _features(path: Path) -> int:
    with np.load(path) as archive:
        return int(archive["n_players"])


@lru_cache(maxsize=4)
def game_values(name: str) -> FloatArray:
    """Return the values of all 2^n subsets; bit i of the position: feature i is kept."""
    with np.load(assets() / "games" / f"{name}.npz") as archive:
        values: FloatArray = archive["values"].astype(np.float64)
    return values


def masks_of(numbers: Iterable[int], n: int) -> BoolArray:
    """Return the masks of positions in :func:`game_values`.

    >>> masks_of([1], 3)
    array([[ True, False, False]])
    """
    masks: BoolArray = (np.asarray(list(numbers))[:, None] >> np.arange(n) & 1).astype(bool)
    return masks


def game(name: str, m: int, seed: int = 0, tests: int | None = MOST_TESTS) -> Data:
    """Return m masks of a game, uniform without replacement, and others to judge by."""
    return of_values(name, game_values(name), m, seed, tests)


def of_values(name: str, values: FloatArray, m: int, seed: int, tests: int | None) -> Data:
    """Return :func:`game` of all 2^n values."""
    n = len(values).bit_length() - 1
    order = np.random.default_rng([seed, n]).permutation(len(values))
    rows = order[:m]
    others = order[m:] if tests is None else order[m : m + tests]
    return Data(
        name, family_of(name), masks_of(rows, n), values[rows], masks_of(others, n), values[others]
    )


def calls(n: int, alpha: float = 4.0) -> int:
    """Return the papers' rule for the number of masks, alpha n log2 n."""
    return round(alpha * n * float(np.log2(n)))


SYNTHETIC = ("peak", "hierarchy")


def synthetic(kind: str, n: int, m: int, seed: int, tests: int = 2000) -> Data:
    """Return the ProxySPEX paper's functions: 10 parities of 5 features, alone or with all subsets.

    Coefficients are uniform on (-1, 1); "peak" has the 10 sets only, "hierarchy" all their subsets.
    """
    rng = np.random.default_rng([seed, n, 0])
    peaks = [tuple(sorted(rng.choice(n, 5, replace=False).tolist())) for _ in range(10)]
    terms = set(peaks)
    if kind == "hierarchy":
        terms = {part for peak in peaks for size in range(6) for part in combinations(peak, size)}
    ordered = sorted(terms, key=lambda term: (len(term), term))
    coefficients = rng.uniform(-1, 1, len(ordered))
    return _of_spectrum(
        f"{kind}_n{n}",
        f"synthetic {kind}",
        Spectrum(dict(zip(ordered, coefficients.tolist(), strict=True)), n),
        m,
        tests,
        seed,
    )


def realistic(n: int, m: int, seed: int, noise: float = 0.1, tests: int = 1000) -> Data:
    """Return a function such as models are: a few strong features, hierarchical, mostly low order.

    n/2 main effects, n/2 pairs, n/4 triples and n/8 terms of order 4 among features whose
    importance falls as a power; normal coefficients, smaller with each order; ``noise`` is the
    share of the variance that is white noise in the values (the test rows have none).
    """
    spectrum, rng = _realistic(n, seed)
    data = _of_spectrum(f"realistic_n{n}", "realistic", spectrum, m, tests, seed)
    sd = np.sqrt(noise / (1 - noise) * spectrum.variance)
    return Data(
        data.name, data.family, data.masks, data.values + sd * rng.normal(size=m), data.test,
        data.truth,
    )  # fmt: skip


def realistic_spectrum(n: int, seed: int) -> Spectrum:
    """Return the spectrum of :func:`realistic`."""
    return _realistic(n, seed)[0]


def _realistic(n: int, seed: int) -> tuple[Spectrum, np.random.Generator]:
    rng = np.random.default_rng([seed, n, 1])
    importance = (1.0 + np.arange(n)) ** -0.7
    importance = importance[rng.permutation(n)]
    terms: dict[tuple[int, ...], float] = {(): 1.0}
    for order, count in ((1, n // 2), (2, n // 2), (3, n // 4), (4, n // 8)):
        for _ in range(count):
            chosen = rng.choice(n, order, replace=False, p=importance / importance.sum())
            size = 0.6 ** (order - 1) * np.sqrt(importance[chosen].mean() / importance.max())
            terms[tuple(sorted(chosen.tolist()))] = float(size * rng.normal())
    return Spectrum(terms, n), rng


def _of_spectrum(name: str, family: str, spectrum: Spectrum, m: int, tests: int, seed: int) -> Data:
    n = spectrum.n
    masks = uniform(n, m, np.random.default_rng([seed, n, 2]))
    test = uniform(n, tests, np.random.default_rng([seed, n, 3]), exclude=masks)
    return Data(name, family, masks, spectrum.predict(masks), test, spectrum.predict(test))
