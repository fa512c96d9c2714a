"""Measure the input lens: ``python -m benchmarks.inputs [--quick] [--report] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page. "octaves" takes an hour or two of one core; what it has measured
is kept in a folder for temporary files, so that a run that was stopped goes on there. "scoring",
"server" and "long" measure time: they need a quiet machine.
"""

from __future__ import annotations

from benchmarks.sections import Page, main

PAGE = Page(
    package="benchmarks.inputs",
    sections={"scoring": 1, "pairs": 1, "octaves": 1, "long": 2, "server": 1, "flip": 1},
    title="The input lens: scoring, servers, pairs, faithfulness by length, flips",
    intro="""Sections can be run alone (`python -m benchmarks.inputs octaves long`); `--quick`
runs small versions and writes nothing, `--report` writes this page from `inputs.json`, which holds
every figure. Models: the two that the package carries. Reviews come from the folder that
`INTERPLAY_ASSETS` names (see CONTRIBUTING.md). Seeds are fixed in the code of each section; figures
in brackets are ranges over repeats or inputs.""",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
