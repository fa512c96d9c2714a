"""What was found for one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from interplay.explanation.convergence import Point
from interplay.metrics import Estimate
from interplay.recording import Recording
from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
from interplay.surrogates.draws import Draws
from interplay.value_function import FloatArray

SHOWN_INTERACTIONS = 500

SHARE_MASKS = 1000


@dataclass(frozen=True)
class Finding:
    """A target's spectrum, the evidence for it, and the surrogate that it is from.

    Attributes
    ----------
    target
        its name.
    spectrum
        the largest terms of the surrogate's Walsh series.
    faithfulness
        held-out R² of the surrogate with a 90 % interval.
    full, empty
        the model's values with all features kept, and with none; None where there is no such mask.
    noise_var
        mean variance of the noise in the values; None where they are taken to be exact.
    fitted
        the method that was fitted.
    notes
        what a reader should know, in sentences.
    draws
        joint draws of the spectrum's coefficients; None where it has no standard errors.
    convergence
        faithfulness after fewer calls, and after all, by rising calls; empty where nobody measured.
    surrogate
        None for a run that was loaded without its arrays.
    """

    target: str
    spectrum: Spectrum
    faithfulness: Estimate
    full: float | None
    empty: float | None
    noise_var: float | None
    fitted: str
    notes: tuple[str, ...]
    draws: Draws | None = field(default=None, repr=False)
    convergence: tuple[Point, ...] = ()
    surrogate: Surrogate | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        target: str,
        surrogate: Surrogate,
        evaluations: Recording,
        *,
        seed: int,
        convergence: tuple[Point, ...] = (),
    ) -> Self:
        """Return what a surrogate amounts to that was fitted to masks and the target's values.

        The values of the ``evaluations``, and their noise, are ``(m,)``; ``seed`` is the run's.
        """
        spectrum = surrogate.spectrum()
        notes = surrogate.diagnostics()
        share = _share(spectrum, surrogate)
        if share < 0.9995:
            notes.append(
                f"The spectrum shows the {len(spectrum) - 1} largest terms of the surrogate's "
                f"series, {100 * share:.1f} % of its variance."
            )
        masks, values, noise = evaluations.masks, evaluations.values, evaluations.noise_var
        kept = masks.sum(axis=1)
        return cls(
            target=target,
            spectrum=spectrum,
            faithfulness=surrogate.faithfulness,
            full=_mean(values[kept == masks.shape[1]]),
            empty=_mean(values[kept == 0]),
            noise_var=None if noise is None else float(noise.mean()),
            fitted=surrogate.fitted_method,
            notes=tuple(notes),
            draws=Draws.of(spectrum, surrogate.faithfulness, evaluations, seed),
            convergence=convergence,
            surrogate=surrogate,
        )

    def drawn(self, evaluations: Recording, seed: int) -> Self:
        """Return the finding of an older run with the draws that it lacks; as for :meth:`of`."""
        draws = Draws.of(self.spectrum, self.faithfulness, evaluations, seed)
        return replace(self, draws=draws)

    def after(self, calls: int) -> Self:
        """Return the finding of a run that so many other calls came before."""
        points = tuple(replace(point, calls=point.calls + calls) for point in self.convergence)
        return replace(self, convergence=points)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the surrogate as a JSON-able mapping."""
        return {
            "target": self.target,
            "trust": {
                "verdict": self.faithfulness.verdict,
                "sentence": self.faithfulness.sentence,
            },
            "faithfulness": self.faithfulness.to_dict(),
            "values": {"full": self.full, "empty": self.empty},
            "noise_var": self.noise_var,
            "fitted": self.fitted,
            "diagnostics": list(self.notes),
            "energy": {str(order): share for order, share in self.spectrum.energy().items()},
            "main_effects": self.spectrum.main_effects.tolist(),
            "top": [found.to_dict() for found in self.spectrum.top(SHOWN_INTERACTIONS)],
            "spectrum": self.spectrum.to_dict(),
            "draws": None if self.draws is None else self.draws.to_dict(),
            "convergence": [asdict(point) for point in self.convergence],
        }

    @classmethod
    def from_dict(
        cls, content: Mapping[str, Any], surrogate: Surrogate | None, source: str
    ) -> Self:
        """Return what :meth:`to_dict` wrote, with its surrogate where that was saved too.

        Errors name the ``source``.
        """
        spectrum = Spectrum.from_dict(content["spectrum"], source=source)
        faithfulness = Estimate.from_dict(content["faithfulness"])
        draws = content["draws"]
        if surrogate is not None:
            surrogate.features, surrogate.faithfulness = spectrum.features, faithfulness
        return cls(
            target=str(content["target"]),
            spectrum=spectrum,
            faithfulness=faithfulness,
            full=_number(content["values"]["full"]),
            empty=_number(content["values"]["empty"]),
            noise_var=_number(content["noise_var"]),
            fitted=str(content["fitted"]),
            notes=tuple(map(str, content["diagnostics"])),
            draws=None if draws is None else Draws.from_dict(draws, spectrum),
            convergence=tuple(map(Point.from_dict, content["convergence"])),
            surrogate=surrogate,
        )


def _share(spectrum: Spectrum, surrogate: Surrogate) -> float:
    """How much of the surrogate's variance a spectrum holds, on masks drawn for the purpose."""
    masks = np.random.default_rng(0).random((SHARE_MASKS, spectrum.n)) < 0.5
    whole = surrogate.predict(masks)
    spread = float(np.square(whole - whole.mean()).mean())
    if spread <= 1e-24 * max(1.0, float(np.square(whole).mean())):
        return 1.0
    missing = whole - spectrum.predict(masks)
    return 1.0 - float(np.square(missing - missing.mean()).mean()) / spread


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _number(content: object) -> float | None:
    return None if content is None else float(content)  # type: ignore[arg-type]
