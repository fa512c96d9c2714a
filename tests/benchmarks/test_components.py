"""The benchmark of components: each section once, small, and the page that is committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import sections
from benchmarks.components import (
    checkpoint,
    faithfulness,
    layers,
    pruning,
    subjects,
    throughput,
    vit,
)
from benchmarks.components.__main__ import PAGE
from benchmarks.components.splits import Read, halves
from benchmarks.sections import read

import interplay as ip


def test_committed_figures_make_the_committed_page() -> None:
    results = read(PAGE)
    if not results:
        pytest.skip("nothing was measured yet")
    page = (PAGE.folder / "components.md").read_text("utf-8")
    assert page == sections.rendered(PAGE, results) + "\n"


def test_splits_read_each_prompt_once_under_a_mask() -> None:
    function = subjects.function_of("facts", subjects.facts_task())
    function = function.on("train")  # any split will do: all prompts are read
    kept = Read(function, ("margin",))
    first, second = halves(kept, 2)
    masks = np.random.default_rng(0).random((3, 16)) < 0.7
    np.testing.assert_array_equal(np.sort([*first.prompts, *first.on("test").prompts]), range(60))
    assert first.prompts.tolist() != second.prompts.tolist()
    values = first(masks)
    assert (kept.masks, kept.passes) == (3, 90)
    expected = (
        ip.components(str(subjects.folder_of("facts")), task=subjects.facts_task())
        .on("all")
        .scores(masks)[:, :, 1]
    )
    np.testing.assert_allclose(values, expected[:, first.prompts].mean(axis=1), atol=1e-4)
    np.testing.assert_allclose(
        first.on("test").scores(masks)[..., 0], expected[:, first.on("test").prompts], atol=1e-4
    )
    assert kept.passes == 180
    second(masks), second.on("test")(masks)
    assert kept.passes == 180


def test_pruning_small(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = pruning.Subject("stories260k", 30, ("logprob:mean",), 4, 16, 8)
    monkeypatch.setattr(pruning, "QUICK", (subject,))
    monkeypatch.setattr(pruning, "SHARES", (0.5,))
    (row,) = pruning.rows(quick=True)
    assert "20 of 40 heads kept (50 %), 2 splits" in row.what
    methods = {one["method"]: one for one in row.detail["methods"]}
    assert set(methods) == set(pruning.NAMES)
    lead = methods["auto"]["test"] - methods["lasso"]["test"]
    assert methods["lasso"]["difference"] == pytest.approx(lead)
    assert "| stories260k | logprob:mean | 50 % |" in pruning.report([row])


def test_a_rival_that_is_better_is_told() -> None:
    subject = pruning.Subject("facts", 7, ("accuracy",), 60)
    auto = {"method": "auto", "test": 0.5, "before": 1.0, "share": 0.5, "size": 8, "low": 0.0,
            "high": 0.0, "difference": 0.0}  # fmt: skip
    chance = auto | {"method": "random", "test": 0.4, "difference": 0.1, "low": 0.05, "high": 0.2}
    assert pruning.judged(subject, "accuracy", [auto, chance], 10, 16).met
    better = auto | {"method": "lasso", "test": 0.6, "difference": -0.1, "low": -0.2, "high": 0.1}
    row = pruning.judged(subject, "accuracy", [auto, chance, better], 10, 16)
    assert not row.met
    assert row.measured.endswith("; below LASSO")
    unsure = chance | {"low": -0.05}
    row = pruning.judged(subject, "accuracy", [auto, unsure], 10, 16)
    assert not row.met
    assert row.measured.endswith("; not significantly above best-of-N")


def test_throughput_small(assets: Path) -> None:
    found = throughput.rows(quick=True)
    assert [row.detail["kind"] for row in found] == list(throughput.BARS)
    assert [row.reported for row in found] == [False, True, False]  # 1.7 is for two threads
    assert "| 1 | last layer |" in throughput.report(found)


def test_checkpoints_small(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "ROWS", 2)
    zeroed, removed, faster, mean = checkpoint.rows(quick=True)
    assert zeroed.met
    assert removed.met
    assert mean.met
    assert mean.detail["matters"] != zeroed.detail["matters"]
    assert zeroed.detail["removed"] == 0
    assert removed.detail["removed"] == 20
    assert min(zeroed.detail["matters"], removed.detail["matters"]) > 0.1
    assert faster.bar == "> 1"
    assert "| stories260k | removed |" in checkpoint.report([zeroed, removed, faster])


def test_exact_coefficients_of_a_sum_of_parities() -> None:
    masks = faithfulness.masks_of(range(256), 8)
    values = ip.Spectrum({(0,): 1.0, (1, 2): -0.5, (): 3.0}, n=8).predict(masks)
    row = faithfulness.exact("known", masks, values)
    assert row.detail["linear"] == pytest.approx(0.8)
    assert np.mean(row.detail["recovered"]) > 0.999
    assert row.detail["all"] == pytest.approx(values[-1])
    assert "| known | 0.800 |" in faithfulness.report([row])


def test_the_sorting_network_sorts_without_ablation(assets: Path) -> None:
    function = faithfulness.sorting(8)
    none, every = function(np.array([[False] * 9, [True] * 9]))
    assert every > -0.01
    assert none < every - 0.1


def test_layers_small(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "QUICK_CALLS", 40)
    (row,) = layers.rows(quick=True)
    for group in row.detail["groups"]:
        assert group["linear"] + group["within"] + group["across"] == pytest.approx(1)
    assert sum(group["share"] for group in row.detail["groups"]) == pytest.approx(1)
    assert "| all | 100 % |" in layers.report([row])


def test_the_transformer_is_trained_once_and_named_pictures_are_a_task(
    assets: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pixels, labels, names = vit.pictures("train")
    monkeypatch.setattr(vit, "FOLDER", tmp_path / "build" / "network")
    monkeypatch.setattr(vit, "EPOCHS", 1)
    monkeypatch.setattr(vit, "BATCH", 10)
    monkeypatch.setattr(vit, "pictures", lambda split: (pixels[:40], labels[:40], names))
    folder = vit.vit()
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert vit.vit() == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    value = ip.components(str(folder), task=vit.recognise(6))
    assert len(value.features) == 40
    assert value.targets == ("accuracy", "margin")
    assert value.network.module.config.id2label[3] == names[3] == "cat"
    mask = checkpoint.half(value, even=True)
    assert checkpoint.apart(value, mask, value.model) > 1e-6
    assert checkpoint.apart(value, np.ones(40, dtype=bool), value.model) == 0


def test_pictures_are_mirrored_and_moved_whole() -> None:
    import torch

    torch.manual_seed(0)
    x = torch.arange(2.0 * 3 * 32 * 32).view(2, 3, 32, 32) + 1
    moved = vit._moved(x)
    assert moved.shape == x.shape
    kept = moved[moved != 0]
    assert len(kept) >= 2 * 3 * (32 - vit.SHIFT) ** 2
    assert torch.isin(kept, x).all()
    assert len(kept.unique()) == len(kept)
    for own, before in zip(moved, x, strict=True):  # every picture keeps to itself
        assert torch.isin(own[own != 0], before).all()
