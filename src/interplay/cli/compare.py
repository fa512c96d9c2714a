"""``interplay compare``: saved runs in, where they differ and how surely out."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interplay.cli.output import check_top, check_writable
from interplay.collection import holds_many
from interplay.comparison import compare as compare_runs
from interplay.errors import BadInput
from interplay.explanation import load


def compare(
    *runs: Path,
    target: str | None = None,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    top: int = 10,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Put saved runs side by side: models, prompts, seeds, budgets, methods.

    The first is the reference, with which each other one is compared.

    Parameters
    ----------
    runs
        Two or more .json files that --save wrote.
    target
        Which target comes first, where the runs have several.
    report
        Write an HTML page to this file.
    json
        Print one JSON object on standard output and nothing else.
    top
        How many effects and how many combinations to list.
    force
        Overwrite a file that exists.
    """
    check_top(top)
    if len(runs) < 2:
        raise BadInput(
            f"comparing takes two run files or more; got {len(runs)}. Write them with --save, as "
            "in: interplay compare first.json second.json"
        )
    if report is not None:
        check_writable(report, force=force)
    for path in runs:
        if holds_many(path):
            raise BadInput(
                f"{path} holds the runs of many inputs, and single runs are compared; explain the "
                "inputs in question alone, with --save"
            )
    explanations = [load(path) for path in runs]
    found = compare_runs(*explanations, names=names_of(runs), target=target)
    content = found.to_dict()
    if report is not None:
        found.report(report)
    if json:
        print(json_format.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console

    from interplay.report import comparison_terminal

    comparison_terminal.show(content, Console(highlight=False), top=top)
    if report is not None:
        print(f"wrote {report}")


def names_of(paths: tuple[Path, ...]) -> list[str]:
    """Return what runs are called: the names of their files, or as much as tells them apart.

    >>> names_of((Path("a/run.json"), Path("b/run.json"), Path("c/other.json")))
    ['a/run', 'b/run', 'c/other']
    >>> names_of((Path("run.json"), Path("run.json")))
    ['run', 'run (2)']
    """
    stems = [path.with_suffix("") for path in paths]
    short = [stem.name for stem in stems]
    names = short if len(set(short)) == len(set(stems)) else [str(stem) for stem in stems]
    return [
        name if name not in names[:k] else f"{name} ({names[:k].count(name) + 1})"
        for k, name in enumerate(names)
    ]
