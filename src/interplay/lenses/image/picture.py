"""A picture as the lens needs it: uint8 RGB, upright; and a small copy of it for reports."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, required
from interplay.models.hf_pictures import Picture

DEEP = ("I", "F")
"""How the names of modes begin that hold more than 8 bits a channel."""
LONGEST = 560
"""Pixels of the longer side of the copy in a report."""
LOSSLESS = 160
"""Up to this side the copy is kept as it is, not as JPEG."""


def read_picture(image: object) -> Picture:
    """Return a picture as uint8 ``(h, w, 3)``: RGB, turned as its EXIF orientation says.

    Parameters
    ----------
    image : str, Path, PIL.Image.Image or uint8 array
        A file; or an array ``(h, w)`` of grey, ``(h, w, 3)`` of RGB or ``(h, w, 4)`` of RGBA.
        What is transparent is laid on white.

    Raises
    ------
    BadInput
        If there is no such file, it is no image, it is damaged, moves, or has more than 8 bits a
        channel; if an array has another shape or type.
    MissingExtra
        If pillow is not installed.

    Examples
    --------
    >>> read_picture(np.zeros((2, 3), dtype=np.uint8)).shape
    (2, 3, 3)
    """
    kind = required("PIL.Image", "image", "pillow").Image
    if isinstance(image, str | Path):
        picture = _upright(_opened(Path(image).expanduser()), str(image))
    elif isinstance(image, kind):
        picture = _upright(image, "the image")
    else:
        picture = _from_array(image)
    if min(picture.shape[:2]) == 0:
        raise BadInput(f"the image has no pixels: its size is {picture.shape[1::-1]}")
    return picture


def digest(picture: Picture) -> str:
    """Return what tells a picture from every other: a digest of its size and pixels."""
    head = f"{picture.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(picture).tobytes()).hexdigest()[:32]


def preview(picture: Picture) -> tuple[str, tuple[int, int]]:
    """Return a copy for reports as a ``data:`` address, and its width and height."""
    from PIL import Image

    small = Image.fromarray(picture)
    shrink = LONGEST / max(small.size)
    if shrink < 1:
        width, height = (max(1, round(side * shrink)) for side in small.size)
        small = small.resize((width, height), Image.Resampling.LANCZOS)
    kind = "PNG" if max(small.size) <= LOSSLESS else "JPEG"
    file = io.BytesIO()
    small.save(file, kind, **({} if kind == "PNG" else {"quality": 82}))
    content = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{content}", small.size


def _opened(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            frames = getattr(file, "n_frames", 1)
            found = file.copy()
    except UnidentifiedImageError as error:
        raise BadInput(f"{path} is not an image that pillow can read; save it as PNG") from error
    except Image.DecompressionBombError as error:
        raise BadInput(f"{path} is too large an image: {error}; make it smaller first") from error
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"cannot read the image {path}: {reason}") from error
    if frames > 1:
        raise BadInput(
            f"{path} has {frames} pictures in it (an animation, or pages); save the one that shall "
            "be explained as a file of its own"
        )
    return found


def _upright(image: Any, name: str) -> Picture:
    from PIL import Image, ImageOps

    if min(image.size) == 0:
        raise BadInput(f"{name} has no pixels: its size is {image.size}")
    if image.mode.startswith(DEEP):
        raise BadInput(
            f"{name} has mode {image.mode!r}, more than 8 bits a channel, and nobody says how "
            "bright its values are; scale them to 0 ... 255 and give an image of mode 'L' or 'RGB'"
        )
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info:
        above = turned.convert("RGBA")
        white = Image.new("RGBA", above.size, "white")
        turned = Image.alpha_composite(white, above)
    return np.array(turned.convert("RGB"), dtype=np.uint8)


def _from_array(image: object) -> Picture:
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"image must be a path, a PIL image or a uint8 array: {error}") from error
    kind = f"{array.dtype} {array.shape}"
    if array.dtype == object or array.ndim == 0:
        raise BadInput(
            f"image must be a path, a PIL image or a uint8 array; got {type(image).__name__}"
        )
    if array.dtype != np.uint8:
        finite = np.issubdtype(array.dtype, np.number) and bool(np.isfinite(array).all())
        told = "" if finite else ", with values that are not finite"
        raise BadInput(
            f"an image as an array must be uint8, 0 ... 255; got {kind}{told}. Scale it, then "
            ".round().astype(np.uint8)"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 2:
        return np.ascontiguousarray(np.repeat(array[:, :, None], 3, axis=2))
    if array.ndim == 3 and array.shape[2] == 3:
        return np.ascontiguousarray(array)
    if array.ndim == 3 and array.shape[2] == 4:
        if 0 in array.shape:
            raise BadInput(f"the image has no pixels: its size is {array.shape[1::-1]}")
        from PIL import Image

        return _upright(Image.fromarray(np.ascontiguousarray(array)), "the image")
    hint = ". Put the channels last" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
    raise BadInput(f"an image as an array must be (h, w), (h, w, 3) or (h, w, 4); got {kind}{hint}")
