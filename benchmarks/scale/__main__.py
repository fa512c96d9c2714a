"""Measure scale and trust: ``python -m benchmarks.scale [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page. "soak" takes an hour, or what ``--minutes`` says.
"""

from __future__ import annotations

import argparse
import os

from benchmarks.sections import Page, main

PAGE = Page(
    package="benchmarks.scale",
    sections={
        "ray": 1,
        "constants": 1,
        "simulation": 1,
        "faults": 1,
        "malformed": 1,
        "memory": 1,
        "soak": 1,
    },
    title="Scale and trust: many workers, faults, long runs",
    intro="""Sections can be run alone (`python -m benchmarks.scale soak --minutes 60`); `--quick`
runs small versions and writes nothing, `--report` writes this page from `scale.json`, which holds
every figure. The two cores are shared with other work of the host. Seeds are fixed in the code of
each section.""",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--minutes", type=float)
    given, rest = parser.parse_known_args()
    if given.minutes is not None:
        os.environ["SOAK_MINUTES"] = str(given.minutes)  # of the process that runs the section
    main(PAGE, __doc__, rest)
