"""Recordings of other tools: tables, JSON lines, Parquet, the games of shapiq."""

from __future__ import annotations

import json
import resource
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
    np.savez_compressed(path, values=VALUES, coalitions=MASKS, n_players=5)
    with pytest.raises(ip.BadInput, match=r'"n_players" must be the number of col.*4; got 5'):
        ip.read_recording(path)


def shapiq_json(**changed: object) -> str:
    """A game as shapiq 1.4 saves it."""
    game = {
        "object_name": "Game",
        "data_type": "game",
        "version": "1.4.1",
        "metadata": {
            "n_players": 3,
            "game_name": "Game",
            "normalization_value": 0.25,
            "precomputed": False,
            "player_names": ["so", "not", "bad"],
        },
        "data": {"Empty": 0.25, "0": 1.25, "1,2": -1.75, "0,1,2": 1},
    }
    return json.dumps(game | changed)


def test_a_game_of_shapiq_as_json(tmp_path: Path) -> None:
    path = tmp_path / "game.json"
    path.write_text(shapiq_json(), "utf-8")
    found = ip.read_recording(path)
    assert found.masks.astype(int).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]]
    assert found.values.tolist() == [0.25, 1.25, -1.75, 1.0]
    assert found.features == ("so", "not", "bad")
    path.write_text(shapiq_json(metadata={"n_players": 3}), "utf-8")
    assert ip.read_recording(path).features is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"a\.json is not JSON"),
        ("[]", r"is not a recording: of \.json files those of shapiq"),
        ('{"format": "interplay.run"}', r"is a run: its evaluations are in a\.npz beside it"),
        (shapiq_json(data_type="interaction_values"), "holds interactions, not the evaluations"),
        (shapiq_json(metadata=None), r'"n_players" must be a whole number, at least 1; got None'),
        (shapiq_json(metadata={"n_players": True}), r'"n_players" must be a whole number'),
        (shapiq_json(metadata={"n_players": 2}), r"'1,2' is not a coalition of players 0 to 1"),
        (
            shapiq_json(metadata={"n_players": 10**10}),
            r"would unpack from .* to 40,000,000,000",
        ),
        (
            shapiq_json(metadata={"n_players": 3, "player_names": ["a"]}),
            r"must be 3 names.*'a'",
        ),
        (shapiq_json(data={}), r'"data" must be an object of values by coalition'),
        (shapiq_json(data={"0,": 1}), r"'0,' is not a coalition"),
        (shapiq_json(data={"-1": 1}), r"'-1' is not a coalition"),
        (shapiq_json(data={"0": None}), r"""\"data"\['0'\] must be a number; got None"""),
        (shapiq_json(data={"0": float("nan")}), "NaN in it is no number of JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_json_that_is_no_game(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ip.BadInput, match=message):
        ip.read_recording(path)


def test_interactions_of_shapiq_are_told_from_its_games(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, values=VALUES, n_players=4, interaction_lookup_keys=np.array(["Empty", "0,1"]))
    with pytest.raises(ip.BadInput, match=r"a\.npz holds interactions, not the evaluations"):
        ip.read_recording(path)


def test_what_context_cite_and_datamodels_hold_is_written_in_a_line(tmp_path: Path) -> None:
    """Masks as bool or as 0 and 1 in bytes, values of several targets in half precision."""
    path = tmp_path / "a.npz"
    margins = np.stack([VALUES, -VALUES], axis=1).astype(np.float16)
    ip.write_recording(path, MASKS.astype(np.uint8).astype(bool), margins)
    found = ip.read_recording(path)
    np.testing.assert_array_equal(found.masks, MASKS)
    np.testing.assert_array_equal(found.values, margins.astype(np.float64))


def test_noise_in_tables_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "game.csv"
    path.write_text("a,b,value,noise_var\n1.0,0.0,2,0.5\n0,1,3,0\n")
    found = ip.read_recording(path)
    assert found.masks.tolist() == [[True, False], [False, True]]
    assert found.noise_var is not None
    assert found.noise_var.tolist() == [0.5, 0.0]
    path.write_text("noise_var:y,a,value:x,value:y,noise_var:x\n2,1,3,4,1\n")
    found = ip.read_recording(path)
    assert found.noise_var is not None
    assert (found.values.tolist(), found.noise_var.tolist()) == ([[3.0, 4.0]], [[1.0, 2.0]])
    path = tmp_path / "game.jsonl"
    path.write_text('{"mask": "01", "value": {"a": 1, "b": 2}, "noise_var": {"a": 3, "b": 4}}')
    found = ip.read_recording(path)
    assert found.noise_var is not None
    assert found.noise_var.tolist() == [[3.0, 4.0]]
    path.write_text('{"mask": "01", "value": 1, "noise_var": 3}')
    found = ip.read_recording(path)
    assert found.noise_var is not None
    assert found.noise_var.tolist() == [3.0]


def test_rows_set_aside_make_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "game.npz"
    test = np.arange(40) < 7
    ip.write_recording(path, MASKS, VALUES, design="near_full", test=test)
    found = ip.read_recording(path)
    assert found.test is not None
    np.testing.assert_array_equal(found.test, test)
    with pytest.raises(ip.BadInput, match=r'"test" must be bool of shape \(40,\).*got int64'):
        ip.write_recording(path, MASKS, VALUES, test=test.astype(int))


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


EXPORTED = {
    "fingerprint": ["f", "f"],
    "n": [9, 9],
    "mask": [b"\xff\x80", b"\x00\x00"],
    "value": [1.0, 2.0],
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask": None}, "it has no column mask"),
        ({"fingerprint": ["f", "g"]}, "holds 2 value functions: export one"),
        ({"n": [9, 8]}, r'"n" must be one number of features; got \[9, 8\]'),
        ({"n": [0, 0]}, r'"n" must be one number'),
        ({"mask": [b"\xff\x80", b"\x00"]}, r'"mask" must be the 2 bytes.*row 1 has 1 bytes'),
        ({"mask": [b"\xff\x80", None]}, r"row 1 has None"),
        ({"mask": [1, 2]}, r"column 'mask' is of int64, which it is not exported as"),
        ({"mask": [b"\xff\xc0", b"\x00\x00"]}, r'"mask" has bits beyond n = 9'),
        ({"value": None}, 'no column "value"'),
        ({"value": [1.0, None]}, r'"value" must be finite; row 1 has nan'),
        ({"value": ["a", "b"]}, r"column 'value' is of string, which it is not exported as"),
    ],
)
def test_parquet_files_that_are_no_export(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {k: v for k, v in {**EXPORTED, **changed}.items() if v is not None}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ip.BadInput, match=rf"a\.parquet.*{message}"):
        ip.read_recording(tmp_path / "a.parquet")


def test_parquet_rows_that_take_no_room_are_refused(tmp_path: Path) -> None:
    """Runs of equal numbers: 200 million rows in a few kilobytes."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = pa.table({"value": pa.array(np.zeros(2**20))})
    with parquet.ParquetWriter(tmp_path / "a.parquet", rows.schema, compression="zstd") as file:
        for _ in range(200):
            file.write_table(rows)
    with pytest.raises(ip.BadInput, match=r"would unpack from [\d,]+ to 1,677,721,600 bytes"):
        ip.read_recording(tmp_path / "a.parquet")


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
        ("a.csv", ",a,value\n0,1,2\n", r"column 1 has no name.*index=False"),
        ("a.csv", "a,value\n1,1_0\n", r"line 2, column 'value' must be a number; got '1_0'"),
        ("a.csv", "a,value,noise_var\n1,1,-1\n", r"column 'noise_var' must be a variance, at"),
        ("a.csv", "a,value,noise_var:x\n1,1,1\n", r'as those of "value" are.*got noise_var:x'),
        ("a.csv", b"\x80\x04a", r"a\.csv is a pickle, which is never read"),
        ("a.csv", b"a,value\n\xff,1\n", r"a\.csv is not UTF-8 text"),
        ("a.jsonl", "", r"a\.jsonl is empty"),
        ("a.jsonl", "{", r"a\.jsonl, line 1 is not JSON"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl, line 1 is not JSON"),
        ("a.jsonl", "[1]", r'line 1 must be an object with "mask" and "value"'),
        ("a.jsonl", '{"mask": "0x", "value": 1}', r'"mask"\[1\] must be 0 or 1.*got \'x\''),
        ("a.jsonl", '{"mask": 5, "value": 1}', r'"mask" must be a list of 0 and 1'),
        ("a.jsonl", '{"mask": "01", "value": null}', r'"value" must be a number; got None'),
        ("a.jsonl", '{"mask": "01", "value": Infinity}', "Infinity in it is no number"),
        ("a.jsonl", '{"mask": "01", "value": true}', r'"value" must be a number; got True'),
        (
            "a.jsonl",
            '{"mask": "01", "value": 1}\n{"mask": "011", "value": 1}',
            r"line 2 has 3 features, 1 values and no noise_var; the lines before have 2 features",
        ),
        (
            "a.jsonl",
            '{"mask": "01", "value": 1, "noise_var": [1]}',
            r'line 1: "noise_var" must be formed as "value" is',
        ),
        ("a.jsonl", '{"mask": "01", "value": 1, "noise_var": -1}', r'"noise_var" must be a varia'),
        (
            "a.jsonl",
            '{"mask": "01", "value": 1}\n{"mask": "01", "value": [1], "noise_var": [1]}',
            r"line 2 has 2 features, 1 values in a list and noise_var; the lines before have",
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


def test_a_parquet_file_that_repeats_itself_is_not_unpacked(tmp_path: Path) -> None:
    """Rows that name one megabyte each would be a terabyte; it is held once, and refused."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    m, path = 2**18, tmp_path / "bomb.parquet"
    once = pa.array(np.zeros(m, np.int32))
    columns = {
        "fingerprint": pa.DictionaryArray.from_arrays(once, pa.array(["f"])),
        "n": pa.array(np.full(m, 8)),
        "mask": pa.DictionaryArray.from_arrays(once, pa.array([bytes(2**20)])),
        "value": pa.array(np.zeros(m)),
    }
    parquet.write_table(pa.table(columns), path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ip.BadInput, match=r'"mask" must be the 1 bytes .* row 0 has 1048576 bytes'):
        ip.read_recording(path)
    columns["mask"] = pa.DictionaryArray.from_arrays(once, pa.array([b"\x01"]))
    columns["other"] = pa.DictionaryArray.from_arrays(once, pa.array([bytes(2**20)]))
    parquet.write_table(pa.table(columns), path)
    assert ip.read_recording(path).masks.shape == (1, 8)
    columns["value:a"] = columns["other"]
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(
        ip.BadInput, match=r"column 'value:a' is of .*, which it is not exported as"
    ):
        ip.read_recording(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
