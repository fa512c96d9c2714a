"""Tasks from files: what the command line takes, and what a run file names."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from interplay.errors import BadInput, unknown
from interplay.files import read_text
from interplay.json_text import json_lines
from interplay.lenses.components.task import Task

FORMS = (
    "mmlu:FILE.csv (or .jsonl)",
    "classification:FILE.tsv",
    "perplexity:FILE.txt",
    "response:FILE.jsonl",
)
KINDS = {"mmlu": "multiple_choice"}


def task_of(arguments: Mapping[str, Any]) -> Task:
    """Return the task that a run file names.

    Raises
    ------
    BadInput
        the file cannot be read, or is of another form.
    """
    given = dict(arguments)
    kind, path = str(given.pop("kind")), str(given.pop("file"))
    given = {name: value for name, value in given.items() if value is not None}
    if kind == "multiple_choice":
        return Task.multiple_choice(path, **given)
    if kind == "classification":
        return read_classification(Path(path), **given)
    if kind == "perplexity":
        return read_perplexity(Path(path), **given)
    if kind == "response":
        return read_responses(Path(path), **given)
    raise unknown("task", kind, ("multiple_choice", "classification", "perplexity", "response"))


def parse_task(task: str, **options: Any) -> Task:
    """Return the task of ``"mmlu:FILE.csv"`` and the like; options that are None are left out.

    Raises
    ------
    BadInput
        it has no such form, or the file cannot be read.
    """
    kind, colon, path = task.partition(":")
    name = KINDS.get(kind.strip(), kind.strip())
    if (
        not colon
        or not path
        or name
        not in (
            "multiple_choice",
            "classification",
            "perplexity",
            "response",
        )
    ):
        raise BadInput(f"unknown task {task!r}; valid: {', '.join(FORMS)}")
    metric = options.pop("metric", None)
    if metric is not None:
        if name not in ("multiple_choice", "classification"):
            raise BadInput(f"a {name} task has no metric to choose; leave metric out")
        options["metric"] = metric
    return task_of({"kind": name, "file": path, **options})


def read_classification(path: Path, **options: Any) -> Task:
    """Return a task from lines of label, tab, text."""
    rows = list(csv.reader(io.StringIO(read_text(path), newline=""), "excel-tab", quoting=3))
    inputs, labels = [], []
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise BadInput(
                f"{path}, line {number} must be a label, a tab and a text; it has {len(row)} fields"
            )
        labels.append(row[0].strip())
        inputs.append(row[1])
    return _from(path, options, Task.classification(inputs, labels, **options))


def read_perplexity(path: Path, **options: Any) -> Task:
    """Return a task from a text."""
    return _from(path, options, Task.perplexity(read_text(path), **options))


def read_responses(path: Path, **options: Any) -> Task:
    """Return a task from JSON lines with ``prompt`` and ``response``."""
    prompts, responses = [], []
    for number, (_, content) in enumerate(json_lines(path, read_text(path)), 1):
        if not isinstance(content, dict) or not all(
            isinstance(content.get(name), str) for name in ("prompt", "response")
        ):
            raise BadInput(
                f'{path}, prompt {number} must be {{"prompt": "...", "response": "..."}}; got '
                f"{str(content)[:60]}"
            )
        prompts.append(content["prompt"])
        responses.append(content["response"])
    return _from(path, options, Task.response(prompts, responses, **options))


def _from(path: Path, options: Mapping[str, Any], task: Task) -> Task:
    told = {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }
    return replace(task, arguments={"file": str(path), **told})
