"""What a result was made of: calls and money, the sample that was fitted, versions in use."""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from interplay.evaluate.evaluation import known_sum
from interplay.recording import Recording
from interplay.version import __version__

_VERSIONED = ("torch", "transformers")


@dataclass(frozen=True)
class Cost:
    """What the values cost.

    Attributes
    ----------
    calls, reused
        evaluations made now, and taken from the store.
    model_seconds, fit_seconds
        in the value function, and in the fit.
    tokens, usd
        of the calls made now; None where nobody counted.
    """

    calls: int
    reused: int
    model_seconds: float
    fit_seconds: float
    tokens: float | None = None
    usd: float | None = None

    def __add__(self, other: Cost) -> Cost:
        """Return what both have cost together."""
        return Cost(
            self.calls + other.calls,
            self.reused + other.reused,
            self.model_seconds + other.model_seconds,
            self.fit_seconds + other.fit_seconds,
            known_sum([self.tokens, other.tokens]),
            known_sum([self.usd, other.usd]),
        )


@dataclass(frozen=True)
class Sample:
    """What the surrogate was fitted to.

    Attributes
    ----------
    masks
        how many different masks were evaluated.
    replicates
        how often each.
    design
        the law that the masks were drawn from.
    digest
        of masks and values: two runs with the same digest were fitted to the same numbers.
    stopped
        why the run ended before all that was allowed; None where it did not.
    """

    masks: int
    replicates: int
    design: str
    digest: str
    stopped: str | None = None


def digest_of(evaluations: Recording) -> str:
    """Return a digest of masks, values and noise that the order of the rows does not change."""
    parts = [np.packbits(evaluations.masks, axis=1)]
    for array in (evaluations.values, evaluations.noise_var):
        if array is not None:
            table = np.ascontiguousarray(array.reshape(len(parts[0]), -1), dtype="<f8")
            parts.append(table.view(np.uint8))
    rows = np.concatenate(parts, axis=1)
    return hashlib.sha256(b"".join(sorted(row.tobytes() for row in rows))).hexdigest()[:32]


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on: those of what is in use."""
    names = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
    names |= {name: name for name in _VERSIONED}
    return {
        "interplay": __version__,
        "python": platform.python_version(),
        **{package: version(package) for name, package in names.items() if name in sys.modules},
        "machine": f"{platform.system()} {platform.machine()}",
    }
