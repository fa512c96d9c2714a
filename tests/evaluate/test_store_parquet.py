"""Stores as Parquet files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from interplay.errors import BadInput, MissingExtra, StoreError
from interplay.evaluate import Store, parquet
from interplay.evaluate.functions import Identity
from interplay.masks import all_masks, uniform

pq = pytest.importorskip("pyarrow.parquet")

MASKS = all_masks(4)
VALUES = np.arange(16.0) / 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.mark.parametrize("rows_per_group", [1, 100, 10**6])
def test_what_is_exported_is_what_is_stored(
    path: Path, rows_per_group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", rows_per_group)
    rng = np.random.default_rng(0)
    masks = uniform(37, 300, rng)
    values, noise, tokens = rng.normal(size=300), rng.random(300), rng.random(300)
    noise[::7] = np.nan
    with Store(path) as store:
        for replicate in (0, 1):
            for start in range(0, 300, 60):
                rows = slice(start, start + 60)
                store.put(
                    "f",
                    masks[rows],
                    values[rows] + replicate,
                    noise_var=noise[rows] if start else None,
                    tokens=tokens[rows],
                    seconds=6.0,
                    replicate=replicate,
                )
        assert parquet.export(store, path.with_name("out.parquet")) == 600
    table = pq.read_table(path.with_name("out.parquet"))
    columns = "fingerprint replicate n mask value noise tokens usd seconds created"
    assert table.column_names == columns.split()
    frame = table.to_pydict()
    assert set(frame["fingerprint"]) == {"f"}
    assert set(frame["n"]) == {37}
    assert set(frame["usd"]) == {None}
    assert set(frame["seconds"]) == {0.1}
    assert all(day.utcoffset().total_seconds() == 0 for day in frame["created"])
    assert frame["value"] == [*values, *values + 1]
    assert frame["tokens"] == [*tokens, *tokens]
    known = [None if i < 60 or np.isnan(noise[i]) else noise[i] for i in range(300)]
    assert frame["noise"] == known * 2
    packed = np.frombuffer(b"".join(frame["mask"]), dtype=np.uint8).reshape(600, -1)
    unpacked = np.unpackbits(packed, axis=1, count=37)
    assert (unpacked[np.array(frame["replicate"]) == 1] == masks).all()


def test_several_functions_in_one_file(path: Path) -> None:
    with Store(path) as store:
        store.put("a1", MASKS, VALUES, identity=Identity(["yes"], list("wxyz"), {"kind": "text"}))
        store.put("a2", MASKS[:2], np.array([[1.0, 2.0], [3.0, 4.0]]))
        store.put("b", all_masks(9)[:3], [5.0, 6.0, 7.0], usd=[0.5, np.nan, 0.25])
        out = path.with_name("out.parquet")
        assert parquet.export(store, out) == 21
        table = pq.read_table(out).to_pydict()
        about = json.loads(pq.read_schema(out).metadata[b"interplay"])
        assert parquet.export(store, out, prefix="a") == 18
        assert pq.read_table(out)["fingerprint"].to_pylist() == ["a1"] * 16 + ["a2"] * 2
    assert table["value:yes"] == [*VALUES, *[None] * 5]
    assert table["value:0"] == [*[None] * 16, 1.0, 3.0, None, None, None]
    assert table["value:1"] == [*[None] * 16, 2.0, 4.0, None, None, None]
    assert table["value"] == [*[None] * 18, 5.0, 6.0, 7.0]
    assert table["usd"] == [*[None] * 18, 0.5, None, 0.25]
    assert [len(mask) for mask in table["mask"]] == [1] * 18 + [2] * 3
    assert (about["format"], about["version"]) == ("interplay.evaluations", 1)
    assert about["functions"]["a1"] == {
        "n": 4, "q": 1, "targets": ["yes"], "features": list("wxyz"), "subject": {"kind": "text"},
    }  # fmt: skip
    assert about["functions"]["b"]["features"] is None


def test_what_cannot_be_exported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = path.with_name("out.parquet")
    with Store(path) as store:
        with pytest.raises(BadInput, match=r"no value function in .* starts with ''"):
            parquet.export(store, out)
        store.put("f", MASKS, VALUES)
        with pytest.raises(BadInput, match="starts with 'x'"):
            parquet.export(store, out, prefix="x")
        with pytest.raises(StoreError, match=r"cannot write .*nowhere"):
            parquet.export(store, path.parent / "nowhere" / "out.parquet")
        out.write_text("mine")
        store.put("g", MASKS, VALUES)
        store._connection.execute("UPDATE batches SET seconds = 8 WHERE id = 2")
        with pytest.raises(StoreError, match="batch 2 of 16 evaluations is damaged"):
            parquet.export(store, out)
        assert out.read_text() == "mine"
        assert sorted(file.name for file in path.parent.glob("out*")) == ["out.parquet"]
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtra, match=r'pip install "interplay\[parquet\]"'):
            parquet.export(store, out)
