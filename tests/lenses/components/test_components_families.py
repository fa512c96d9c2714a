"""Masked logits of every family are those of a network whose matrices were cut by hand."""

from __future__ import annotations

import numpy as np
import pytest
from networks import FAMILIES, logits, network, prompts, without, without_mlps

import interplay as ip
from interplay.lenses.components import ComponentValueFunction, Task

DECODERS = ("llama", "qwen2", "qwen3", "mistral", "gemma", "gpt2", "neox")
RNG = np.random.default_rng(0)


def lens(made: object, family: str, **options: object) -> ComponentValueFunction:
    """The component lens, on a task that looks at all logits."""
    task = Task.callable(prompts(family), lambda out, prompts: out.reshape(len(out), -1)[:, 0])
    return ip.components(made, task=task, **options)


def whole_logits(value: ComponentValueFunction, masks: np.ndarray, reading: int) -> np.ndarray:
    return value.engine.outputs(masks, reading)


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_are_zeroed_row_by_row(family: str) -> None:
    made = network(family)
    value = lens(made, family)
    assert value.features == tuple(f"L{i}.H{j}" for i in range(3) for j in range(4))
    masks = RNG.random((5, 12)) < 0.5
    masks[0], masks[1] = True, False
    masks[2, :8] = True  # begins at the last layer
    for reading in (0, 3):
        found = whole_logits(value, masks, reading)
        last = whole_logits(value, masks[2:3], reading)
        for row, mask in enumerate(masks):
            expected = logits(without(made, family, mask.reshape(3, 4)), prompts(family)[reading])
            expected = expected.reshape(found.shape[1:])
            np.testing.assert_allclose(found[row], expected, atol=1e-5, err_msg=f"row {row}")
            if row == 2:
                np.testing.assert_allclose(last[0], expected, atol=1e-5)
    assert value.engine.ways.levels == (1, 2)  # the short cut holds for every family
    # BERT's projection adds the residual stream in the same module
    assert value.engine.ways.heads == (() if family == "bert" else (0, 1, 2))


@pytest.mark.parametrize("family", FAMILIES)
def test_mlps_and_rescaled_heads(family: str) -> None:
    made = network(family, seed=1)
    value = lens(made, family, parts="mlps")
    masks = np.array([[True, True, False], [False, True, True], [False, False, False]])
    found = whole_logits(value, masks, 1)
    for row, mask in enumerate(masks):
        expected = logits(without_mlps(made, family, mask), prompts(family)[1])
        np.testing.assert_allclose(found[row], expected.reshape(found.shape[1:]), atol=1e-5)
    value = lens(made, family, parts="heads:1,2", rescale=True)
    masks = np.concatenate([RNG.random((3, 8)) < 0.6, np.zeros((1, 8), dtype=bool)])
    found = whole_logits(value, masks, 2)
    for row, mask in enumerate(masks):
        every = np.concatenate([np.ones((1, 4), dtype=bool), mask.reshape(2, 4)])
        expected = logits(without(made, family, every, rescale=True), prompts(family)[2])
        np.testing.assert_allclose(found[row], expected.reshape(found.shape[1:]), atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_layers_are_skipped(family: str) -> None:
    made = network(family)
    value = lens(made, family, parts="layers")
    assert value.features == ("L0", "L1", "L2")
    masks = np.array([[True, False, True], [False, True, False]])
    found = whole_logits(value, masks, 0)
    for row, mask in enumerate(masks):
        kept = np.repeat(mask[:, None], 4, axis=1)
        bare = without_mlps(without(made, family, kept), family, mask)
        if family == "gpt2":  # the projection's bias belongs to the layer too
            for layer in np.flatnonzero(~mask):
                bare.transformer.h[int(layer)].attn.c_proj.bias.data.zero_()
        expected = logits(bare, prompts(family)[0])
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert", "vit"])
def test_means_stand_in_for_heads(family: str) -> None:
    import torch

    made = network(family)
    value = lens(made, family, ablation="mean")
    seen: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}
    from networks import module

    handles = [
        module(made, family, layer, "head").register_forward_pre_hook(
            lambda _, inputs, layer=layer: seen[layer].append(inputs[0][0].numpy().copy())
        )
        for layer in range(3)
    ]
    for i in value.task.train:
        logits(made, prompts(family)[i])
    for handle in handles:
        handle.remove()
    masks = RNG.random((3, 12)) < 0.5
    found = whole_logits(value, masks, 1)
    for row, mask in enumerate(masks):
        cut = without(made, family, mask.reshape(3, 4))
        for layer in range(3):
            mean = np.concatenate(seen[layer]).mean(axis=0)
            gone = np.where(np.repeat(mask.reshape(3, 4)[layer], len(mean) // 4), 0, mean)
            own, changed = (module(one, family, layer, "head") for one in (made, cut))
            matrix = own.weight.detach() if family == "gpt2" else own.weight.detach().T
            more = torch.from_numpy(gone).to(matrix.dtype) @ matrix
            bias = more if own.bias is None else own.bias.detach() + more
            changed.bias = torch.nn.Parameter(bias)
        expected = logits(cut, prompts(family)[1]).reshape(found.shape[1:])
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_another_prompt_stands_in() -> None:
    """One layer's heads, resampled: its projection is given the donor's columns."""
    made = network("llama")
    same = [one[:7] for one in prompts("llama")]
    task = Task.callable(same, lambda out, prompts: out[:, -1, 0])
    value = ip.components(made, task=task, parts="heads:1", ablation="resample", seed=3)
    again = ip.components(made, task=task, parts="heads:1", ablation="resample", seed=3)
    mask = np.array([[True, False, False, True]])
    np.testing.assert_array_equal(value(mask), again(mask))
    donor = value.engine._stand_ins.donor[0]
    assert donor != 0
    assert value.questions.readings[donor].prompt in value.task.train
    kept: list[object] = []
    projection = made.model.layers[1].self_attn.o_proj
    handle = projection.register_forward_pre_hook(lambda _, x: kept.append(x[0].clone()))
    logits(made, same[donor])
    handle.remove()

    def swap(_: object, x: tuple[object, ...]) -> tuple[object]:
        mixed = x[0].clone()
        mixed[..., 8:24] = kept[0][..., 8:24]
        return (mixed,)

    handle = projection.register_forward_pre_hook(swap)
    expected = logits(made, same[0])
    handle.remove()
    np.testing.assert_allclose(whole_logits(value, mask, 0)[0], expected, atol=1e-5)


@pytest.mark.parametrize("family", DECODERS)
def test_short_cuts_give_what_plain_passes_give(family: str) -> None:
    """Logits at the response only, prompts in one batch, any batch size."""
    made = network(family)
    some = prompts(family)
    task = Task.response([one[:5] for one in some], [one[5:] for one in some])
    value = ip.components(made, task=task)
    small = ip.components(made, task=task, batch_size=1)
    assert value.engine.ways.narrow
    masks = RNG.random((4, 12)) < 0.7
    np.testing.assert_allclose(value(masks), small(masks), atol=1e-4)
    for row, mask in enumerate(masks):
        cut = without(made, family, mask.reshape(3, 4))
        expected = []
        for i in task.train:
            own = logits(cut, some[i])
            own = own - np.log(np.exp(own).sum(axis=1, keepdims=True))
            chosen = [own[t - 1, some[i][t]] for t in range(5, len(some[i]))]
            expected.append((sum(chosen), np.mean(chosen)))
        np.testing.assert_allclose(value(masks)[row], np.mean(expected, axis=0), atol=1e-4)
