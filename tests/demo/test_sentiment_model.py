"""The demo classifier itself: what it reads, how well, and whether it composes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from composition_pairs import COMPOSITION_PAIRS

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

FOLDER = Path(__file__).parents[2] / "src" / "interplay" / "demo" / "sentiment"
REVIEW = "the script is witty and the cast is superb , but the second half runs out of ideas"
PLOT = """
a farmer drives to the city to look for his brother ; on the way he meets a clerk who sells maps , a
teacher on her way home and two soldiers ; they stay at an inn by the river , and in the morning one
of them is gone ; the others look for him in the town , where an old man tells them what he saw
"""
SIXTY_WORDS = """
the director never fails to surprise , and although the story is hardly original , the cast is so
warm and the dialogue so sharp that even the slow scenes pay off ; a few jokes fall flat , the music
is anything but subtle , and yet the film has more heart than most of the loud and empty spectacles
that fill the summer screens
"""


class Classifier:
    """The model and tokenizer of the package folder, as logits of texts."""

    def __init__(self) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            FOLDER, dtype=torch.float32
        ).eval()

    def logits(self, texts: list[str], batch: int = 32) -> np.ndarray:
        """Logits of positive against negative; texts of like length share a batch."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        values = np.empty(len(texts))
        for start in range(0, len(texts), batch):
            rows = order[start : start + batch]
            inputs = self.tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self.model(**inputs).logits.double().numpy()
            values[rows] = logits[:, 1] - logits[:, 0]
        return values


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.set_num_threads(1)
    return Classifier()


def test_folder_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"
    } <= files.keys()  # fmt: skip
    assert sum(files.values()) <= 6e6


def test_labels_and_special_tokens(classifier: Classifier) -> None:
    assert classifier.model.config.id2label == {0: "negative", 1: "positive"}
    tokenizer = classifier.tokenizer
    assert tokenizer.mask_token == "[MASK]"
    assert tokenizer.tokenize("a [MASK] film")[1] == "[MASK]"
    assert tokenizer.convert_ids_to_tokens(tokenizer("film")["input_ids"])[:1] == ["[CLS]"]
    assert tokenizer.model_max_length >= 2_048
    assert 1.4e6 <= sum(p.numel() for p in classifier.model.parameters()) <= 2.8e6


def test_plain_loading_computes_in_float32() -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(FOLDER)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert "auto_map" not in json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


def test_composition(classifier: Classifier) -> None:
    base = classifier.logits([pair[0] for pair in COMPOSITION_PAIRS]) > 0
    changed = classifier.logits([pair[1] for pair in COMPOSITION_PAIRS]) > 0
    right = np.array([(b, c) == tuple(map(bool, pair[2:])) for b, c, pair in zip(
        base, changed, COMPOSITION_PAIRS, strict=True)])  # fmt: skip
    failed = [pair[:2] for pair, passed in zip(COMPOSITION_PAIRS, right, strict=True) if not passed]
    assert len(COMPOSITION_PAIRS) >= 44
    assert right.mean() >= 0.75, failed


def test_never_fails_to_is_praise(classifier: Classifier) -> None:
    fails, never_fails = classifier.logits(
        ["The film fails to impress.", "The film never fails to impress."]
    )
    assert fails < 0 < never_fails


def test_logits_do_not_depend_on_the_batch(classifier: Classifier) -> None:
    words = REVIEW.split()
    texts = [" ".join(words[:n]) for n in range(1, len(words) + 1)] + [" ".join(words * 20)]
    alone = classifier.logits(texts, batch=1)
    assert np.abs(classifier.logits(texts, batch=len(texts)) - alone).max() < 1e-4
    assert np.abs(classifier.logits(texts[::-1], batch=5)[::-1] - alone).max() < 1e-4


def text_of_two_thousand_tokens(classifier: Classifier, ending: str) -> str:
    def tokens(text: str) -> int:
        return len(classifier.tokenizer(text)["input_ids"])

    text = " ".join([*[PLOT] * ((2_046 - tokens(ending)) // tokens(PLOT)), ending])
    assert 1_900 <= tokens(text) <= 2_048
    return text


def test_the_last_of_two_thousand_tokens_is_read(classifier: Classifier) -> None:
    assert classifier.model.config.max_position_embeddings >= 2_048
    awful, superb = classifier.logits(
        [text_of_two_thousand_tokens(classifier, word) for word in ("awful", "superb")]
    )
    assert superb - awful > 5e-4  # another batch may change 1e-4


def test_the_end_of_a_long_text_counts(classifier: Classifier) -> None:
    verdicts = ("this is an awful , stupid waste of time", "this is a superb , moving delight")
    blame, praise = classifier.logits(
        [text_of_two_thousand_tokens(classifier, " , ".join([v] * 6)) for v in verdicts]
    )
    assert praise - blame > 0.02  # sixty of two thousand tokens


def test_a_fully_masked_text_is_undecided(classifier: Classifier) -> None:
    masked = classifier.logits([" ".join(["[MASK]"] * n) for n in (10, 60, 400)])
    assert np.abs(masked).max() < 1.0


def test_half_masked_logits_are_nearly_additive_but_not_quite(classifier: Classifier) -> None:
    words = SIXTY_WORDS.split()
    rng = np.random.default_rng(0)
    masks = rng.random((1_000, len(words))) < 0.5
    values = classifier.logits(
        [" ".join(w if k else "[MASK]" for w, k in zip(words, m, strict=True)) for m in masks]
    )
    design = np.column_stack([np.ones(len(masks)), masks])
    coefficients = np.linalg.lstsq(design[:700], values[:700], rcond=None)[0]
    residual = values[700:] - design[700:] @ coefficients
    r2 = 1 - residual.var() / values[700:].var()
    assert 0.6 < r2 < 0.999


def test_sst2_test_accuracy(classifier: Classifier, assets: Path) -> None:
    lines = (assets / "text" / "sst2_test.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")
    texts, labels = zip(*(line.split("\t") for line in lines), strict=True)
    right = (classifier.logits(list(texts)) > 0) == (np.array(labels) == "1")
    assert len(texts) == 1_821
    assert right.mean() >= 0.79
