"""Batches by length, and what happens when memory runs out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_hf_classifier import ragged, reference

from interplay.errors import BackendError
from interplay.models.batching import Batches
from interplay.models.hf_classifier import HFClassifier


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=30),
    st.integers(1, 60),
    st.none() | st.integers(1, 5),
    st.booleans(),
)
def test_every_sequence_once_within_the_bounds(
    sequences: list[tuple[int, int]], tokens: int, rows: int | None, equal: bool
) -> None:
    lengths, keys = [length for length, _ in sequences], [key for _, key in sequences]
    seen: list[list[int]] = []
    Batches("m", tokens).run(lengths, seen.append, rows=rows, equal=keys if equal else None)
    assert sorted(i for batch in seen for i in batch) == list(range(len(lengths)))
    widths = [lengths[batch[0]] for batch in seen]
    assert widths == sorted(widths, reverse=True)
    for batch, width in zip(seen, widths, strict=True):
        assert width == max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * width <= tokens
        assert rows is None or len(batch) <= rows
        assert not equal or len({keys[i] for i in batch}) == 1


def test_bound_halves_and_stays() -> None:
    batches, tried = Batches("m", 64), []

    def work(batch: list[int]) -> None:
        tried.append(len(batch))
        if len(batch) > 3:
            raise MemoryError

    batches.run([4] * 16, work)
    assert tried[:4] == [16, 8, 4, 2]
    assert batches.tokens == 8
    tried.clear()
    batches.run([4] * 4, work)
    assert tried == [2, 2]


def test_one_sequence_that_does_not_fit() -> None:
    def work(batch: list[int]) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(
        BackendError, match=r"'m' ran out of memory on one sequence of 9 tokens; use a device with"
    ):
        Batches("m", 64).run([9, 3], work)


def test_classifier_halves_its_batches_too(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = HFClassifier.load(bert)
    sequences = ragged(model)
    model.logits(sequences)
    plain = model._forward

    def limited(batch, *more):  # type: ignore[no-untyped-def]
        if len(batch) > 5:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return plain(batch, *more)

    monkeypatch.setattr(model, "_forward", limited)
    np.testing.assert_allclose(model.logits(sequences), reference(bert, sequences), atol=1e-4)
