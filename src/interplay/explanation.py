"""Explanation: what a run found, what it cost, and how far to trust it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.interactions import Interaction, Interactions
from interplay.metrics import Estimate
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SparseSurrogate, Surrogate
from interplay.value_function import BoolArray, FloatArray
from interplay.version import __version__

FORMAT, VERSION = "interplay.run", 1
SHOWN_INTERACTIONS = 200


@dataclass(frozen=True)
class Cost:
    """What the values cost: evaluations made now, evaluations reused from the store, seconds."""

    calls: int
    reused: int
    model_seconds: float
    fit_seconds: float


class Restored(SparseSurrogate):
    """The surrogate of a saved run: its whole series, as it was fitted."""

    method: ClassVar[str] = "restored"

    @classmethod
    def fit_targets(cls, *arguments: object) -> list[Self]:
        raise BadInput("the surrogate of a saved run cannot be fitted again; use interplay.fit")


@dataclass(frozen=True)
class Explanation:
    """The result of :func:`interplay.explain`, or of :func:`interplay.load`.

    Attributes
    ----------
    spectrum
        the largest terms of the surrogate's Walsh series.
    faithfulness
        held-out R² of the surrogate with a 90 % interval; its ``sentence`` says how far to trust
        all this.
    cost
        calls, reused evaluations, seconds in the model and in the fit.
    config
        budget, method, the method that was fitted, seed, store, fingerprint.
    subject
        what was explained, for reports.
    full, empty
        the model's values with all features kept, and with none; None where a recording has no
        such mask.
    """

    spectrum: Spectrum
    faithfulness: Estimate
    cost: Cost
    config: Mapping[str, Any]
    subject: Mapping[str, Any]
    target_name: str
    full: float | None
    empty: float | None
    notes: tuple[str, ...]
    created: str
    versions: Mapping[str, str]
    fitted: Surrogate | None = field(default=None, repr=False)

    @property
    def surrogate(self) -> Surrogate:
        """The fitted surrogate. A loaded run has it only where its ``.npz`` lies beside it."""
        if self.fitted is None:
            raise BadInput(
                "this run was loaded without its surrogate: put the .npz file that save() wrote "
                "beside the .json file, and load again"
            )
        return self.fitted

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the n features."""
        return self.spectrum.features

    def top(self, k: int = 10, *, min_order: int = 1) -> list[Interaction]:
        """Return the k largest terms, ranked by |F|, shown as Banzhaf interactions."""
        return self.spectrum.top(k, min_order=min_order)

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        """Return an interaction index of the spectrum: see :meth:`Spectrum.interactions`."""
        return self.spectrum.interactions(index, order)

    def diagnostics(self) -> list[str]:
        """Return what a reader should know, in sentences; the first says how far to trust it."""
        return list(self.notes)

    def target(self, name: str) -> Explanation:
        """Return the explanation of one target; this run has one."""
        if name != self.target_name:
            raise BadInput(f"unknown target {name!r}; valid: {self.target_name}")
        return self

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file, and return its path."""
        from interplay.report import html

        return html.write(self.to_dict(), path)

    def _repr_html_(self) -> str:
        from interplay.report import html

        return html.fragment(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the surrogate as a JSON-able mapping: the contents of run.json."""
        banzhaf = np.zeros(self.spectrum.n)
        for term, coefficient in self.spectrum.terms.items():
            if len(term) == 1:
                banzhaf[term[0]] = -2 * coefficient
        return {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "versions": dict(self.versions),
            "trust": {
                "verdict": self.faithfulness.verdict,
                "sentence": self.faithfulness.sentence,
            },
            "faithfulness": self.faithfulness.to_dict(),
            "subject": dict(self.subject),
            "features": list(self.features),
            "target": self.target_name,
            "values": {"full": self.full, "empty": self.empty},
            "cost": asdict(self.cost),
            "config": dict(self.config),
            "diagnostics": list(self.notes),
            "energy": {str(order): share for order, share in self.spectrum.energy().items()},
            "main_effects": banzhaf.tolist(),
            "top": [
                asdict(found) | {"features": list(found.features), "names": list(found.names)}
                for found in self.top(SHOWN_INTERACTIONS)
            ],
            "spectrum": self.spectrum.to_dict(),
        }

    def save(self, path: str | Path) -> Path:
        """Write ``path`` (JSON: results, evidence, report), and the whole surrogate beside it.

        The second file has the suffix ``.npz``; without it, a loaded run has no ``surrogate``.
        """
        path = Path(path)
        if path.suffix != ".json":
            raise BadInput(f"a run is saved as .json; got {path}")
        path.write_text(json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False), "utf-8")
        self.surrogate.spectrum(None).save(path.with_suffix(".npz"))
        return path


def describe(
    surrogate: Surrogate,
    masks: BoolArray,
    values: FloatArray,
    *,
    cost: Cost,
    config: Mapping[str, Any],
    subject: Mapping[str, Any],
    target: str,
) -> Explanation:
    """Return the explanation that a fitted surrogate amounts to.

    Parameters
    ----------
    surrogate
        what ``interplay.fit`` returned for ``masks`` and ``values``.
    masks, values
        bool ``(m, n)`` and float ``(m,)``; the values at the full and the empty mask are read off.
    cost, config, subject, target
        see :class:`Explanation`; the method that was fitted is added to ``config``.
    """
    spectrum = surrogate.spectrum()
    notes = surrogate.diagnostics()
    whole = surrogate.spectrum(None)
    if len(spectrum) < len(whole):
        share = 100 * spectrum.variance / whole.variance
        notes.append(
            f"The spectrum shows the {len(spectrum) - 1} largest of {len(whole) - 1} terms, "
            f"{share:.1f} % of the surrogate's variance."
        )
    return Explanation(
        spectrum=spectrum,
        faithfulness=surrogate.faithfulness,
        cost=cost,
        config={**config, "fitted": surrogate.fitted_method},
        subject=subject,
        target_name=target,
        full=_value_at(masks.sum(axis=1) == masks.shape[1], values),
        empty=_value_at(masks.sum(axis=1) == 0, values),
        notes=tuple(notes),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        fitted=surrogate,
    )


def _value_at(rows: BoolArray, values: FloatArray) -> float | None:
    return float(values[rows].mean()) if rows.any() else None


def load(path: str | Path) -> Explanation:
    """Read a run that :meth:`Explanation.save` wrote.

    Raises
    ------
    BadInput
        the file is missing, is not a run, is damaged, or was written by a newer version.
    """
    path = Path(path)
    content = read_run(path)
    try:
        evidence = content["faithfulness"]
        series = path.with_suffix(".npz")
        fitted: Restored | None = None
        spectrum = Spectrum.from_dict(content["spectrum"])
        faithfulness = Estimate.from_dict(evidence)
        if series.exists():
            fitted = Restored()
            fitted.series = Spectrum.load(series)
            fitted.features, fitted.faithfulness = spectrum.features, faithfulness
        return Explanation(
            spectrum=spectrum,
            faithfulness=faithfulness,
            cost=Cost(**content["cost"]),
            config=content["config"],
            subject=content["subject"],
            target_name=content["target"],
            full=content["values"]["full"],
            empty=content["values"]["empty"],
            notes=tuple(content["diagnostics"]),
            created=content["created"],
            versions=content["versions"],
            fitted=fitted,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is damaged: {type(error).__name__}: {error}") from error


def read_run(path: Path) -> dict[str, Any]:
    """Return the JSON of a run file, its format and version checked."""
    if not path.exists():
        raise BadInput(f"no such run file: {path}")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not a run file, it cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f'{path} is not a run file: it lacks "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise BadInput(
            f"{path} has version {content.get('version')} of the run format; this interplay "
            f"({__version__}) reads version {VERSION}. Install a newer interplay"
        )
    return content


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    return {
        "interplay": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
