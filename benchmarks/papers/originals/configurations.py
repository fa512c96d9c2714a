"""What SPEX and ProxySPEX did with which model, as far as their papers and code say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.papers.originals import inputs
from benchmarks.papers.originals.inputs import Item

BREVITY = "Answer from the text. Keep the answer as short as possible."
"""The system message of question answering: the papers ask for short answers at the end."""
QUESTION = "{text}\n\nQuery: {question}"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One experiment.

    Attributes
    ----------
    name
        Paper and task.
    kind
        Which function runs it: ``"text"``, ``"visual"``, ``"pairs"``, ``"heads"``, ``"archive"``.
    model
        On the hub, or ``openai:NAME``; empty where none is needed.
    data
        Which file, in words.
    file
        Where it lies in the folder of ``INTERPLAY_ASSETS``, if there.
    read
        Makes inputs of it.
    units, mask, target
        As the lenses take them.
    system, template
        Around a text that is asked about.
    low, high
        Inputs have so many features.
    count
        Inputs.
    design, budgets
        ``"uniform"``: masks as multiples of n log2 n; ``"coded"``: b of SPEX, with as many uniform
        masks for the other methods.
    methods
        That are fitted. SPEX is fitted to coded masks only.
    tests
        Uniform masks that judge.
    """

    name: str
    kind: str
    model: str
    data: str
    file: str = ""
    read: Callable[[Path], Iterator[Item]] | None = None
    units: str = "word"
    mask: str = "[UNK]"
    target: str = "logprob"
    system: str | None = None
    template: str | None = None
    low: int = 8
    high: int = 10_000
    count: int = 0
    design: str = "uniform"
    budgets: tuple[float, ...] = (2, 4, 6, 8)
    methods: tuple[str, ...] = ("lasso", "proxyspex", "auto")
    tests: int = 1000

    @property
    def asks_server(self) -> bool:
        """Whether the model is behind a server."""
        return self.model.startswith("openai:")


CODED: dict[str, object] = {
    "design": "coded",
    "budgets": (3, 4, 5, 6, 7, 8),
    "methods": ("banzhaf-regression", "lime", "lasso", "spex", "auto"),
}
REVIEWS: dict[str, object] = {
    "kind": "text",
    "model": "lyrisha/distilbert-base-finetuned-sentiment",
    "data": "sentiment.csv of spectral-explain: 160 reviews",
    "file": "text/long_reviews.csv",
    "read": inputs.reviews,
    "target": "logit:positive",
}
HOTPOT: dict[str, object] = {
    "kind": "text",
    "data": "HotpotQA, hotpot_dev_distractor_v1.json",
    "file": "qa/hotpotqa_dev_200.jsonl",
    "read": inputs.hotpot,
    "units": "sentence",
    "system": BREVITY,
    "template": QUESTION,
}
DROP: dict[str, object] = {
    "kind": "text",
    "data": "DROP, drop_dataset_dev.json",
    "file": "qa/drop_dev_500.jsonl",
    "read": inputs.drop,
    "system": BREVITY,
    "template": QUESTION,
}
SMALL = "meta-llama/Llama-3.2-3B-Instruct"
LARGE = "meta-llama/Llama-3.1-8B-Instruct"
LAYERS = {"L1-3": "heads:0-2", "L14-16": "heads:13-15", "L30-32": "heads:29-31"}
"""The paper counts layers from 1, the lens from 0."""


def _made(**fields: object) -> Configuration:
    return Configuration(**fields)  # type: ignore[arg-type]


CONFIGURATIONS = {
    one.name: one
    for one in (
        _made(name="spex/sentiment", count=160, **REVIEWS, **CODED),
        _made(name="spex/hotpotqa", model=SMALL, mask="<unk>", count=80, high=127,
              **HOTPOT, **CODED),
        _made(name="spex/drop", model=SMALL, mask="<unk>", count=100, low=32, high=1023,
              **DROP, **CODED),
        _made(name="spex/puzzles", kind="text", model="openai:gpt-4o-mini-2024-07-18",
              data="puzzles.csv of spectral-explain: altered riddles", file="qa/puzzles.csv",
              read=inputs.puzzles, target="margin:True|False", template=QUESTION,
              system="Answer with one word, True or False.", count=10, **CODED),
        _made(name="spex/visualqa", kind="visual", model="llava-hf/llava-v1.6-mistral-7b-hf",
              data="a list of pictures, questions, answers and grids of spectral-explain",
              file="qa/visualqa.json", read=inputs.visual, units="patches", mask="blur", count=6,
              **CODED),
        _made(name="proxyspex/sentiment", low=256, high=512, count=20, **REVIEWS),
        _made(name="proxyspex/hotpotqa", model=LARGE, low=64, high=128, count=50,
              **(HOTPOT | {"target": "logprob:mean"})),
        _made(name="proxyspex/drop", model=LARGE, low=256, high=512, count=50,
              **(DROP | {"target": "logprob:mean"})),
        _made(name="proxyspex/coco", kind="pairs", model="openai/clip-vit-base-patch32",
              data="MS-COCO, captions_val2017.json beside the folder of its pictures",
              read=inputs.pairs, units="patches:6x8+word", mask="mean", target="contrastive",
              low=49, high=128, count=50),
        *(_made(name=f"proxyspex/heads-{group}", kind="heads", model=LARGE,
                data="MMLU high_school_us_history, its CSV files", units=parts,
                file="qa/mmlu_us_history_test.csv", target="accuracy", count=231, mask="zero",
                budgets=(5000,), methods=("random", "lasso", "proxyspex", "auto", "parity-gp"),
                tests=0)
          for group, parts in LAYERS.items()),
        _made(name="proxyspex/cifar10", kind="archive", model="",
              data="datamodels of CIFAR-10 (Ilyas et al.), 50 % subsets: a folder with masks.npy "
              "and margins.npy", units="training pictures", mask="left out", target="margin",
              count=60, budgets=(0.38,), low=1, high=10**6),
    )
}  # fmt: skip
