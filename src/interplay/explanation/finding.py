"""What was found for one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from interplay.metrics import Estimate
from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
from interplay.value_function import BoolArray, FloatArray

SHOWN_INTERACTIONS = 200

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
    surrogate: Surrogate | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        target: str,
        surrogate: Surrogate,
        masks: BoolArray,
        values: FloatArray,
        noise_var: FloatArray | None,
    ) -> Self:
        """Return what a fitted surrogate amounts to; masks ``(m, n)``, the others ``(m,)``."""
        spectrum = surrogate.spectrum()
        notes = surrogate.diagnostics()
        share = _share(spectrum, surrogate)
        if share < 0.9995:
            notes.append(
                f"The spectrum shows the {len(spectrum) - 1} largest terms of the surrogate's "
                f"series, {100 * share:.1f} % of its variance."
            )
        kept = masks.sum(axis=1)
        return cls(
            target=target,
            spectrum=spectrum,
            faithfulness=surrogate.faithfulness,
            full=_mean(values[kept == masks.shape[1]]),
            empty=_mean(values[kept == 0]),
            noise_var=None if noise_var is None else float(noise_var.mean()),
            fitted=surrogate.fitted_method,
            notes=tuple(notes),
            surrogate=surrogate,
        )

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
            "top": [
                asdict(found) | {"features": list(found.features), "names": list(found.names)}
                for found in self.spectrum.top(SHOWN_INTERACTIONS)
            ],
            "spectrum": self.spectrum.to_dict(),
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
