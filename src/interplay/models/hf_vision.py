"""Hugging Face image classifiers: pictures in, logits out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from interplay.models.hf_loading import LoadedImages
from interplay.models.hf_pictures import HFPictureModel, Picture, pixels_of
from interplay.value_function import FloatArray


class HFVisionClassifier(HFPictureModel):
    """An image classifier in Hugging Face format, with its own image processor.

    Made by :meth:`load`.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    labels : tuple of str
        The model's classes, in the order of the logits.
    fingerprint : str
        Digest of weights, configuration, the processor's settings and the number format.
    multi_label : bool
        True where each label is a yes or no of its own (a sigmoid, not a softmax).
    """

    auto = "AutoModelForImageClassification"
    kinds = ("ForImageClassification",)
    what = "picture classifier"
    processor_class = "AutoImageProcessor"

    def __init__(self, loaded: LoadedImages) -> None:
        super().__init__(loaded)
        config = self.model.config
        self.labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self.multi_label = config.problem_type == "multi_label_classification"

    def logits(self, pictures: Iterable[Picture], *, batch_size: int = 32) -> FloatArray:
        """Return the logits of pictures, float64 ``(m, labels)``, in the given order.

        Pictures are taken one by one, so that an iterator need not hold them all. The result does
        not depend on the batch size beyond rounding (1e-4).

        Raises
        ------
        BackendError
            If the processor or the model fails on a picture.
        """
        import torch

        def work(batch: list[Any]) -> FloatArray:
            stacked = torch.cat(batch).to(self.device, self.model.dtype)
            with torch.inference_mode():
                logits: FloatArray = self.model(pixel_values=stacked).logits.double().cpu().numpy()
            return logits

        pixels = (pixels_of(self.processor, one, self.name) for one in pictures)
        rows = self._batches.run(pixels, batch_size, work)
        return np.concatenate([np.empty((0, len(self.labels))), *rows])
