"""The checks of masks, values and feature names, and their messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.errors import BadInput
from interplay.value_function import ValueFunction, check_masks, check_values, feature_names

MASKS = np.array([[True, False, True], [False, False, True]])


def test_protocol() -> None:
    assert isinstance(lambda masks: masks.sum(1), ValueFunction)
    assert not isinstance(3, ValueFunction)


# --- masks --------------------------------------------------------------------------------------


def test_masks_come_back_as_they_are() -> None:
    assert check_masks(MASKS) is MASKS
    turned = check_masks(np.asfortranarray(MASKS))
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(turned, MASKS)
    np.testing.assert_array_equal(check_masks(MASKS.tolist(), n=3), MASKS)
    assert check_masks(np.empty((0, 3), dtype=bool)).shape == (0, 3)
    assert check_masks([[True]], n=1).shape == (1, 1)


@pytest.mark.parametrize(
    ("masks", "n", "message"),
    [
        (
            MASKS.astype(int),
            None,
            r"masks must be boolean \(True = feature kept\); got dtype int64",
        ),
        (MASKS.astype(float), None, r"got dtype float64.*masks\.astype\(bool\)"),
        ([["a", "b"]], None, "must be boolean.*got dtype <U1"),
        ([[]], None, r"must be boolean|no columns"),
        (MASKS[0], None, r"masks must have shape \(m, n\), one row per evaluation; got \(3,\)"),
        (MASKS[None], None, r"got \(1, 2, 3\)"),
        (True, None, r"got \(\)"),
        (MASKS, 4, r"masks must have 4 columns, one per feature; got shape \(2, 3\)"),
        (MASKS[:, :0], None, "masks has no columns"),
        ([[True], [True, False]], None, "masks must be an array"),
    ],
)
def test_masks_that_are_refused(masks: object, n: int | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_masks(masks, n=n)


def test_the_name_of_the_argument_is_in_the_message() -> None:
    with pytest.raises(BadInput, match=r"exclude must be boolean.*pass exclude\.astype\(bool\)"):
        check_masks(MASKS.astype(int), name="exclude")


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_values_become_float64(shape: tuple[int, ...], dtype: type) -> None:
    values = check_values(np.ones(shape, dtype=dtype), 4)
    assert values.dtype == np.float64
    assert values.shape == shape
    assert check_values(values, 4) is values  # nothing is copied for nothing


def test_values_of_no_masks() -> None:
    assert check_values([], 0).shape == (0,)
    assert check_values(np.empty((0, 2)), 0).shape == (0, 2)


class Gradient:
    """What numpy says to a tensor that requires a gradient."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0, 3.0], r"values must have shape \(2,\) or \(2, q\) for 2 masks; got \(3,\)"),
        (1.0, r"got \(\)"),
        (None, r"got \(\)|must be numbers"),
        (np.ones((2, 1, 1)), r"got \(2, 1, 1\)"),
        (np.ones((2, 0)), r"must hold at least one value per mask; got shape \(2, 0\)"),
        (["a", "b"], "values must be numbers, one row per mask: could not convert"),
        ([[1.0], [1.0, 2.0]], "values must be numbers, one row per mask"),
        ([1.0, 2.0j], "must be numbers.*complex"),
        ([{}, {}], "must be numbers"),
        (Gradient(), "must be numbers.*requires grad"),
        ([1.0, np.nan], r"values must be finite; 1 of 2 are not, the first in row 1: nan"),
        ([np.inf, np.nan], r"2 of 2 are not, the first in row 0: inf"),
        ([[1.0, 2.0], [3.0, -np.inf]], r"1 of 2 are not, the first in row 1: \[ *3\. -inf\]"),
    ],
)
def test_values_that_are_refused(values: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_values(values, 2)


def test_source_names_where_they_come_from() -> None:
    with pytest.raises(BadInput, match=r'^a\.npz: "values" must be finite'):
        check_values([np.nan], 1, source='a.npz: "values"')


def test_values_that_are_not_finite_can_be_let_through() -> None:
    values = check_values([1.0, np.nan], 2, finite=False)
    assert np.isnan(values).tolist() == [False, True]
    with pytest.raises(BadInput, match="must have shape"):
        check_values([1.0, np.nan], 3, finite=False)


# --- names --------------------------------------------------------------------------------------


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_names_are_kept_in_order_even_equal_ones(names: list[str]) -> None:
    assert feature_names(names, len(names)) == tuple(names)


def test_default_names_and_a_wrong_number() -> None:
    assert feature_names(None, 2) == ("x0", "x1")
    assert feature_names([1, 2], 2) == ("1", "2")  # type: ignore[list-item]
    with pytest.raises(BadInput, match=r"features must name all 3 columns .* got 2 names"):
        feature_names(["a", "b"], 3)
    with pytest.raises(BadInput, match=r"features must be a sequence of names.*got 'not bad'"):
        feature_names("not bad", 7)
