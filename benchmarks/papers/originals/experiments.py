"""Run an experiment: value functions by our lenses, fits at each budget, and their measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.engine.data import calls
from benchmarks.inputs.octaves import coded_masks, fit_coded
from benchmarks.papers import heads
from benchmarks.papers.originals.configurations import Configuration
from benchmarks.papers.originals.contrastive import contrastive
from benchmarks.papers.originals.inputs import Item, choices
from benchmarks.papers.removal import chosen_by
from benchmarks.papers.supporting import recall
from interplay.codes import MaskCode
from interplay.errors import BadInput
from interplay.evaluate import Store, evaluate
from interplay.lenses.components import Task
from interplay.lenses.text.compose import document
from interplay.masks import uniform
from interplay.metrics import r_squared, rank_correlation
from interplay.models.hf_classifier import HFClassifier
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText
from interplay.models.text_model import open_text_model

REMOVED = range(1, 9)
TOP = 10
"""Interactions that are looked through for supporting sentences."""
TRAIN = 120 / 231
"""Of the questions of MMLU, in the paper."""


@dataclass(frozen=True)
class Given:
    """What the command line gives beside the configuration."""

    model: str
    data: tuple[Path, ...]
    store: Path | None = None
    options: dict[str, Any] | None = None
    """Of the model: device, dtype, base_url, prices."""


def run(configuration: Configuration, given: Given) -> Iterator[dict[str, Any]]:
    """Yield what was measured, input by input."""
    if configuration.kind == "heads":
        yield from pruned(configuration, given)
    elif configuration.kind == "archive":
        yield from archive(configuration, given)
    else:
        functions = FUNCTIONS[configuration.kind](configuration, given)
        chosen = (
            (item, function)
            for item, function in functions
            if configuration.low <= len(function.features) <= configuration.high
        )
        for item, function in islice(chosen, configuration.count):
            yield {"input": item.name} | measured(configuration, item, function, given.store)


# --- value functions


def texts(configuration: Configuration, given: Given) -> Iterator[tuple[Item, Any]]:
    """Yield value functions of texts, each with its own item."""
    model = open_text_model(given.model, **_options(configuration, given))
    target = configuration.target
    if isinstance(model, HFClassifier):
        target = f"logit:{positive(model.labels)}"
    for item in _items(configuration, given):
        if not configuration.low <= _features(configuration, item) <= configuration.high:
            continue  # before the model is asked for its answer
        units = item.spans or configuration.units
        mask: Any = configuration.mask
        if not isinstance(model, HFClassifier):
            # as it is written: few language models have a token of that name
            mask = dict.fromkeys(document(item.text, units).features, mask)
        function = ip.text(
            item.text,
            model=model,
            units=units,
            mask=mask,
            target=target,
            question=item.question,
            template=configuration.template if item.question else None,
            system=configuration.system,
        )
        yield item, function


def positive(labels: Sequence[str]) -> str:
    """Return which of a sentiment model's labels is the positive one.

    >>> positive(["NEGATIVE", "POSITIVE"]), positive(["LABEL_0", "LABEL_1"])
    ('POSITIVE', 'LABEL_1')
    """
    return next((one for one in labels if one.lower().startswith("pos")), labels[-1])


def visual(configuration: Configuration, given: Given) -> Iterator[tuple[Item, Any]]:
    """Yield value functions of pictures that a question is asked about."""
    model = HFImageText.load(given.model, **(given.options or {}))
    for item in _items(configuration, given):
        assert item.grid is not None
        rows, columns = item.grid
        yield (
            item,
            ip.image(
                item.picture,
                model=model,
                units=f"{configuration.units}:{rows}x{columns}",
                mask=configuration.mask,
                target=configuration.target,
                question=item.question,
                response=item.answer,
            ),
        )


def pairs(configuration: Configuration, given: Given) -> Iterator[tuple[Item, Any]]:
    """Yield value functions of pictures and captions, each against all other pairs."""
    model = HFContrastive.load(given.model, **(given.options or {}))
    captions: dict[str, Item] = {}
    for item in islice(_items(configuration, given), 2 * configuration.count):
        captions.setdefault(item.text, item)  # of equal captions neither would be the right one
    chosen = list(captions.values())[: configuration.count]
    if len(chosen) < 2:
        raise BadInput("a contrastive loss needs two pairs at least: raise --limit")
    for item in chosen:
        order = [item, *(other for other in chosen if other is not item)]
        yield (
            item,
            contrastive(
                [one.picture for one in order],
                [one.text for one in order],
                model=model,
                units=configuration.units,
                mask=configuration.mask,
            ),
        )


FUNCTIONS: dict[str, Callable[[Configuration, Given], Iterator[tuple[Item, Any]]]] = {
    "text": texts,
    "visual": visual,
    "pairs": pairs,
}


def _items(configuration: Configuration, given: Given) -> Iterator[Item]:
    assert configuration.read is not None
    for path in given.data:
        yield from configuration.read(path)


def _features(configuration: Configuration, item: Item) -> int:
    return len(item.spans) if item.spans else len(item.text.split())


def _options(configuration: Configuration, given: Given) -> dict[str, Any]:
    # a server is tried out with the kind of prompt that it will get
    chat = given.model.startswith("openai:") and configuration.system is not None
    return {**(given.options or {}), **({"chat": True} if chat else {})}


# --- measures


def measured(
    configuration: Configuration, item: Item, function: Any, store: Path | None
) -> dict[str, Any]:
    """Return R² on uniform masks by budget and method, and what the largest budget tells more.

    That is the change of the value when the r features that matter most are removed, and, where
    it is known, the share of the supporting features among the strongest interactions. As in the
    papers, masks that judge are not kept from the fits: below some 14 features they share many.
    """
    n = len(function.features)

    def ask(masks: Any) -> Any:
        if store is None:
            return evaluate(function, masks).values[:, 0]
        with Store(store) as opened:
            return evaluate(function, masks, store=opened).values[:, 0]

    test = uniform(n, configuration.tests, np.random.default_rng([0, n, 1]))
    truth = ask(test)
    full = float(ask(np.ones((1, n), dtype=bool))[0])
    code = MaskCode.drawn(n, np.random.default_rng([0, n, 2]))
    scores: dict[str, dict[str, float]] = {}
    fitted: dict[str, Any] = {}
    sizes = []
    for budget in configuration.budgets:
        coded = coded_masks(code, int(budget)) if configuration.design == "coded" else None
        m = calls(n, budget) if coded is None else len(coded)
        masks = uniform(n, m, np.random.default_rng([0, n, 3]))
        values = ask(masks)
        sizes.append(m)
        for method in configuration.methods:
            if method == "spex":
                if coded is None:
                    raise BadInput(
                        "spex is fitted to coded masks: this experiment has uniform ones"
                    )
                fitted[method] = fit_coded(code, coded, ask(coded))
            else:
                fitted[method] = ip.fit(masks, values, method=method)
            score = r_squared(truth, fitted[method].predict(test))
            scores.setdefault(method, {})[f"{budget:g}"] = score
    told: dict[str, Any] = {"n": n, "calls": sizes, "full": full, "r2": scores}
    told["removal"] = {
        method: _removal(one.spectrum(), n, full, ask) for method, one in fitted.items()
    }
    if item.supporting:
        told["supporting"] = {
            method: recall([found.features for found in one.spectrum().top(TOP)], item.supporting)
            for method, one in fitted.items()
        }
    return told


def _removal(spectrum: Any, n: int, full: float, ask: Callable[[Any], Any]) -> list[float]:
    masks = [chosen_by(spectrum, r).mask for r in REMOVED if r < n]
    changes: list[float] = (np.abs(ask(np.array(masks)) - full) / abs(full)).tolist()
    return changes


def pruned(configuration: Configuration, given: Given) -> Iterator[dict[str, Any]]:
    """Yield one row for each share of heads kept, and one of the energies."""
    items = choices(given.data)[: configuration.count]
    task = Task.multiple_choice(items, metric=configuration.target, share=TRAIN)
    function = ip.components(
        given.model, task=task, parts=configuration.units, rescale=True, **(given.options or {})
    )
    fits = [one for one in configuration.methods if one not in ("random", "lasso")]
    group = heads.Group(
        configuration.name,
        configuration.units,
        int(configuration.budgets[0]),
        (configuration.target,),
        rescale=True,
    )
    runs = {
        method: heads.explained(group, [function], method, store=given.store) for method in fits
    }
    for _, size, share, values, whole in heads.compared(
        group, [function], runs, configuration.target
    ):
        yield {
            "input": f"{size} of {len(function.features)} heads kept ({100 * share:.0f} %)",
            "test": {name: held[0] for name, held in values.items()} | {"all": whole[0]},
        }
    layers = [part.layer for part in function.parts]
    yield {"input": "energy", "energy": heads.shares(runs.get("auto", runs[fits[-1]])[0], layers)}


def archive(configuration: Configuration, given: Given) -> Iterator[dict[str, Any]]:
    """Yield R² and rank correlation of each target of an archive of subset trainings."""
    if len(given.data) > 1:
        raise BadInput(f"an archive is one folder; got {', '.join(map(str, given.data))}")
    (folder,) = given.data
    for target in range(configuration.count):
        try:
            found = ip.read_recording(folder, target=target)
        except BadInput as error:
            if target and "target" in str(error):
                return  # there are no more
            raise
        rows, n = found.masks.shape
        tests = min(configuration.tests, rows // 10)
        m = min(calls(n, configuration.budgets[-1]), rows - tests)
        masks, values = found.masks[:m], found.values.reshape(rows)[:m]
        test, truth = found.masks[rows - tests :], found.values.reshape(rows)[rows - tests :]
        told: dict[str, Any] = {"input": f"target {target}", "n": n, "calls": [m]}
        for method in configuration.methods:
            predicted = ip.fit(masks, values, method=method).predict(np.array(test))
            told.setdefault("r2", {})[method] = {"all": r_squared(truth, predicted)}
            told.setdefault("lds", {})[method] = rank_correlation(truth, predicted)
        yield told
