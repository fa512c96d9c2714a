"""Networks trained many at once end where networks trained one after the other end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.errors import BackendError, BadInput
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.engines.many import choice, networks
from interplay.lenses.training_data.engines.many.batches import Order, Together
from interplay.lenses.training_data.engines.many.loop import Loop
from interplay.lenses.training_data.engines.many.mlp import StackedMLP
from interplay.lenses.training_data.engines.many.recipe import Recipe
from interplay.lenses.training_data.engines.torch_many import BoundNetworks, TorchMany
from interplay.value_function import BoolArray, FloatArray

N, M = 40, 7


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def drawn(kind: str = "features", *, regression: bool = False) -> tuple[Dataset, Dataset]:
    """N examples of three classes (or with numbers as labels), and five to ask."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N + 5, 6)) * 3 + 1
    labels: Any = (features[:, 0] > 1).astype(int) + (features[:, 1] > 2)
    if regression:
        labels = 1000 + 10 * features[:, 0]
    inputs: Any = features
    if kind == "pictures":
        inputs = rng.integers(0, 200, size=(N + 5, 8, 8, 3), dtype=np.uint8)
        inputs[:, 2:5] += (20 * features[:, :1]).clip(0, 50).astype(np.uint8)[:, :, None, None]
    every = Dataset.of((inputs, labels))
    return every.take(range(N)), every.take(range(N, N + 5))


def subsets(data: Dataset) -> BoolArray:
    """Of all sizes: all, a single example, one without the first class, odd last batches."""
    rng = np.random.default_rng(1)
    kept = rng.random((M, N)) < np.array([0.2, 0.5, 0.5, 0.5, 0.9, 0.5, 0.5])[:, None]
    kept[0], kept[1] = True, np.arange(N) == 3
    if data.classes is not None:
        kept[2] = data.labels != 0
    return kept


def bound(network: Any, data: Dataset, tests: Dataset, **options: Any) -> BoundNetworks:
    made = TorchMany(network, **{"epochs": 3, "batch": 8, "device": "cpu", **options})
    found = made.bind(data, tests)
    assert isinstance(found, BoundNetworks)
    return found


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("mlp", {"hidden": (9, 7)}),
    "mlp, adamw": ("mlp", {"hidden": (9,), "optimizer": "adamw", "schedule": "one-cycle"}),
    "linear": ("mlp", {"hidden": (), "momentum": 0.0, "weight_decay": 0.0}),
    "resnet9": ("resnet9", {"width": 3, "epochs": 2}),
    "resnet9, batch norm": ("resnet9", {"width": 2, "norm": "batch", "epochs": 2}),
    "resnet20": ("resnet20", {"width": 2, "epochs": 1}),
    "resnet20, batch norm": ("resnet20", {"width": 2, "norm": "batch", "epochs": 1}),
}


BESIDE = [(case, way) for case in CASES for way in ("grouped", "vmap")]
"""Running statistics are not for vmap."""


@pytest.mark.parametrize(
    ("case", "way"), [(case, way) for case, way in BESIDE if "batch" not in case or way != "vmap"]
)
def test_together_and_alone_end_at_the_same_weights(case: str, way: str) -> None:
    network, options = CASES[case]
    data, tests = drawn("features" if network == "mlp" else "pictures")
    kept, seeds = subsets(data), np.arange(M) + 3
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-9)):
        alone = bound(network, data, tests, way="loop", dtype=dtype, **options)
        together = bound(network, data, tests, way=way, dtype=dtype, **options)
        expected, found = alone._trained(kept, seeds), together._trained(kept, seeds)
        np.testing.assert_allclose(found[1], expected[1], atol=tolerance, rtol=0)
        np.testing.assert_allclose(found[0], expected[0], atol=10 * tolerance, rtol=0)
        assert np.abs(expected[1] - expected[1][0]).max() > 0.1  # they are different networks


@pytest.mark.parametrize("way", ["grouped", "vmap", "loop"])
def test_regression(way: str) -> None:
    data, tests = drawn(regression=True)
    kept, seeds = subsets(data), np.arange(M)
    options = {"hidden": (16,), "epochs": 30}
    alone = bound("mlp", data, tests, way="loop", **options)
    together = bound("mlp", data, tests, way=way, **options)
    np.testing.assert_allclose(
        together._trained(kept, seeds)[1], alone._trained(kept, seeds)[1], atol=1e-4, rtol=0
    )
    scores = together(kept, seeds)
    assert scores.shape == (M, 5, 1)
    assert np.abs(scores[0, :, 0] - tests.labels).mean() < 5  # they are spread by 30


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_is_what_anybody_would_write(optimizer: Any) -> None:
    data, tests = drawn()
    kept = subsets(data)
    retrain = bound("mlp", data, tests, hidden=(9, 7), optimizer=optimizer, way="loop")
    _, found = retrain._trained(kept[3:4], np.array([11]))
    x = (data.features - data.features.mean(axis=0)) / data.features.std(axis=0)
    inputs, labels = torch.tensor(x, dtype=torch.float32), torch.tensor(data.labels)
    torch.manual_seed(11)
    network = networks.mlp(6, (9, 7), 3)
    rows = np.flatnonzero(kept[3])
    shuffled = np.random.default_rng(11).permuted(np.tile(rows, (3, 1)), axis=1)
    batches = [part for row in shuffled for part in np.array_split(row, -(-len(rows) // 8))]
    decay: dict[str, Any] = {"weight_decay": 5e-4}
    stepper: Any = (
        torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, **decay)
        if optimizer == "sgd"
        else torch.optim.AdamW(network.parameters(), lr=0.003, eps=1e-5, **decay)
    )
    half_wave = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, len(batches))
    for batch in batches:
        stepper.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
        stepper.step()
        half_wave.step()
    own = torch.cat([one.detach().flatten() for one in network.parameters()])
    np.testing.assert_allclose(found[0], own.numpy(), atol=1e-5)


@pytest.mark.parametrize("network", ["mlp", "resnet9"])
@pytest.mark.parametrize("way", ["auto", "grouped", "loop"])
def test_what_comes_beside_a_training_does_not_change_it(network: str, way: str) -> None:
    data, tests = drawn("pictures")
    kept, seeds = subsets(data), np.arange(M)
    options = {"hidden": (8,)} if network == "mlp" else {"width": 2, "epochs": 1}
    retrain = bound(network, data, tests, way=way, **options)
    together = retrain(kept, seeds)
    alone = np.concatenate([retrain(kept[i : i + 1], seeds[i : i + 1]) for i in range(M)])
    np.testing.assert_allclose(alone, together, atol=1e-4, rtol=0)
    np.testing.assert_allclose(retrain(kept[::-1], seeds[::-1])[::-1], together, atol=1e-4)
    some = bound(network, data, tests, way=way, at_once=3, **options)
    assert some.batch_size == 3
    np.testing.assert_allclose(some(kept, seeds), together, atol=1e-4, rtol=0)
    assert np.abs(retrain(kept, seeds + 1) - together).max() > 1e-2


@pytest.mark.parametrize(
    ("network", "way"), [("mlp", "grouped"), ("mlp", "vmap"), ("resnet9", "grouped")]
)
def test_threads_share_the_networks(network: str, way: str) -> None:
    data, tests = drawn("pictures")
    kept, seeds = subsets(data), np.arange(M)
    options = {"hidden": (8,)} if network == "mlp" else {"width": 2, "epochs": 1}
    retrain = bound(network, data, tests, way=way, **options)
    expected = retrain._trained(kept, seeds)
    try:
        torch.set_num_threads(2)
        found = retrain._trained(kept, seeds)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-4, rtol=0)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("way", ["grouped", "vmap", "loop"])
def test_odd_subsets_have_scores_of_every_class(way: str) -> None:
    data, tests = drawn()
    scores = bound("mlp", data, tests, way=way)(subsets(data), np.arange(M))
    assert scores.shape == (M, 5, 3)
    assert np.isfinite(scores).all()


def test_a_rate_that_is_too_high_is_excluded_and_counted() -> None:
    data, tests = drawn()
    for way in ("grouped", "vmap", "loop"):
        trainer = TorchMany("mlp", rate=1e6, epochs=5, batch=8, device="cpu", way=way)
        value = ip.training_data(trainer, data, tests)
        measured = value.measure(subsets(data))
        assert measured.excluded is not None
        assert np.isnan(np.asarray(measured.values)[measured.excluded]).all()
        assert np.asarray(measured.excluded)[[0, 2, 3]].all()


@pytest.mark.parametrize("network", ["mlp", "resnet9", "resnet20"])
@pytest.mark.parametrize("way", ["grouped", "vmap", "loop"])
def test_a_network_that_diverges_leaves_the_others_alone(network: str, way: str) -> None:
    data, tests = drawn("pictures")
    kept, seeds = subsets(data), np.arange(M)
    options = {"hidden": (8,)} if network == "mlp" else {"width": 2, "epochs": 1}
    retrain = bound(network, data, tests, way=way, **options)
    healthy = retrain(kept, seeds)

    def poisoned(seed: int) -> Any:
        made = make(seed)
        if seed == 4:
            torch.nn.init.constant_(next(iter(made.parameters())), float("nan"))
        return made

    make = retrain.task.make
    retrain.task = replace(retrain.task, make=poisoned)
    found = retrain(kept, seeds)
    assert np.isnan(found[4]).all()
    others = np.arange(M) != 4
    np.testing.assert_allclose(found[others], healthy[others], atol=1e-4)


class TestMemory:
    def test_fewer_at_once_where_it_runs_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data, tests = drawn()
        kept, seeds = subsets(data), np.arange(M)
        expected = bound("mlp", data, tests)(kept, seeds)
        make = StackedMLP.__init__

        def full(self: StackedMLP, task: Any, orders: Sequence[Order]) -> None:
            if len(orders) > 2:
                raise torch.OutOfMemoryError("out of memory")
            make(self, task, orders)

        monkeypatch.setattr(StackedMLP, "__init__", full)
        for way in ("auto", "grouped"):
            retrain = bound("mlp", data, tests, way=way)
            np.testing.assert_allclose(retrain(kept, seeds), expected, atol=1e-4)
            assert retrain.batch_size == 1

    def test_not_enough_for_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*given: Any) -> None:
            raise MemoryError

        data, tests = drawn()
        retrain = bound("mlp", data, tests, way="grouped")
        monkeypatch.setattr(StackedMLP, "__init__", full)
        with pytest.raises(BackendError, match="does not suffice for a single training; use a sm"):
            retrain(subsets(data), np.arange(M))

    def test_large_networks_are_fewer_at_once(self) -> None:
        data, tests = drawn()
        assert bound("mlp", data, tests).batch_size == 64
        assert bound("mlp", data, tests, hidden=(2000, 2000)).batch_size < 8


def way_of(seconds: float, failing: Exception | None = None) -> Any:
    """A way whose steps take so long for each network."""

    class Timed:
        def __init__(self, task: Any, orders: Sequence[Order]) -> None:
            self.orders = orders

        def steps(self) -> Iterator[None]:
            for _ in range(self.orders[0].steps):
                if failing is not None:
                    raise failing
                time.sleep(seconds * len(self.orders))
                yield

    return Timed


class TestChoice:
    def fastest(self, **ways: Any) -> tuple[str, dict[str, float]]:
        data, tests = drawn()
        orders = [Order.of(row, 0, 1, 8) for row in subsets(data)[3:6]]
        return choice.fastest(ways, bound("mlp", data, tests).task, orders)

    def test_the_fastest_is_chosen(self) -> None:
        name, seconds = self.fastest(
            grouped=way_of(0.002), vmap=way_of(0.001), loop=way_of(0.004), slow=way_of(0.02)
        )
        assert name == "vmap"
        assert seconds["vmap"] < seconds["grouped"] < seconds["loop"] < seconds["slow"]

    def test_the_loop_unless_another_gains_a_quarter(self) -> None:
        assert self.fastest(vmap=way_of(0.0036), loop=way_of(0.004))[0] == "loop"
        assert self.fastest(vmap=way_of(0.006), loop=way_of(0.004))[0] == "loop"

    def test_a_way_that_fails_is_left_out(self) -> None:
        name, seconds = self.fastest(vmap=way_of(0, RuntimeError("no")), loop=way_of(0.001))
        assert (name, set(seconds)) == ("loop", {"loop"})
        with pytest.raises(RuntimeError, match="out of memory"):
            self.fastest(vmap=way_of(0, RuntimeError("out of memory")), loop=way_of(0.001))
        with pytest.raises(RuntimeError, match="no"):
            self.fastest(loop=way_of(0, RuntimeError("no")))

    def test_it_is_made_once_for_about_so_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data, tests = drawn()
        kept, seeds = subsets(data), np.arange(M)
        retrain = bound("mlp", data, tests)
        retrain(kept[:1], seeds[:1])
        assert retrain.chosen == {}
        retrain(kept, seeds)
        assert set(retrain.chosen) == {3}
        assert retrain.chosen[3][0] in ("grouped", "vmap", "loop")
        monkeypatch.setattr(choice, "fastest", None)
        retrain(kept[:5], seeds[:5])
        named = bound("mlp", data, tests, way="vmap")
        named(kept, seeds)
        assert named.chosen == {}


def plain(seed: int) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3, bias=False)
    )


def normalised(seed: int) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    )


def dropping(seed: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))


class TestOwnNetworks:
    def test_by_vmap_and_in_a_loop(self) -> None:
        data, tests = drawn()
        kept, seeds = subsets(data), np.arange(M)
        found = bound(plain, data, tests, way="vmap")
        assert set(found.ways) == {"vmap", "loop"}
        expected = bound(plain, data, tests, way="loop")._trained(kept, seeds)[1]
        np.testing.assert_allclose(found._trained(kept, seeds)[1], expected, atol=1e-4)

    def test_running_statistics_are_for_the_loop(self) -> None:
        data, tests = drawn()
        kept = subsets(data)[3:]
        retrain = bound(normalised, data, tests)
        assert set(retrain.ways) == {"loop"}
        assert np.isfinite(retrain(kept, np.arange(4))).all()
        with pytest.raises(
            BadInput,
            match=r"normalised cannot be trained in the way 'vmap': it has"
            r" a buffer that training may change, '1.running_mean'; there are auto, ",
        ):
            bound(normalised, data, tests, way="vmap")
        with pytest.raises(BadInput, match="'grouped': that is for the networks that are known by"):
            bound(plain, data, tests, way="grouped")

    def test_chance_in_training_comes_from_the_seed(self) -> None:
        data, tests = drawn()
        kept, seeds = subsets(data), np.arange(M)
        retrain = bound(dropping, data, tests)
        torch.manual_seed(5)
        before = torch.random.get_rng_state()
        first = retrain(kept, seeds)
        assert retrain.chosen[3][0] == "loop"  # vmap refuses
        assert torch.equal(torch.random.get_rng_state(), before)
        np.testing.assert_allclose(retrain(kept[2:4], seeds[2:4]), first[2:4], atol=1e-6)

    def test_a_network_for_pictures(self) -> None:
        def convolutional(seed: int) -> torch.nn.Module:
            return torch.nn.Sequential(
                torch.nn.Conv2d(1, 4, 3),
                torch.nn.SiLU(),
                torch.nn.Flatten(),
                torch.nn.LazyLinear(3),
            )

        def ready(seed: int) -> torch.nn.Module:
            made = convolutional(seed)
            made(torch.zeros(1, 1, 8, 8))
            return made

        data, tests = drawn("pictures")
        grey, asked = (
            Dataset.of((one.inputs[..., 0], one.labels), classes=one.classes)  # type: ignore[call-overload]
            for one in (data, tests)
        )
        assert bound(ready, grey, asked)(subsets(data), np.arange(M)).shape == (M, 5, 3)

    def test_what_it_must_give(self) -> None:
        data, tests = drawn()

        def narrow(seed: int) -> torch.nn.Module:
            return torch.nn.Linear(6, 2)

        def wrong(seed: int) -> torch.nn.Module:
            return torch.nn.Linear(5, 3)

        with pytest.raises(BadInput, match=r"narrow must give scores \(b, 3\) .* gave \(1, 2\)"):
            bound(narrow, data, tests)
        with pytest.raises(BadInput, match=r"wrong cannot read inputs of shape \(40, 6\): Runtime"):
            bound(wrong, data, tests)


class TestBatches:
    @settings(max_examples=60)
    @given(st.integers(0, 2**31 - 2), st.integers(1, 60), st.integers(1, 9), st.integers(1, 4))
    def test_an_epoch_shows_each_kept_example_once(
        self, seed: int, count: int, batch: int, epochs: int
    ) -> None:
        kept = np.random.default_rng(seed).permutation(np.arange(70) < count)
        order = Order.of(kept, seed, epochs, batch)
        batches = list(order.batches())
        assert len(batches) == order.steps == epochs * -(-count // batch)
        sizes = [len(one) for one in batches]
        assert max(sizes) <= batch
        assert max(sizes) - min(sizes) <= 1
        for epoch in range(epochs):
            part = batches[epoch * order.a_pass : (epoch + 1) * order.a_pass]
            np.testing.assert_array_equal(np.sort(np.concatenate(part)), np.flatnonzero(kept))

    @settings(max_examples=40)
    @given(st.integers(0, 2**31 - 2), st.integers(1, 6), st.integers(1, 9))
    def test_together_each_has_its_own(self, seed: int, m: int, batch: int) -> None:
        rng = np.random.default_rng(seed)
        kept = rng.random((m, 30)) < rng.random((m, 1))
        kept[:, 0] = True
        orders = [Order.of(row, place, 2, batch) for place, row in enumerate(kept)]
        together = Together.of(orders)
        assert sorted(together.places) == list(range(m))
        for column, place in enumerate(together.places):
            assert together.steps[column] == orders[place].steps
            for step, expected in enumerate(orders[place].batches()):
                size = together.sizes[step, column]
                np.testing.assert_array_equal(together.rows[step, column, :size], expected)
            assert (together.sizes[orders[place].steps :, column] == 0).all()
        for step in range(len(together.rows)):
            k = together.under_way(step)
            assert (together.sizes[step, :k] > 0).all()
            assert (together.sizes[step, k:] == 0).all()


def by_torch(layer: networks.BatchNorm, rows: torch.Tensor) -> tuple[FloatArray, torch.nn.Module]:
    plain = torch.nn.BatchNorm2d(layer.channels)
    plain.load_state_dict(
        {"weight": layer.weight, "bias": layer.bias}
        | {"running_mean": layer.mean, "running_var": layer.variance},
        strict=False,
    )
    return plain(rows).detach().numpy(), plain


@pytest.mark.parametrize("padded", [0, 2])
def test_batch_norm_is_that_of_the_examples_present(padded: int) -> None:
    torch.manual_seed(0)
    layer = networks.BatchNorm(3)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    rows = torch.randn(5, 3, 4, 4) * 2 + 1
    expected, after = by_torch(layer, rows[: 5 - padded])
    present = (torch.arange(5)[:, None] < 5 - padded).float()
    found = layer(rows, present).detach().numpy()
    np.testing.assert_allclose(found[: 5 - padded], expected, atol=1e-5)
    np.testing.assert_allclose(layer.mean, after.running_mean, atol=1e-6)
    np.testing.assert_allclose(layer.variance, after.running_var, atol=1e-5)
    layer.eval()
    after.eval()
    np.testing.assert_allclose(layer(rows).detach(), after(rows).detach(), atol=1e-5)


def test_batch_norm_of_a_single_value() -> None:
    layer = networks.BatchNorm(2)
    found = layer(torch.tensor([[[[3.0]], [[4.0]]]]))
    assert found.flatten().tolist() == [0.0, 0.0]
    assert torch.isfinite(layer.variance).all()


def test_rates() -> None:
    rates = {
        schedule: Recipe(1, 8, 0.5, 0.9, 0.0, "sgd", schedule).rates(10)  # type: ignore[arg-type]
        for schedule in ("constant", "cosine", "one-cycle")
    }
    assert (rates["constant"] == 0.5).all()
    assert rates["cosine"][0] == 0.5
    assert (np.diff(rates["cosine"]) < 0).all()
    assert rates["one-cycle"].argmax() in (1, 2)
    assert all((one > 0).all() and (one <= 0.5).all() for one in rates.values())


def test_it_learns() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    every = Dataset.of((digits.data, digits.target))
    tests = every.take(range(1000, 1200))
    kept = np.ones((2, 300), dtype=bool)
    retrain = TorchMany("mlp", device="cpu").bind(every.take(range(300)), tests)
    right = retrain(kept, np.arange(2)).argmax(axis=2) == tests.labels
    assert right.mean() > 0.8


class TestOptions:
    @pytest.mark.parametrize(
        ("network", "options", "told"),
        [
            ("cnn", {}, "unknown network 'cnn'; valid: mlp, resnet9, resnet20"),
            ("mlp", {"width": 3}, "width is not an option of 'mlp'; leave it out"),
            ("resnet9", {"hidden": (3,)}, "hidden is not an option of 'resnet9'; leave it out"),
            (plain, {"norm": "group"}, "norm is not an option of a network of your own"),
            ("mlp", {"hidden": 64}, r"hidden must be a sequence of widths, .*; got 64"),
            ("mlp", {"hidden": (0,)}, "a width of hidden must be a whole number of at least 1"),
            ("resnet9", {"norm": "layer"}, "unknown norm 'layer'; valid: group, batch"),
            ("mlp", {"optimizer": "lion"}, "unknown optimizer 'lion'; valid: sgd, adamw"),
            ("mlp", {"schedule": "step"}, "unknown schedule 'step'; valid: constant, cosine"),
            ("mlp", {"dtype": "float16"}, "unknown dtype 'float16'; valid: float32, float64"),
            ("mlp", {"way": "fast"}, "unknown way 'fast'; valid: auto, grouped, vmap, loop"),
            ("mlp", {"epochs": 0}, "epochs must be a whole number of at least 1; got 0"),
            ("mlp", {"batch": 0}, "batch must be a whole number of at least 1; got 0"),
            ("mlp", {"at_once": 0}, "at_once must be a whole number of at least 1; got 0"),
            ("mlp", {"rate": -1.0}, r"rate must be a finite number above 0; got -1.0"),
            ("mlp", {"momentum": 1.0}, "momentum must be a number of at least 0 and below 1"),
            ("mlp", {"weight_decay": -1}, "weight_decay must be a number of at least 0, finite"),
            ("mlp", {"device": "abacus"}, "device 'abacus' cannot be used"),
        ],
    )
    def test_those_that_there_are_not(self, network: Any, options: Any, told: str) -> None:
        with pytest.raises(BadInput, match=told):
            TorchMany(network, **options)

    def test_inputs_that_it_cannot_read(self) -> None:
        features, pictures = drawn()[0], drawn("pictures")[0]
        small = Dataset.of((np.zeros((4, 3, 3), dtype=np.uint8), [0, 1, 0, 1]))
        odd = Dataset.of((np.zeros((4, 3, 3, 3, 3)), [0, 1, 0, 1]))
        texts = Dataset.of((["a", "b"], [0, 1]))
        with pytest.raises(BadInput, match=r"ResNet-9 16 reads pictures, .* got .* \(40, 6\)"):
            TorchMany("resnet9").bind(features, features)
        with pytest.raises(BadInput, match=r"pictures of 4 x 4 or more; got 3 x 3"):
            TorchMany("resnet20").bind(small, small)
        with pytest.raises(BadInput, match=r"pictures must have shape .* got \(4, 3, 3, 3, 3\)"):
            TorchMany("resnet20").bind(odd, odd)
        for network in ("mlp", "resnet9"):
            with pytest.raises(BadInput, match="takes numbers, and the inputs are texts"):
                TorchMany(network).bind(texts, texts)  # type: ignore[arg-type]
        assert bound("resnet9", pictures, pictures).task.inputs.shape == (N, 3, 8, 8)

    def test_the_fingerprint_is_of_what_changes_values(self) -> None:
        plainly = TorchMany("mlp", device="cpu").identity()
        for same in ({"way": "loop"}, {"at_once": 2}, {"hidden": [64, 64]}, {"rate": 0.05}):
            assert TorchMany("mlp", **same).identity() == plainly  # type: ignore[arg-type]
        for other in ({"epochs": 3}, {"hidden": (64,)}, {"dtype": "float64"}, {"rate": 0.06}):
            assert TorchMany("mlp", **other).identity() != plainly  # type: ignore[arg-type]
        assert TorchMany(plain).identity() != TorchMany(normalised).identity()

    def test_it_can_be_made_again(self) -> None:
        for network, options in CASES.values():
            made = trainer_of(network, device="cpu", at_once=5, way="loop", **options)
            arguments = made.arguments()
            assert arguments is not None
            again = trainer_of(arguments.pop("trainer"), **arguments)
            assert again.identity() == made.identity()
            assert again.arguments() == made.arguments()
        assert TorchMany(plain).arguments() is None

    def test_names(self) -> None:
        names = [TorchMany("mlp").name, TorchMany("resnet20", width=8).name, TorchMany(plain).name]
        assert names == ["MLP 64-64", "ResNet-20 8", "plain"]
        assert TorchMany("mlp", hidden=()).name == "MLP"


def test_the_loop_takes_the_steps_of_one_after_the_other() -> None:
    data, tests = drawn()
    retrain = bound("mlp", data, tests)
    orders = [Order.of(row, 0, 2, 8) for row in subsets(data)]
    assert sum(1 for _ in Loop(retrain.task, orders).steps()) == sum(one.steps for one in orders)
