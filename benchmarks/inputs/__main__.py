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
    closing="""## What is not here

- The papers' models (a fine-tuned DistilBERT, Llama 3, GPT-4o mini, LLaVA-NeXT, CLIP) do not run on
  this machine. What is compared is methods at equal calls, on the two small models of the package;
  the papers' own figures are not reproduced.
- The papers' other measures of inputs: removal of the r strongest words, the human-labelled
  sentences of HotpotQA, DROP, visual questions, the failure rate of the altered trolley problem.
  Their data go through the lenses in the tests, without a figure here.
- Budgets of the papers' size (up to 8 n log2 n calls of hundreds of words): hours of one core per
  text.
- Times on a GPU, where none was there (section "scoring" measures them where one is).""",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
