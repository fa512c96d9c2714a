"""Runs made by hand, to be compared: no model, no fit."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

import interplay as ip
from interplay.explanation import Cost, Explanation, Finding, Sample
from interplay.metrics import Estimate

_numbers = count()

TRUST = Estimate(0.93, 0.91, 0.95, "uniform")


def made(
    *spectra: ip.Spectrum,
    targets: tuple[str, ...] = ("value",),
    faithfulness: Estimate = TRUST,
    subject: dict[str, Any] | None = None,
    digest: str = "",
    **config: Any,
) -> Explanation:
    """A run with these spectra, one for each target; each has numbers of its own by default."""
    number = next(_numbers)
    config = {"seed": number, "method": "lasso", "budget": "100"} | config
    return Explanation(
        findings=tuple(
            Finding(name, one, faithfulness, 1.0, 0.0, None, str(config["method"]), ())
            for name, one in zip(targets, spectra, strict=True)
        ),
        cost=Cost(100, 0, 1.0, 0.1),
        sample=Sample(100, 1, "uniform", digest or f"digest-{number}"),
        config=config,
        subject=subject or {"kind": "callable", "name": "game"},
        run_notes=(),
        created="2026-03-13T12:00:00+00:00",
        versions={"interplay": "0"},
    )


def text_run(text: str, effects: dict[str, float], error: float = 0.05) -> Explanation:
    """A run of a text whose words have these effects and 0, and nothing else."""
    words = text.split()
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])]).tolist()
    terms = {(): 0.0} | {(i,): -effects.get(word, 0.0) / 2 for i, word in enumerate(words)}
    spectrum = ip.Spectrum(terms, len(words), features=words, errors=dict.fromkeys(terms, error))
    spans = [[start, start + len(word)] for start, word in zip(starts, words, strict=True)]
    return made(spectrum, subject={"kind": "text", "text": text, "spans": spans, "units": "word"})
