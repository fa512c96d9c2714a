"""Summaries of the form of run.json, made by hand: no model, no fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay

DEMO = Path(interplay.__file__).parent / "demo"
LIKED = "warmth impress happy gladly wonderful pleasure funny moving lovely generous not all"
DISLIKED = (
    "slow bad forgettable neat stiff worse tired clumsy cheap bored hard neither fails little"
)


def text_summary(text: str, *, seed: int = 0, pairs: int = 40) -> dict[str, Any]:
    """A summary of ``text`` in which words of feeling carry the effects."""
    spans = [[m.start(), m.end()] for m in re.finditer(r"[\w']+", text)]
    words = [text[a:b] for a, b in spans]
    summary = callable_summary(words, seed=seed, pairs=pairs)
    rng = np.random.default_rng(seed)
    effects = np.where(rng.random(len(words)) < 0.5, 0.0, rng.normal(0, 0.02, len(words)))
    for i, word in enumerate(words):
        if word.casefold() in LIKED.split():
            effects[i] = rng.uniform(0.3, 1.4)
        if word.casefold() in DISLIKED.split():
            effects[i] = -rng.uniform(0.3, 1.4)
    summary["targets"][0]["main_effects"] = effects.tolist()
    summary["subject"] = {
        "kind": "text",
        "text": text,
        "spans": spans,
        "units": "word",
        "mask": "[MASK]",
        "model": "interplay/demo/sentiment",
        "target": "logit:positive",
    }
    summary["targets"][0]["target"] = "logit:positive"
    return summary


def callable_summary(names: list[str], *, seed: int = 0, pairs: int = 20) -> dict[str, Any]:
    """A summary of a plain function of the features ``names``."""
    n = len(names)
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, 1, n) * (rng.random(n) < 0.6)
    top = []
    for i in np.argsort(-np.abs(effects))[:20]:
        if effects[i]:
            top.append(([int(i)], float(effects[i])))
    for k in range(pairs if n > 3 else 0):
        first = int(rng.integers(0, n - 1))
        others = [first + 1] if k % 3 else rng.choice(n, 1 + k % 2, replace=False).tolist()
        members = sorted({first, *map(int, others)})
        if len(members) > 1:
            top.append((members, float(rng.normal(0, 0.7) * 0.93**k)))
    top.sort(key=lambda term: -abs(term[1]) / 2 ** len(term[0]))
    variance = sum(value**2 for _, value in top) or 1.0
    sentence = (
        "Trust this explanation: it predicts 93 % of the variation on masks that it has not seen "
        "(R² 0.93, 90 % interval 0.91 to 0.95, uniform masks)."
    )
    found = {
        "target": "value",
        "trust": {"verdict": "trust", "sentence": sentence},
        "faithfulness": {
            "value": 0.93,
            "low": 0.91,
            "high": 0.95,
            "level": 0.9,
            "distribution": "uniform",
        },
        "values": {"full": 2.314, "empty": -0.402},
        "noise_var": None,
        "fitted": "proxyspex",
        "diagnostics": [
            "118 of 200 candidate terms were kept; the others did not help on unseen masks."
        ],
        "energy": {"1": 0.78, "2": 0.17, "3": 0.05},
        "main_effects": effects.tolist(),
        "top": [
            {
                "features": members,
                "names": [names[i] for i in members],
                "value": value,
                "low": value - 0.15,
                "high": value + 0.15,
                "share": value**2 / variance,
            }
            for members, value in top
        ],
        "spectrum": {},
    }
    return {
        "format": "interplay.run",
        "version": 2,
        "created": "2026-03-13T12:00:00+00:00",
        "versions": {"interplay": "0.1.0", "python": "3.11.9", "numpy": "2.4.6"},
        "trust": {"verdict": "trust", "sentence": sentence},
        "subject": {"kind": "callable", "name": "game"},
        "features": names,
        "cost": {
            "calls": 380,
            "reused": 120,
            "model_seconds": 12.34,
            "fit_seconds": 0.82,
            "tokens": None,
            "usd": None,
        },
        "config": {
            "budget": "500",
            "method": "auto",
            "seed": 0,
            "store": "runs.db",
            "fingerprint": "9f2c1b7de0aa41c7",
            "command": "interplay explain --file review.txt --model models/sentiment --budget 500",
        },
        "notes": [],
        "sample": {
            "masks": 500,
            "replicates": 1,
            "design": "uniform",
            "digest": "00ff",
            "stopped": None,
        },
        "targets": [found],
    }


@pytest.fixture
def short_run() -> dict[str, Any]:
    return text_summary((DEMO / "short_review.txt").read_text(encoding="utf-8"))


@pytest.fixture
def long_run() -> dict[str, Any]:
    return text_summary((DEMO / "long_review.txt").read_text(encoding="utf-8"), pairs=200)


@pytest.fixture
def plain_run() -> dict[str, Any]:
    return callable_summary([f"column {i}" for i in range(12)])
