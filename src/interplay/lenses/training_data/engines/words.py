"""Texts as numbers for a trainer that takes numbers: which words they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer


class OnWords(Trainer):
    """A trainer that is given the words of texts, weighed by TF-IDF.

    Which words there are, and how rare each is, comes from the whole training set, without its
    labels, once: what a subset is trained on are rows of one matrix, and engines that are fast on
    numbers are as fast on texts.

    Parameters
    ----------
    trainer : str or Trainer
        What is trained on the numbers.
    words : int
        At most so many words, the most frequent ones.

    Raises
    ------
    BadInput
        When it is bound, if the inputs are no texts, or have no word.

    Examples
    --------
    >>> data = Dataset.of((["good film", "bad film", "so bad"], ["+", "-", "-"]))
    >>> retrain = OnWords("ridge").bind(data, data)
    >>> retrain(np.ones((1, 3), dtype=bool), np.zeros(1, dtype=np.int64)).shape
    (1, 3, 2)
    """

    def __init__(self, trainer: str | Trainer = "ridge", words: int = 5000) -> None:
        self.trainer, self.words = trainer_of(trainer), words
        self.name = f"{self.trainer.name} on words"
        self.scale, self.seeded = self.trainer.scale, self.trainer.seeded
        self.classifies, self.regresses = self.trainer.classifies, self.trainer.regresses

    def identity(self) -> dict[str, Any]:
        return {"trainer": "words", "words": self.words, "of": self.trainer.identity()}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        from sklearn.feature_extraction.text import TfidfVectorizer

        if not isinstance(data.inputs, tuple) or not isinstance(tests.inputs, tuple):
            raise BadInput(f"{self.name} takes texts, and the inputs are numbers")
        weigh = TfidfVectorizer(max_features=self.words, sublinear_tf=True)
        try:
            rows = weigh.fit_transform(data.inputs).toarray()
        except ValueError as error:
            raise BadInput(f"the texts have no words: {error}") from error
        told = weigh.transform(tests.inputs).toarray()
        return self.trainer.bind(
            replace(data, inputs=np.asarray(rows)), replace(tests, inputs=np.asarray(told))
        )
