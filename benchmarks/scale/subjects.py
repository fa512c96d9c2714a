"""Sound runs of every lens, small: whose subjects hold what reports draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from interplay.explanation import Explanation

EXAMPLES = 12
SIDE = 8
"""Pixels of the picture, which has four patches."""


def runs(folder: Path) -> list[Path]:
    """Save a run of each kind of subject; return the paths of their JSON."""
    return [
        made().save(folder / f"{name}.json")
        for name, made in {
            "table": _table,
            "training_data": _training_data,
            "text": _text,
            "image": _image,
            "components": _components,
        }.items()
    ]


def _game(masks: Any) -> Any:
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


def _table() -> Explanation:
    rng = np.random.default_rng(0)
    predict: Callable[[Any], Any] = lambda rows: rows[:, 0] * rows[:, 1] + rows[:, 2]  # noqa: E731
    value = ip.tabular(np.ones(3), predict=predict, background=rng.normal(size=(20, 3)))
    return ip.explain(value, store=None)


def _training_data() -> Explanation:
    from interplay.lenses.training_data.files import training_files
    from interplay.lenses.training_data.together import together

    value = training_files(classes=["three", "eight"], examples=EXAMPLES)
    found = ip.explain(value, budget=150, method="lasso", store=None)
    return together(found).attached(found)


def _text() -> Explanation:
    return _told(
        {"kind": "text", "text": "so not bad.", "spans": [[0, 2], [3, 6], [7, 11]], "units": "word"}
    )


def _image() -> Explanation:
    """Four patches and the two words of a caption."""
    from interplay.lenses.image.picture import preview

    address, size = preview(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))
    corners = [(0, 0), (SIDE // 2, 0), (0, SIDE // 2), (SIDE // 2, SIDE // 2)]
    step = SIDE // 2
    return _told(
        {
            "kind": "image",
            "units": "patches:2x2+word",
            "picture": address,
            "picture_size": list(size),
            "outlines": [
                [[x, y, x + step, y, x + step, y + step, x, y + step]] for x, y in corners
            ],
            "captions": ["a cat", "a dog"],
            "caption": "a cat",
            "spans": [[0, 1], [2, 5]],
        },
        n=6,
    )


def _components() -> Explanation:
    parts = [["head", layer, index] for layer in range(2) for index in range(2)] + [["mlp", 1, -1]]
    return _told(
        {
            "kind": "components",
            "task": "multiple_choice",
            "parts": parts,
            "layers": 2,
            "heads": [2, 2],
            "ablation": "zero",
            "prompts": 10,
            "test_prompts": 5,
            "units": "part",
        },
        n=5,
    )


def _told(subject: Mapping[str, Any], n: int = 3) -> Explanation:
    """A run of a game, as if it were of ``subject``: what is drawn needs no model."""
    return replace(ip.explain(_game, n, store=None), subject=dict(subject))
