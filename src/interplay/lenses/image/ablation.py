"""What stands where a region was: the picture blurred, its mean colour, grey, any colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.image.regions import Regions
from interplay.models.hf_pictures import Picture
from interplay.value_function import BoolArray

MASKS = ("blur", "mean", "grey")
BLUR = 5
"""The blur's radius is the longer side by this: enough that nothing can be told any more."""
Colour = str | Sequence[int]


class ImageAblation:
    """Pictures with some regions replaced.

    Attributes
    ----------
    picture : uint8 (h, w, 3)
    regions : Regions
    mask : str
        What replaces a region: ``"blur"``, ``"mean"``, ``"grey"`` or ``"#rrggbb"``.
    filler : uint8 (h, w, 3)
        The picture of which nothing is left.
    """

    def __init__(self, picture: Picture, regions: Regions, mask: Colour) -> None:
        self.picture, self.regions = picture, regions
        self.mask, self.filler = _filler(picture, mask)

    def composite(self, mask: BoolArray) -> Picture:
        """Return the picture with the regions that ``mask``, bool ``(n,)``, keeps."""
        kept = mask[self.regions.labels]
        return np.where(kept[:, :, None], self.picture, self.filler)

    def composites(self, masks: BoolArray) -> Iterator[Picture]:
        """Yield the picture of each mask, one at a time: many photographs are large."""
        return (self.composite(mask) for mask in masks)


def _filler(picture: Picture, mask: Colour) -> tuple[str, Picture]:
    from PIL import Image, ImageFilter

    if isinstance(mask, str):
        name = mask.strip().lower()
        if name in ("blur", "gray", "grey", "mean"):
            name = "grey" if name == "gray" else name
            if name == "blur":
                blurred = ImageFilter.GaussianBlur(max(picture.shape[:2]) / BLUR)
                return name, np.array(Image.fromarray(picture).filter(blurred))
            colour = np.full(3, 128.0) if name == "grey" else picture.mean(axis=(0, 1))
            return name, _plain(picture, colour.round())
    colour = np.array(_colour(mask))
    return "#{:02x}{:02x}{:02x}".format(*colour.tolist()), _plain(picture, colour)


def _colour(mask: Colour) -> tuple[int, ...]:
    from PIL import ImageColor

    told = (
        f"unknown mask {mask!r} of an image; valid: {', '.join(MASKS)}, a colour's name, "
        "'#rrggbb', or (red, green, blue) of 0 ... 255"
    )
    if isinstance(mask, str):
        try:
            return ImageColor.getrgb(mask.strip())[:3]
        except ValueError as error:
            raise BadInput(told) from error
    try:
        colour = tuple(int(part) for part in mask)
        if len(colour) == 3 and all(
            0 <= c <= 255 and c == m for c, m in zip(colour, mask, strict=True)
        ):
            return colour
    except (TypeError, ValueError) as error:
        raise BadInput(told) from error
    raise BadInput(told)


def _plain(picture: Picture, colour: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Picture:
    return np.broadcast_to(colour.astype(np.uint8), picture.shape)
