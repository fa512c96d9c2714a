"""Forward passes of a causal network: logits at chosen positions only, and caches to go on from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interplay.value_function import BoolArray, FloatArray

IntArray = NDArray[np.int64]
Reuse = Literal["no", "equal", "ragged"]
"""What may go on from a cache: nothing, prompts of one length, or prompts of any lengths."""


class Passes:
    """Forward passes of one network on one device."""

    def __init__(self, network: Any, device: str) -> None:
        self.network = network
        self.device = device
        self.narrow = True
        self._takes_positions = "position_ids" in signature(network.forward).parameters

    def __call__(
        self,
        ids: IntArray,
        targets: IntArray,
        *,
        visible: BoolArray | None = None,
        positions: IntArray | None = None,
        past: Any = None,
        keep: bool = False,
    ) -> tuple[Any, Any]:
        """Return the logits ``(t, vocabulary)`` at ``targets``, and with ``keep`` the new cache.

        Parameters
        ----------
        ids : int64 (m, w)
        targets : int64 (t,)
            Positions in the flattened ``ids``.
        visible : bool (m, past + w), optional
            False where a position is attended to by none. Default: all.
        positions : int64 (m, w), optional
            Default: from 0 on.
        past : a cache of m rows, optional
            It is changed.
        """
        inputs: dict[str, Any] = {
            "input_ids": self.tensor(ids),
            "use_cache": keep or past is not None,
        }
        if visible is not None:
            inputs["attention_mask"] = self.tensor(visible.astype(np.int64))
        if positions is not None and self._takes_positions:
            inputs["position_ids"] = self.tensor(positions)
        if past is not None:
            inputs["past_key_values"] = past
        flat = self.tensor(targets)
        if self.narrow:
            with only_at(self.network.get_output_embeddings(), flat):
                found = self.network(**inputs)
            logits = found.logits[0]
        else:
            found = self.network(**inputs)
            logits = found.logits.flatten(0, 1)[flat]
        return logits, found.past_key_values if keep else None

    def tensor(self, array: NDArray[Any]) -> Any:
        """Return an array as a tensor on the network's device."""
        import torch

        return torch.from_numpy(np.array(array)).to(self.device)

    def reuse(self) -> Reuse:
        """Return what the kind of the network's cache allows at most."""
        from transformers import cache_utils

        ids = np.zeros((1, 2), dtype=np.int64)
        try:
            cache = self(ids, np.zeros(1, dtype=np.int64), keep=True)[1]
        except Exception:  # networks without caches refuse in their own ways
            return "no"
        if type(cache) is not cache_utils.DynamicCache:
            return "no"
        kinds = {type(layer) for layer in cache.layers}
        if not kinds <= {cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer}:
            return "no"
        # a window counts the padding between a prompt and what follows it
        return "equal" if cache_utils.DynamicSlidingWindowLayer in kinds else "ragged"


def rows_of(cache: Any, rows: Any) -> Any:
    """Return a cache of the given rows (a tensor of indices), or of one row so many times (int).

    The old one can be used again: layers put new tensors in the place of their own as they grow.
    """
    picked = copy.copy(cache)
    picked.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in picked.layers:
        if isinstance(rows, int):
            layer.keys = layer.keys.expand(rows, -1, -1, -1)
            layer.values = layer.values.expand(rows, -1, -1, -1)
        else:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
    return picked


def log_probabilities(logits: Any, tokens: Any) -> FloatArray:
    """Return the log-probability of one token per row of logits, float64 ``(t,)``.

    Reduced on the device, in float32 or better.
    """
    import torch

    logits = logits if logits.dtype == torch.float64 else logits.float()
    chosen = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=-1)
    values: FloatArray = chosen.double().cpu().numpy()
    return values


@contextmanager
def only_at(head: Any, flat: Any) -> Iterator[None]:
    """Give a head only some of the positions, whichever they are in each row.

    A network's own ``logits_to_keep`` keeps the same positions in every row, and not all networks
    have it.
    """

    def keep(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, *others = inputs
        return (hidden.flatten(0, -2).index_select(0, flat)[None], *others)

    handle = head.register_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()
