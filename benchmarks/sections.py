"""A benchmark of several sections: each runs in a process of its own, their rows become one page.

A section is a module with ``rows(quick) -> list[Row]``, and perhaps ``report(rows) -> str``, the
Markdown that stands below the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground.row import Row
from benchmarks.table import DOCS, REPOSITORY, machine, markdown

Results = dict[str, dict[str, Any]]
"""By section: ``machine``, ``source`` (the state of the repository) and ``rows``."""


@dataclass(frozen=True)
class Page:
    """What a benchmark measures, and what its page says beside the figures.

    Attributes
    ----------
    package
        whose modules the sections are, such as ``"benchmarks.ground"``; the last part names the
        page.
    sections
        names in the order of the page, with the threads that each may use.
    title, intro, closing
        of the page; the intro stands above the table, the closing at the end. A closing that
        speaks of figures is a function of the results.
    folder
        where the page and its JSON are.
    draw
        writes the page's pictures into the folder, from the results.
    """

    package: str
    sections: Mapping[str, int]
    title: str
    intro: str
    closing: str | Callable[[Results], str] = ""
    folder: Path = DOCS
    draw: Callable[[Results, Path], None] | None = None

    @property
    def name(self) -> str:
        return self.package.rsplit(".", 1)[1]

    def module(self, section: str) -> Any:
        return import_module(f"{self.package}.{section}")


def main(page: Page, description: str | None, given: Sequence[str] | None = None) -> None:
    """Run the sections that the command line names, all by default, and write the page."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(page.sections))
    parser.add_argument("--quick", action="store_true", help="smaller, and nothing is written")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--rows", action="store_true", help="print the rows of one section as JSON")
    arguments = parser.parse_args(given)
    unknown = set(arguments.sections) - set(page.sections)
    if unknown:
        parser.error(
            f"unknown sections: {', '.join(sorted(unknown))}; valid: {', '.join(page.sections)}"
        )
    if arguments.rows:
        (section,) = arguments.sections
        found = page.module(section).rows(arguments.quick)
        print("ROWS", json.dumps([asdict(row) for row in found], default=_plain))
        return
    results = read(page)
    for section in [] if arguments.report else arguments.sections or page.sections:
        measured = {
            "machine": machine(threads=page.sections[section]),
            "source": source(),
            "rows": _run(page, section, quick=arguments.quick),
        }
        results = read(page) | {section: measured}  # others may have been measured meanwhile
        for row in results[section]["rows"]:
            print(f"{section}: {' | '.join(_cells(Row(**row)))}")
        sys.stdout.flush()
        if not arguments.quick:  # after each: a section that fails loses none of the others
            write(page, results)
    if arguments.report:
        write(page, results)


def read(page: Page) -> Results:
    """Return what was measured before, of the sections that there are."""
    path = page.folder / f"{page.name}.json"
    known: Results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {section: known[section] for section in page.sections if section in known}


def write(page: Page, results: Results) -> None:
    """Write the JSON, the Markdown page and its pictures."""
    ordered = {section: results[section] for section in page.sections if section in results}
    for ending, text in (
        ("json", lines(ordered)),
        ("md", rendered(page, ordered)),
    ):
        (page.folder / f"{page.name}.{ending}").write_text(text.rstrip() + "\n", "utf-8")
    if page.draw is not None:
        page.draw(ordered, page.folder)


def lines(content: Any, depth: int = 0) -> str:
    """Return JSON in which what holds no other list or mapping takes one line.

    >>> print(lines({"a": [{"b": 1, "c": 2}, {"b": 3}]}))
    {
     "a": [
      {"b": 1, "c": 2},
      {"b": 3}
     ]
    }
    """
    mapping = isinstance(content, dict)
    parts = list(content.values() if mapping else content)
    if not any(isinstance(part, dict | list) for part in parts):
        return _one(content)
    names = [f"{_one(key)}: " for key in content] if mapping else []
    space = "\n" + " " * depth
    body = ",".join(
        f"{space} {name}{lines(part, depth + 1) if isinstance(part, dict | list) else _one(part)}"
        for name, part in zip(names or [""] * len(parts), parts, strict=True)
    )
    first, last = "{}" if mapping else "[]"
    return f"{first}{body}{space}{last}"


def _one(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def rendered(page: Page, results: Results) -> str:
    """Return the page as Markdown."""
    table, below = [], []
    for section, found in results.items():
        rows = [Row(**row) for row in found["rows"]]
        table += [_cells(row) for row in rows]
        report = getattr(page.module(section), "report", None)
        if report is not None:
            below.append(report(rows))
    parts = [
        f"# {page.title}",
        f"`python -m {page.package}`. {page.intro}",
        markdown(["what", "bar", "measured", "met"], table),
        *below,
        page.closing(results) if callable(page.closing) else page.closing,
        _measured_where(results),
    ]
    return "\n\n".join(part.strip() for part in parts if part)


def _cells(row: Row) -> list[str]:
    met = "reported" if row.reported else "yes" if row.met else "**no**"
    return [row.what, row.bar, row.measured, met]


def _measured_where(results: Results) -> str:
    """Return one sentence for each machine and state of the source, with its sections."""
    sections: dict[tuple[str, str], list[str]] = {}
    for section, found in results.items():
        sections.setdefault((found["machine"], found["source"]), []).append(section)
    return "\n".join(
        f"- {', '.join(names)}: {where}{f' Source: {state}.' if state else ''}"
        for (where, state), names in sections.items()
    )


def source() -> str:
    """Return the commit that is checked out, and whether tracked files differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return "not in a git repository"
    return f"commit {commit}, with changes" if changed else f"commit {commit}"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _run(page: Page, section: str, *, quick: bool) -> list[dict[str, Any]]:
    """Return the rows that a section prints; what else it prints passes through as it comes."""
    command = [sys.executable, "-m", page.package, section, "--rows"]
    rows: list[dict[str, Any]] | None = None
    with subprocess.Popen(
        [*command, "--quick"] if quick else command,
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": str(page.sections[section])},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ROWS "):
                rows = json.loads(line.removeprefix("ROWS "))
            else:
                print(line, end="", flush=True)
    if process.returncode or rows is None:
        raise SystemExit(f"section {section} failed (exit status {process.returncode})")
    return rows


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else float(value)
