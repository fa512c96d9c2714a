"""Training sets in files: what is read, what is drawn, what is refused, what is made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BadInput
from interplay.lenses.remake import value_function_of
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines.words import OnWords
from interplay.lenses.training_data.files import training_files
from interplay.lenses.training_data.rows import read_rows

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(60, 4)).round(3)
NAMES = np.array(["cat", "dog", "owl"])
LABELS = NAMES[np.arange(60) % 3]
SOURCES = np.array(["web", "", "book", "web"])[np.arange(60) % 4]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["a,b,c,d,label,source"]
    for row, label, source in zip(INPUTS, LABELS, SOURCES, strict=True):
        lines.append(",".join([*map(str, row), label, source]))
    (tmp_path / "numbers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "numbers.csv"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, images=RNG.integers(0, 256, (60, 6, 5), dtype=np.uint8),
             labels=np.arange(60) % 3, class_names=NAMES, source=SOURCES)  # fmt: skip
    return path


# ---- reading


def test_a_table_of_numbers(table: Path) -> None:
    rows = read_rows(table, groups="source")
    assert np.array_equal(rows.data.features, INPUTS)
    assert rows.data.classes == ("cat", "dog", "owl")
    assert [rows.data.classes[i] for i in rows.data.labels] == LABELS.tolist()
    assert rows.groups is not None
    assert rows.groups[:3] == ("web", None, "book")


def test_columns_that_are_not_numbers_are_told(table: Path, tmp_path: Path) -> None:
    rows = read_rows(table)
    assert (rows.columns, rows.unused) == (("a", "b", "c", "d"), ("source",))
    assert training_files(str(table)).subject["unused"] == ["source"]
    other = tmp_path / "other.csv"  # in another order, and with more
    other.write_text("label,z,d,c,b,a,source\nowl,9,4,3,2,1,web\n", encoding="utf-8")
    assert read_rows(other, groups="source", like=rows).data.features.tolist() == [[1, 2, 3, 4]]
    assert read_rows(other, groups="other", like=rows).data.labels.tolist() == [2]
    other.write_text("label,d,c,b\nowl,4,3,2\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"other\.csv has no column a, which the dataset has"):
        read_rows(other, like=rows)
    other.write_text("label,a,b,c,d\nowl,4,3,2,many\n", encoding="utf-8")
    with pytest.raises(BadInput, match="column 'd' is not of numbers"):
        read_rows(other, like=rows)


def test_a_table_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("\ufefftext\tnote\ty\na \"quoted' film\tx\t1\nso bad\ty\t0\n", encoding="utf-8")
    rows = read_rows(path)
    assert rows.data.inputs == ("a \"quoted' film", "so bad")
    assert rows.data.classes == ("0", "1")
    assert rows.data.labels.tolist() == [1, 0]
    assert read_rows(path, text="note").data.inputs == ("x", "y")
    quoted = tmp_path / "q.csv"
    quoted.write_text('label,text\n1,"two\nlines, and a comma"\n0,b\n', encoding="utf-8")
    assert read_rows(quoted).data.inputs[0] == "two\nlines, and a comma"


def test_labels_that_are_numbers_are_regression(tmp_path: Path) -> None:
    path, like = tmp_path / "r.csv", tmp_path / "whole.csv"
    path.write_text("x,target\n1,0.5\n2,1\n", encoding="utf-8")
    like.write_text("x,target\n1,3\n2,1\n", encoding="utf-8")
    rows = read_rows(path)
    assert rows.data.classes is None
    assert rows.data.labels.tolist() == [0.5, 1.0]
    assert read_rows(like).data.classes == ("1", "3")
    assert read_rows(like, like=rows).data.labels.tolist() == [3.0, 1.0]
    np.savez(tmp_path / "r.npz", X=np.eye(3), y=np.arange(3))
    assert read_rows(tmp_path / "r.npz", like=rows).data.classes is None


def test_an_archive(archive: Path) -> None:
    rows = read_rows(archive, groups="source")
    assert rows.data.inputs.shape == (60, 6, 5)  # type: ignore[union-attr]
    assert rows.data.classes == ("cat", "dog", "owl")
    assert rows.groups is not None
    assert rows.groups[1] is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "x", r"a\.txt: examples are read from \.npz, \.csv and \.tsv"),
        ("a.csv", "x,label\n", "needs a line of column names and one line for each"),
        ("a.csv", "x,label\n1,2\n3\n", r"a\.csv, line 3 has 1 fields, and there are 2 columns"),
        ("a.csv", "x,kind\n1,2\n", "no column of labels: none of x, kind is called label.*--label"),
        (
            "a.csv",
            "x,label\nred,2\n",
            r"no inputs beside the labels: column 'x' is not of .*--text",
        ),
        ("a.csv", "label\n1\n2\n", "no inputs beside the labels: there is none"),
        ("a.csv", "x,label\nnan,a\n1,b\n", r"inputs must be finite; example 0"),
        ("a.csv", b"x,label\n\xff,2\n", "is not UTF-8"),
        ("a.npz", "x,label\n", r"a\.npz is not an \.npz file"),
        ("a.npz", b"PK\x03\x04nothing", "is damaged"),
        ("none.csv", None, r"cannot read .*none\.csv: No such file"),
        ("none.npz", None, r"none\.npz cannot be read: No such file"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=message):
        read_rows(tmp_path / name)


def test_arrays_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    for arrays, message in (
        ({"labels": np.arange(3)}, "no array of inputs: it should be called inputs or images"),
        ({"inputs": np.eye(3)}, "no array of labels"),
        ({"inputs": np.eye(3), "labels": np.arange(2)}, "3 inputs and 2 labels"),
        ({"inputs": np.eye(3), "labels": np.array([{}] * 3)}, "never unpickled"),
        (
            {"inputs": np.eye(3), "labels": np.arange(3), "class_names": np.array(["a"])},
            "class number 2 is none of 1 classes",
        ),
    ):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match=message):
            read_rows(path)
    np.savez(path, inputs=np.eye(3), labels=np.arange(3), web=np.arange(2))
    with pytest.raises(BadInput, match="'web' must name the group of each of 3 examples"):
        read_rows(path, groups="web")
    with pytest.raises(BadInput, match="no array of groups: it should be called source"):
        read_rows(path, groups="source")
    monkeypatch.setattr("interplay.files.MOST_TEXT", 5)
    (tmp_path / "big.csv").write_text("x,label\n1,2\n")
    with pytest.raises(BadInput, match=r"big\.csv is too large to be read: 5 bytes are the most"):
        read_rows(tmp_path / "big.csv")


# ---- what is drawn


def test_what_is_drawn_is_of_each_class_alike(table: Path) -> None:
    value = training_files(str(table), examples=8, targets=3, classes=["owl", "cat"], seed=3)
    assert value.data.classes == ("owl", "cat")
    assert np.bincount(value.data.labels.astype(int)).tolist() == [4, 4]
    assert len(value.tests) == 3
    assert value.holdout is not None
    rows = [int(name[1:].split()[0]) for name in value.features]
    tests = [int(name[6:].split()[0]) for name in (*value.tests.names, *value.holdout.names)]
    assert not {*rows} & {*tests}
    assert len({*tests}) == len(tests)
    for row, label, features in zip(rows, value.data.labels, value.data.features, strict=True):
        assert LABELS[row] == value.data.classes[int(label)]
        assert np.array_equal(INPUTS[row], features)
    again = training_files(str(table), examples=8, targets=3, classes=["owl", "cat"], seed=3)
    assert again.fingerprint == value.fingerprint
    other = training_files(str(table), examples=8, targets=3, classes=["owl", "cat"], seed=4)
    assert other.fingerprint != value.fingerprint


def test_a_rare_class_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "rare.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'b' if i < 30 else 'a'}\n" for i in range(31)))
    value = training_files(str(path), tests=str(path), examples=10, targets=2)
    assert np.bincount(value.data.labels.astype(int)).tolist() == [1, 9]


def test_groups_of_a_column(table: Path, archive: Path) -> None:
    for path in (table, archive):
        value = training_files(str(path), groups="source", targets=2)
        assert set(value.features) == {"web", "book"}
        assert (value.owners == -1).any()  # without a source: always kept
        assert value.subject["units"] == "group"
    by_class = training_files(str(table), groups="class")
    assert by_class.features == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["cat", "fox"]}, "classes must be two at least of those in"),
        ({"classes": ["cat"]}, "two at least.*got cat"),
        ({"examples": 100}, "100 training examples were asked for, and there are 48 to draw from"),
        ({"examples": 1}, "examples must be a whole number of at least 2"),
        ({"targets": 0}, "targets must be a whole number of at least 1"),
        ({"targets": 13}, "13 test examples were asked for, and there are 12"),
        ({"test_share": 1.0}, "test_share must lie between 0 and 1"),
        ({"groups": "where"}, "no column of groups"),
        ({"trainer": "forest"}, "unknown trainer 'forest'; valid: ridge"),
        ({"value": "accuracy"}, "unknown value 'accuracy'"),
    ],
)
def test_options_that_cannot_be_used(table: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        training_files(str(table), **options)


def test_the_digits() -> None:
    value = training_files(examples=20, classes=["one", "seven"], targets=4)
    assert value.data.inputs.shape == (20, 8, 8)  # type: ignore[union-attr]
    assert value.subject["source"] == "the digits of scikit-learn"
    assert value.targets[0] == "mean"
    kept = np.ones((1, 20), dtype=bool)
    assert value(kept)[0, 0] > 0
    with pytest.raises(BadInput, match="the digits have no column 'source'"):
        training_files(groups="source")


def test_texts_are_given_to_a_trainer_as_words(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    words = ["good film", "fine and good", "bad film", "so bad it hurts"]
    path.write_text(
        "text,label\n" + "".join(f"{words[i % 4]} {i},{i % 4 < 2}\n" for i in range(40))
    )
    value = training_files(str(path), targets=2)
    assert isinstance(value.trainer, OnWords)
    assert value.subject["trainer"] == "ridge on words"
    full, empty = value(np.array([[True] * 32, [False] * 32]))[:, 0]
    assert full > 0.3
    assert empty == 0
    made = value_function_of(value.subject, value.targets)
    assert made.fingerprint == value.fingerprint  # type: ignore[attr-defined]
    numbers = training_files(examples=10)
    with pytest.raises(BadInput, match="takes texts, and the inputs are numbers"):
        OnWords("ridge").bind(numbers.data, numbers.tests)
    data = Dataset.of((["!", "?"], ["a", "b"]))
    with pytest.raises(BadInput, match="the texts have no words"):
        OnWords("ridge").bind(data, data)


# ---- made again


def test_a_run_makes_its_value_function_again(table: Path, tmp_path: Path) -> None:
    value = training_files(str(table), examples=12, targets=2, groups=None, seed=5)
    run = ip.explain(value, budget=60, store=None, method="lasso")
    run.save(tmp_path / "run.json")
    subject = json.loads((tmp_path / "run.json").read_text("utf-8"))["subject"]
    made: Any = value_function_of(subject, value.targets)
    assert made.fingerprint == value.fingerprint
    assert ip.replay(tmp_path / "run.json", fresh=True).same_values
    changed = table.read_text("utf-8").replace("owl", "elk")
    table.write_text(changed, encoding="utf-8")
    with pytest.raises(BadInput, match=r"numbers\.csv has other examples than when the run was"):
        value_function_of(subject, value.targets)
    with pytest.raises(BadInput, match="has other examples"):
        ip.replay(tmp_path / "run.json", fresh=True)
    table.unlink()
    with pytest.raises(BadInput, match="cannot read"):
        value_function_of(subject, value.targets)


def test_tests_that_have_changed_are_named(table: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests.csv"
    tests.write_text(table.read_text("utf-8"), encoding="utf-8")
    value = training_files(str(table), tests=str(tests), targets=2)
    value_function_of(value.subject, value.targets)
    with pytest.raises(BadInput, match="targets other are not those of its files"):
        value_function_of(value.subject, ["other"])
    head, *rows = tests.read_text("utf-8").splitlines()
    changed = [row.replace("0.", "7.") for row in rows]
    tests.write_text("\n".join([head, *changed]), encoding="utf-8")
    with pytest.raises(BadInput, match=r"tests\.csv has other examples"):
        value_function_of(value.subject, value.targets)


def test_what_python_made_is_not_made_again(table: Path) -> None:
    from sklearn.naive_bayes import GaussianNB

    value = training_files(str(table), trainer=GaussianNB())
    assert "arguments" not in value.subject
    with pytest.raises(BadInput, match=r"was made in Python.*pass the value function"):
        value_function_of(value.subject, value.targets)
