"""Measure the ground floor: ``python -m benchmarks.ground [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other, and their rows become one table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module

from benchmarks.table import DOCS, REPOSITORY, machine, markdown, write

SECTIONS = ("store", "faults", "mutations_store", "mutations", "forecast", "targets", "optimize")


def main() -> None:
    """Run the sections and write docs/benchmarks/ground.md and ground.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="smaller, and nothing is written")
    parser.add_argument("--rows", action="store_true", help="print the rows of one section as JSON")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(
            f"unknown sections: {', '.join(sorted(unknown))}; valid: {', '.join(SECTIONS)}"
        )
    if arguments.rows:
        (section,) = arguments.sections
        found = import_module(f"benchmarks.ground.{section}").rows(arguments.quick)
        print("ROWS", json.dumps([asdict(row) for row in found], default=float))
        return
    known = DOCS / "ground.json"
    results = json.loads(known.read_text("utf-8")) if known.exists() else {}
    for section in arguments.sections or SECTIONS:
        results[section] = _run(section, quick=arguments.quick)
        for row in results[section]:
            met = "met" if row["met"] else "NOT MET"
            print(
                f"{section}: {row['what']} | {row['bar']} | {row['measured']} | {met}", flush=True
            )
    if arguments.quick:
        return
    known.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    rows = [row for section in SECTIONS for row in results.get(section, [])]
    table = [[r["what"], r["bar"], r["measured"], "yes" if r["met"] else "**no**"] for r in rows]
    write(
        "ground",
        "# The ground floor: store, budgets, faults, optimisation\n\n"
        f"`python -m benchmarks.ground`, {machine(threads=1)}\n"
        "The two cores are shared with other work of the host; medians, with the range in "
        "brackets. Seeds are fixed in the code of each section.\n\n"
        + markdown(["what", "bar", "measured", "met"], table),
    )


def _run(section: str, *, quick: bool) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "benchmarks.ground", section, "--rows"]
    done = subprocess.run(
        [*command, "--quick"] if quick else command,
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ROWS "))
    rows: list[dict[str, object]] = json.loads(line.removeprefix("ROWS "))
    return rows


if __name__ == "__main__":
    main()
