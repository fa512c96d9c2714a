"""Tables as rows, CSV and frames, and back; what needs shapiq, shap or networkx is in interop/."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.errors import BadInput, MissingExtra
from interplay.explanation.contents import contents
from interplay.interactions import Interactions
from interplay.interactions.csv_file import guarded, unguarded
from interplay.interactions.rows import COLUMNS, listed
from interplay.intervals import Z_90
from interplay.packing import canonical_key
from interplay.spectrum import Spectrum

HOSTILE = (
    "a,b",
    'she said "no"',
    "two\nlines",
    "carriage\rreturn",
    "👩‍🚀🎬",
    "=1+1",
    "-",
    "@SUM(A1)",
    "+ plus",
    "＝full width",
    "\ttab",
    "  = spaces",
    "'",
    "'=already",
    "''-",
    "'s",
    "nan",
    "",
    " lead and trail ",
    "twice",
    "twice",
    "مرحبا",
    "0 17",
    "long " * 40_000,
)


@pytest.fixture
def table() -> Interactions:
    values = {(): 9.0, (0,): 1.0, (2,): -2.0, (0, 1): 0.5, (1, 2): -2.0}
    errors = {(): 0.0, (0,): 0.1, (2,): 0.2, (0, 1): 0.3, (1, 2): 0.0}
    return Interactions(values, "SII", 2, ("not", "so", "bad"), errors)


@st.composite
def tables(draw: st.DrawFn) -> Interactions:
    """Tables of every kind, without stored zeros."""
    names = tuple(draw(st.lists(st.text(), min_size=1, max_size=6)))
    index = draw(st.sampled_from(["SII", "k-SII", "Moebius", "OR", "Fourier", "SV", "influence"]))
    highest = 1 if index in ("SV", "influence") else draw(st.integers(1, len(names)))
    features = st.integers(0, len(names) - 1)
    sets = st.frozensets(features, min_size=int(index == "influence"), max_size=highest)
    terms = {tuple(sorted(one)) for one in draw(st.sets(sets, max_size=12))}
    numbers = st.floats(-1e300, 1e300).filter(bool)
    values = {t: draw(numbers) for t in sorted(terms, key=canonical_key)}
    errors = None
    if draw(st.booleans()):
        errors = {t: draw(st.floats(0, 1e300)) for t in values}
    return Interactions(values, index, highest, names, errors, has_constant=index != "influence")


def assert_same(mine: Interactions, other: Interactions) -> None:
    assert list(mine.items()) == list(other.items())
    assert mine.errors == other.errors
    for name in ("index", "order", "features", "has_constant"):
        assert getattr(mine, name) == getattr(other, name)


def written(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_what_an_export_names(table: Interactions) -> None:
    assert listed(table) == [(), (0,), (1,), (2,), (0, 1), (1, 2)]
    assert listed(Interactions({}, "influence", 1, ("a", "b"), has_constant=False)) == [(0,), (1,)]


def test_is_exact(table: Interactions) -> None:
    assert not table.is_exact
    assert not Interactions({(0,): 1.0}, "SV", 1, ("a",)).is_exact
    assert Interactions({(0,): 1.0}, "SV", 1, ("a",), {(0,): 0.0}).is_exact


# CSV


def test_csv_is_what_a_spreadsheet_shows(table: Interactions, tmp_path: Path) -> None:
    path = table.to_csv(tmp_path / "table.csv")
    assert path == tmp_path / "table.csv"
    lines = written(path)
    assert tuple(lines[0]) == COLUMNS
    assert lines[1][:7] == ["SII", "2", "0", "", "", "9.0", "0.0"]
    assert lines[3][:7] == ["SII", "2", "1", "1", "so", "0.0", "0.0"]
    assert lines[5][:7] == ["SII", "2", "2", "0 1", "not × so", "0.5", "0.3"]
    assert float(lines[5][7]) == 0.5 - 0.3 * Z_90
    assert {len(line) for line in lines} == {len(COLUMNS)}
    assert_same(table, Interactions.from_csv(path))


@given(tables())
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, drawn: Interactions) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    back = Interactions.from_csv(drawn.to_csv(path))
    assert_same(drawn, back)
    first = path.read_bytes()
    assert back.to_csv(path).read_bytes() == first


@pytest.mark.parametrize("order", [1, 2])
def test_csv_of_hostile_names(tmp_path: Path, order: int) -> None:
    n = len(HOSTILE)
    terms = {(i,): i + 1.0 for i in range(n)}
    if order == 2:
        terms |= {(i, i + 1): -1.0 - i for i in range(n - 1)}
    drawn = Interactions(terms, "SII", order, HOSTILE)
    path = drawn.to_csv(tmp_path / "hostile.csv")
    limit = csv.field_size_limit(10**7)
    try:
        cells = [cell for line in written(path)[1:] for cell in line[:5]]
    finally:
        csv.field_size_limit(limit)
    assert not [c for c in cells if re.match(r"\s*[=+\-@＝＋－＠]|[\t\r\n]", c)]
    assert_same(drawn, Interactions.from_csv(path))
    assert csv.field_size_limit() == limit


@given(st.text(alphabet="'=+-@ \t\nax＝", max_size=6))
def test_guarding_is_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_csv_of_numpy_numbers(tmp_path: Path) -> None:
    values = {(0,): np.float64(0.1), (1,): np.float32(0.5)}
    drawn = Interactions(values, "SV", 1, ("a", "b"), {(0,): np.float64(1), (1,): np.float64(0)})
    assert_same(drawn, Interactions.from_csv(drawn.to_csv(tmp_path / "a.csv")))


def test_csv_with_a_byte_order_mark(table: Interactions, tmp_path: Path) -> None:
    path = table.to_csv(tmp_path / "table.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n"))
    assert_same(table, Interactions.from_csv(path))


HEAD = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a table of interactions: its first line must name the columns"),
        ("x0,x1,value\n0,1,2\n", "to_csv() writes it; features is missing"),
        ("a;b\n", "features and value are missing"),
        (HEAD + "SII,2,1,0,a\n", "line 2 has 5 cells; the first line has 10"),
        (HEAD + "SII,2,1,0,a,1,,,,\nBII,2,1,1,b,1,,,,\n", "line 3: interaction_index is 'BII'"),
        (HEAD + "SII,2,1,0,a,1,,,,\nSII,3,1,1,b,1,,,,\n", "line 3: max_order is '3'"),
        (HEAD + "SII,two,1,0,a,1,,,,\n", "max_order must be a whole number; got 'two'"),
        (HEAD + "SII,2,1,0,a,1,,,,\n", "order 2 is above n = 1"),
        (HEAD + "SII,1,1,0,a,1e999,,,,\n", "line 2, the value must be finite; got '1e999'"),
        (HEAD + 'SII,1,1,0,a,"0,5",,,,\n', "line 2, the value must be a number; got '0,5'"),
        (HEAD + "SII,1,1,0,a,nan,,,,\n", "line 2, the value must be finite; got 'nan'"),
        (HEAD + "SII,1,1,0,a,1,-1,,,\n", "line 2, the standard error must be at least 0"),
        (HEAD + "SII,1,1,zero,a,1,,,,\n", "indices with spaces between them, as 0 17; got 'zero'"),
        (HEAD + "SII,1,1,-1,a,1,,,,\n", "line 2: (-1,) is not a set of feature indices"),
        (HEAD + "SII,1,1,1,a,1,,,,\n", "has no named row for feature 0: give features="),
        (HEAD + "SII,1,0,,,1,,,,\n", "has no row of a feature"),
        (HEAD + "SII,1,1,999999999999,a,1,,,,\n", "has no named row for feature 0"),
        (HEAD + "SIX,1,1,0,a,1,,,,\n", "unknown index 'SIX'; valid: Fourier"),
        (HEAD + ",1,1,0,a,1,,,,\n", 'does not say which index it holds: give index="SII"'),
        (HEAD + "SII,1,1,0,a,1,,,,\nSII,1,1,0,a,1,,,,\n", "has (0,) twice, in"),
        (HEAD + "SII,1,1,0,a,1,0.5,,,\nSII,1,1,1,b,1,,,,\n", "and none in"),
        (HEAD + "influence,1,1,0,a,1,,,,\ninfluence,1,0,,,1,,,,\n", "influence is not defined"),
        (HEAD + 'SII,1,1,0,"a,1,,,,\n', "is not CSV: unexpected end of data"),
    ],
)
def test_csv_of_something_else(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "else.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        Interactions.from_csv(path)
    assert str(path) in str(caught.value) or "unknown index" in message or "above n" in message


def test_csv_that_was_cut(table: Interactions, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv"
    path.write_text("features,value\n0 1,0.5\n2,-2\n", "utf-8")
    found = Interactions.from_csv(path, index="SII", features=table.features)
    assert dict(found) == {(2,): -2.0, (0, 1): 0.5}
    assert (found.order, found.errors, found.has_constant) == (2, None, False)
    assert Interactions.from_csv(path, index="SII", order=3, features=table.features).order == 3
    with pytest.raises(BadInput, match=r"cut\.csv does not say which index it holds"):
        Interactions.from_csv(path, features=table.features)


def test_csv_files_that_are_none(table: Interactions, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read .*none\.csv: No such file"):
        Interactions.from_csv(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=r"latin\.csv is not UTF-8 text"):
        Interactions.from_csv(tmp_path / "latin.csv")
    with pytest.raises(BadInput, match="cannot write"):
        table.to_csv(tmp_path / "no folder" / "table.csv")
    with pytest.raises(BadInput, match="half of a character: give that feature another name"):
        Interactions({}, "SV", 1, ("\ud83d",)).to_csv(tmp_path / "half.csv")


# pandas


def test_dataframe_columns(table: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pandas is given, in an environment that has no pandas."""
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    frame = table.to_dataframe()
    assert tuple(frame) == COLUMNS
    assert frame["interaction_index"] == ["SII"] * 6
    assert frame["features"] == [(), (0,), (1,), (2,), (0, 1), (1, 2)]
    assert frame["names"][4] == ("not", "so")
    assert frame["order"] == [0, 1, 1, 1, 2, 2]
    assert frame["value"] == [9.0, 1.0, 0.0, -2.0, 0.5, -2.0]
    assert frame["error"] == [0.0, 0.1, 0.0, 0.2, 0.3, 0.0]
    assert frame["low"][4] == pytest.approx(0.5 - 0.3 * Z_90)
    assert frame["sign_probability"][2] == 0.5


def test_dataframe_without_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    frame = Interactions({(0,): 1.0}, "SV", 1, ("a",)).to_dataframe()
    for column in ("error", "low", "high", "sign_probability"):
        assert all(math.isnan(cell) for cell in frame[column])


@given(tables())
def test_dataframe_round_trip(drawn: Interactions) -> None:
    pytest.importorskip("pandas")
    frame = drawn.to_dataframe()
    assert_same(drawn, Interactions.from_dataframe(frame))
    assert_same(drawn, Interactions.from_dataframe(frame.sample(frac=1, random_state=0)))


def test_a_frame_of_ones_own() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"features": [[1], (1, 0), 2, set()], "value": [1, 0.5, -1.0, 3]})
    found = Interactions.from_dataframe(frame, index="SII", features=["a", "b", "c", "d"])
    assert dict(found) == {(): 3.0, (1,): 1.0, (2,): -1.0, (0, 1): 0.5}
    assert (found.order, found.features, found.errors) == (2, ("a", "b", "c", "d"), None)
    assert found.has_constant
    without = Interactions.from_dataframe(frame[:3], index="SII", order=3, features=list("abcd"))
    assert (without.order, without.has_constant) == (3, False)


def test_a_frame_that_was_cut_keeps_its_index_and_order(table: Interactions) -> None:
    pytest.importorskip("pandas")
    frame = table.to_dataframe()
    pairs = frame[frame["order"] == 2]
    with pytest.raises(BadInput, match="the frame has no named row for feature 0: give features="):
        Interactions.from_dataframe(pairs)
    found = Interactions.from_dataframe(pairs, features=table.features)
    assert dict(found) == {(0, 1): 0.5, (1, 2): -2.0}
    assert (found.index, found.order) == ("SII", 2)
    with pytest.raises(KeyError, match="this SII has no value for the empty set"):
        found[()]


def frame_of(**columns: Any) -> Any:
    pandas = pytest.importorskip("pandas")
    whole = {"features": [(0,), (1,)], "value": [1.0, 2.0], "names": [("a",), ("b",)]}
    whole |= {"interaction_index": ["SV", "SV"]} | columns
    return pandas.DataFrame({name: cells for name, cells in whole.items() if cells is not None})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": None}, "the columns features and value, as to_dataframe() gives them; value is"),
        ({"interaction_index": None}, 'the frame does not say which index it holds: give index="S'),
        ({"interaction_index": ["SV", "BV"]}, "holds more than one interaction_index: 'SV' and"),
        ({"interaction_index": ["SW", "SW"]}, "unknown index 'SW'"),
        ({"max_order": [1, 2]}, 'Choose one, as frame[frame["max_order"] == 1]'),
        ({"max_order": [1.5, 1.5]}, "order must be a whole number of at least 1; got 1.5"),
        ({"max_order": [2, 2]}, "SV is an index of single features"),
        ({"value": [1.0, float("nan")]}, "row 1 of the frame, the value must be finite; got nan"),
        ({"value": [1.0, None]}, "row 1 of the frame, the value must be finite; got nan"),
        ({"value": ["much", "more"]}, "row 0 of the frame, the value must be a number; got 'much'"),
        ({"error": [0.1, None]}, "a standard error in some rows and none in row 1 of the frame"),
        ({"error": [0.1, -1.0]}, "row 1 of the frame, the standard error must be at least 0"),
        ({"features": [(0,), (0,)]}, "has (0,) twice, in row 0 of the frame and in row 1"),
        ({"features": [(0,), (0, 1)]}, "the frame has no named row for feature 1"),
        ({"features": [(0,), (1, 1)]}, "row 1 of the frame: (1, 1) is not a set of feature"),
        ({"features": [(0,), (0.5,)]}, "must be indices, as (0, 17); got (0.5,)"),
        ({"features": ["0", "1"]}, "A file that to_csv() wrote is read by Interactions.from_csv"),
        ({"names": [("a",), None]}, "the frame has no named row for feature 1: give features="),
        ({"names": [("a",), (3,)]}, "row 1 of the frame, the name must be text; got 3"),
    ],
)
def test_frames_that_cannot_be_read(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        Interactions.from_dataframe(frame_of(**columns))


def test_frames_that_are_none(table: Interactions) -> None:
    with pytest.raises(BadInput, match="are missing from list"):
        Interactions.from_dataframe([1, 2])
    frame = frame_of()
    with pytest.raises(BadInput, match=r"row 1 of the frame: \(1,\) is not a set of .* 0 \.\. 0"):
        Interactions.from_dataframe(frame, features=["a"])
    with pytest.raises(BadInput, match="this SII has 1"):
        Interactions.from_dataframe(frame_of(features=[(0,), (0, 1)]), index="SII", order=1,
                                    features=["a", "b"])  # fmt: skip


# series of tables


@st.composite
def games(draw: st.DrawFn) -> Spectrum:
    n = draw(st.integers(1, 5))
    number = st.integers(-64, 64).map(lambda k: k / 4)  # exact in every step
    sets = draw(st.sets(st.frozensets(st.integers(0, n - 1)), max_size=10))
    return Spectrum(
        {tuple(sorted(t)): draw(number.filter(bool)) for t in sets},
        n,
        features=[f"f{i}" for i in range(n)],
    )


@given(games(), st.sampled_from(["Fourier", "Moebius", "FBII"]))
def test_series_of_a_table(spectrum: Spectrum, index: str) -> None:
    table = spectrum.interactions(index, spectrum.n)
    assert Spectrum.from_interactions(table) == spectrum


@given(games(), st.integers(1, 5), st.sampled_from(["Fourier", "FBII"]))
def test_series_of_a_table_of_low_order(spectrum: Spectrum, order: int, index: str) -> None:
    order = min(order, spectrum.n)
    low = {t: c for t, c in spectrum.terms.items() if len(t) <= order}
    found = Spectrum.from_interactions(spectrum.interactions(index, order))
    assert found.terms == low


def test_errors_of_the_series_of_a_table() -> None:
    spectrum = Spectrum({(): 1.0, (0,): 2.0}, 1, errors={(): 0.5, (0,): 0.25})
    assert Spectrum.from_interactions(spectrum.interactions("Fourier")) == spectrum
    assert Spectrum.from_interactions(spectrum.interactions("Moebius")).standard_errors is None
    exact = Spectrum({(): 1.0, (0,): 2.0}, 1, errors={(): 0.0, (0,): 0.0})
    assert Spectrum.from_interactions(exact.interactions("Moebius")) == exact
    assert len(Spectrum.from_interactions(Interactions({}, "Moebius", 1, ("a",)))) == 0


def test_series_of_other_tables(table: Interactions) -> None:
    with pytest.raises(BadInput, match="this table holds SII: take one of these of the same game"):
        Spectrum.from_interactions(table)
    wide = Interactions({tuple(range(40)): 1.0}, "Moebius", 40, tuple(map(str, range(40))))
    with pytest.raises(BadInput, match="needs the subsets of all terms"):
        Spectrum.from_interactions(wide)


# what an explanation adds, and what is not installed


def test_contents_of_a_text() -> None:
    text = "  Not so bad, this film!"
    spans = [[2, 5], [6, 8], [9, 12], [14, 18], [19, 23]]
    names = tuple("abcde")
    pieces = ["  Not ", "so ", "bad, ", "this ", "film!"]
    assert contents({"text": text, "spans": spans}, names) == (names, pieces)
    assert contents({"text": text, "spans": spans}, ("a",)) == (("a",), None)
    assert contents({"text": text, "spans": spans[::-1]}, names) == (names, None)
    assert contents({"kind": "callable", "name": "f"}, ("a",)) == (("a",), None)


def test_contents_of_a_table() -> None:
    told = {"kind": "table", "columns": ["age", "job"], "values": ["39", "clerk"]}
    assert contents(told, ("age=39", "job=clerk")) == (("age", "job"), ["39", "clerk"])
    assert contents(told, ("who",)) == (("who",), None)


@pytest.mark.parametrize(
    ("package", "extra", "way"),
    [
        ("pandas", "tabular", "to_dataframe"),
        ("shapiq", "interop", "to_shapiq"),
        ("shap", "interop", "to_shap"),
        ("networkx", "interop", "to_networkx"),
    ],
)
def test_a_missing_extra(
    package: str, extra: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    table = Interactions({(): 1.0, (0,): 1.0}, "SV", 1, ("a",))
    with pytest.raises(MissingExtra, match=re.escape(f'pip install "interplay[{extra}]"')):
        getattr(table, way)()


def test_exports_import_nothing_heavy() -> None:
    program = (
        "import sys, os, interplay as ip\n"
        "table = ip.Spectrum({(0,): 1.0}, 1).interactions('SV')\n"
        "table.to_csv(os.devnull)\n"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not {"pandas", "shapiq", "shap", "networkx"} & set(done.stdout.split())
