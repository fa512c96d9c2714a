"""Measure the training-data lens: ``python -m benchmarks.training_data [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page. "closed_form" and "many_at_once" measure time: they need a quiet
machine.
"""

from __future__ import annotations

from benchmarks.sections import Page, main

PAGE = Page(
    package="benchmarks.training_data",
    sections={
        "closed_form": 2,
        "many_at_once": 2,
        "faithfulness": 1,
        "texts": 1,
        "baselines": 1,
        "duplicates": 1,
        "selection": 1,
        "counterfactuals": 1,
        "games": 1,
    },
    title="The training-data lens: engines, faithfulness, duplicates, selection, counterfactuals",
    intro="""Sections can be run alone (`python -m benchmarks.training_data duplicates`); `--quick`
runs small versions and writes nothing, `--report` writes this page from `training_data.json`, which
holds every figure. Pictures, texts, recorded games and a ResNet-20 come from the folder that
`INTERPLAY_ASSETS` names (see CONTRIBUTING.md). Seeds are fixed in the code of each section.""",
    closing="",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
