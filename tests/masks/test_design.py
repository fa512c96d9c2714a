"""Designs: prefixes, laws, what is set aside, and ask/tell in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay as ip
from interplay.codes import MaskCode
from interplay.masks import uniform
from interplay.masks.coded import coded
from interplay.masks.laws import LAWS
from interplay.surrogates.spex.bins import Layout

KINDS = ("uniform", *LAWS)
"""Kinds that may have any number of masks."""


def keys(masks: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in masks]


def game(masks: np.ndarray) -> np.ndarray:
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


@settings(max_examples=60)
@given(
    st.sampled_from(KINDS), st.integers(1, 40), st.integers(62, 900), st.integers(0, 9),
    st.integers(0, 300),
)  # fmt: skip
def test_masks_differ_and_a_larger_budget_begins_with_the_smaller(
    kind: str, n: int, budget: int, seed: int, more: int
) -> None:
    small, large = (ip.design(n, b, kind, seed) for b in (budget, budget + more))
    assert len(small.masks) == min(budget, 2**n)
    assert len(set(keys(large.masks))) == len(large.masks)
    assert small.masks[0].all()
    assert not small.masks[1].any() or n == 0
    if small.kind == large.kind:  # complete ones come in the order of uniform ones
        assert (large.masks[: len(small.masks)] == small.masks).all()
        assert (large.test[: len(small.masks)] == small.test).all()


def test_a_uniform_design_has_the_masks_of_explain() -> None:
    plan = ip.design(30, 100, seed=3)
    np.testing.assert_array_equal(plan.masks[2:], uniform(30, 98, np.random.default_rng(3)))
    assert not plan.test.any()


@settings(max_examples=40)
@given(st.integers(6, 40), st.integers(62, 900), st.integers(0, 9))
def test_pairs_are_complete(n: int, budget: int, seed: int) -> None:
    plan = ip.design(n, budget, "paired", seed)
    kept = set(keys(plan.masks))
    alone = [row for row in plan.masks[~plan.test] if (~row).tobytes() not in kept]
    assert len(alone) <= 1, "only the last may be cut from its pair"
    if alone:
        assert (alone[0] == plan.masks[~plan.test][-1]).all()


def test_near_full_masks_follow_their_law() -> None:
    n = 60
    plan = ip.design(n, 4000, "near_full")
    masks = plan.masks
    deleted = n - masks[~plan.test][2:].sum(axis=1)
    law = (1 / np.arange(1, n)) / (1 / np.arange(1, n)).sum()
    # one deletion: all 60 are used up; the law of the others is that of drawing without repeats
    for low, high in ((3, 10), (10, 25), (25, 60)):
        expected = law[low - 1 : high - 1].sum() / law[2:].sum()
        told = np.mean((deleted[deleted >= 3] >= low) & (deleted[deleted >= 3] < high))
        assert told == pytest.approx(expected, abs=0.03)
    single = masks[masks.sum(axis=1) == n - 1]
    assert len(single) == n


@pytest.mark.parametrize("kind", ["paired", "near_full"])
def test_uniform_masks_are_set_aside(kind: str) -> None:
    plan = ip.design(40, 1200, kind)
    assert plan.test.sum() >= max(50, 0.1 * (1200 - 500))
    aside = plan.masks[plan.test]
    assert aside.mean() == pytest.approx(0.5, abs=0.03)
    assert abs(aside.sum(axis=1).std() - np.sqrt(10)) < 0.6
    plan.tell(plan.masks, game(plan.masks))
    told = plan.recording()
    fitted = ip.fit(told.masks, told.values, design=plan)
    assert fitted.faithfulness.distribution == "uniform"
    spoiled = ip.fit(told.masks, told.values + 9.0 * plan.test, design=plan)
    assert spoiled.spectrum(None) == fitted.spectrum(None), "never trained on"


def test_small_games_end() -> None:
    plan = ip.design(4, 100)
    assert (plan.kind, len(plan.masks)) == ("complete", 16)
    assert len(plan.next(None, 5)) == 0
    for kind in ("paired", "near_full"):
        plan = ip.design(7, 100, kind)
        assert len(plan.next(None, 100)) == 28
        assert len(set(keys(plan.masks))) == 128


@settings(max_examples=40)
@given(st.data())
def test_ask_and_tell_in_any_order_is_direct_evaluation(data: st.DataObject) -> None:
    """Asked in parts of any size, told in any order, saved and loaded in between."""
    kind = data.draw(st.sampled_from(KINDS))
    plan = ip.design(data.draw(st.integers(7, 20)), data.draw(st.integers(62, 120)), kind)
    noisy = data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.npz"
        while len(waiting := plan.ask()):
            asked = plan.ask(data.draw(st.integers(1, 60)))
            np.testing.assert_array_equal(asked, waiting[: len(asked)])
            np.testing.assert_array_equal(plan.ask(len(asked)), asked)
            part = asked[data.draw(st.permutations(range(len(asked))))][: max(1, len(asked) // 2)]
            plan.tell(part, game(part), game(part) ** 2 if noisy else None)
            if data.draw(st.booleans()):
                plan = ip.Design.load(plan.save(path))
    told = plan.recording()
    found = dict(zip(keys(told.masks), told.values.tolist(), strict=True))
    assert found == dict(zip(keys(plan.masks), game(plan.masks).tolist(), strict=True))
    assert len(told.masks) == len(found) == plan.told
    np.testing.assert_array_equal(told.values, game(told.masks))
    if noisy:
        np.testing.assert_array_equal(told.noise_var, game(told.masks) ** 2)
    assert (told.test is not None) == plan.test.any()
    if told.test is not None:
        assert set(keys(told.masks[told.test])) == set(keys(plan.masks[plan.test]))


def test_what_is_told_in_any_order_fits_the_same(tmp_path: Path) -> None:
    plan = ip.design(10, 200, seed=1)
    direct = ip.fit(plan.masks, game(plan.masks), seed=2)
    order = np.random.default_rng(0).permutation(200)
    plan.tell(plan.masks[order], game(plan.masks[order]))
    told = ip.read_recording(plan.save(tmp_path / "plan.npz"))
    assert (told.design, told.features) == ("uniform", plan.features)
    assert ip.fit(told.masks, told.values, seed=2).spectrum(None) == direct.spectrum(None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [None, 0.5])
def test_saving_and_loading_changes_no_byte(tmp_path: Path, kind: str, noise: float | None) -> None:
    plan = ip.design([f"wört {i}" for i in range(13)], 90, kind, seed=3)
    for k in (0, 7, 30):
        asked = plan.ask(k)
        plan.tell(asked, game(asked), None if noise is None else np.full(len(asked), noise))
        first = plan.save(tmp_path / "plan.npz").read_bytes()
        again = ip.Design.load(tmp_path / "plan.npz")
        assert again.save(tmp_path / "again.npz").read_bytes() == first
        assert (again.features, again.kind, again.seed) == (plan.features, plan.kind, 3)
        np.testing.assert_array_equal(again.masks, plan.masks)
        np.testing.assert_array_equal(again.test, plan.test)
        np.testing.assert_array_equal(again.ask(), plan.ask())
    np.testing.assert_array_equal(again.next(None, 20), plan.next(None, 20))
    saved = [one.save(tmp_path / "plan.npz").read_bytes() for one in (plan, again)]
    assert saved[0] == saved[1]


def test_the_file_has_the_masks_themselves(tmp_path: Path) -> None:
    """They can be evaluated without this package, and with another numpy are the same ones."""
    plan = ip.design(13, 90, "near_full")
    with np.load(plan.save(tmp_path / "plan.npz")) as file:
        masks = np.unpackbits(file["design_masks"], axis=1, count=13).astype(bool)
        entries = dict(file)
    np.testing.assert_array_equal(masks, plan.masks)
    entries["design_seed"] = np.array(7)  # as if this numpy drew others under the seed
    np.savez(tmp_path / "other.npz", **entries)
    other = ip.Design.load(tmp_path / "other.npz")
    np.testing.assert_array_equal(other.ask(), plan.masks)
    with pytest.raises(ip.BadInput, match=r"cannot be gone on with.*another seed"):
        other.next(None, 5)


def test_what_was_told_is_kept_as_it_was() -> None:
    """The caller may use its arrays again."""
    plan = ip.design(9, 60)
    masks, values, noise = plan.ask(3), np.array([1.0, 2.0, 3.0]), np.ones(3)
    plan.tell(masks, values, noise)
    before = plan.masks[:3].copy()
    masks[:], values[:], noise[:] = True, 0.0, 0.0
    told = plan.recording()
    np.testing.assert_array_equal(told.masks, before)
    assert told.values.tolist() == [1.0, 2.0, 3.0]
    assert told.noise_var is not None
    assert told.noise_var.tolist() == [1.0, 1.0, 1.0]


def test_masks_told_before_they_are_drawn_are_not_asked_again() -> None:
    plan, longer = ip.design(12, 60), ip.design(12, 70)
    plan.tell(longer.masks[60:65], np.ones(5))
    assert len(plan.next(None, 10)) == 10
    assert len(plan.ask()) == 65
    assert set(keys(plan.ask())).isdisjoint(keys(longer.masks[60:65]))


def test_replicates_and_masks_of_ones_own_are_kept() -> None:
    plan = ip.design(["a", "b", "c", "d", "e"], 20)
    plan.tell(plan.ask(3), [1.0, 2.0, 3.0], noise_var=[0.1, 0.1, 0.1])
    plan.tell(plan.masks[:1], [1.5], [0.1])
    assert (plan.told, len(plan.ask())) == (4, 17)
    told = plan.recording()
    assert told.noise_var is not None
    assert told.features == ("a", "b", "c", "d", "e")
    new = plan.next(None, 4)
    assert len(new) == 4
    assert len(plan.ask()) == 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "at least 1 feature; got 0"),
        (([],), r"at least 1 feature; got \[\]"),
        (("abc",), "features must be names, or their number; got 'abc'"),
        ((2.5,), "features must be names, or their number; got 2.5"),
        ((True,), "features must be names"),
        ((30, 11), "budget=11 is too small: a fit needs 12 masks, 12 in all"),
        ((30, 61, "paired"), "50 uniform ones set aside, 62 in all"),
        ((30, 10**9), "budget must be a number of masks, at most"),
        ((30, 50.5), "budget must be a number of masks"),
        ((30, 100, "uniform", -1), "seed must be a whole number of at least 0; got -1"),
        ((30, 100, "uniform", None), "seed must be a whole number of at least 0; got None"),
        ((30, 100, "odd"), "unknown kind of design 'odd'; valid: uniform, paired, near_full"),
    ],
)
def test_bad_designs(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        ip.design(*arguments)  # type: ignore[arg-type]


def test_bad_values_are_refused_and_change_nothing(tmp_path: Path) -> None:
    plan = ip.design(9, 60)
    with pytest.raises(ip.BadInput, match="nothing was told"):
        plan.recording()
    plan.tell(plan.ask(5), np.ones((5, 2)))
    for masks, values, noise, message in (
        (plan.ask(2), [1.0], None, r"values must have shape \(2,\)"),
        (plan.ask(2), [1.0, 2.0], None, "every row needs the same targets"),
        (plan.ask(2)[:, :5], np.ones((2, 2)), None, "masks must have 9 columns"),
        (plan.ask(2), np.full((2, 2), np.nan), None, "must be finite"),
        (plan.ask(2), np.ones((2, 2)), np.ones(2), "noise_var must be variances"),
        (plan.ask(2), np.ones((2, 2)), -np.ones((2, 2)), "noise_var must be variances"),
    ):
        with pytest.raises(ip.BadInput, match=message):
            plan.tell(masks, values, noise)
    assert plan.told == 5
    with pytest.raises(ip.BadInput, match="at least 0; got -1"):
        plan.ask(-1)
    with pytest.raises(ip.BadInput, match="at least 1; got 0"):
        plan.next(None, 0)
    with pytest.raises(ip.BadInput, match=r"saved as \.npz"):
        plan.save(tmp_path / "plan.json")
    ip.write_recording(tmp_path / "game.npz", plan.masks, np.ones(60))
    with pytest.raises(ip.BadInput, match=r"game\.npz is not a design: it has no design"):
        ip.Design.load(tmp_path / "game.npz")
    with pytest.raises(ip.BadInput, match="noise_var was not told for the values before"):
        plan.tell(plan.ask(2), np.ones((2, 2)), np.ones((2, 2)))
    assert plan.told == 5
    plan = ip.design(9, 60)
    plan.tell(plan.ask(2), [1, 2], [0, 1])
    with pytest.raises(ip.BadInput, match="noise_var was told for the values before"):
        plan.tell(plan.ask(2), [1, 2])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"design": np.array("odd")}, r'"design" is no kind of design: .*odd'),
        ({"design_seed": np.array(-1)}, r'"design_seed" must be a number'),
        ({"design_seed": np.array("a")}, r'"design_seed" must be a number'),
        ({"features": np.arange(13)}, r'"features" must be names; got int64'),
        ({"features": np.array(["a"] * 30)}, r'"design_masks" must be uint8 of shape \(m, 4\)'),
        ({"design_masks": np.zeros((60, 2), np.uint8)}, r'"design_masks" must be different masks'),
        ({"design_masks": np.zeros((0, 2), np.uint8)}, r'"design_masks" must be different masks'),
        ({"design_masks": np.full((1, 2), 255, np.uint8)}, r'"design_masks" has bits beyond n'),
        ({"design_test": np.zeros(3, bool)}, r'"design_test" must be bool of shape \(60,\)'),
        ({"design_test": None}, "is not a design: it has no design_test"),
        ({"values": np.ones(4)}, r'"values" must have shape \(5,\)'),
        ({"n": np.array(14)}, r'"features" must be 14 texts.*shape \(13,\)'),
    ],
)
def test_damaged_designs_are_named(
    tmp_path: Path, entries: dict[str, object], message: str
) -> None:
    plan = ip.design(13, 60)
    plan.tell(plan.ask(5), np.ones(5))
    with np.load(plan.save(tmp_path / "a.npz")) as file:
        changed = {**file, **entries}
    np.savez(tmp_path / "a.npz", **{k: v for k, v in changed.items() if v is not None})
    with pytest.raises(ip.BadInput, match=rf"a\.npz.*{message}"):
        ip.Design.load(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["coded", "mixed"])
@pytest.mark.parametrize(("n", "budget"), [(12, 2000), (40, 1000), (40, 4000), (130, 2500)])
def test_coded_masks_are_complete_and_within_the_budget(kind: str, n: int, budget: int) -> None:
    plan = ip.design(n, budget, kind, seed=2)
    assert plan.code is not None
    assert len(set(keys(plan.masks))) == len(plan.masks)
    assert plan.masks[0].all()
    assert not plan.masks[1].any()
    assert len(plan.masks) == budget if kind == "mixed" else len(plan.masks) <= budget
    assert plan.test.sum() >= max(50, 0.1 * (len(plan.masks) - 500))
    # no mask of the code is set aside: it would leave a hole
    assert Layout.of(plan.code, plan.masks[~plan.test]).bits >= plan.code.bits


def test_coded_masks_are_among_those_of_a_larger_design() -> None:
    small, large = (ip.design(40, budget, "coded") for budget in (1000, 4000))
    assert small.code is not None
    assert large.code is not None
    assert (small.code.bits, large.code.bits) == (3, 5)
    np.testing.assert_array_equal(large.masks[: len(small.masks)], small.masks)


def test_how_many_coded_masks_there_are_is_told_before_any_is_made() -> None:
    plan = ip.design(100, 3000, "coded")
    assert plan.code is not None
    told = plan.code.different(plan.code.bits)
    block = (~plan.test).sum() - 1  # the empty mask is one of the code, the full one is not
    assert told - 5 <= block <= told
    assert len(list(coded(MaskCode.drawn(9, np.random.default_rng(0))))) > 0


def test_a_budget_below_the_smallest_coded_design_is_refused_with_the_figure() -> None:
    with pytest.raises(ip.BadInput, match=r"takes 196 \(3 groups x 2\^1 x 36 offsets"):
        ip.design(64, 195, "coded")
    assert len(ip.design(64, 196, "coded").masks) <= 196


def test_a_coded_design_does_not_go_on_but_a_mixed_one_does() -> None:
    with pytest.raises(ip.BadInput, match="make one of a larger budget"):
        ip.design(40, 1000, "coded").next(None, 10)
    plan = ip.design(40, 1000, "mixed")
    before = plan.masks
    assert len(plan.next(None, 100)) == 100
    np.testing.assert_array_equal(plan.masks[:1000], before)


def test_a_coded_design_that_was_saved_is_fitted_like_the_one_that_was(tmp_path: Path) -> None:
    plan = ip.design(20, 700, "coded", seed=4)
    plan.tell(plan.masks, game(plan.masks))
    again = ip.masks.Design.load(plan.save(tmp_path / "plan.npz"))
    fits = []
    for one in (plan, again):
        told = one.recording()
        fits.append(ip.fit(told.masks, told.values, method="spex", design=one))
    assert fits[0].spectrum() == fits[1].spectrum()
    assert fits[0].faithfulness.value > 0.999
    assert set(fits[0].spectrum(4).terms) == {(), (0,), (1,), (2,), (1, 2)}


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("design_code", np.ones((3, 5, 12), dtype=np.bool_), r"must be bool \(C, 20, 12\)"),
        ("design_code", np.ones((3, 20, 12)), "must be bool"),
        ("design_sizes", np.array([5, 30]), "no coded design has t = "),
        ("design_sizes", np.array([0, 3]), "no coded design has t = "),
        ("design_sizes", np.array([1.5, 3.0]), "must be two whole numbers, t and b"),
        ("design_sizes", None, "must be two whole numbers"),
        ("design_code", None, 'a coded design and "design_code" do not go together'),
    ],
)
def test_a_damaged_code_is_refused(
    key: str, entry: np.ndarray | None, message: str, tmp_path: Path
) -> None:
    path = ip.design(20, 700, "coded").save(tmp_path / "plan.npz")
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    del entries[key]
    if entry is not None:
        entries[key] = entry
    np.savez(path, **entries)
    with pytest.raises(ip.BadInput, match=message):
        ip.masks.Design.load(path)
