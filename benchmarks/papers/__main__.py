"""The experiments of SPEX and ProxySPEX: ``python -m benchmarks.papers [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page. Values and fits of the reviews are kept in a folder for temporary
files, so that a run that was stopped goes on there: "faithfulness" makes the fits that "removal",
"sparsity" and "hierarchy" read.
"""

from __future__ import annotations

from benchmarks.papers import comparison, figures
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
    intro="""What SPEX (Kang et al., ICML 2025) and ProxySPEX (Butler et al., NeurIPS 2025)
measure, with the models and data at hand: the demo classifier on the SPEX paper's own reviews, the
embedded language model on questions over facts, recorded games of which every subset was evaluated,
heads of small networks, and models that retrain in a second. Same measures, other models and
smaller budgets: methods are compared with each other at equal calls; the papers' figures stand
beside ours at the end, with what differs. Sections can be run alone (`python -m benchmarks.papers
hierarchy`); `--quick` runs small versions and writes nothing; `--report` writes this page from
`papers.json`, which holds every figure. Masks that judge are read by no method. Data come from the
folder that `INTERPLAY_ASSETS` names (see CONTRIBUTING.md); peers are run where `make peers` and
shapiq are installed. Seeds are fixed in the code; brackets are 90 % intervals, bootstrap over
inputs.""",
    closing=comparison.closing,
    draw=figures.draw,
)

if __name__ == "__main__":
    main(PAGE, __doc__)
