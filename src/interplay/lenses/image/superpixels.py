"""Superpixels: regions that follow the edges of a picture, by SLIC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interplay.models.hf_pictures import Picture
from interplay.value_function import FloatArray

LONGEST = 320
"""Pixels of the longer side at which regions are looked for; larger pictures are shrunk."""
COMPACTNESS = 30.0
"""How much a step of a region's width counts beside a difference of colour, in units of Lab."""
ROUNDS = 10


def superpixels(picture: Picture, count: int) -> NDArray[np.int64]:
    """Cut a picture into about ``count`` regions of similar colour, each in one piece.

    SLIC (Achanta et al. 2012): k-means on colour (CIE Lab) and place, each centre looking at its
    surroundings only, from a regular grid of centres; then what lies apart from the largest piece
    of a region goes to the regions around it. Nothing in it is random.

    Parameters
    ----------
    picture : uint8 (h, w, 3)
    count : int
        About how many regions: the grid of centres has whole rows and columns.

    Returns
    -------
    int64 (h, w)
        Regions 0, 1, ..., numbered by the place of their centres: by rows of the first grid, from
        left to right.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    small = picture
    if shrink < 1 and round(height * shrink) * round(width * shrink) >= 4 * count:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    labels = _in_one_piece(_slic(_lab(small), count))
    rows = np.arange(height) * small.shape[0] // height
    columns = np.arange(width) * small.shape[1] // width
    return labels[np.ix_(rows, columns)]


def _slic(lab: FloatArray, count: int) -> NDArray[np.int64]:
    height, width = lab.shape[:2]
    step = np.sqrt(height * width / count)
    down = min(height, max(1, round(height / step)))
    across = min(width, max(1, round(count / down)))
    y = ((np.arange(down) + 0.5) * height / down).astype(int)
    x = ((np.arange(across) + 0.5) * width / across).astype(int)
    place = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=2)
    points = np.concatenate([lab, place * (COMPACTNESS / step)], axis=2)
    centres = points[np.ix_(y, x)].reshape(-1, 5)
    spots = np.stack(np.meshgrid(y, x, indexing="ij"), axis=2).reshape(-1, 2).astype(float)
    reach = int(np.ceil(step)) + 1
    labels = np.zeros((height, width), dtype=np.int64)
    for _ in range(ROUNDS):
        nearest = np.full((height, width), np.inf)
        before = labels.copy()
        for k, (centre, spot) in enumerate(zip(centres, spots, strict=True)):
            a, b = (slice(max(0, int(s) - reach), int(s) + reach + 1) for s in spot)
            distance = ((points[a, b] - centre) ** 2).sum(axis=2)
            closer = distance < nearest[a, b]
            nearest[a, b][closer] = distance[closer]
            labels[a, b][closer] = k
        if np.array_equal(labels, before):
            break
        sizes = np.bincount(labels.ravel(), minlength=len(centres))
        full = sizes > 0
        for j in range(5):
            sums = np.bincount(labels.ravel(), points[:, :, j].ravel(), minlength=len(centres))
            centres[full, j] = sums[full] / sizes[full]
        spots[full] = centres[full, 3:] * (step / COMPACTNESS)
    return labels


def _in_one_piece(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the largest piece of each region; every other pixel goes with the nearest kept one."""
    from scipy import ndimage

    kept = np.full(labels.shape, -1, dtype=np.int64)
    for number, k in enumerate(np.unique(labels)):
        pieces, found = ndimage.label(labels == k)
        sizes = np.bincount(pieces.ravel())
        largest = int(sizes[1 : found + 1].argmax()) + 1
        kept[pieces == largest] = number
    nearest = ndimage.distance_transform_edt(kept < 0, return_distances=False, return_indices=True)
    joined: NDArray[np.int64] = kept[tuple(nearest)]
    return joined


def _lab(picture: Picture) -> FloatArray:
    """CIE Lab (D65) of sRGB."""
    part = picture.astype(np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
         [0.0193339, 0.1191920, 0.9503041]]
    )  # fmt: skip
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, 2, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=2)
