"""Measure the engine: ``python -m benchmarks.engine [--quick] [--only SECTION ...]``.

Runs the sections one after the other in this process, in one thread (timed fits have processes
of their own), and writes docs/benchmarks/engine.md, engine.json and engine_*.svg. Every measured
row is in the JSON at once: a run that was killed goes on where it stopped, and ``--report`` writes
the page of what there is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from math import inf
from pathlib import Path

from threadpoolctl import threadpool_limits

import interplay
from benchmarks.engine import plots
from benchmarks.engine.peers import ONE_THREAD, PEER_PYTHON, peers
from benchmarks.engine.results import Results, source
from benchmarks.engine.run import Part, Run, Section
from benchmarks.ground.row import Row
from benchmarks.table import DOCS, machine, markdown
from interplay.surrogates import METHODS

SECTIONS = (
    "recordings",
    "games",
    "shapiq",
    "spectrum",
    "speed",
    "evidence",
    "coefficients",
    "synthetic",
    "baselines",
    "codes",
    "llamas",
    "adaptive",
    "scale",
)


def main() -> None:
    options = arguments()
    os.environ.update(ONE_THREAD)
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    results = Results(folder / "engine.json", options.version)
    run = Run(results, options.subject, options.methods, peers(options.peer_python), options.quick)
    chosen: list[str] = options.only or list(SECTIONS)
    with threadpool_limits(limits=1):
        for name in [] if options.report else chosen:
            section = module(name)
            if options.fresh:
                results.discard(section.SECTION)
            run.deadline = time.monotonic() + 60 * section.MINUTES if run.quick else inf
            section.measure(run)
    run.deadline = inf
    parts: list[Part] = [module(name).report(run) for name in SECTIONS]
    results.conclude(machine(threads=1), [row for part in parts for row in part.bars])
    text = page(run, parts)
    (folder / "engine.md").write_text(text, encoding="utf-8")
    plots.draw(run, folder)
    print(text.split("\n## ")[0])
    print(f"written: {folder / 'engine.md'}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS)
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer cells, one seed, ten minutes; not into docs"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--fresh", action="store_true", help="forget the chosen sections' rows")
    parser.add_argument(
        "--version",
        default=interplay.__version__,
        help="what rows are kept and looked up under (default: %(default)s)",
    )
    parser.add_argument("--subject", default="auto", help="the method that is held to the bars")
    parser.add_argument("--methods", nargs="+", help="methods to compare (default: all)")
    parser.add_argument(
        "--peer-python",
        default=PEER_PYTHON,
        help="an interpreter with spectralexplain (`make peers`); without: kept results",
    )
    parser.add_argument("--output", type=Path, help="folder (default: docs/benchmarks)")
    options = parser.parse_args()
    # "exact" needs all 2^n masks, which no cell has
    names = options.methods or sorted(set(METHODS) - {"exact"})
    if unknown := {options.subject, *names} - set(METHODS):
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}; valid: {', '.join(METHODS)}")
    options.methods = [options.subject, *(name for name in names if name != options.subject)]
    if options.output is None:
        options.output = Path(tempfile.mkdtemp(prefix="engine-")) if options.quick else DOCS
    return options


def module(name: str) -> Section:
    section: Section = import_module(f"benchmarks.engine.{name}")
    return section


def page(run: Run, parts: Sequence[Part]) -> str:
    """Return the Markdown page of what the sections say."""
    bars = [row for part in parts for row in part.bars]
    table = [[row.what, row.bar, row.measured, verdict(row)] for row in bars]
    held = [row for row in bars if verdict(row) != "reported"]
    met = sum(row.met for row in held)
    sources = run.results.sources
    states = (
        "All rows were measured with this state of the source."
        if sources == {source()}
        else f"Rows were measured with {len(sources)} states of the surrogates' source; "
        "`source` in engine.json tells which."
    )
    quick = " **A quick run: fewer cells, one fit seed.**" if run.quick else ""
    head = f"""# The engine: faithfulness per call, time, evidence

`python -m benchmarks.engine`, {machine(threads=1)}{quick}
Method under test: `{run.subject}`. Fit seeds {", ".join(map(str, run.seeds))}. A *cell* is
(data, m), its 1 - R² the mean over the seeds; ratios are geometric means over cells, and "seeds
alone" is their range with one seed at a time. Other work ran on the machine: times are upper
bounds.
{states}

**{met} of {len(held)}** bars met.

{markdown(["what", "bar", "measured", "verdict"], table)}
"""
    return "\n".join([head, *(part.text for part in parts if part.text)]).rstrip() + "\n"


def verdict(row: Row) -> str:
    """Return what is said of a row; one whose bar is in brackets is held to nothing."""
    if row.reported:
        return "reported"
    return "met" if row.met else "**missed**"


if __name__ == "__main__":
    main()
