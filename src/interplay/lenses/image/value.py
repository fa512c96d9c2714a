"""The value function over the regions of a picture, and perhaps the words of its caption."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.fingerprint import identity_fingerprint
from interplay.lenses.image.ablation import ImageAblation
from interplay.lenses.image.picture import digest, preview
from interplay.lenses.image.regions import outlines
from interplay.lenses.image.scores import Scores
from interplay.lenses.text.words import words
from interplay.lenses.value import LensValueFunction
from interplay.value_function import BoolArray, Measured, check_masks

# One call takes several batches of the model, so that equal pictures are found.
BATCHES_PER_CALL = 4


class ImageValueFunction(LensValueFunction):
    """A value function over the regions of one picture; made by :func:`interplay.image`.

    Called with ``masks``, bool ``(m, n)``, True = region kept; returns float64 ``(m,)``, or
    ``(m, q)`` for q > 1 targets.

    Attributes
    ----------
    features : tuple of str
        The n regions, ``"row 1, column 2"`` or ``"region 3"``; after them the words of the caption,
        where those are features too.
    targets : tuple of str
        The q targets, all from the same calls.
    batch_size : int
        How many masks it likes to see in one call.
    fingerprint : str
        Digest of model, pixels, regions, mask, targets, and what is asked.
    subject : dict
        What is explained, for reports: a small copy of the picture and the regions' outlines too.
    """

    def __init__(
        self,
        ablation: ImageAblation,
        scores: Scores,
        *,
        units: str,
        caption: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        batch_size: int = 32,
    ) -> None:
        self.ablation, self.scores = ablation, scores
        self.model = scores.model
        self.batch_size = BATCHES_PER_CALL * batch_size
        self.caption = caption
        self._spans = [] if caption is None else words(caption)
        names = [] if caption is None else [caption[a:b] for a, b in self._spans]
        self._regions = len(ablation.regions.names)
        self.features = (*ablation.regions.names, *names)
        if len(self.features) < 2:
            raise BadInput(
                f"units {units!r} make a single feature; ask for two regions or more, such as "
                "patches:4x4"
            )
        self.targets = scores.targets
        source = None if arguments is None else arguments["image"]
        address, size = preview(ablation.picture)
        height, width = ablation.picture.shape[:2]
        pixels = digest(ablation.picture)
        self.subject: dict[str, Any] = {
            "kind": "image",
            "name": source or f"an image of {width} x {height} pixels",
            "pixels": pixels,
            "size": [width, height],
            "units": units,
            "mask": ablation.mask,
            "model": self.model.name,
            "target": self.target_told,
            **scores.told,
            "caption": caption,
            "spans": [list(span) for span in self._spans],
            "picture": address,
            "picture_size": list(size),
            "outlines": outlines(ablation.regions, size),
        }
        if arguments is not None:
            self.subject["arguments"] = dict(arguments)
        labels = hashlib.sha256(np.ascontiguousarray(ablation.regions.labels).tobytes())
        identity = {
            "kind": "image",
            "pixels": pixels,
            "labels": labels.hexdigest(),
            "mask": ablation.mask,
            "model": self.model.fingerprint,
            "targets": list(self.targets),
            "captions": scores.told.get("captions"),
            "question": scores.told.get("question"),
            "caption": caption,
            "version": 1,
            **scores.identity,
        }
        self.fingerprint = identity_fingerprint(identity)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the values, with the tokens that were read for each mask where there are any."""
        masks = check_masks(masks, n=len(self.features))
        rows = [row.tobytes() for row in masks[:, : self._regions]]
        place: dict[bytes, int] = {}
        for row in rows:
            place.setdefault(row, len(place))
        distinct = np.array([np.frombuffer(row, dtype=bool) for row in place])
        captions = [self.masked_caption(mask) for mask in masks]
        values, tokens = self.scores(
            self.ablation.composites(distinct.reshape(-1, self._regions)),
            [place[row] for row in rows],
            captions,
        )
        return Measured(self.column(values), tokens=tokens)

    def masked_picture(self, mask: BoolArray) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the picture that is scored for one mask, bool ``(n,)``: uint8 ``(h, w, 3)``."""
        whole = check_masks([mask], n=len(self.features))[0]
        return self.ablation.composite(whole[: self._regions])

    def masked_caption(self, mask: BoolArray) -> str:
        """Return what is left of the caption: words are left out with the white space after."""
        if self.caption is None:
            return self._first_caption()
        spans, kept = self._spans, mask[self._regions :]
        if kept.all():
            return self.caption
        ends = [*(start for start, _ in spans[1:]), len(self.caption)]
        left = [self.caption[a:end] for (a, _), end, stays in zip(spans, ends, kept, strict=True)
                if stays]  # fmt: skip
        return "".join(left).strip()

    def _first_caption(self) -> str:
        captions = self.subject.get("captions")
        return str(captions[0]) if captions else ""
