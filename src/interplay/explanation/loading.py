"""Saved runs, read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interplay.errors import BadInput
from interplay.explanation.explanation import Explanation
from interplay.explanation.finding import Finding
from interplay.explanation.migrations import DRAWS_SINCE
from interplay.explanation.provenance import Cost, Sample
from interplay.explanation.run_file import Arrays, checked, read_arrays, read_json, version_of
from interplay.files import named


def load(path: str | Path) -> Explanation:
    """Read a run that :meth:`Explanation.save` wrote, now or in an older version.

    Parameters
    ----------
    path
        the ``.json`` file: spectrum, evidence and report need nothing else. ``surrogate`` and
        ``evaluations`` are in the ``.npz`` of the same name beside it.

    Raises
    ------
    BadInput
        the file is missing, is not a run, is damaged, or was written by a newer version.

    Examples
    --------
    >>> import tempfile
    >>> from interplay import explain
    >>> run = explain(lambda masks: 2.0 * masks[:, 0], ["not", "bad"], store=None)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(run.save(f"{folder}/run.json"))
    >>> again.top(1)[0].names
    ('not',)
    """
    path = named(path, "a run, as Explanation.save wrote it,")
    return restored(read_json(path), str(path), path.with_suffix(".npz"))


def restored(content: Any, source: str, beside: Path | None = None) -> Explanation:
    """Return the explanation in the JSON of a run, and in the arrays ``beside`` it, if any.

    Errors name the ``source`` of the JSON.
    """
    version, run = version_of(content, source), checked(content, source)
    try:
        n, arrays = len(run["features"]), Arrays([None] * len(run["targets"]))
        if beside is not None and beside.exists():
            arrays = read_arrays(beside, run, version, n)
        findings = [
            Finding.from_dict(target, surrogate, source)
            for target, surrogate in zip(run["targets"], arrays.surrogates, strict=True)
        ]
        if version < DRAWS_SINCE and arrays.evaluations is not None:
            seed = int(run["config"].get("seed", 0))
            findings = [
                found.drawn(arrays.evaluations.only(j), seed) for j, found in enumerate(findings)
            ]
        return Explanation(
            findings=tuple(findings),
            cost=Cost(**run["cost"]),
            sample=Sample(**run["sample"]),
            config=dict(run["config"]),
            subject=dict(run["subject"]),
            run_notes=(*map(str, run["notes"]), *arrays.notes),
            created=str(run["created"]),
            versions=dict(run["versions"]),
            evaluations=arrays.evaluations,
            actions=tuple(map(dict, run["actions"])),
        )
    except BadInput:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadInput(f"{source} is damaged: {type(error).__name__}: {error}") from error
