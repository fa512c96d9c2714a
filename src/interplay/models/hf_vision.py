"""Hugging Face image classifiers: pictures in, logits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError
from interplay.models.batching import out_of_memory
from interplay.models.hf_loading import LoadedImages, load_images
from interplay.value_function import FloatArray

Picture = NDArray[np.uint8]
"""uint8 ``(h, w, 3)``, RGB."""

T = TypeVar("T")
R = TypeVar("R")


class HFVisionClassifier:
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

    def __init__(self, loaded: LoadedImages) -> None:
        self.name = loaded.name
        self.fingerprint = loaded.fingerprint
        self.device = loaded.device
        self.processor = loaded.processor
        self.model = loaded.network
        self._batches = PictureBatches(self.name)
        config = self.model.config
        self.labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self.multi_label = config.problem_type == "multi_label_classification"

    @classmethod
    def load(
        cls, model: str | Path, *, device: str | None = None, dtype: str | None = None
    ) -> HFVisionClassifier:
        """Load a classifier from a folder, or ``hf:ID`` from the Hugging Face Hub (or its cache).

        Parameters
        ----------
        model : str or Path
            A folder with ``config.json``, weights and ``preprocessor_config.json``, or
            ``hf:OWNER/NAME``.
        device : str, optional
            A torch device; default: ``"cuda"`` where there is one, else ``"cpu"``.
        dtype : str, optional
            One of ``float32`` (default), ``float64``, ``float16``, ``bfloat16``.

        Raises
        ------
        BadInput
            If the folder is missing, is not an image classifier, lacks weights or the image
            processor. Code that comes with a model is never run.
        MissingExtra
            If torch, transformers or pillow is not installed.
        """
        loaded = load_images(
            str(model),
            auto="AutoModelForImageClassification",
            kinds=("ForImageClassification",),
            what="picture classifier",
            processor="AutoImageProcessor",
            device=device,
            dtype=dtype,
        )
        return cls(loaded)

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


class PictureBatches:
    """Work in batches, which become smaller for good where memory runs out.

    Attributes
    ----------
    limit : int or None
        How many pictures fit, as far as is known.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.limit: int | None = None

    def run(self, items: Iterable[T], size: int, work: Callable[[list[T]], R]) -> list[R]:
        """Return what ``work`` makes of each batch; items are taken as they are needed.

        Raises
        ------
        BackendError
            If memory does not suffice for a single picture.
        """
        found: list[R] = []
        for batch in batches(items, size):
            done = 0
            while done < len(batch):
                part = batch[done : done + (self.limit or size)]
                failed: Exception | None = None
                try:
                    found.append(work(part))
                except Exception as error:
                    if not out_of_memory(error):
                        raise
                    # the frames of the traceback hold the tensors that filled the memory
                    failed = error.with_traceback(None)
                if failed is None:
                    done += len(part)
                elif len(part) == 1:
                    raise BackendError(
                        f"{self.name!r} ran out of memory on a single picture; use a device with "
                        "more memory, or dtype='bfloat16'"
                    ) from failed
                else:
                    self.limit = len(part) // 2
        return found


def pixels_of(processor: Any, picture: Picture, name: str) -> Any:
    """Return what the model's own processor makes of a picture: a tensor ``(1, 3, h, w)``."""
    from PIL import Image

    try:
        return processor(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    except Exception as error:  # whatever a processor raises is about its settings
        raise BackendError(
            f"the image processor of {name!r} failed on a picture of shape {picture.shape}: {error}"
        ) from error


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of ``size``, the last one perhaps shorter.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
