"""Measure the component lens: ``python -m benchmarks.components [--quick] [SECTION ...]``.

Every section runs in a process of its own, one after the other; sections that are run alone
replace their rows in the page. "throughput" and "checkpoint" measure time: they need a quiet
machine. All together they need about half an hour of one core, the training of the vision
transformer at its first use included.
"""

from __future__ import annotations

from benchmarks.sections import Page, main

PAGE = Page(
    package="benchmarks.components",
    sections={"throughput": 2, "faithfulness": 1, "pruning": 1, "checkpoint": 1, "layers": 1},
    title="The component lens: speed, faithfulness, pruning, checkpoints, layers",
    intro="""Sections can be run alone (`python -m benchmarks.components pruning`); `--quick` runs
small versions and writes nothing, `--report` writes this page from `components.json`, which holds
every figure. Models: the two that the package carries (`facts`, a Llama of 4 layers with 4 heads,
and `sentiment`, a ModernBERT), and from the folder that `INTERPLAY_ASSETS` names (see
CONTRIBUTING.md) `stories260k` and `babyllama`, Llamas of 5 layers with 8 heads that share keys and
values by pairs, and `gpt_nano_sort`, 3 layers with 3 heads, all of whose 512 subsets can be
evaluated; `vit`, a vision transformer of 5 layers with 8 heads, is trained by
`python -m benchmarks.components.vit` on 10,000 pictures of CIFAR-10 and names 55.5 % of 2,000
others rightly. Ablated heads give zero where nothing else is said. Seeds are fixed in the code of
each section.""",
    closing="""## How far to trust the times

Throughput was measured while nothing else ran; checkpoints' times beside tests and other benchmarks
(load 6 to 8), where ratios are of neighbouring turns.

## Pruning, where the bars are missed

- `facts`, accuracy, half of the heads: *leave one out* is 3.7 points better on these 60 questions,
  just not surely. On four other sets of 60 questions that are not in the table, two of them used to
  choose how `auto` searches and two looked at afterwards, `auto` was 14.0, 3.7 and 4.0 points
  better than it and once 4.3 worse, and 20.0, 2.0, 5.3 and 16.3 points better than best-of-N.
- `facts`, accuracy, 83 %: `auto` keeps every answer right, and so does best-of-N, which tries 170
  of the 560 sets that there are.
- `vit`: LASSO is better than `auto` in five of the six rows, surely so in three of them; `auto` is
  surely above best-of-N in four, not at 83 %. The search finds what is better on its 40 train
  pictures, and in part by chance: no test value is surely above that of the integer program without
  trials. LASSO averages the effect of a head over 400 masks and measures no set by itself. Rules
  that take another set only where it is better by more than one or two standard errors, in pairs of
  prompts, were tried on other questions and pictures and not taken: with each step held to that,
  `facts` lost 7 to 11 points of accuracy at half of the heads; with the outcome alone held to it,
  `facts` lost up to 4 points or nothing; and on 80 other pictures no method's lead was the same at
  two sizes. 40 train pictures are too few to choose by.

## What is not here

- The papers' network, Llama-3.1-8B-Instruct on the US history questions of MMLU: its weights are
  not on this machine. The command that runs that experiment is in
  [components.md](../components.md); its path is tested on a tiny Llama folder. No figure of the
  papers is reproduced here, and networks of less than a million parameters say little about large
  ones.
- Large vision transformers: the one here was trained for some minutes.
- Times on a GPU, where none was there.""",
)

if __name__ == "__main__":
    main(PAGE, __doc__)
