"""Many masks and many prompts in one forward pass, and what they share computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interplay.errors import BackendError, BadInput, InterplayError
from interplay.lenses.components.ablation import Ablation, Group
from interplay.lenses.components.network import Network
from interplay.lenses.components.passes import Attention, Passes, captured, resumed
from interplay.lenses.components.sites import Anatomy, Site
from interplay.lenses.components.stand_ins import Donors, Means, StandIns
from interplay.lenses.components.task import Questions
from interplay.models.batching import Batches, out_of_memory
from interplay.value_function import BoolArray, FloatArray

TOKENS = {"cpu": 1024, "cuda": 32768}
"""Tokens in one forward pass, by device; on CPUs for each thread, so that all find work and what a
pass makes stays in their caches."""
KEPT_BYTES = 2**30
"""Hidden states that are kept at most, in bytes."""

Tensor = Any


@dataclass(frozen=True)
class Ways:
    """What gives the same outputs as plain passes, for one network: tried, not believed.

    Attributes
    ----------
    narrow : bool
        Only the positions that are needed may go through the head.
    levels : tuple of int
        Layers at which a pass may start, from hidden states that were kept.
    heads : tuple of int
        Layers of which the heads' outputs are kept too, for passes that start there.
    """

    narrow: bool = False
    levels: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()


class Engine:
    """Forward passes of one network with some of its parts ablated, row by row.

    Parameters
    ----------
    network : Network
    anatomy : Anatomy, optional
        None where all parts are named by hand in a network that is not known.
    sites : sequence of Site
        One for each feature.
    questions : Questions
    ablation, rescale
        As in :class:`Ablation`.
    stand_ins : sequence of int
        The prompts whose activations stand in for ablated ones: those of the train split.
    seed : int
        Which prompt stands in for which.
    rows : int, optional
        At most so many rows in a pass; default: by tokens.

    Raises
    ------
    BadInput
        If hooks do not reach the parts, or ablating all of them changes nothing.
    BackendError
        If not even a plain pass succeeds.
    """

    def __init__(
        self,
        network: Network,
        anatomy: Anatomy | None,
        sites: Sequence[Site],
        questions: Questions,
        *,
        ablation: str = "zero",
        rescale: bool = False,
        stand_ins: Sequence[int] = (),
        seed: int = 0,
        rows: int | None = None,
    ) -> None:
        import torch

        self.network, self.sites, self.questions = network, tuple(sites), questions
        self.readings = questions.readings
        self.rows = rows
        totals = dict(zip(anatomy.projections, anatomy.heads, strict=True)) if anatomy else {}
        self.ablation = Ablation(network.module, sites, ablation, rescale=rescale, totals=totals)
        modules = dict(network.module.named_modules())
        self.layers = [modules[name] for name in anatomy.layers] if anatomy else []
        self._attentions = _attentions(anatomy, sites, modules)
        self._layer_of = np.array([site.layer for site in sites], dtype=np.int64)
        kind = network.device.partition(":")[0]
        tokens = TOKENS.get(kind) or TOKENS["cpu"]
        if kind == "cpu":
            tokens *= min(torch.get_num_threads(), 8)
        self._batches = Batches(network.name, tokens)
        self.passes = Passes(network, self.readings)
        floats = [one for one in network.module.parameters() if one.is_floating_point()]
        self._dtype = floats[0].dtype if floats else torch.float32
        self._hidden: dict[tuple[int, int], Tensor] = {}  # (reading, layer) -> (t, d)
        self._heads: dict[tuple[int, int], Tensor] = {}  # (reading, layer) -> (t, heads x width)
        self._plain: dict[int, FloatArray] = {}  # reading -> its numbers, nothing ablated
        self._forms: list[int] = []  # of each layer's output: a tensor, or a tuple of so many
        self._stand_ins: StandIns | None = None
        self.ways = Ways()
        with network.evaluating(), torch.inference_mode():
            self.ways = self._tried()
            if ablation != "zero":
                self._take_stand_ins(stand_ins, seed)

    # --- what is asked

    def numbers(self, masks: BoolArray, wanted: BoolArray) -> list[FloatArray]:
        """Return what the task's score says of each reading under each mask.

        Parameters
        ----------
        masks : bool (m, n)
        wanted : bool (m, prompts)
            Which prompts are asked under which mask.

        Returns
        -------
        list of float64 (m, s)
            One for each reading, NaN where it was not wanted; empty ``(m, 0)`` if never.
        """
        import torch

        out = [np.empty((len(masks), 0)) for _ in self.readings]
        with self.network.evaluating(), torch.inference_mode():
            asked = [i for i, one in enumerate(self.readings) if wanted[:, one.prompt].any()]
            self._know(asked)
            starts, whole = self._starts(masks), masks.all(axis=1)
            items: list[tuple[int, int, int]] = []  # (first layer, reading, mask)
            for i in asked:
                rows = wanted[:, self.readings[i].prompt]
                out[i] = np.full((len(masks), len(self._plain[i])), np.nan)
                out[i][rows & whole] = self._plain[i]
                items += [(int(starts[row]), i, int(row)) for row in np.flatnonzero(rows & ~whole)]
            self._run(masks, items, out)
        return out

    def outputs(self, masks: BoolArray, reading: int = 0, *, plain: bool = False) -> FloatArray:
        """Return the network's logits under each mask, ``(m, ..., classes)``, of one reading.

        One forward pass, with all short cuts that :meth:`numbers` takes, or with none: these round
        otherwise, which counts where the logits are compared with another network's.
        """
        import torch

        with self.network.evaluating(), torch.inference_mode():
            keep, start, ways = self._keep(masks), 0, Ways()
            if not plain:
                self._know([reading])
                start, ways = int(self._starts(masks).min(initial=0)), self.ways
            found = self._forward([reading] * len(masks), keep, ways, start)
            logits: FloatArray = found.double().cpu().numpy()
        return logits.reshape(len(masks), -1, logits.shape[-1])

    # --- passes

    def _run(
        self, masks: BoolArray, items: list[tuple[int, int, int]], out: list[FloatArray]
    ) -> None:
        """Evaluate items in batches of one shape and one first layer."""
        import torch

        kinds: dict[Any, int] = {}
        for start, reading, _ in items:
            kinds.setdefault((self.readings[reading].shape, start), len(kinds))

        def kind(item: tuple[int, int, int]) -> int:
            return kinds[self.readings[item[1]].shape, item[0]]

        # rows of one prompt side by side: they share their inputs
        items = sorted(items, key=lambda item: (kind(item), *item))
        keep = self._keep(masks)

        def work(batch: list[int]) -> None:
            some = [items[j] for j in batch]
            rows = torch.as_tensor([row for _, _, row in some], device=keep.device)
            whose = [reading for _, reading, _ in some]
            found = self._forward(whose, keep[rows], self.ways, some[0][0])
            numbers = self.questions.score([self.readings[i] for i in whose], found)
            for (_, i, row), values in zip(some, numbers, strict=True):
                out[i][row] = values

        self._batch([reading for _, reading, _ in items], work, [kind(item) for item in items])

    def _batch(
        self, whose: Sequence[int], work: Callable[[list[int]], None], kinds: Sequence[int]
    ) -> None:
        lengths = [self.readings[reading].length for reading in whose]
        self._batches.run(lengths, work, rows=self.rows, equal=kinds)

    def _each(self, readings: Sequence[int], work: Callable[[list[int]], None]) -> None:
        """Call ``work`` with readings of one shape at a time."""
        shapes: dict[Any, int] = {}
        kinds = [shapes.setdefault(self.readings[i].shape, len(shapes)) for i in readings]
        self._batch(readings, lambda batch: work([readings[j] for j in batch]), kinds)

    def _forward(
        self, whose: Sequence[int], keep: Tensor | None, ways: Ways, start: int = 0
    ) -> Tensor:
        """Return the outputs of one pass over some readings, each with its own row of ``keep``."""
        with ExitStack() as stack:
            if keep is not None:
                stack.enter_context(self.ablation.applied(keep, self._donors(whose)))
            if start:
                stack.enter_context(
                    resumed(self.layers, start, self._rows(self._hidden, whose, start), self._forms)
                )
            if keep is not None and start in ways.heads:
                heads = self._rows(self._heads, whose, start)
                stack.enter_context(self._attentions[start].given(heads))
            return self.passes(whose, narrow=ways.narrow)

    def _keep(self, masks: BoolArray) -> Tensor:
        import torch

        return torch.from_numpy(masks).to(self.network.device, self._dtype)

    # --- what lies below the first ablated layer

    def _starts(self, masks: BoolArray) -> Any:
        """The layer at which the pass of each mask may start."""
        first = np.where(masks, len(self.layers), np.maximum(self._layer_of, 0)).min(axis=1)
        levels = np.array([0, *self.ways.levels])
        return levels[np.searchsorted(levels, first, side="right") - 1]

    def _rows(self, kept: dict[tuple[int, int], Tensor], whose: Sequence[int], at: int) -> Tensor:
        import torch

        if len(set(whose)) == 1:
            state = kept[whose[0], at]
            return state.expand(len(whose), *state.shape)
        return torch.stack([kept[i, at] for i in whose])

    def _know(self, readings: Sequence[int]) -> None:
        """Read what has not been read yet, with nothing ablated."""

        def work(batch: list[int]) -> None:
            with captured(self.layers, self.ways.levels) as states, ExitStack() as stack:
                heads = {
                    at: stack.enter_context(self._attentions[at].captured())
                    for at in self.ways.heads
                }
                found = self._forward(batch, None, self.ways)
            numbers = self.questions.score([self.readings[i] for i in batch], found)
            for row, i in enumerate(batch):
                self._plain[i] = numbers[row]
                for level, state in states.items():
                    self._hidden[i, level] = state[row].clone()
                for at, (given,) in heads.items():
                    self._heads[i, at] = given[row].clone()

        self._each([i for i in readings if i not in self._plain], work)

    # --- what stands in for ablated parts

    def _donors(self, whose: Sequence[int]) -> Callable[[Group], Tensor] | None:
        return None if self._stand_ins is None else self._stand_ins.of(whose)

    def _take_stand_ins(self, prompts: Sequence[int], seed: int) -> None:
        """Read what stands in for ablated parts off passes in which nothing is ablated."""
        made: StandIns
        if self.ablation.kind == "mean":
            made, needed = Means(self.ablation.groups), self.questions.of(prompts)
        else:
            made = Donors(self.readings, self.ablation.groups, prompts, seed)
            needed = made.needed

        def work(batch: list[int]) -> None:
            with self.ablation.recorded() as signals:
                self._forward(batch, None, self.ways)
            made.add(batch, signals)

        self._each(needed, work)
        self._stand_ins = made

    # --- what the network allows

    def _tried(self) -> Ways:
        """Find out whether hooks reach the parts, row by row, and which short cuts hold."""
        i = min(range(len(self.readings)), key=lambda j: self.readings[j].length)
        try:
            with captured(self.layers, range(len(self.layers))) as states:
                plain = self._forward([i], None, Ways())
        except InterplayError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            raise BackendError(
                f"{self.network.name!r} fails on a plain pass over a prompt of the task: {error}"
            ) from error
        self._check_reach(i, plain)
        narrow = self.passes.can_narrow and self._same(
            plain, lambda: self._forward([i], None, Ways(narrow=True))
        )
        ways = Ways(narrow=narrow)
        wanted = sorted({int(layer) for layer in self._layer_of if layer >= 0})
        if not wanted or any(states.get(layer) is None for layer in wanted):
            return ways
        self._forms = list(states.forms)
        bytes_each = states[wanted[0]].nbytes / self.readings[i].length
        total = 2 * bytes_each * sum(reading.length for reading in self.readings)
        if total * len(wanted) > KEPT_BYTES:
            wanted = wanted[:1] if total <= KEPT_BYTES else []
        for level in wanted:
            self._hidden[i, level] = states[level][0]
            with_level = replace(ways, levels=(*ways.levels, level))
            if level == 0 or self._resumes(i, level, with_level):
                ways = with_level if level else ways
                if level in self._attentions:
                    ways = self._with_heads(i, level, ways)
        self._hidden.clear()
        self._heads.clear()
        return ways

    def _with_heads(self, i: int, level: int, ways: Ways) -> Ways:
        try:
            with self._attentions[level].captured() as given:
                self._forward([i], None, ways)
            self._heads[i, level] = given[0][0]
        except (IndexError, TypeError):  # not the kind of module that this is made for
            return ways
        with_heads = replace(ways, heads=(*ways.heads, level))
        return with_heads if self._resumes(i, level, with_heads) else ways

    def _resumes(self, i: int, level: int, ways: Ways) -> bool:
        """Whether two rows that start at a layer give what they give from the first layer on."""
        masks = np.random.default_rng(level).random((2, len(self.sites))) < 0.5
        keep = self._keep(masks | (self._layer_of < level))
        expected = self._forward([i, i], keep, Ways(narrow=ways.narrow))
        return self._same(expected, lambda: self._forward([i, i], keep, ways, level))

    def _same(self, plain: Tensor, other: Callable[[], Tensor]) -> bool:
        try:
            found = other()
        except Exception as error:  # a network refuses what it does not have in its own way
            if out_of_memory(error):
                raise
            return False
        return found.shape == plain.shape and self._close(found, plain)

    def _close(self, a: Tensor, b: Tensor) -> bool:
        import torch

        epsilon = float(torch.finfo(self._dtype).eps)
        scale = max(1.0, float(b.abs().max()))
        return bool((a - b).abs().max() <= max(1e-5, 16 * epsilon) * scale)

    def _check_reach(self, i: int, plain: Tensor) -> None:
        """Raise BadInput where hooks do not do what they are for."""
        import torch

        n = len(self.sites)
        none, both = np.zeros((1, n), dtype=bool), np.array([[True] * n, [False] * n])
        with self.ablation.applied(self._keep(none)) as reached:
            gone = self.passes([i], narrow=False)
        missed = [group.name for group in self.ablation.groups if group.name not in reached]
        if missed:
            raise BadInput(
                f"the network does not call {', '.join(missed[:3])}"
                f"{' ...' if len(missed) > 3 else ''} as modules, so that hooks do not reach the "
                "parts: its attention is fused, compiled or quantised in a way of its own. Load it "
                'with attn_implementation="eager" and without quantisation, or name other modules '
                "by hand, parts=[Site('MODULE', columns=(0, 64)), ...]"
            )
        if torch.equal(gone, plain):
            raise BadInput(
                f"ablating all {n} parts does not change the outputs of {self.network.name!r}: "
                "hooks do not reach them (fused or quantised attention), or they do nothing. Name "
                "other modules by hand, parts=[Site('MODULE', columns=(0, 64)), ...]"
            )
        with self.ablation.applied(self._keep(both)):
            rows = self.passes([i, i], narrow=False)
        half = len(rows) // 2
        if not (self._close(rows[:half], plain) and self._close(rows[half:], gone)):
            raise BadInput(
                f"{self.network.name!r} mixes the rows of a batch, or holds them on another axis "
                f"than the first, at {self.ablation.groups[0].name!r}: masks cannot be applied row "
                "by row. Name other modules by hand, parts=[Site(...)]"
            )


def _attentions(
    anatomy: Anatomy | None, sites: Sequence[Site], modules: dict[str, Any]
) -> dict[int, Attention]:
    """The attentions whose heads may be kept: of layers in which nothing is ablated before them."""
    if anatomy is None:
        return {}
    found = {}
    for layer, projection in enumerate(anatomy.projections):
        after = {(projection, "input"), (anatomy.mlps[layer], "output")}
        after.add((anatomy.layers[layer], "residual"))
        own = [site for site in sites if site.layer == layer]
        if own and all((site.module, site.at) in after for site in own):
            parent = modules[projection.rpartition(".")[0]]
            found[layer] = Attention(parent, modules[projection])
    return found
