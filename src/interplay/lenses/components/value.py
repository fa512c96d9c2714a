"""The value function over the parts of a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.fingerprint import identity_fingerprint
from interplay.lenses.components.engine import Engine
from interplay.lenses.components.network import Network
from interplay.lenses.components.parts import Part
from interplay.lenses.components.sites import Anatomy, Site
from interplay.lenses.components.task import IntArray, Questions, Task
from interplay.lenses.value import LensValueFunction
from interplay.value_function import BoolArray, FloatArray, Measured, check_masks

MASKS = 64
"""Masks in one call; more where each mask asks few prompts, so that passes are full."""
MOST_MASKS = 512


class ComponentValueFunction(LensValueFunction):
    """A value function over the parts of a network; made by :func:`interplay.components`.

    Called with ``masks``, bool ``(m, n)``, True = part kept; returns float64 ``(m,)``, or
    ``(m, q)`` for q > 1 targets: means over the prompts of the split.

    Attributes
    ----------
    features : tuple of str
        The n parts: ``"L2.H5"``, ``"L2.MLP"``, ``"L2"``.
    targets : tuple of str
        The q targets of the task, all from the same passes.
    batch_size : int
        How many masks it likes to see in one call.
    fingerprint : str
        Digest of weights, parts, prompts and their split, ablation, and what is drawn.
    subject : dict
        What is explained, for reports.
    parts : tuple of Part
    sites : tuple of Site
        Where each part is.
    network : Network
        The module and its tokenizer; ``model`` is the module itself.
    anatomy : Anatomy or None
    task : Task
    prompts : int64 (p,)
        The numbers of the task's prompts that values are means over.
    """

    def __init__(
        self,
        network: Network,
        anatomy: Anatomy | None,
        parts: Sequence[Part],
        sites: Sequence[Site],
        task: Task,
        questions: Questions,
        engine: Engine,
        *,
        split: str = "train",
        prompts_per_mask: int | None = None,
        seed: int = 0,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.network, self.anatomy, self.task = network, anatomy, task
        self.model, self.tokenizer = network.module, network.reader and network.reader.tokenizer
        self.parts, self.sites, self.split = tuple(parts), tuple(sites), split
        self.engine, self.questions = engine, questions
        self.prompts: IntArray = task.prompts(split)
        self.prompts_per_mask, self.seed = prompts_per_mask, seed
        self._arguments = arguments
        self.features = tuple(part.name for part in parts)
        self.targets = task.targets
        drawn = prompts_per_mask or len(self.prompts)
        self.batch_size = min(MOST_MASKS, -(-MASKS * len(self.prompts) // drawn))
        # which prompts a test takes the place of in a run is of no account to what it measures
        identity = {
            "kind": "components",
            "model": network.fingerprint,
            "sites": [_told(site) for site in sites],
            "task": task.identity(),
            "prompts": questions.digest(self.prompts.tolist()),
            "stand_ins": questions.digest(task.prompts("train").tolist())
            if engine.ablation.kind != "zero"
            else None,
            "ablation": engine.ablation.kind,
            "rescale": engine.ablation.rescale,
            "prompts_per_mask": prompts_per_mask,
            "seed": seed if prompts_per_mask or engine.ablation.kind == "resample" else None,
            "targets": list(self.targets),
            "version": 1,
        }
        self.fingerprint = identity_fingerprint(identity)
        heads = list(anatomy.heads) if anatomy else []
        questions_told = task.kind.replace("_", " ")
        noun = "head" if {part.kind for part in parts} == {"head"} else "part"
        self.subject: dict[str, Any] = {
            "kind": "components",
            "name": f"{noun}s of {PurePath(network.name).name}, {questions_told} ({split})",
            "model": network.name,
            "task": task.kind,
            "parts": [[part.kind, part.layer, part.index] for part in parts],
            "layers": len(heads),
            "heads": heads,
            "ablation": engine.ablation.kind,
            "rescale": engine.ablation.rescale,
            "split": split,
            "prompts": len(self.prompts),
            "test_prompts": len(task.prompts("test")),
            "prompts_per_mask": prompts_per_mask,
            "units": noun,
            "target": self.target_told,
        }
        if arguments is not None:
            self.subject["arguments"] = dict(arguments)

    def measure(self, masks: BoolArray) -> Measured:
        """Return the means over prompts; of drawn prompts, also the variance of those means."""
        masks = check_masks(masks, n=len(self.parts))
        drawn = self._drawn(masks)
        scores = self._scores(masks, drawn)
        count = drawn.sum(axis=1)[:, None]
        values = np.nansum(scores, axis=1) / count
        noise = None
        if self.prompts_per_mask is not None:
            left = 1 - count / len(self.prompts)  # drawn without replacement
            spread = np.nansum((scores - values[:, None]) ** 2, axis=1) / (count - 1)
            noise = spread / count * left
        return Measured(
            self.column(values), noise_var=None if noise is None else self.column(noise)
        )

    def scores(self, masks: BoolArray) -> FloatArray:
        """Return the values of single prompts, float64 ``(m, p, q)``, each prompt under each mask.

        The means over prompts are what the function itself returns, unless it draws some.
        """
        masks = check_masks(masks, n=len(self.parts))
        return self._scores(masks, np.ones((len(masks), len(self.prompts)), dtype=bool))

    def on(self, split: str) -> ComponentValueFunction:
        """Return the value function over the prompts of ``"train"``, ``"test"`` or ``"all"``.

        It shares network, hidden states and stand-ins with this one; on other prompts than those of
        the train split every mask asks all of them.
        """
        return ComponentValueFunction(
            self.network,
            self.anatomy,
            self.parts,
            self.sites,
            self.task,
            self.questions,
            self.engine,
            split=split,
            prompts_per_mask=self.prompts_per_mask if split == "train" else None,
            seed=self.seed,
            arguments=self._arguments,
        )

    def _scores(self, masks: BoolArray, drawn: BoolArray) -> FloatArray:
        distinct, back = np.unique(masks, axis=0, return_inverse=True)
        back = back.reshape(-1)
        wanted = np.zeros((len(distinct), len(self.task.prompts("all"))), dtype=bool)
        wanted[np.ix_(back, self.prompts)] = drawn  # of equal masks the same prompts are drawn
        numbers = self.engine.numbers(distinct, wanted)
        places: dict[int, list[int]] = {}
        for i, reading in enumerate(self.questions.readings):
            places.setdefault(reading.prompt, []).append(i)
        found = np.full((len(distinct), len(self.prompts), len(self.targets)), np.nan)
        for column, prompt in enumerate(self.prompts.tolist()):
            rows = wanted[:, prompt]
            if rows.any():
                own = np.stack([numbers[i][rows] for i in places[prompt]], axis=1)
                found[rows, column] = self.questions.combine(prompt, own)
        return found[back]

    def _drawn(self, masks: BoolArray) -> BoolArray:
        """Which prompts each mask asks: the same ones, whenever and beside what it comes."""
        p, k = len(self.prompts), self.prompts_per_mask
        if k is None:
            return np.ones((len(masks), p), dtype=bool)
        drawn = np.zeros((len(masks), p), dtype=bool)
        for row, mask in enumerate(masks):
            rng = np.random.default_rng([self.seed, *np.packbits(mask).tolist()])
            drawn[row, rng.choice(p, k, replace=False)] = True
        return drawn


def _told(site: Site) -> list[Any]:
    """What a site is, for the fingerprint."""
    arrays = (site.directions, site.readers, site.bias)
    digests = [
        None if one is None else hashlib.sha256(np.asarray(one, np.float64).tobytes()).hexdigest()
        for one in arrays
    ]
    return [site.module, site.columns, site.at, site.name, *digests]


def check_drawn(prompts_per_mask: int | None, count: int) -> int | None:
    """Return how many prompts each mask asks, None for all of them."""
    k = prompts_per_mask
    if k is None:
        return None
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 2:
        raise BadInput(
            f"prompts_per_mask must be a whole number of at least 2, or the noise that drawing "
            f"adds is not known; got {k!r}"
        )
    return None if k >= count else int(k)
