"""Final figures of the trained classifier, and its model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LassoCV
from tokenizers import Tokenizer
from transformers import ModernBertForSequenceClassification

from .data import Corpus, composition_pairs
from .finetune import accuracy_on, logits_of, pairs_passed
from .model import LONGEST

MASKS, FITTED_MASKS = 1_000, 700
WORDS_EXPLAINED = (60, 400)


@dataclass(frozen=True)
class Figures:
    """What is measured once, after training."""

    dev_accuracy: float
    test_accuracy: float
    pairs_passed: int
    pairs: int
    document_accuracy: float
    long_review_accuracy: float
    longest_accuracy: float
    longest_count: int
    end_word_change: float
    masked_logit: float
    additive_r2: dict[int, float]


def measure(
    model: ModernBertForSequenceClassification, tokenizer: Tokenizer, corpus: Corpus
) -> Figures:
    """Measure everything that the model card reports."""
    pairs = composition_pairs()
    long_texts = [r for r in corpus.held_out_documents if len(r[0].split()) >= 1_000]
    long_words = _words_that_fit(tokenizer, corpus.held_out_documents[0][0].split() * 10)
    changed = [*long_words[:-1], "awful" if long_words[-1] != "awful" else "superb"]
    before, after, masked = logits_of(
        model, tokenizer, [" ".join(long_words), " ".join(changed), " ".join(["[MASK]"] * 60)]
    )
    reviews = {
        n: min(
            (text for text, _ in corpus.long_reviews), key=lambda t: (abs(len(t.split()) - n), t)
        )
        for n in WORDS_EXPLAINED
    }
    return Figures(
        dev_accuracy=accuracy_on(model, tokenizer, corpus.dev),
        test_accuracy=accuracy_on(model, tokenizer, corpus.test),
        pairs_passed=pairs_passed(model, tokenizer, pairs),
        pairs=len(pairs),
        document_accuracy=accuracy_on(model, tokenizer, corpus.held_out_documents),
        long_review_accuracy=accuracy_on(model, tokenizer, corpus.long_reviews),
        longest_accuracy=accuracy_on(model, tokenizer, long_texts),
        longest_count=len(long_texts),
        end_word_change=float(abs(after - before)),
        masked_logit=float(masked),
        additive_r2={n: additive_r2(model, tokenizer, review) for n, review in reviews.items()},
    )


def _words_that_fit(tokenizer: Tokenizer, words: list[str]) -> list[str]:
    """The first words, as many as the model reads."""
    tokens = [len(e.ids) for e in tokenizer.encode_batch(words, add_special_tokens=False)]
    return words[: int(np.searchsorted(np.cumsum(tokens), LONGEST - 8))]


def additive_r2(
    model: ModernBertForSequenceClassification, tokenizer: Tokenizer, text: str
) -> float:
    """Held-out R^2 of a lasso without interactions on the logits of half-masked versions."""
    words = text.split()
    rng = np.random.default_rng(0)
    masks = rng.random((MASKS, len(words))) < 0.5
    texts = [
        " ".join(w if keep else "[MASK]" for w, keep in zip(words, mask, strict=True))
        for mask in masks
    ]
    values = logits_of(model, tokenizer, texts)
    surrogate = LassoCV(cv=4, alphas=12).fit(masks[:FITTED_MASKS], values[:FITTED_MASKS])
    return float(surrogate.score(masks[FITTED_MASKS:], values[FITTED_MASKS:]))


def model_card(
    figures: Figures,
    corpus: Corpus,
    model: ModernBertForSequenceClassification,
    folder: Path,
    seed: int,
    minutes: float,
    versions: dict[str, str],
) -> str:
    """Fill in ``model_card.md``."""
    template = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    files = [path for path in folder.iterdir() if path.name != "README.md"]
    return template.format(
        config=model.config,
        figures=figures,
        corpus=corpus,
        counts={n: len(rows) for n, rows in vars(corpus).items() if isinstance(rows, list)},
        parameters=sum(p.numel() for p in model.parameters()),
        megabytes=sum(path.stat().st_size for path in files) / 1e6,
        additive=", ".join(f"{r2:.2f} ({n} words)" for n, r2 in figures.additive_r2.items()),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        seed=seed,
        minutes=minutes,
    )
