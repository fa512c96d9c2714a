"""Recordings of other tools: tables, JSON lines, Parquet, the games of shapiq."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.evaluate import Store

MASKS = np.random.default_rng(0).random((40, 4)) < 0.5
VALUES = MASKS @ np.array([1.0, -2.0, 0.5, 0.25]) + 0.1


def test_a_table(tmp_path: Path) -> None:
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        path = tmp_path / f"game{suffix}"
        lines = [separator.join(["so", "not", '"a, b"', "bad", "value"])]
        for mask, value in zip(MASKS, VALUES, strict=True):
            lines.append(separator.join([*map(str, mask.astype(int)), repr(float(value))]))
        path.write_text("\ufeff" + "\r\n".join(lines) + "\n", "utf-8")
        found = ip.read_recording(path)
        np.testing.assert_array_equal(found.masks, MASKS)
        np.testing.assert_array_equal(found.values, VALUES)
        assert found.features == ("so", "not", "a, b", "bad")
        assert found.targets is None


def test_a_table_of_several_targets(tmp_path: Path) -> None:
    path = tmp_path / "game.csv"
    path.write_text("value:yes,a,b,value:no\n1.5,1,0,2\n-1,False,TRUE,3e2\n")
    found = ip.read_recording(path)
    assert found.targets == ("yes", "no")
    assert found.masks.tolist() == [[True, False], [False, True]]
    assert found.values.tolist() == [[1.5, 2.0], [-1.0, 300.0]]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "game.jsonl"
    path.write_text(
        '{"mask": [1, 0, true], "value": 1.5, "note": "others are let be"}\n\n'
        '{"mask": "011", "value": 2}\n'
    )
    found = ip.read_recording(path)
    assert found.masks.tolist() == [[True, False, True], [False, True, True]]
    assert found.values.tolist() == [1.5, 2.0]
    path.write_text(
        '{"mask": "01", "value": {"a": 1, "b": 2}}\n{"mask": "11", "value": {"a": 3, "b": 4}}'
    )
    assert ip.read_recording(path).targets == ("a", "b")
    path.write_text('{"mask": "01", "value": [1, 2]}\n{"mask": "11", "value": [3, 4]}')
    assert ip.read_recording(path).values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_game_of_shapiq(tmp_path: Path) -> None:
    path = tmp_path / "game.npz"
    np.savez_compressed(
        path, values=VALUES, coalitions=MASKS.astype(int), n_players=4, normalization_value=0.0
    )
    found = ip.read_recording(path)
    np.testing.assert_array_equal(found.masks, MASKS)
    np.savez_compressed(path, values=VALUES, coalitions=2 * MASKS.astype(int))
    with pytest.raises(ip.BadInput, match='"coalitions" must be 0 and 1'):
        ip.read_recording(path)


def test_what_runs_export_writes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from interplay.evaluate.parquet import export

    with Store(tmp_path / "runs.db") as store:
        store.put("f", MASKS, VALUES)
        store.put("f", MASKS, VALUES + 1.0, replicate=1)
        export(store, tmp_path / "game.parquet")
    found = ip.read_recording(tmp_path / "game.parquet")
    told = dict(zip(map(bytes, found.masks), found.values, strict=True))
    for mask, value in zip(MASKS, VALUES, strict=True):
        assert told[bytes(mask)] == pytest.approx(value + 0.5)


def test_noise_makes_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "game.npz"
    ip.write_recording(path, MASKS, VALUES, noise_var=np.full(40, 0.1))
    found = ip.read_recording(path)
    assert found.noise_var is not None
    assert (found.noise_var == 0.1).all()
    with pytest.raises(ip.BadInput, match='"noise_var" must be variances'):
        ip.write_recording(path, MASKS, VALUES, noise_var=np.full(40, -0.1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"a\.csv: the first line must name the columns.*got nothing"),
        ("a.csv", "a,b\n1,0\n", r'"value".*got a, b'),
        ("a.csv", "value\n1\n", r"got value"),
        ("a.csv", "a,value\n", r"a header and no rows"),
        ("a.csv", "a,a,value\n1,1,2\n", r"two columns are named 'a'"),
        ("a.csv", "a,value,value:x\n1,1,2\n", r'each is named "value:NAME"'),
        ("a.csv", "a,value\n1,2\n1,2,3\n", r"a\.csv, line 3 has 3 cells; the header has 2"),
        ("a.csv", "a,value\n2,2\n", r"a\.csv, line 2, column 'a' must be 0 or 1.*got '2'"),
        ("a.csv", "a,value\n1,x\n", r"line 2, column 'value' must be a number; got 'x'"),
        ("a.csv", "a,value\n1,nan\n", r"line 2, column 'value' must be finite; got 'nan'"),
        ("a.csv", 'a,value\n"1,2\n', r"a\.csv, line 2 is not a row of a table"),
        ("a.csv", b"a,value\n\xff,1\n", r"a\.csv is not UTF-8 text"),
        ("a.jsonl", "", r"a\.jsonl is empty"),
        ("a.jsonl", "{", r"a\.jsonl, line 1 is not JSON"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl, line 1 is not JSON"),
        ("a.jsonl", "[1]", r'line 1 must be an object with "mask" and "value"'),
        ("a.jsonl", '{"mask": "0x", "value": 1}', r'"mask"\[1\] must be 0 or 1.*got \'x\''),
        ("a.jsonl", '{"mask": 5, "value": 1}', r'"mask" must be a list of 0 and 1'),
        ("a.jsonl", '{"mask": "01", "value": null}', r'"value" must be a number; got None'),
        ("a.jsonl", '{"mask": "01", "value": Infinity}', r'"value" must be finite; got inf'),
        ("a.jsonl", '{"mask": "01", "value": true}', r'"value" must be a number; got True'),
        (
            "a.jsonl",
            '{"mask": "01", "value": 1}\n{"mask": "011", "value": 1}',
            r"line 2 has 3 features and 1 values; the lines before have 2 and 1",
        ),
        ("a.parquet", b"PAR1", r"a\.parquet is not a readable Parquet file"),
        ("a.parquet", None, r"a\.parquet cannot be read"),
        ("a.csv", None, r"a\.csv cannot be read: No such file"),
    ],
)
def test_malformed_files_are_named(
    tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ip.BadInput, match=message):
        ip.read_recording(path)


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, masks=np.zeros((2**19, 2**10), dtype=bool), values=np.zeros(2**19))
    assert path.stat().st_size < 2**21
    with pytest.raises(ip.BadInput, match=r"would unpack from [\d,]+ to [\d,]+ bytes"):
        ip.read_recording(path)
