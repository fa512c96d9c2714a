"""Several targets in one fit, against one fit after the other."""

from __future__ import annotations

import time

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import assets


def rows(quick: bool = False) -> list[Row]:
    """Ten targets made of one recording: together, and each alone."""
    recording = ip.read_recording(assets() / "recordings" / "baby_heads_1.npz")
    rng = np.random.default_rng(0)
    found = []
    for m in (200,) if quick else (200, 400, 800):
        masks = recording.masks[:m]
        value = recording.values.reshape(len(recording.masks), -1)[:m, 0]
        # what a model's heads do to ten answers: the recorded value, and effects of their own
        effects = rng.normal(scale=0.2, size=(masks.shape[1], 10))
        values = value[:, None] + masks @ effects
        ratios = []
        for _ in range(3):
            began = time.perf_counter()
            together = ip.fit(masks, values, method="proxyspex")
            middle = time.perf_counter()
            alone = [ip.fit(masks, column, method="proxyspex") for column in values.T]
            ratios.append((time.perf_counter() - middle) / (middle - began))
        same = max(
            abs(one.faithfulness.value - two.faithfulness.value)
            for one, two in zip(together.values(), alone, strict=True)
        )
        found.append(
            Row(
                f"10 targets in one fit against 10 fits, n = {masks.shape[1]}, m = {m}",
                "work on masks shared",
                f"{np.median(ratios):.1f}x as fast ({min(ratios):.1f} to {max(ratios):.1f}); "
                f"largest difference of R² {same:.1g}",
                bool(np.median(ratios) > 1),
            )
        )
    return found
