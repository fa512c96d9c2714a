"""CLIP's contrastive loss of a picture and its caption among other pairs, as a value to explain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax

from interplay.lenses.image.ablation import ImageAblation
from interplay.lenses.image.picture import read_picture
from interplay.lenses.image.regions import cut, parse_units
from interplay.lenses.image.scores import CaptionScores
from interplay.lenses.image.value import ImageValueFunction
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_pictures import Picture
from interplay.value_function import FloatArray


class PairScores(CaptionScores):
    """Minus the contrastive loss of the first picture and the first caption among all pairs.

    The image lens has the one half of it, the log-probability of the caption among the captions;
    the other half is that of the picture among the pictures. The loss is their mean, as CLIP is
    trained with it. Only the first pair is masked.
    """

    def __init__(
        self, model: HFContrastive, captions: Sequence[str], others: Sequence[Picture], batch: int
    ) -> None:
        super().__init__(model, captions, [f"logprob:{captions[0]}"], batch)
        self._others = model.embed_pictures(others, batch_size=batch)
        self.targets = ("contrastive",)
        seen = hashlib.sha256(self._others.tobytes()).hexdigest()
        self.identity: dict[str, Any] = {"pairs": seen, "captions": list(self.captions)}

    def __call__(
        self, pictures: Iterable[Picture], which: Sequence[int], captions: Sequence[str]
    ) -> tuple[FloatArray, FloatArray | None]:
        model = self.model
        seen = model.embed_pictures(pictures, batch_size=self._batch)[list(which)]
        distinct = list(dict.fromkeys(captions))
        place = {text: row for row, text in enumerate(distinct)}
        read = model.embed_captions(distinct, batch_size=self._batch)
        read = read[[place[text] for text in captions]]
        own = model.scores(seen, read)
        to_captions = model.scores(seen[:, None], self._embedded[None, 1:])
        to_pictures = model.scores(self._others[None], read[:, None])
        halves = [
            log_softmax(np.concatenate([own[:, None], rest], axis=1), axis=1)[:, 0]
            for rest in (to_captions, to_pictures)
        ]
        return np.stack(halves).mean(axis=0)[:, None], None


def contrastive(
    pictures: Sequence[Any],
    captions: Sequence[str],
    *,
    model: HFContrastive,
    units: str,
    mask: str,
    batch: int = 32,
) -> ImageValueFunction:
    """Return the value function over the patches and the words of the first pair."""
    wanted = parse_units(units)
    first, *others = (read_picture(one) for one in pictures)
    ablation = ImageAblation(first, cut(first, wanted), mask)
    scores = PairScores(model, captions, others, batch)
    return ImageValueFunction(
        ablation, scores, units=units, caption=scores.captions[0], batch_size=batch
    )
