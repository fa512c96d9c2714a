"""A linear teacher on words and word pairs: soft targets for sentences with and without label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from .data import Labelled, words_of

PASSAGE_LINES = 8
PASSAGE_WEIGHT = 0.1  # a passage has the label of its document, which may not be its own
FOLDS = 8
INVERSE_PENALTY = 2.0


def soft_targets(
    sentences: Sequence[Labelled],
    documents: Sequence[Labelled],
    unlabelled: Sequence[str],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability that a sentence is positive, for the labelled and for the unlabelled ones.

    A labelled sentence is judged by a teacher that has not seen it (cross-fitting).
    """
    passages = [passage for document in documents for passage in _passages(document)]
    vectorizer = TfidfVectorizer(
        tokenizer=words_of, token_pattern=None, ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )
    vectorizer.fit([text for text, _ in (*sentences, *passages)])
    features = vectorizer.transform([text for text, _ in sentences])
    labels = np.array([label for _, label in sentences])
    extra = vectorizer.transform([text for text, _ in passages])
    extra_labels = np.array([label for _, label in passages])

    def fit(rows: np.ndarray) -> LogisticRegression:
        weights = np.r_[np.ones(len(rows)), np.full(len(passages), PASSAGE_WEIGHT)]
        teacher = LogisticRegression(C=INVERSE_PENALTY, max_iter=300)
        return teacher.fit(
            sparse.vstack([features[rows], extra]), np.r_[labels[rows], extra_labels], weights
        )

    crossed = np.empty(len(labels))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for seen, unseen in folds.split(features, labels):
        crossed[unseen] = fit(seen).predict_proba(features[unseen])[:, 1]
    everything = fit(np.arange(len(labels)))
    return crossed, everything.predict_proba(vectorizer.transform(unlabelled))[:, 1]


def _passages(document: Labelled) -> list[Labelled]:
    text, label = document
    lines = text.split("\n")
    return [
        (" ".join(lines[i : i + PASSAGE_LINES]), label) for i in range(0, len(lines), PASSAGE_LINES)
    ]
