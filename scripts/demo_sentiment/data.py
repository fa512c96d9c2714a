"""Texts for the demo classifier, with everything that it is judged on taken out."""

from __future__ import annotations

import csv
import json
import re
import runpy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

RUN = 8  # words in a row which two independent texts do not share by chance
SHORTEST_RUN = 4  # shorter sentences ("very bad") stand in any long text: compared as a whole only
HELD_OUT_DOCUMENTS = 200  # the last documents of movie_reviews, for the accuracy on long texts
REPOSITORY = Path(__file__).resolve().parents[2]
PAIRS_FILE = REPOSITORY / "tests" / "demo" / "composition_pairs.py"

Labelled = tuple[str, int]  # text, label (1 = positive)


def words_of(text: str) -> list[str]:
    """Lower-case ASCII words; ``n't`` and ``'s`` count as words however they are spaced."""
    return re.findall(r"[a-z0-9]+", text.lower().replace("n't", " nt "))


def whole(text: str) -> str:
    """The text as one lower-case string without anything but ASCII letters and digits."""
    return "".join(re.findall(r"[a-z0-9]", text.lower()))


class Exclusion:
    """Tells whether a text may be trained on, given the texts that a model is judged on.

    A text is refused if it equals a held-out text (letters and digits only), if it contains one of
    at least four words or is contained in one, or if it shares eight words in a row with one. The
    sentences in ``never_contained`` may stand in no text, however short they are.
    """

    def __init__(self, held_out: Iterable[str], never_contained: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._held_runs: set[tuple[str, ...]] = set()
        self._inner_runs: set[tuple[str, ...]] = set()
        for text in held_out:
            words = words_of(text)
            self._whole.add(whole(text))
            if len(words) >= SHORTEST_RUN:
                self._held_runs.update(_runs(words, min(RUN, len(words))))
            for size in range(SHORTEST_RUN, RUN):
                self._inner_runs.update(_runs(words, size))
        for sentence in never_contained:
            words = words_of(sentence)
            self._held_runs.update(_runs(words, min(RUN, len(words))))
        self._sizes = sorted({len(run) for run in self._held_runs})

    def refuses(self, text: str) -> bool:
        """Whether the text overlaps with a held-out text."""
        if whole(text) in self._whole:
            return True
        words = words_of(text)
        if SHORTEST_RUN <= len(words) < RUN and tuple(words) in self._inner_runs:
            return True
        return any(run in self._held_runs for size in self._sizes for run in _runs(words, size))


def _runs(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


@dataclass
class Corpus:
    """Training texts after the exclusions, and the texts for the choice and the final figures."""

    sentences: list[Labelled]
    documents: list[Labelled]
    unlabelled: list[str]
    dev: list[Labelled]
    test: list[Labelled]
    held_out_documents: list[Labelled]
    long_reviews: list[Labelled]
    exclusion: Exclusion
    dropped: dict[str, int]


def composition_pairs() -> tuple[tuple[str, str, int, int], ...]:
    """The hand-written pairs of the test suite, kept out of training and read at the end."""
    pairs: tuple[tuple[str, str, int, int], ...] = runpy.run_path(str(PAIRS_FILE))[
        "COMPOSITION_PAIRS"
    ]
    return pairs


def load_corpus(assets: Path) -> Corpus:
    """Read the data sets and drop every training text that overlaps with a held-out one."""
    folder = assets / "text"
    train, dev, test = (_read_tsv(folder / f"sst2_{part}.tsv") for part in ("train", "dev", "test"))
    long_reviews = _read_long_reviews(folder / "long_reviews.csv")
    documents = _read_jsonl(folder / "movie_reviews.jsonl")
    documents, held_out_documents = documents[:-HELD_OUT_DOCUMENTS], documents[-HELD_OUT_DOCUMENTS:]

    judged = [text for text, _ in (*dev, *test, *long_reviews, *held_out_documents)]
    pairs = [sentence for pair in composition_pairs() for sentence in pair[:2]]
    exclusion = Exclusion(judged, pairs)
    sentences = _distinct([*train, *_read_jsonl(folder / "sentence_polarity.jsonl")])
    unlabelled = [text for text, _ in _read_jsonl(folder / "subjectivity.jsonl")]
    corpus = Corpus(
        sentences=[row for row in sentences if not exclusion.refuses(row[0])],
        documents=[row for row in documents if not exclusion.refuses(row[0])],
        unlabelled=[text for text in unlabelled if not exclusion.refuses(text)],
        dev=dev,
        test=test,
        held_out_documents=held_out_documents,
        long_reviews=long_reviews,
        exclusion=exclusion,
        dropped={},
    )
    before = {"sentences": sentences, "documents": documents, "unlabelled": unlabelled}
    corpus.dropped.update((n, len(rows) - len(getattr(corpus, n))) for n, rows in before.items())
    return corpus


def assert_disjoint(training: Iterable[str], corpus: Corpus) -> None:
    """Fail if a text that the model is judged on equals a training text or stands in one.

    A second check beside ``Exclusion``, on letters and digits without word boundaries.
    """
    texts = [whole(text) for text in training]
    equal, joined = set(texts), "\n".join(texts)
    rows = (*corpus.dev, *corpus.test, *corpus.long_reviews, *corpus.held_out_documents)
    pairs = [sentence for pair in composition_pairs() for sentence in pair[:2]]
    overlapping = [
        text
        for text in (*(text for text, _ in rows), *pairs)
        if whole(text) in equal or (len(words_of(text)) >= SHORTEST_RUN and whole(text) in joined)
    ]
    if overlapping:
        raise AssertionError(f"held-out texts in the training data: {overlapping[:3]}")


def _distinct(rows: list[Labelled]) -> list[Labelled]:
    first: dict[str, Labelled] = {}
    for row in rows:
        first.setdefault(whole(row[0]), row)
    return list(first.values())


def _read_tsv(path: Path) -> list[Labelled]:
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [(text, int(label)) for text, label in (line.split("\t") for line in lines)]


def _read_jsonl(path: Path) -> list[Labelled]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["text"], int(row["label"])) for row in rows]


def _read_long_reviews(path: Path) -> list[Labelled]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [(r["review"], int(r["sentiment"] == "positive")) for r in csv.DictReader(lines)]
