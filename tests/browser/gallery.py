"""Reports of every lens, made by the real pipeline at small budgets; each is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_image_models import save_clip, save_vit

import interplay as ip
from interplay.demo import (
    context,
    language_model_path,
    long_review,
    model_path,
    question,
    questions,
    short_review,
)
from interplay.explanation import Explanation

Maker = Callable[[Path], Any]


def explained(value_function: Any, features: Any = None, **options: Any) -> Explanation:
    """A run with a command, as the command line gives it one."""
    options = {"budget": 200, "method": "proxyspex", "store": None} | options
    found = ip.explain(value_function, features, **options)
    return replace(found, config={**found.config, "command": "interplay explain --budget 200"})


def review(text: str, **options: Any) -> Explanation:
    options = {"target": "logit:positive", "units": "word"} | options
    budget = options.pop("budget", 200)
    return explained(ip.text(text, model=str(model_path()), **options), budget=budget)


@cache
def short() -> Explanation:
    return review(short_review(), budget=300)


def long(folder: Path) -> Explanation:
    return review(long_review(), budget=500).with_convergence((0.5,))


def facts(folder: Path) -> Explanation:
    value = ip.text(
        context(),
        question=question(),
        model=language_model_path(),
        units="sentence",
        target="prob",
    )
    found = explained(value, method="auto")  # six sentences: exact
    return found.with_action(ip.flip(found, value, store=None))


def flipped(folder: Path) -> Explanation:
    text = "The acting is not bad at all, and the ending never fails to impress."
    value = ip.text(text, model=str(model_path()), target="margin:positive|negative", units="word")
    found = explained(value)
    return found.with_action(ip.flip(found, value, store=None))


def drawing(size: int = 96) -> np.ndarray[Any, Any]:
    """A picture made here: a disc before a sky that fades, uint8 ``(size, size, 3)``."""
    y, x = np.mgrid[:size, :size] / size
    disc = (x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.06
    planes = [np.where(disc, 240, 60 + 120 * y), np.where(disc, 160, 120 * x), 200 * (1 - y)]
    return np.stack(planes, axis=2).astype(np.uint8)


def image(folder: Path) -> Explanation:
    model = save_vit(folder / "vit")
    return explained(ip.image(drawing(), model=model, units="patches:4x4"), budget=150)


def image_and_words(folder: Path) -> Explanation:
    value = ip.image(
        drawing(),
        model=save_clip(folder / "clip"),
        units="superpixels:8+word",
        captions=["a photo of a cat", "a photo of a dog"],
    )
    return explained(value)


def tabular(folder: Path) -> Explanation:
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import RandomForestRegressor

    table = load_diabetes()
    model = RandomForestRegressor(20, max_depth=5, random_state=0).fit(table.data, table.target)
    value = ip.tabular(
        table.data[3],
        predict=model,
        background=table.data[:50],
        columns=table.feature_names,
        mask="marginal:16",
    )
    return explained(value)


def components(folder: Path) -> Explanation:
    from interplay.lenses.components import Task

    task = Task.multiple_choice(
        str(questions()), metric="margin", score="token", template="{question}"
    )
    value = ip.components(str(language_model_path()), task=task)
    found = explained(value)
    return found.with_action(ip.prune(found, value, keep=0.75, random=5, store=None))


def training_data(folder: Path) -> Explanation:
    from interplay.actions.counterfactuals import counterfactuals
    from interplay.lenses.training_data.files import training_files
    from interplay.lenses.training_data.together import together

    value = training_files(classes=["three", "eight"], examples=40)
    found = explained(value, budget=300)
    found = together(found).attached(found)
    found = counterfactuals(found, value, top=2, store=None).attached(found)
    return found.with_action(ip.select(found, value, keep=0.7, random=5, store=None))


def game(masks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Twelve features: pairs and a triple."""
    value = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]) - 1.5 * (masks[:, 3] & ~masks[:, 4])
    found: np.ndarray[Any, Any] = value + (masks[:, 5] & masks[:, 6] & masks[:, 7])
    return found


def plain(folder: Path) -> Explanation:
    """A function whose run has no error bars, nor draws."""
    found = explained(game, [f"column {i}" for i in range(12)])
    (finding,) = found.findings
    bare = ip.Spectrum(dict(finding.spectrum.terms), 12, features=found.features)
    return replace(found, findings=(replace(finding, spectrum=bare, draws=None),))


def targets(folder: Path) -> Explanation:
    """Two targets from the same evaluations."""
    text = "The acting is not bad at all."
    return review(text, target=["logit:positive", "logit:negative", "prob:positive"], budget=100)


def many(folder: Path) -> Any:
    texts = {
        f"review {i}": text
        for i, text in enumerate(
            [
                "The acting is not bad at all.",
                "The dinner scene is not bad, and the ending is warm.",
                "Not a bad plot, just a dull way to tell it.",
                "The film never fails to impress.",
                "A slow and clumsy film, not funny at all.",
                "It is not bad and never dull.",
            ]
        )
    }
    return ip.explain_many(
        {
            name: ip.text(text, model=str(model_path()), target="logit:positive", units="word")
            for name, text in texts.items()
        },
        budget=150,
        method="proxyspex",
        store=None,
    )


def compared(folder: Path) -> Any:
    edited = review(short_review().replace("never ", ""), budget=300)
    return ip.compare(short(), edited, names=["before", "after"])


MAKERS: Mapping[str, Maker] = {
    "text": lambda folder: short(),
    "long text": long,
    "facts": facts,
    "flip": flipped,
    "image": image,
    "image and words": image_and_words,
    "tabular": tabular,
    "components": components,
    "training data": training_data,
    "callable": plain,
    "targets": targets,
    "many inputs": many,
    "comparison": compared,
}
"""Each makes what has a ``report(path)``."""

RUNS = [name for name in MAKERS if name not in ("many inputs", "comparison")]
"""Those whose report is that of one run."""


class Gallery:
    """Runs and their reports, by name; each is made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Any] = {}

    def run(self, name: str) -> Any:
        """The explanation, collection or comparison."""
        if name not in self._made:
            self._made[name] = MAKERS[name](self.folder)
        return self._made[name]

    def report(self, name: str) -> Path:
        """The file of its report."""
        path = self.folder / f"{name.replace(' ', '_')}.html"
        if not path.exists():
            self.run(name).report(path)
        return path


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return Gallery(tmp_path_factory.mktemp("gallery"))
