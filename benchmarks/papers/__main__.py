"""The experiments of SPEX and ProxySPEX: ``python -m benchmarks.papers [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page.
"""

from __future__ import annotations

from benchmarks.sections import Page, main

PAGE = Page(
    package="benchmarks.papers",
    sections={
        "faithfulness": 1,  # against length and against calls, and calls at equal R^2
        "removal": 1,
        "supporting": 1,
        "shapley": 1,
        "sparsity": 1,
        "hierarchy": 1,
        "heads": 1,
        "training_data": 1,
    },
    title="The papers' experiments",
    intro="",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
