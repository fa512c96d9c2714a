"""Explanation: what a run found, what it cost, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.explanation.acting import action_about
from interplay.explanation.contents import contents
from interplay.explanation.convergence import FRACTIONS, Fits, curve, with_convergence
from interplay.explanation.finding import Finding
from interplay.explanation.migrations import VERSION
from interplay.explanation.provenance import Cost, Sample, digest_of, versions
from interplay.explanation.run_file import write_run
from interplay.interactions import Interaction, Interactions
from interplay.metrics import DatamodelingScore, Estimate
from interplay.recording import Recording
from interplay.report.reading import FORMAT
from interplay.spectrum import Spectrum
from interplay.surrogates.base import SHOWN_TERMS, Surrogate
from interplay.surrogates.draws import COUNT
from interplay.value_function import FloatArray


@dataclass(frozen=True, repr=False)
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
    actions
        what was done with the result (flip, prune, select), each as its ``to_dict()``.
    """

    findings: tuple[Finding, ...]
    cost: Cost
    sample: Sample
    config: Mapping[str, Any]
    subject: Mapping[str, Any]
    run_notes: tuple[str, ...]
    created: str
    versions: Mapping[str, str]
    evaluations: Recording | None = None
    actions: tuple[Mapping[str, Any], ...] = ()
    shown: int = 0

    def __repr__(self) -> str:
        targets = f", {len(self.findings)} targets" if len(self.findings) > 1 else ""
        made = f"{len(self.features)} features{targets}, {self.cost.calls:,} calls"
        return f"<Explanation of {made}. {self.faithfulness.sentence}>"

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
        if self.finding.surrogate is None and self.evaluations is not None:
            raise BadInput(
                "this run was saved by an older interplay, whose surrogates have another form: "
                "make it again with `interplay replay`"
            )
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
        """Return the k largest terms, ranked by ``|F|``, shown as Banzhaf interactions."""
        return self.spectrum.top(k, min_order=min_order)

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        """Return an interaction index of the spectrum: see :meth:`Spectrum.interactions`."""
        return self.spectrum.interactions(index, order)

    def to_dataframe(self, index: str = "BII", order: int | None = None) -> Any:
        """Return an index as a pandas frame: see :meth:`Interactions.to_dataframe`."""
        return self.interactions(index, order).to_dataframe()

    def to_csv(self, path: str | Path, index: str = "BII", order: int | None = None) -> Path:
        """Write an index as a CSV file: see :meth:`Interactions.to_csv`."""
        return self.interactions(index, order).to_csv(path)

    def to_shapiq(self, index: str = "k-SII", order: int | None = None) -> Any:
        """Return ``shapiq.InteractionValues``: see :meth:`Interactions.to_shapiq`."""
        budget = self.sample.masks * self.sample.replicates
        cut = len(self.spectrum) > SHOWN_TERMS  # exact terms of a part are no exact table
        return self.interactions(index, order).to_shapiq(
            budget=budget, estimated=True if cut else None
        )

    def to_shap(self, index: str = "SV", order: int | None = None) -> Any:
        """Return a ``shap.Explanation`` with the input's data: see :meth:`Interactions.to_shap`."""
        names, data = contents(self.subject, self.features)
        return self.spectrum.named(names).interactions(index, order).to_shap(data=data)

    def to_networkx(self, index: str = "BII", order: int | None = None) -> Any:
        """Return an index as a ``networkx.Graph``: see :meth:`Interactions.to_networkx`."""
        return self.interactions(index, order).to_networkx()

    def coefficient_draws(self, count: int = COUNT) -> FloatArray:
        """Return joint draws of the coefficients of ``spectrum``: how far they may be off.

        The spread of what they predict for a mask is that of the surrogate's prediction, beside
        what no term of it can tell: see docs/concepts.md.

        Parameters
        ----------
        count
            how many; a run has 20.

        Returns
        -------
        float64 ``(count, t)``, the t terms in the spectrum's order, the constant included.

        Raises
        ------
        BadInput
            the spectrum has no standard errors, the run is an older one that was loaded without
            its ``.npz``, or there are fewer draws.

        Examples
        --------
        >>> from interplay import explain
        >>> exact = explain(lambda masks: masks[:, 0] * 1.0, 3, store=None)
        >>> exact.coefficient_draws().std(axis=0)
        array([0., 0.])
        """
        draws = self.finding.draws
        if draws is None:
            raise BadInput(
                "there are no draws of the coefficients of this run: it has no standard errors, or "
                "was saved by an older interplay and loaded without its .npz file"
            )
        if not 1 <= count <= draws.count:
            raise BadInput(f"count must be from 1 to {draws.count}, the draws there are")
        return draws.coefficients(self.spectrum)[:count]

    def with_convergence(self, fractions: Sequence[float] = FRACTIONS) -> Explanation:
        """Return the same run with its faithfulness after fewer calls.

        The run's method is fitted to random parts of its evaluations, which costs about as much as
        the run's own fit did. ``findings[j].convergence`` holds the points, and the report draws
        them. Where parts would not be like smaller runs (coded masks; adaptive ones, whose rounds
        are known anyway), a note says so.

        Parameters
        ----------
        fractions
            of the evaluations, between 0 and 1.

        Raises
        ------
        BadInput
            a fraction cannot be used, or the run was loaded without its evaluations.

        Examples
        --------
        >>> from interplay import explain
        >>> found = explain(lambda masks: masks[:, 0] * 1.0, 12, budget=200, store=None)
        >>> [point.calls for point in found.with_convergence().finding.convergence]
        [25, 50, 100, 200]
        """
        return with_convergence(self, fractions)

    def with_action(self, result: Any, *, source: str = "the result") -> Explanation:
        """Return the same run with what was done about it, which its report and file then tell.

        Parameters
        ----------
        result
            of :func:`interplay.flip`, :func:`interplay.prune`, :func:`interplay.select` or
            ``counterfactuals``; or what its ``to_dict()`` returned. One that is there already is
            not added again.
        source
            what an error calls it.

        Raises
        ------
        BadInput
            it is about another run (other features, targets, model or ablation), damaged, or of a
            newer version.

        Examples
        --------
        >>> import interplay as ip
        >>> def game(masks):
        ...     return 1.0 - 2.0 * (~masks[:, 1] & ~masks[:, 2])
        >>> found = ip.explain(game, ["so", "not", "bad"], store=None)
        >>> found.with_action(ip.flip(found, game)).actions[0]["names"]
        ['not', 'bad']
        """
        fingerprint = self.config.get("fingerprint")
        told = action_about(result, self.features, self.targets, fingerprint, source)
        return self if told in self.actions else replace(self, actions=(*self.actions, told))

    def diagnostics(self) -> list[str]:
        """Return what a reader should know, in sentences; the first says how far to trust it."""
        return [*self.finding.notes, *self.run_notes]

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file, and return its path."""
        from interplay.report import html

        return html.write(self.to_dict(), path)

    def plot(self, kind: str = "bar", **options: Any) -> Any:
        """Draw a picture with matplotlib, and return its Axes: see docs/plots.md."""
        from interplay.report import plots

        return plots.plot(self, kind, **options)

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
            "actions": [dict(action) for action in self.actions],
        }

    def _network(self, finding: Finding) -> dict[str, Any]:
        """How the parts of a network act together, for who reads the JSON; nothing for the rest."""
        parts = self.subject.get("parts")
        if self.subject.get("kind") != "components" or parts is None:
            return {}
        from interplay.lenses.components.energy import layers_of, picture

        return {"network": picture(finding.spectrum, layers_of(parts)).to_dict()}

    def save(self, path: str | Path) -> Path:
        """Write ``path`` (JSON: results, evidence, report), and the arrays beside it.

        The second file has the suffix ``.npz``. It holds the evaluations, as a recording that
        ``interplay.fit`` reads, and the whole surrogates; without it, a loaded run has neither.
        """
        path = Path(path)
        if path.suffix != ".json":
            raise BadInput(f"a run is saved as .json; got {path}")
        if self.evaluations is None and self.finding.surrogate is not None:
            raise BadInput(
                "this run is of version 1 of the run format, which kept no evaluations, and cannot "
                "be saved whole: explain anew"
            )
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
    rounds: Fits | None = None,
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
    rounds
        faithfulness of the fits on the way, and of the last: calls -> target -> faithfulness.
    """
    names = next(iter(surrogates.values())).features
    evaluations = replace(evaluations, features=names, targets=tuple(surrogates))
    findings = tuple(
        Finding.of(
            target,
            surrogate,
            evaluations.only(j),
            seed=int(config.get("seed", 0)),
            convergence=curve(rounds, target) if rounds and len(rounds) > 1 else (),
        )
        for j, (target, surrogate) in enumerate(surrogates.items())
    )
    return Explanation(
        findings=findings,
        cost=cost,
        sample=Sample(
            masks=len(evaluations.masks),
            replicates=replicates,
            design=evaluations.design or "uniform",
            digest=digest_of(evaluations),
            stopped=stopped,
        ),
        config=config,
        subject=subject,
        run_notes=(*notes, *_of_training_data(subject, surrogates, len(evaluations.masks))),
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
