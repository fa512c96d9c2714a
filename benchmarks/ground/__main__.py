"""Measure the ground floor: ``python -m benchmarks.ground [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other, and their rows become one table.
"""

from __future__ import annotations

from benchmarks.sections import Page, main

SECTIONS = ("store", "faults", "mutations_store", "mutations", "forecast", "targets", "optimize")

PAGE = Page(
    package="benchmarks.ground",
    sections=dict.fromkeys(SECTIONS, 1),
    title="The ground floor: store, budgets, faults, optimisation",
    intro="The two cores are shared with other work of the host; medians, with the range in "
    "brackets. Seeds are fixed in the code of each section.",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
