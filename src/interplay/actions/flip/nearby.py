"""What removing a few features does: the spectrum's prediction, set right by values measured there.

A surrogate is fitted to masks that lack about half of the features; a flip lacks a few. So what the
spectrum gets wrong close to the full mask is itself predicted, from the values measured so far, by
a Gaussian process: the error of two masks is the more alike the fewer features tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interplay.spectrum import Spectrum
from interplay.value_function import BoolArray, FloatArray

_DECAYS = (0.3, 0.6, 0.8, 0.9, 0.97)
"""How alike the errors of two masks may be that differ in one feature."""

_JITTER = 1e-6


class Nearby:
    """Predictions for masks close to the full one, and how far they may be off.

    Parameters
    ----------
    spectra
        one for each of q targets.
    spread
        what the error is taken to be before anything is measured: a standard deviation for each
        target.
    noise_var
        variance of the noise in measured values, likewise.
    """

    def __init__(
        self, spectra: Sequence[Spectrum], spread: Sequence[float], noise_var: Sequence[float]
    ) -> None:
        self.spectra = tuple(spectra)
        self.n = self.spectra[0].n
        self._prior = np.square(np.asarray(spread, dtype=np.float64))
        self._noise = np.asarray(noise_var, dtype=np.float64)
        self._masks = np.empty((0, self.n), dtype=np.bool_)
        self._errors = np.empty((0, len(self.spectra)))
        self._decay, self._amplitude = _DECAYS[-1], self._prior
        self._weights = np.empty((0, len(self.spectra)))
        self._inverse = np.empty((0, 0))

    def base(self, masks: BoolArray) -> FloatArray:
        """Return what the spectra say by themselves, ``(k, q)``."""
        return np.stack([spectrum.predict(masks) for spectrum in self.spectra], axis=1)

    def learn(self, masks: BoolArray, values: FloatArray) -> None:
        """Take measured values in, ``(k, q)``, of masks that are new."""
        self._masks = np.concatenate([self._masks, masks])
        self._errors = np.concatenate([self._errors, values - self.base(masks)])
        apart = _apart(self._masks, self._masks)
        v = len(self._masks)
        best = -np.inf
        for decay in _DECAYS:
            kernel = np.power(decay, apart)
            amplitude, fitness = self._scale(kernel)
            if fitness > best:
                best, self._decay, self._amplitude = fitness, decay, amplitude
        kernel = np.power(self._decay, apart) + self._ridge(self._amplitude) * np.eye(v)
        self._inverse = np.linalg.inv(kernel)
        self._weights = self._inverse @ self._errors

    def predict(
        self, masks: BoolArray, base: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations, ``(k, q)`` each; ``base`` spares the spectra."""
        base = self.base(masks) if base is None else base
        alike = np.power(self._decay, _apart(masks, self._masks))
        mean: FloatArray = base + alike @ self._weights
        known = np.einsum("ij,jk,ik->i", alike, self._inverse, alike, optimize=True)
        left = np.clip(1.0 - known, 0.0, 1.0)
        return mean, np.sqrt(left[:, None] * self._amplitude)

    def linear(self, column: int) -> Spectrum:
        """Return the spectrum of a target with what was learned of single features added."""
        spectrum = self.spectra[column]
        removed = ~np.eye(self.n, dtype=np.bool_)
        ends = np.ones((1, self.n), dtype=np.bool_)
        masks = np.concatenate([ends, removed])
        error = self.predict(masks, np.zeros((len(masks), len(self.spectra))))[0][:, column]
        effects = error[1:] - error[0]  # of (1 - x_i) = (1 + chi_i) / 2
        terms: dict[tuple[int, ...], float] = {
            (i,): float(effect) / 2 for i, effect in enumerate(effects) if effect != 0
        }
        terms[()] = float(error[0] + effects.sum() / 2)
        return spectrum + Spectrum(terms, self.n, features=spectrum.features)

    def _scale(self, kernel: FloatArray) -> tuple[FloatArray, float]:
        """The variance of the errors for each target under a kernel, and how likely they are."""
        v = len(kernel)
        factor = np.linalg.cholesky(kernel + self._ridge(self._prior) * np.eye(v))
        white = np.linalg.solve(factor, self._errors)
        amplitude = (np.square(white).sum(axis=0) + self._prior) / (v + 1)
        determinant = float(np.log(np.diag(factor)).sum())
        fitness = sum(-0.5 * v * np.log(a + 1e-300) - determinant for a in amplitude)
        return amplitude, float(fitness)

    def _ridge(self, amplitude: FloatArray) -> float:
        ratio = self._noise / np.maximum(amplitude, 1e-300)
        return float(min(max(_JITTER, ratio.max()), 1.0))


def _apart(a: BoolArray, b: BoolArray) -> FloatArray:
    """In how many features masks differ, ``(len(a), len(b))``."""
    x, y = a.astype(np.float32), b.astype(np.float32)
    counts = x.sum(axis=1)[:, None] + y.sum(axis=1)[None] - 2 * x @ y.T
    apart: FloatArray = np.rint(counts).astype(np.float64)
    return apart
