"""``interplay fit``: evaluations that were made elsewhere in, what acts together out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.cli.output import Output
from interplay.errors import unknown
from interplay.explain import fit_recording
from interplay.explanation import Cost, describe


def fit(
    recording: Path,
    /,
    *,
    method: str = "auto",
    target: str | None = None,
    seed: int = 0,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Fit a recording: masks and values that were evaluated elsewhere.

    Parameters
    ----------
    recording
        File of masks and values: .npz, .csv, .tsv, .jsonl or .parquet.
    method
        auto, parity-gp, proxyspex, spex (of coded masks), lasso, exact, or a baseline.
    target
        Fit this one, where the recording has several; by default all.
    seed
        Of every random choice.
    """
    output.check()
    evaluations = ip.read_recording(recording)
    q = 1 if evaluations.values.ndim == 1 else evaluations.values.shape[1]
    named = evaluations.targets or (("value",) if q == 1 else tuple(map(str, range(q))))
    evaluations = replace(evaluations, targets=named)
    if target is not None:
        evaluations = _only(evaluations, target)
    started = time.perf_counter()
    surrogates = fit_recording(evaluations, method=method, seed=seed)
    output.present(
        describe(
            surrogates,
            evaluations,
            cost=Cost(0, len(evaluations.masks), 0.0, time.perf_counter() - started),
            config={"method": method, "seed": seed, "budget": None, "store": None},
            subject={"kind": "recording", "name": str(recording)},
        )
    )


def _only(evaluations: ip.Recording, target: str) -> ip.Recording:
    """The recording of one of its targets."""
    assert evaluations.targets is not None
    if target not in evaluations.targets:
        raise unknown("target", target, evaluations.targets)
    m, j = len(evaluations.masks), evaluations.targets.index(target)
    noise = evaluations.noise_var
    return replace(
        evaluations,
        values=evaluations.values.reshape(m, -1)[:, j],
        noise_var=None if noise is None else noise.reshape(m, -1)[:, j],
        targets=(target,),
    )
