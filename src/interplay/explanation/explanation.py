"""Explanation: what a run found, what it cost, and how far to trust it."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.explanation.finding import Finding
from interplay.explanation.run_file import FORMAT, VERSION, read_run, read_surrogates, write_run
from interplay.interactions import Interaction, Interactions
from interplay.metrics import DatamodelingScore, Estimate
from interplay.recording import Recording, read_recording
from interplay.spectrum import Spectrum
from interplay.surrogates.base import Surrogate
from interplay.version import __version__

_VERSIONED = ("torch", "transformers")


@dataclass(frozen=True)
class Cost:
    """What the values cost.

    ``calls`` evaluations made now, ``reused`` ones from the store, seconds in the model and in the
    fit; ``tokens`` and ``usd`` of the calls made now, None where nobody counted.
    """

    calls: int
    reused: int
    model_seconds: float
    fit_seconds: float
    tokens: float | None = None
    usd: float | None = None


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


@dataclass(frozen=True)
class Explanation:
    """The result of :func:`interplay.explain`, or of :func:`interplay.load`.

    It may speak of several targets; ``spectrum``, ``faithfulness``, ``surrogate``, ``top`` and
    ``interactions`` are those of the first, or of the one that ``target(name)`` shows.

    Attributes
    ----------
    findings
        one per target.
    cost
        calls, reused evaluations, tokens, money, seconds in the model and in the fit.
    sample
        how many masks, of which law, and why not more.
    config
        budget, method, seed, store, fingerprint.
    subject
        what was explained, for reports.
    evaluations
        the masks and values behind it; None for a run that was loaded without its ``.npz``.
    """

    findings: tuple[Finding, ...]
    cost: Cost
    sample: Sample
    config: Mapping[str, Any]
    subject: Mapping[str, Any]
    run_notes: tuple[str, ...]
    created: str
    versions: Mapping[str, str]
    evaluations: Recording | None = field(default=None, repr=False)
    shown: int = 0

    @property
    def finding(self) -> Finding:
        """What was found for the target that is shown."""
        return self.findings[self.shown]

    @property
    def spectrum(self) -> Spectrum:
        """The largest terms of the surrogate's Walsh series."""
        return self.finding.spectrum

    @property
    def faithfulness(self) -> Estimate:
        """Held-out R² with a 90 % interval; its ``sentence`` says how far to trust all this."""
        return self.finding.faithfulness

    @property
    def surrogate(self) -> Surrogate:
        """The fitted surrogate. A loaded run has it only where its ``.npz`` lies beside it."""
        if self.finding.surrogate is None:
            raise BadInput(
                "this run was loaded without its surrogate: put the .npz file that save() wrote "
                "beside the .json file, and load again"
            )
        return self.finding.surrogate

    @property
    def full(self) -> float | None:
        """The model's value with all features kept; None where there is no such mask."""
        return self.finding.full

    @property
    def empty(self) -> float | None:
        """The model's value with no feature kept; None where there is no such mask."""
        return self.finding.empty

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the n features."""
        return self.spectrum.features

    @property
    def target_name(self) -> str:
        """Name of the target that is shown."""
        return self.finding.target

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the q targets."""
        return tuple(finding.target for finding in self.findings)

    def target(self, name: str) -> Explanation:
        """Return the view of one target; nothing is computed again."""
        if name not in self.targets:
            raise unknown("target", name, self.targets)
        return replace(self, shown=self.targets.index(name))

    def top(self, k: int = 10, *, min_order: int = 1) -> list[Interaction]:
        """Return the k largest terms, ranked by |F|, shown as Banzhaf interactions."""
        return self.spectrum.top(k, min_order=min_order)

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        """Return an interaction index of the spectrum: see :meth:`Spectrum.interactions`."""
        return self.spectrum.interactions(index, order)

    def diagnostics(self) -> list[str]:
        """Return what a reader should know, in sentences; the first says how far to trust it."""
        return [*self.finding.notes, *self.run_notes]

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file, and return its path."""
        from interplay.report import html

        return html.write(self.to_dict(), path)

    def _repr_html_(self) -> str:
        from interplay.report import html

        return html.fragment(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the arrays as a JSON-able mapping: the contents of run.json.

        The target that is shown comes first.
        """
        findings = sorted(self.findings, key=lambda finding: finding is not self.finding)
        # the verdict on top is that of the target that deserves least trust
        worst = min(findings, key=lambda finding: _rank(finding.faithfulness))
        return {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "versions": dict(self.versions),
            "trust": {
                "verdict": worst.faithfulness.verdict,
                "sentence": worst.faithfulness.sentence,
            },
            "subject": dict(self.subject),
            "features": list(self.features),
            "cost": asdict(self.cost),
            "config": dict(self.config),
            "notes": list(self.run_notes),
            "sample": asdict(self.sample),
            "targets": [finding.to_dict() | self._network(finding) for finding in findings],
        }

    def _network(self, finding: Finding) -> dict[str, Any]:
        """How the parts of a network act together, for who reads the JSON; nothing for the rest."""
        if self.subject.get("kind") != "components":
            return {}
        from interplay.lenses.components.energy import layers_of, picture

        return {"network": picture(finding.spectrum, layers_of(self.subject["parts"])).to_dict()}

    def save(self, path: str | Path) -> Path:
        """Write ``path`` (JSON: results, evidence, report), and the arrays beside it.

        The second file has the suffix ``.npz``. It holds the evaluations, as a recording that
        ``interplay.fit`` reads, and the whole surrogates; without it, a loaded run has neither.
        """
        path = Path(path)
        if path.suffix != ".json":
            raise BadInput(f"a run is saved as .json; got {path}")
        if self.evaluations is None:
            raise BadInput(
                "this run was loaded without its arrays and cannot be saved whole: put the .npz "
                "file that save() wrote beside the .json file, and load again"
            )
        targets = [self.target(name) for name in self.targets]
        surrogates = [view.surrogate for view in targets]
        write_run(path, targets[0].to_dict(), self.evaluations, surrogates)
        return path


def _rank(faithfulness: Estimate) -> float:
    return faithfulness.low if np.isfinite(faithfulness.value) else -np.inf


def describe(
    surrogates: Mapping[str, Surrogate],
    evaluations: Recording,
    *,
    cost: Cost,
    config: Mapping[str, Any],
    subject: Mapping[str, Any],
    replicates: int = 1,
    stopped: str | None = None,
    notes: tuple[str, ...] = (),
) -> Explanation:
    """Return the explanation that fitted surrogates amount to.

    Parameters
    ----------
    surrogates
        what was fitted to ``evaluations``, by target.
    evaluations
        masks ``(m, n)``, values ``(m, q)`` and the noise in them, with the names of both.
    cost, config, subject
        see :class:`Explanation`.
    replicates, stopped
        see :class:`Sample`.
    notes
        what a reader should know of the whole run, in sentences.
    """
    names = next(iter(surrogates.values())).features
    evaluations = replace(evaluations, features=names, targets=tuple(surrogates))
    masks = evaluations.masks
    values = evaluations.values.reshape(len(masks), -1)
    noise = evaluations.noise_var
    noise = None if noise is None else noise.reshape(len(masks), -1)
    findings = tuple(
        Finding.of(target, surrogate, masks, values[:, j], None if noise is None else noise[:, j])
        for j, (target, surrogate) in enumerate(surrogates.items())
    )
    return Explanation(
        findings=findings,
        cost=cost,
        sample=Sample(
            masks=len(masks),
            replicates=replicates,
            design=evaluations.design or "uniform",
            digest=digest_of(evaluations),
            stopped=stopped,
        ),
        config=config,
        subject=subject,
        run_notes=(*notes, *_of_training_data(subject, surrogates, len(masks))),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        evaluations=evaluations,
    )


def _of_training_data(
    subject: Mapping[str, Any], surrogates: Mapping[str, Surrogate], m: int
) -> tuple[str, ...]:
    """Datamodels are judged by how they order subsets, beside R²."""
    if subject.get("kind") != "training_data":
        return ()
    score = DatamodelingScore.of([fitted.rank_correlation for fitted in surrogates.values()], m)
    return (score.sentence,) if np.isfinite(score.value) else ()


def load(path: str | Path) -> Explanation:
    """Read a run that :meth:`Explanation.save` wrote.

    Raises
    ------
    BadInput
        the file is missing, is not a run, is damaged, or was written by another version.
    """
    path = Path(path)
    content = read_run(path)
    arrays = path.with_suffix(".npz")
    try:
        features = tuple(map(str, content["features"]))
        targets = content["targets"]
        surrogates: list[Surrogate] | list[None] = [None] * len(targets)
        evaluations = None
        if arrays.exists():
            surrogates = read_surrogates(arrays, len(targets), len(features))
            evaluations = read_recording(arrays)
        findings = tuple(
            Finding.from_dict(target, surrogate, str(path))
            for target, surrogate in zip(targets, surrogates, strict=True)
        )
        return Explanation(
            findings=findings,
            cost=Cost(**content["cost"]),
            sample=Sample(**content["sample"]),
            config=dict(content["config"]),
            subject=dict(content["subject"]),
            run_notes=tuple(map(str, content["notes"])),
            created=str(content["created"]),
            versions=dict(content["versions"]),
            evaluations=evaluations,
        )
    except BadInput:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadInput(f"{path} is damaged: {type(error).__name__}: {error}") from error


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
