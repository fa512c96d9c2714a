"""Replay: make a saved run again, and say whether it gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from interplay import masks as designs
from interplay.codes import MaskCode
from interplay.errors import BadInput
from interplay.evaluate import Executor, OnEvent, Stop, Store, evaluate
from interplay.explanation import Cost, Explanation, describe, digest_of, load
from interplay.files import named
from interplay.fingerprint import fingerprint
from interplay.groups import regrouped
from interplay.lenses.remake import value_function_of
from interplay.recording import Recording, read_recording
from interplay.surrogates import fit_recording
from interplay.value_function import BoolArray


@dataclass(frozen=True)
class Replay:
    """What came of making a run again.

    Attributes
    ----------
    explanation
        the run, made again.
    values_from
        where its values came from: the run's own ``.npz`` file, the store, or the model.
    same_values
        whether the masks and values are those of the run, to the last bit.
    same_results
        whether spectrum and faithfulness are, for every target.
    differences
        what differs, in sentences: results first, then versions that may explain it.
    """

    explanation: Explanation
    values_from: str
    same_values: bool
    same_results: bool
    differences: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The outcome in a sentence."""
        asked = f"{self.explanation.sample.masks:,} values from {self.values_from}"
        if self.same_results and self.same_values:
            return f"The same numbers, to the last bit ({asked})."
        if self.same_results:
            return f"The same results, although values differ ({asked})."
        return f"Not the same numbers ({asked})."


def replay(
    path: str | Path,
    value_function: Callable[..., Any] | None = None,
    *,
    fresh: bool = False,
    store: str | Path | None = None,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Replay:
    """Make a saved run again: the same masks, their values, the same fit.

    Parameters
    ----------
    path
        the ``run.json`` that :meth:`~interplay.explanation.Explanation.save` wrote.
    value_function
        needed where values must be asked for again and the run does not say what to make it from,
        as those of the lenses do (model and text, or data and trainer, say).
    fresh
        ask the model for every value again. By default values come from the ``run.npz`` beside the
        run, else from the store, and the model is asked for what neither has.
    store
        by default the run's own. A fresh replay uses none.
    stop, on_event, executor
        as in :func:`interplay.explain`.

    Raises
    ------
    BadInput
        the run cannot be read, or a value function is needed and there is none.

    Examples
    --------
    >>> replay("run.json").sentence  # doctest: +SKIP
    "The same numbers, to the last bit (500 values from the run's own .npz file)."
    """
    path = named(path, "the run to replay, as Explanation.save wrote it,")
    run = load(path)
    evaluations, source, cost = _values(run, value_function, fresh, store, stop, on_event, executor)
    surrogates = fit_recording(
        evaluations, method=str(run.config["method"]), seed=int(run.config["seed"])
    )
    again = describe(
        surrogates,
        evaluations,
        cost=cost,
        config=run.config,
        subject=run.subject,
        replicates=run.sample.replicates,
        stopped=run.sample.stopped,
        notes=run.run_notes,
    )
    results = _differences(run, again)
    same_values = digest_of(evaluations) == run.sample.digest
    told = list(results)
    if not same_values:
        told.append(_about_values(run, evaluations))
    if told:
        told += _about_versions(run.versions, again.versions)
    return Replay(again, source, same_values, not results, tuple(told))


def _values(
    run: Explanation,
    value_function: Callable[..., Any] | None,
    fresh: bool,
    store: str | Path | None,
    stop: Stop | None,
    on_event: OnEvent | None,
    executor: Executor | None,
) -> tuple[Recording, str, Cost]:
    """The run's masks and values, where from, and what they cost now."""
    m, replicates = run.sample.masks, run.sample.replicates
    free = Cost(0, m * replicates, 0.0, 0.0)
    if not fresh and run.evaluations is not None:
        return run.evaluations, "the run's own .npz file", free
    if run.subject.get("kind") == "recording":
        source = Path(str(run.subject["name"]))
        again = read_recording(
            source, values=run.subject.get("values"), target=run.subject.get("target")
        )
        return replace(again, targets=run.targets), str(source), free
    masks, test, code = _planned(run)
    function = _OnDemand(run, value_function)
    place = store if store is not None else run.config.get("store")
    if fresh or place is None or not Path(place).exists():
        context: Any = nullcontext(None)
    else:
        context = Store(Path(place))
    with context as opened:
        found = evaluate(
            function,
            masks,
            store=opened,
            replicates=replicates,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    if found.stopped:
        raise BadInput(f"the replay was {found.stopped} after {len(found.values)} of {m} masks")
    evaluations = Recording(
        masks,
        found.values,
        features=run.features,
        targets=run.targets,
        design=run.sample.design,
        noise_var=found.noise_var,
        test=test,
        code=code,
    )
    cost = Cost(found.calls, found.reused, found.seconds, 0.0, found.tokens, found.usd)
    return evaluations, "the model" if found.calls else "the store", cost


def _planned(run: Explanation) -> tuple[BoolArray, BoolArray | None, MaskCode | None]:
    """The masks of a run, those set aside, and their code: as they were saved, or drawn again."""
    if run.evaluations is not None:
        return run.evaluations.masks, run.evaluations.test, run.evaluations.code
    m, kind, n = run.sample.masks, str(run.config.get("design", "uniform")), len(run.features)
    if kind == "adaptive":
        raise BadInput(
            "the masks of an adaptive design were chosen by what was found on the way, and the "
            ".npz file that holds them is missing: explain anew"
        )
    seed, size = int(run.config["seed"]), int(run.config.get("planned", m))
    if kind == "coded":  # of a run that was cut short, the design that it was on the way to
        size = next(size for size in designs.coded_sizes(n, 2**62) if size >= m)
    design = designs.design(n, max(size, designs.least(n, kind)), kind, seed)
    test = design.test[:m]
    return design.masks[:m], test if test.any() else None, design.code


class _OnDemand:
    """The run's value function, made only when a value is missing."""

    def __init__(self, run: Explanation, given: Callable[..., Any] | None) -> None:
        # of a run over groups, the value function over the features that were grouped will do
        self.run, self.made = run, given and regrouped(given, run.subject, run.features)
        self.fingerprint = str(run.config["fingerprint"])
        self.targets = run.targets
        self.batch_size = run.config.get("batch_size") or getattr(given, "batch_size", None)

    def __call__(self, masks: BoolArray) -> Any:
        if self.made is None:
            self.made = self.make()
            now = fingerprint(self.made).digest
            if now != self.fingerprint:
                # raised, not noted: values of another model must not get into the store
                raise BadInput(
                    "the model or the lens is not that of the run (its fingerprint was "
                    f"{self.fingerprint} and is {now}): explain it anew, or find the model that "
                    "the run speaks of"
                )
        return self.made(masks)

    def make(self) -> Callable[..., Any]:
        try:
            made = value_function_of(self.run.subject, self.run.targets)
        except BadInput as error:
            error.add_note("interplay.replay(path, value_function) takes it.")
            raise
        return regrouped(made, self.run.subject, self.run.features)


def _differences(run: Explanation, again: Explanation) -> list[str]:
    told = []
    for target in run.targets:
        before, after = run.target(target), again.target(target)
        where = f"{target}: " if len(run.targets) > 1 else ""
        if before.spectrum != after.spectrum:
            difference = before.spectrum - after.spectrum
            largest = float(np.abs(difference.coefficients).max(initial=0.0))
            scale = float(np.abs(before.spectrum.coefficients).max(initial=1e-300))
            terms = len(set(before.spectrum.terms) ^ set(after.spectrum.terms))
            told.append(
                f"{where}coefficients differ by up to {largest:.2g} ({largest / scale:.1g} of the "
                f"largest)" + (f", and {terms} terms are in one run only" if terms else "")
            )
        old, new = before.faithfulness, after.faithfulness
        if old.to_dict() != new.to_dict():
            told.append(
                f"{where}faithfulness was {old.value:.4f} ({old.low:.4f} to {old.high:.4f}) and "
                f"is {new.value:.4f} ({new.low:.4f} to {new.high:.4f})"
            )
    return told


def _about_values(run: Explanation, evaluations: Recording) -> str:
    if run.evaluations is None or run.evaluations.values.shape != evaluations.values.shape:
        return "masks or values are not those of the run (its digest differs)"
    if not np.array_equal(run.evaluations.masks, evaluations.masks):
        return "the masks are not those of the run"
    largest = float(np.abs(run.evaluations.values - evaluations.values).max())
    scale = float(np.abs(run.evaluations.values).max()) or 1.0
    return f"values differ by up to {largest:.2g} ({largest / scale:.1g} of the largest)"


def _about_versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    changed = [
        f"{name} {before.get(name, 'absent')} then, {now.get(name, 'absent')} now"
        for name in sorted(before.keys() | now.keys())
        # what was not loaded had no part in it
        if before.get(name) != now.get(name) and name in before and name in now
    ]
    if not changed:
        return ["no version differs: " + ", ".join(f"{k} {v}" for k, v in now.items())]
    return [f"versions differ: {'; '.join(changed)}"]
