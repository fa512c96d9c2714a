"""``interplay fit``: evaluations that were made elsewhere in, what acts together out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.cli.output import Output
from interplay.explanation import Cost, describe
from interplay.surrogates import fit_recording


def fit(
    recording: Path,
    /,
    *,
    values: Path | None = None,
    method: str = "auto",
    target: Annotated[list[str] | None, Parameter(negative="")] = None,
    seed: int = 0,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Fit a recording: masks and values that were evaluated elsewhere.

    Parameters
    ----------
    recording
        File of masks and values: .npz, .csv, .tsv, .jsonl or .parquet; or .npy, of masks only; or
        the folder of an archive of subset training (masks.npy, margins.npy, _completed.npy).
    values
        File of the values, where the masks are an .npy file: another one.
    method
        auto, parity-gp, proxyspex, spex (of coded masks), lasso, exact, or a baseline.
    target
        Fit this one, where the recording has several; may be given several times; by default all.
    seed
        Of every random choice.
    """
    output.check()
    chosen = target[0] if target and len(target) == 1 else target
    evaluations = ip.read_recording(recording, values=values, target=chosen).named()
    started = time.perf_counter()
    surrogates = fit_recording(evaluations, method=method, seed=seed)
    output.present(
        describe(
            surrogates,
            evaluations,
            cost=Cost(0, len(evaluations.masks), 0.0, time.perf_counter() - started),
            config={"method": method, "seed": seed, "budget": None, "store": None},
            subject={
                "kind": "recording",
                "name": str(recording),
                "values": None if values is None else str(values),
                "target": chosen,
            },
            notes=evaluations.notes,
        )
    )
