"""``interplay fit``: evaluations that were made elsewhere in, what acts together out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.cli.output import Output
from interplay.errors import BadInput, unknown
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
    """Fit a recording: an .npz of masks and values.

    Parameters
    ----------
    recording
        File with masks (bool, m x n; or masks_packed and n) and values.
    method
        auto, proxyspex, lasso or exact.
    target
        Which target to fit, where the recording has several.
    seed
        Of every random choice.
    """
    output.check()
    content = ip.read_recording(recording)
    columns = content.values.reshape(len(content.masks), -1)
    column, name = _column(columns.shape[1], content.targets, target)
    values = columns[:, column]
    started = time.perf_counter()
    surrogate = ip.fit(content.masks, values, method=method, features=content.features, seed=seed)
    output.present(
        describe(
            surrogate,
            content.masks,
            values,
            cost=Cost(0, len(content.masks), 0.0, time.perf_counter() - started),
            config={"method": method, "seed": seed, "budget": None, "store": None},
            subject={"kind": "recording", "name": str(recording)},
            target=name,
        )
    )


def _column(q: int, targets: Sequence[str] | None, target: str | None) -> tuple[int, str]:
    names = targets or [str(j) for j in range(q)]
    if target is None:
        if q > 1:
            raise BadInput(f"the recording has {q} targets; add --target: {', '.join(names)}")
        return 0, targets[0] if targets else "value"
    if target not in names:
        raise unknown("target", target, names)
    return names.index(target), target
