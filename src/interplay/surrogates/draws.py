"""Draws of a spectrum's coefficients: how far its predictions may be off, mask by mask.

The coefficients' standard errors alone would give the predictions of all masks one and the same
spread, the root of the sum of their squares. What the evaluated masks say of sums of coefficients
is in their parities X, ``(m, t)``: with the noise variance s about the surrogate (what it gets
wrong on masks that it has not seen, and the noise of the values) and a prior of the size t_i of
each coefficient, the larger of its value and its error, the posterior covariance is that of ridge
regression, ``(X' X / s + diag(1 / t²))^-1``. Its correlations are taken, scaled to the standard
errors; docs/benchmarks/what_if.md says what the spread of such draws tells, and what it
does not.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtrs

from interplay.metrics import Estimate
from interplay.recording import Recording
from interplay.spectrum import Spectrum
from interplay.surrogates.parallel import single_threaded
from interplay.value_function import FloatArray
from interplay.walsh import parities

COUNT: Final = 20
"""Draws that a run keeps: enough for a spread, few enough for a page."""

SCALE: Final = 1 / 32
"""Step in which draws are kept, in standard errors; the largest is 127 steps off, at 4 of them."""

MOST_ROWS: Final = 4096
"""Most masks whose parities are looked at; more of the same law have the same correlations."""

LEAST_R2: Final = 0.01
"""What a surrogate is taken to explain at least, lest its noise be without bounds."""

STREAM: Final = 3
"""Of the random streams of a run's seed; those before it are the fit's."""


@dataclass(frozen=True)
class Draws:
    """Joint draws of the t coefficients of a spectrum, in steps about their values.

    Draw k of coefficient i is ``F_i + e_i * scale * steps[k, i]``, with e_i its standard error.

    Attributes
    ----------
    count
        how many.
    data
        int8 ``(count, t)`` in C order, as bytes.
    scale
        of a step, in standard errors.
    """

    count: int
    data: bytes
    scale: float = SCALE

    @classmethod
    @single_threaded
    def of(
        cls,
        spectrum: Spectrum,
        faithfulness: Estimate,
        evaluations: Recording,
        seed: int,
    ) -> Self | None:
        """Return the draws for a spectrum that was fitted to evaluations.

        Parameters
        ----------
        spectrum
            of t terms; without standard errors there are no draws: None.
        faithfulness
            of the surrogate that it is from.
        evaluations
            m masks ``(m, n)``, with the values ``(m,)`` of the one target, and their noise.
        seed
            of the run. What is drawn does not depend on which other targets there are.

        Examples
        --------
        >>> masks = np.random.default_rng(0).random((100, 2)) < 0.5
        >>> spectrum = Spectrum({(): 1.0, (0,): 0.5}, n=2, errors={(): 0.1, (0,): 0.2})
        >>> evaluations = Recording(masks, spectrum.predict(masks))
        >>> draws = Draws.of(spectrum, Estimate(0.9, 0.8, 0.95, "uniform"), evaluations, seed=0)
        >>> draws.coefficients(spectrum).shape
        (20, 2)
        """
        errors = spectrum.standard_errors
        if errors is None:
            return None
        if not errors.any():  # exact: there is nothing to draw
            return cls(COUNT, bytes(COUNT * len(spectrum)))
        rng = np.random.default_rng(seed).spawn(STREAM + 1)[STREAM]
        units = rng.normal(size=(COUNT, len(spectrum)))
        masks, noise_var, aside = evaluations.masks, evaluations.noise_var, evaluations.test
        if aside is None or evaluations.kind == "adaptive":  # whose test masks are fitted to, too
            rows = np.arange(len(masks))
        else:
            rows = np.flatnonzero(~aside)
        m = len(rows)
        if m > MOST_ROWS:
            rows = np.sort(rng.permutation(rows)[:MOST_ROWS])
        noise = np.zeros(len(rows)) if noise_var is None else noise_var[rows]
        share = min(max(LEAST_R2, faithfulness.value), 1.0)  # of a NaN, the least
        variance = spectrum.variance * (1 - share) / share + noise
        typical = max(float(variance.mean()), 1e-300)
        counts = typical / np.maximum(variance, 1e-6 * typical)
        precision = _products(parities(masks[rows], spectrum.packed, np.float32), counts)
        precision *= m / len(rows)
        size = np.maximum(np.square(spectrum.coefficients), np.square(errors))
        # the least penalty keeps apart the terms that are the same on all of the masks
        penalty = typical / np.maximum(size, 1e-12 * typical)
        precision.flat[:: len(spectrum) + 1] += np.maximum(penalty, 1e-8 * m)
        lower, _ = dpotrf(precision, lower=True, clean=True)
        root, _ = dtrtrs(lower, np.eye(len(spectrum)), lower=True)  # root' root: the covariance
        told = units @ root / np.sqrt(np.square(root).sum(axis=0))
        steps = np.clip(np.rint(told / SCALE), -127, 127) * (errors > 0)
        return cls(COUNT, steps.astype(np.int8).tobytes())

    @property
    def steps(self) -> NDArray[np.int8]:
        """Return how far each coefficient is off in each draw, int8 ``(count, t)``."""
        return np.frombuffer(self.data, dtype=np.int8).reshape(self.count, -1)

    def coefficients(self, spectrum: Spectrum) -> FloatArray:
        """Return the draws of the coefficients of their spectrum, float64 ``(count, t)``."""
        assert spectrum.standard_errors is not None
        errors = self.scale * self.steps * spectrum.standard_errors
        drawn: FloatArray = spectrum.coefficients + errors
        return drawn

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping; the bytes are in base64."""
        return {
            "count": self.count,
            "scale": self.scale,
            "data": base64.b64encode(self.data).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], spectrum: Spectrum) -> Self:
        """Return what :meth:`to_dict` wrote; a ``ValueError`` says what does not fit."""
        count, scale = content["count"], float(content["scale"])
        data = base64.b64decode(content["data"], validate=True)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"there are {count!r} draws of its coefficients")
        if not 0 < scale < np.inf:
            raise ValueError(f"the draws of its coefficients have the scale {scale!r}")
        if len(data) != count * len(spectrum) or spectrum.standard_errors is None:
            raise ValueError("the draws of its coefficients do not fit its spectrum")
        return cls(count, data, scale)


def _products(columns: np.ndarray[Any, np.dtype[np.float32]], counts: FloatArray) -> FloatArray:
    """Return ``X' diag(counts) X``; sums of ±1 are exact in float32, and cost half."""
    if (counts == 1.0).all():
        return (columns.T @ columns).astype(np.float64)
    weighted = columns.astype(np.float64) * np.sqrt(counts)[:, None]
    products: FloatArray = weighted.T @ weighted
    return products
