"""What a training set is to a report: labels, small pictures, shortened texts."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.value_function import FloatArray

DRAWN: Final = 512
"""Examples of which pictures and texts are kept at most, ungrouped; of more there are names."""
TESTS_DRAWN: Final = 24
"""Test examples of which pictures and texts are kept: the first ones."""
TESTS_NAMED: Final = 1000
"""Test examples of which names and labels are kept."""
CHARACTERS: Final = 240
"""Of a text, with its two ends."""
PIXELS: Final = 550_000
"""Pixels of all pictures together; larger ones are made smaller, to the side of ``LEAST_SIDE``."""
LEAST_SIDE: Final = 32
LOSSLESS: Final = 100_000
"""Bytes up to which the pictures are kept as they are, not as JPEG."""


def subject_of(data: Dataset, tests: Dataset, owners: IntArray, n: int) -> dict[str, Any]:
    """Return what is told of a training set and its test examples: JSON-able.

    Parameters
    ----------
    data, tests : Dataset
    owners : int64 (N,)
        The feature that each training example belongs to.
    n : int
        How many features there are.

    Returns
    -------
    dict
        ``units`` (``"example"`` or ``"group"``), ``classes``; ``labels`` of the features (of a
        group the class that all of its examples have, else None); ``sizes`` of groups; ``texts``,
        or ``pictures``: all of them in one picture, ``sheet``, a data address, in ``columns`` and
        ``rows`` of ``size`` pixels, those of the features and then those of the first test
        examples. Of these, ``test_names``, ``test_labels`` and ``test_texts``.
    """
    first = np.full(n, -1)
    members = np.flatnonzero(owners >= 0)
    first[owners[members][::-1]] = members[::-1]
    sizes = np.bincount(owners[members], minlength=n)
    grouped = bool((sizes != 1).any() or len(members) != len(owners))
    told: dict[str, Any] = {
        "units": "group" if grouped else "example",
        "classes": None if data.classes is None else list(data.classes),
        "labels": _labels(data, owners, first, grouped),
        "test_names": list(tests.names[:TESTS_NAMED]),
        "test_labels": [_label(tests, i) for i in range(min(len(tests), TESTS_NAMED))],
    }
    if grouped:
        told["sizes"] = sizes.tolist()
    elif n <= DRAWN:
        shown = tests.take(range(min(len(tests), TESTS_DRAWN)))
        told |= _contents(data.take(first), shown)
    return told


def _labels(data: Dataset, owners: IntArray, first: IntArray, grouped: bool) -> list[str | None]:
    if not grouped:
        return [_label(data, int(i)) for i in first]
    if data.classes is None:
        return [None] * len(first)
    found: list[str | None] = []
    for feature in range(len(first)):
        classes = np.unique(data.labels[owners == feature])
        found.append(data.classes[int(classes[0])] if len(classes) == 1 else None)
    return found


def _label(data: Dataset, i: int) -> str:
    return f"{data.labels[i]:.4g}" if data.classes is None else data.classes[int(data.labels[i])]


def _contents(data: Dataset, tests: Dataset) -> dict[str, Any]:
    if isinstance(data.inputs, tuple) and isinstance(tests.inputs, tuple):
        return {
            "texts": [_short(text) for text in data.inputs],
            "test_texts": [_short(text) for text in tests.inputs],
        }
    pictures = _pictures(data), _pictures(tests)
    if pictures[0] is None or pictures[1] is None:
        return {}
    sheet = _sheet(np.concatenate([pictures[0], pictures[1]]))
    return {} if sheet is None else {"pictures": sheet}


def _short(text: str) -> str:
    """The text, without what is in the middle of a long one; white space is closed up."""
    text = " ".join(text.split())
    if len(text) <= CHARACTERS:
        return text
    half = (CHARACTERS - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _pictures(data: Dataset) -> NDArray[np.uint8] | None:
    """The inputs as pictures ``(N, h, w, 3)``, uint8; None where they are none."""
    inputs = data.inputs
    if isinstance(inputs, tuple) or inputs.ndim not in (3, 4) or min(inputs.shape[1:3]) < 2:
        return None
    if inputs.ndim == 4 and inputs.shape[3] not in (1, 3):
        return None
    if inputs.dtype != np.uint8:
        given: FloatArray = inputs.astype(np.float64)
        low, high = float(given.min()), float(given.max())
        inputs = np.round(255 * (given - low) / ((high - low) or 1.0)).astype(np.uint8)
    if inputs.ndim == 3:
        inputs = inputs[..., None]
    return np.broadcast_to(inputs, (*inputs.shape[:3], 3))


def _sheet(pictures: NDArray[np.uint8]) -> dict[str, Any] | None:
    """All pictures as tiles of one, which a report shows parts of: one file, not hundreds."""
    try:
        from PIL import Image
    except ImportError:  # a report without pictures is a report
        return None
    count, height, width = pictures.shape[:3]
    most = max(LEAST_SIDE, int((PIXELS / count) ** 0.5)) // 8 * 8  # JPEG works on 8 by 8 pixels
    shrink = min(1.0, most / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    columns = max(2, round(count**0.5))
    rows = max(2, -(-count // columns))
    sheet = Image.new("RGB", (columns * size[0], rows * size[1]))
    for place, one in enumerate(pictures):
        tile = Image.fromarray(np.ascontiguousarray(one))
        if tile.size != size:
            tile = tile.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(tile, (place % columns * size[0], place // columns * size[1]))
    grey = sheet.convert("L")
    if np.array_equal(np.asarray(grey.convert("RGB")), np.asarray(sheet)):
        sheet = grey
    kind, content = "png", _written(sheet, "PNG", optimize=True)
    if len(content) > LOSSLESS:
        kind, content = "jpeg", _written(sheet, "JPEG", quality=85, subsampling=0)
    address = f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return {"sheet": address, "columns": columns, "rows": rows, "size": list(size)}


def _written(picture: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
