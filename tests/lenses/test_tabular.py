"""The tabular lens: values against slow loops and closed forms, for arrays, frames and models."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import interplay as ip
from interplay.errors import BackendError, BadInput


def all_masks(n: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array(list(itertools.product([False, True], repeat=n)))


def product(rows: Any) -> Any:
    rows = np.asarray(rows, dtype=float)
    return rows[:, 0] * rows[:, 1] + rows[:, 2]


RNG = np.random.default_rng(0)
BACKGROUND = RNG.normal(size=(7, 3))
ROW = np.array([1.0, -2.0, 0.5])


def slow(mask: Any, kind: str) -> float:
    """One mask, in plain loops."""
    values = []
    rows = [BACKGROUND.mean(axis=0)] if kind == "mean" else BACKGROUND
    for other in rows:
        mixed = [ROW[j] if mask[j] else other[j] for j in range(3)]
        values.append(float(product([mixed])[0]))
    return sum(values) / len(values)


@pytest.mark.parametrize("kind", ["mean", "marginal:all"])
def test_values_are_those_of_a_slow_loop(kind: str) -> None:
    value = ip.tabular(ROW, predict=product, background=BACKGROUND, mask=kind)
    masks = all_masks(3)
    expected = [slow(mask, kind) for mask in masks]
    np.testing.assert_allclose(value(masks), expected, atol=1e-12)
    np.testing.assert_allclose([value(mask[None])[0] for mask in masks], expected, atol=1e-12)
    assert value.measure(masks).noise_var is None, "there is no chance in it"


def test_banzhaf_values_of_a_linear_model_are_known() -> None:
    x, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x, y)
    value = ip.tabular(x[3], predict=model, background=x, columns=load_diabetes().feature_names)
    found = ip.explain(value, budget=1024, store=None).interactions("BV")
    expected = model.coef_ * (x[3] - x.mean(axis=0))
    for j, effect in enumerate(expected):
        assert found[(j,)] == pytest.approx(effect, abs=1e-8)
    assert value.features[0] == f"age={x[3, 0]:.4g}"
    assert value.targets == ("value",)


@settings(max_examples=25)
@given(st.integers(2, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_relabelling_and_batches(p: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row, background = rng.normal(size=p), rng.normal(size=(m, p))
    weights = rng.normal(size=(p, p))

    def quadratic(rows: Any) -> Any:
        return np.einsum("bi,ij,bj->b", rows, weights, rows)

    value = ip.tabular(row, predict=quadratic, background=background, mask="marginal:all")
    masks = rng.random((9, p)) < 0.5
    order = rng.permutation(p)
    inverse = np.argsort(order)
    other = ip.tabular(
        row[order],
        predict=lambda rows: quadratic(rows[:, inverse]),
        background=background[:, order],
        mask="marginal:all",
    )
    np.testing.assert_allclose(value(masks), other(masks[:, order]), atol=1e-9)
    np.testing.assert_allclose(value(masks)[4:], value(masks[4:]), atol=1e-12)


def test_draws_belong_to_their_mask_and_their_noise_is_told() -> None:
    background = np.random.default_rng(1).normal(size=(400, 3))
    make = {"predict": product, "background": background}
    exact = ip.tabular(ROW, **make, mask="marginal:all")
    value = ip.tabular(ROW, **make, mask=("marginal", 40), seed=5)
    masks = all_masks(3)
    told = value.measure(masks)
    again = value.measure(masks[::-1])
    np.testing.assert_array_equal(np.asarray(told.values)[::-1], again.values)
    np.testing.assert_array_equal(value(masks[2:3]), np.asarray(told.values)[2:3])
    noise = np.asarray(told.noise_var)
    assert noise[-1] == 0, "nothing is drawn where all is kept"
    assert (noise[:-1] > 0).all()
    # the mean error is what the variance says: 8 masks x 60 seeds, within a third
    errors, variances = [], []
    for seed in range(60):
        drawn = ip.tabular(ROW, **make, mask="marginal:40", seed=seed).measure(masks[:-1])
        errors.append((np.asarray(drawn.values) - exact(masks[:-1])) ** 2)
        variances.append(drawn.noise_var)
    ratio = np.mean(errors) / np.mean(variances)
    assert 2 / 3 < ratio < 3 / 2
    assert not np.array_equal(
        ip.tabular(ROW, **make, mask=("marginal", 40), seed=6)(masks), told.values
    )
    assert value.subject["mask"] == "marginal:40"
    assert ip.tabular(ROW, **make, mask="marginal:400").subject["mask"] == "marginal:all"
    assert ip.tabular(ROW, **make, mask="marginal").subject["mask"] == "marginal:64"


def test_noise_goes_into_the_fit() -> None:
    background = np.random.default_rng(1).normal(size=(400, 3))
    value = ip.tabular(ROW, predict=product, background=background, mask="marginal:20")
    explanation = ip.explain(value, budget=8, store=None)
    assert explanation.evaluations is not None
    assert explanation.evaluations.noise_var is not None
    # the spectrum is exact of the values; their noise, 0 for the full mask, is its error bar
    top = explanation.top(1)[0]
    assert top.low < top.value < top.high


# ---- frames


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    m = 60
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, m),
            "income": np.where(rng.random(m) < 0.1, np.nan, rng.normal(30, 8, m).round(1)),
            "city": rng.choice(["Oslo", "Rome", "Lima"], m),
            "size": pd.Categorical(rng.choice(["S", "M", "L"], m), categories=["S", "M", "L"]),
            "member": rng.random(m) < 0.7,
            "visits": pd.array(rng.integers(0, 9, m), dtype="Int64"),
        }
    )


def test_a_frame_keeps_its_kinds(people: pd.DataFrame) -> None:
    seen: list[pd.DataFrame] = []

    def predict(rows: pd.DataFrame) -> Any:
        seen.append(rows)
        return rows["age"].to_numpy() + 10.0 * (rows["city"] == "Rome").to_numpy()

    value = ip.tabular(people.iloc[[3]], predict=predict, background=people)
    value(all_masks(6)[:5])
    for rows in seen:
        assert list(rows.columns) == list(people.columns)
        assert rows["city"].dtype == people["city"].dtype
        assert rows["size"].dtype == people["size"].dtype
        assert rows["member"].dtype == bool
        assert str(rows["visits"].dtype) == "Float64"
        assert rows["age"].dtype == float, "the mean of whole numbers is none"
    whole = value.masked_rows(np.ones(6, dtype=bool)).iloc[0]
    assert whole["age"] == people["age"][3]
    assert whole["city"] == people["city"][3]
    nothing = value.masked_rows(np.zeros(6, dtype=bool)).iloc[0]
    assert nothing["age"] == pytest.approx(people["age"].mean())
    assert nothing["income"] == pytest.approx(people["income"].mean())
    assert nothing["city"] == people["city"].mode()[0]
    assert nothing["size"] == people["size"].mode()[0]
    assert nothing["member"] == people["member"].mode()[0]


def test_rows_of_every_form_are_the_same_row(people: pd.DataFrame) -> None:
    def predict(rows: pd.DataFrame) -> Any:
        return rows["age"].to_numpy() * (1.0 + rows["member"].to_numpy())

    rows = [people.iloc[[3]], people.iloc[3], people.iloc[3].to_dict()]
    masks = all_masks(6)
    values = [ip.tabular(row, predict=predict, background=people) for row in rows]
    for value in values[1:]:
        np.testing.assert_array_equal(value(masks), values[0](masks))
        assert value.features == values[0].features
        assert value.fingerprint == values[0].fingerprint


def test_marginal_draws_of_a_frame_are_whole_rows(people: pd.DataFrame) -> None:
    value = ip.tabular(
        people.iloc[[3]],
        predict=lambda rows: rows["age"].to_numpy(dtype=float),
        background=people,
        mask="marginal:all",
    )
    rows = value.masked_rows(np.array([False, False, True, True, True, True]))
    pd.testing.assert_series_equal(
        rows["income"], people["income"], check_index=False, check_names=False
    )
    assert set(rows["city"]) == {people["city"][3]}


def test_missing_values_are_named_and_passed_on(people: pd.DataFrame) -> None:
    people.loc[3, "income"] = np.nan
    value = ip.tabular(
        people.iloc[[3]],
        predict=lambda rows: rows["income"].isna().to_numpy().astype(float),
        background=people,
    )
    assert value.features[1] == "income=missing"
    np.testing.assert_array_equal(value(np.array([[True] * 6, [False] * 6])), [1, 0])


def test_a_pipeline_and_its_classes(people: pd.DataFrame) -> None:
    people["income"] = people["income"].fillna(30)
    label = np.where(people["age"] > 40, "old", "young")
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city", "size"]),
            (StandardScaler(), ["age", "income"]),
        ),
        LogisticRegression(),
    ).fit(people, label)
    value = ip.tabular(
        people.iloc[[0]],
        predict=model,
        background=people,
        target=["prob:old", "logit:young", "margin:old|young"],
    )
    full = value(np.ones((1, 6), dtype=bool))[0]
    row = people.iloc[[0]]
    assert full[0] == pytest.approx(model.predict_proba(row)[0, 0])
    assert full[1] == pytest.approx(model.decision_function(row)[0])
    assert full[2] == pytest.approx(-2 * model.decision_function(row)[0])
    default = ip.tabular(people.iloc[[0]], predict=model, background=people)
    assert default.targets == (f"prob:{model.predict(row)[0]}",)


def test_groups_are_ablated_together() -> None:
    rows = np.array([[1.0, 0, 0, 5], [0, 1, 0, 3], [0, 0, 1, 1], [1, 0, 0, 7]])
    names = ["north", "south", "east", "rooms"]
    value = ip.tabular(
        rows[1],
        predict=lambda x: x[:, 1] * x[:, 3],
        background=rows,
        columns=names,
        groups={"region": ["north", "south", "east"]},
    )
    assert value.features == ("region=south", "rooms=3")
    assert value.subject["units"] == "feature"
    np.testing.assert_allclose(value(all_masks(2)), [0.25 * 4, 0.25 * 3, 4, 3])


# ---- real models of scikit-learn


def test_a_forest_and_its_faithfulness() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(20, random_state=0).fit(x, y)
    value = ip.tabular(x[0], predict=model, background=x, target="prob:0")
    explanation = ip.explain(value, budget=600, store=None, method="proxyspex")
    assert explanation.faithfulness.value > 0.5
    masks = np.random.default_rng(0).random((20, 30)) < 0.5
    expected = [
        model.predict_proba(np.where(mask, x[0], x.mean(axis=0))[None])[0, 0] for mask in masks
    ]
    np.testing.assert_allclose(value(masks), expected, atol=1e-12)
    with pytest.raises(BadInput, match="has no decision_function; use 'prob:0'"):
        ip.tabular(x[0], predict=model, background=x, target="logit:0")


def test_decisions_without_probabilities() -> None:
    x, y = load_iris(return_X_y=True)
    model = LinearSVC().fit(x, y)
    value = ip.tabular(x[0], predict=model, background=x)
    assert value.targets == ("logit:0",)
    with pytest.raises(BadInput, match="gives no probabilities; use 'logit:1'"):
        ip.tabular(x[0], predict=model, background=x, target="prob:1")
    several = ip.tabular(
        x[0], predict=lambda rows: rows[:, :2] + 1, background=x, target=["output:1", "output:0"]
    )
    assert several.targets == ("output:1", "output:0")
    np.testing.assert_allclose(several(np.ones((1, 4), bool))[0], [x[0, 1] + 1, x[0, 0] + 1])


# ---- fingerprints


def test_what_changes_a_value_changes_the_fingerprint() -> None:
    x, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(5, random_state=0).fit(x, y)
    other = RandomForestClassifier(5, random_state=0).fit(x, y)
    base = {"predict": forest, "background": x, "target": "prob:0"}
    known = ip.tabular(x[0], **base).fingerprint
    assert ip.tabular(x[0], **base).fingerprint == known
    assert ip.tabular(x[0], **base | {"predict": other}).fingerprint == known
    trained = RandomForestClassifier(5, random_state=1).fit(x, y)
    nearly = x.copy()
    nearly[3, 2] = np.nextafter(nearly[3, 2], 9)
    changed = [
        ip.tabular(x[1], **base),
        ip.tabular(x[0], **base | {"predict": trained}),
        ip.tabular(x[0], **base | {"background": nearly}),
        ip.tabular(x[0], **base | {"target": "prob:1"}),
        ip.tabular(x[0], **base, mask="marginal:10"),
        ip.tabular(x[0], **base, mask="marginal:10", seed=1),
        ip.tabular(x[0], **base, columns=list("abcd")),
        ip.tabular(x[0], **base, groups={"a": ["x0", "x1"]}),
    ]
    assert len({known, *(one.fingerprint for one in changed)}) == len(changed) + 1


def test_models_that_differ_off_the_row_are_told_apart() -> None:
    """The answers on the row and the means are equal; only mixtures of columns tell them apart."""

    def with_term(size: float) -> Any:
        class Model:  # its parameter is where no walk finds it
            __slots__ = ()

            def predict(self, rows: Any) -> Any:
                return rows[:, 0] + size * (rows[:, 0] > 0) * (rows[:, 1] < 0)

        return Model()

    x = np.abs(RNG.normal(size=(30, 2))) * [1, 1]
    x[:15] *= -1  # the signs of both columns agree in every row
    prints = {
        ip.tabular(x[0], predict=with_term(size), background=x).fingerprint
        for size in (0.0, 1e-6, 1.0)
    }
    assert len(prints) == 3


def test_the_fingerprint_is_that_of_another_process() -> None:
    program = (
        "import interplay as ip\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "x, y = load_iris(return_X_y=True)\n"
        "model = RandomForestClassifier(5, random_state=0).fit(x, y)\n"
        "print(ip.tabular(x[0], predict=model, background=x, target='prob:0').fingerprint)\n"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    x, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(5, random_state=0).fit(x, y)
    here = ip.tabular(x[0], predict=model, background=x, target="prob:0").fingerprint
    assert there.stdout == f"{here}\n", there.stderr


def test_a_model_with_noise_of_its_own_says_so() -> None:
    rng = np.random.default_rng(0)
    value = ip.tabular(
        ROW, predict=lambda rows: rows[:, 0] + rng.normal(size=len(rows)), background=BACKGROUND
    )
    assert value.noisy
    assert not ip.tabular(ROW, predict=product, background=BACKGROUND).noisy


# ---- bad input


def bad(**changes: Any) -> dict[str, Any]:
    return {"row": ROW, "predict": product, "background": BACKGROUND} | changes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (bad(row=ROW[:2]), "row has 2 values, background 3 columns"),
        (bad(row=BACKGROUND[:2]), r"row must be one row; got shape \(2, 3\)"),
        (bad(row=[1.0, np.inf, 0.0]), "row holds infinite values"),
        (bad(row=["a", "b", "c"]), "row as an array must hold numbers; got dtype <U1. Give a pan"),
        (bad(row=[1j, 0, 0]), "row holds complex numbers"),
        (bad(row={"x0": 1.0}), "row is a dict and background is a ndarray; give both as pandas"),
        (bad(background=BACKGROUND[0]), r"background must have shape \(rows, columns\)"),
        (bad(background=BACKGROUND[:0]), r"at least one row; got \(0, 3\)"),
        (bad(columns=["a", "b"]), r"columns must name all 3 columns; got \['a', 'b'\]"),
        (bad(columns=["a", "a", "b"]), "columns hold the same name twice"),
        (bad(mask="median"), "unknown mask 'median' of a table; valid: mean, marginal"),
        (bad(mask=("marginal", 1)), "needs at least 2 draws, or their noise is not known"),
        (bad(mask="marginal:-3"), "unknown mask 'marginal:-3'"),
        (bad(seed=-1), "seed must be a whole number of at least 0; got -1"),
        (bad(target=3), "target must be a string, or several; got 3"),
        (bad(target="prob:a"), "unknown target 'prob:a'; product gives 1 number a row: value"),
        (bad(target=["value", "value"]), "target names the same twice"),
        (bad(groups={"g": ["x9"]}), "group 'g' has the unknown column 'x9'; there are x0, x1, x2"),
        (bad(groups={"g": "x1"}), "group 'g' must be a list of columns; got 'x1'"),
        (bad(groups={"g": ["x0"], "h": ["x0"]}), "column 'x0' is in group 'g' and in 'h'"),
        (bad(groups={"x2": ["x0", "x1"]}), "group 'x2' has the name of another column"),
        (bad(groups={"g": ["x0", "x1", "x2"]}), "the row has 1 feature, and there is nothing"),
        (bad(predict=3), "predict must be a callable, or a fitted model .* got int"),
        (bad(predict=LogisticRegression), "predict is the class LogisticRegression"),
        (bad(predict=LogisticRegression()), "has no classes_: fit it before it is explained"),
        (bad(predict=lambda rows: [1.0]), r"for each of 1 rows|for each of .* rows; got shape"),
        (bad(predict=lambda rows: ["a"] * len(rows)), "must return numbers"),
        (bad(predict=lambda rows: np.ones((len(rows), 2, 2))), r"got shape \(1, 2, 2\)"),
    ],
)
def test_bad_input_is_said(arguments: dict[str, Any], message: str) -> None:
    row = arguments.pop("row")
    with pytest.raises(BadInput, match=message):
        ip.tabular(row, **arguments)


def test_bad_frames_are_said(people: pd.DataFrame) -> None:
    def make(row: Any, background: Any = people, **more: Any) -> None:
        ip.tabular(row, predict=lambda rows: np.ones(len(rows)), background=background, **more)

    with pytest.raises(BadInput, match="row has no column visits, which background has"):
        make(people.iloc[[0]].drop(columns="visits"))
    with pytest.raises(BadInput, match="row must be one row; got 2 rows"):
        make(people.iloc[:2])
    with pytest.raises(BadInput, match="row must be one of one row, a Series or a mapping; got li"):
        make([1, 2, 3, 4, 5, 6])
    with pytest.raises(BadInput, match="row has 'XL' in column 'size', which is none of its categ"):
        make(people.iloc[0].to_dict() | {"size": "XL"})
    with pytest.raises(BadInput, match="row has 'old' in column 'age', whose values are int64"):
        make(people.iloc[0].to_dict() | {"age": "old"})
    with pytest.raises(BadInput, match="columns are named by the DataFrame"):
        make(people.iloc[[0]], columns=list("abcdef"))
    with pytest.raises(BadInput, match="several columns of the same name"):
        make(people.iloc[[0]], people.set_axis(list("aabcde"), axis=1))
    with pytest.raises(BadInput, match=r"at least one row and one column; got shape \(0, 6\)"):
        make(people.iloc[[0]], people.iloc[:0])


def test_a_model_that_fails_says_on_what() -> None:
    def fails(rows: Any) -> Any:
        raise KeyError("age")

    with pytest.raises(BackendError, match=r"fails failed on 1 rows: KeyError: 'age'. It is given"):
        ip.tabular(ROW, predict=fails, background=BACKGROUND)


def test_target_of_several_kinds_is_a_string() -> None:
    with pytest.raises(BadInput, match="target must be a string, or several"):
        ip.tabular(ROW, predict=product, background=BACKGROUND, target=[1])  # type: ignore[list-item]
