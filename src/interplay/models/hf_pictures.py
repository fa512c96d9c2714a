"""What all Hugging Face models that read pictures share: loading, pixels, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError
from interplay.models.batching import short_of_memory
from interplay.models.hf_loading import LoadedImages, load_images

Picture = NDArray[np.uint8]
"""uint8 ``(h, w, 3)``, RGB."""

T = TypeVar("T")
R = TypeVar("R")


class HFPictureModel:
    """A network that reads pictures, with its own processor.

    Made by :meth:`load`; a kind of model says what it is loaded as.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    fingerprint : str
        Digest of weights, configuration, the processor's settings (tokenizer and chat template too
        where it has them) and the number format.
    """

    auto: ClassVar[str]
    """The class of transformers that loads it."""

    kinds: ClassVar[tuple[str, ...]]
    """How the names of architectures that were trained for this end."""

    what: ClassVar[str]
    """What such a network is called in messages."""

    processor_class: ClassVar[str] = "AutoProcessor"

    def __init__(self, loaded: LoadedImages) -> None:
        self.name = loaded.name
        self.fingerprint = loaded.fingerprint
        self.device = loaded.device
        self.processor = loaded.processor
        self.model = loaded.network
        self._batches = PictureBatches(self.name)

    @classmethod
    def load(
        cls, model: str | Path, *, device: str | None = None, dtype: str | None = None
    ) -> Self:
        """Load a model from a folder, or ``hf:ID`` from the Hugging Face Hub (or its cache).

        Parameters
        ----------
        model : str or Path
            A folder with ``config.json``, weights and the processor's files, or
            ``hf:OWNER/NAME``.
        device : str, optional
            A torch device; default: ``"cuda"`` where there is one, else ``"cpu"``.
        dtype : str, optional
            One of ``float32`` (default), ``float64``, ``float16``, ``bfloat16``.

        Raises
        ------
        BadInput
            If the folder is missing, is no model of this kind, lacks weights or the processor.
            Code that comes with a model is never run.
        MissingExtra
            If torch, transformers or pillow is not installed.
        """
        loaded = load_images(
            str(model),
            auto=cls.auto,
            kinds=cls.kinds,
            what=cls.what,
            processor=cls.processor_class,
            device=device,
            dtype=dtype,
        )
        return cls(loaded)


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
                failed = short_of_memory(lambda some: found.append(work(some)), part)
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
