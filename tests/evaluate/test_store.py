"""The store: round trips, several processes, damage, foreign and newer files."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interplay
from interplay.errors import BadInput, StoreError
from interplay.evaluate import Store, Stored, schema
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Identity
from interplay.evaluate.pruning import prune
from interplay.evaluate.store import now
from interplay.evaluate.verification import verify
from interplay.masks import all_masks, uniform

MASKS = all_masks(4)
VALUES = np.arange(16.0) / 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 80),
    q=st.integers(1, 3),
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    replicate=st.integers(0, 3),
)
def test_what_is_put_is_found_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int, n: int, q: int, sizes: list[int], replicate: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    masks = uniform(n, sum(sizes), rng)
    values = rng.normal(size=(len(masks), q)) * 10.0 ** rng.integers(-300, 300, (len(masks), q))
    path = tmp_path_factory.mktemp("store") / "runs.db"
    with Store(path) as store:
        start = 0
        for size in sizes:
            rows = slice(start, start + size)
            if len(masks[rows]):
                back = store.put("f", masks[rows], values[rows], replicate=replicate)
                np.testing.assert_array_equal(back.values, values[rows])
            start += size
        assert store.count() == store.count("f") == len(masks)
    order = rng.permutation(len(masks))
    asked = np.concatenate([masks[order], np.zeros((1, n), dtype=bool)])
    with Store(path) as store:
        stored = store.get("f", asked, replicate=replicate)
        assert stored.found.tolist() == [True] * len(masks) + [False]
        if len(masks):
            np.testing.assert_array_equal(stored.values, values[order])
        assert not store.get("f", asked, replicate=replicate + 1).found.any()
        assert not store.get("g", asked).found.any()


def test_a_mask_keeps_its_first_value(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:2], VALUES[:2])
        back = store.put("f", MASKS[[1, 2, 2]], [9.0, 7.0, 8.0])
        assert back.values.ravel().tolist() == [VALUES[1], 7.0, 7.0]
        assert store.count() == 3


def test_functions_and_replicates_are_kept_apart(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
        store.put("f", MASKS, VALUES + 1, replicate=np.int64(1))  # type: ignore[arg-type]
        store.put("g", all_masks(2), np.ones((4, 2)), identity=Identity(targets=["a", "b"]))
        assert store.get("f", MASKS).values[3, 0] == VALUES[3]
        assert store.get("f", MASKS, replicate=1).values[3, 0] == VALUES[3] + 1
        assert store.get("g", all_masks(2)).values.shape == (4, 2)
        assert (store.count(), store.count("f"), store.count("g"), store.count("h")) == (
            36,
            32,
            4,
            0,
        )


def test_no_masks_at_all(path: Path) -> None:
    with Store(path) as store:
        none = np.empty((0, 4), dtype=bool)
        assert store.get("f", none).values.shape == (0, 1)
        assert store.put("f", none, np.empty(0)).values.shape == (0, 1)
        assert store.count() == 0


def test_another_connection_sees_each_batch_at_once(path: Path) -> None:
    with Store(path) as one, Store(path) as other:
        for rows in (slice(0, 5), slice(5, 16)):
            one.put("f", MASKS[rows], VALUES[rows])
            np.testing.assert_array_equal(other.get("f", MASKS[rows]).values[:, 0], VALUES[rows])


def test_a_changed_value_function_under_the_same_fingerprint(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
        with pytest.raises(BadInput, match=r"masks have 3 features, but .*runs\.db holds 4 under"):
            store.get("f", all_masks(3))
        with pytest.raises(BadInput, match=r"holds 4 features under f, and this one has 3"):
            store.put("f", all_masks(3), np.ones(8))
        with pytest.raises(
            BadInput,
            match=r"two different value functions .*holds 1 values per mask .* has 2 .*another fin",
        ):
            store.put("f", MASKS, np.ones((16, 2)))
        store.put("f", MASKS, VALUES)  # and the store is not locked by the refusals
        assert store.count() == 16


def test_only_sound_batches_are_taken(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(BadInput, match="masks must be boolean"):
            store.put("f", MASKS.astype(int), VALUES)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="values must be finite"):
            store.put("f", MASKS, np.full(16, np.nan))
        with pytest.raises(BadInput, match=r"values must have shape \(16,\)"):
            store.put("f", MASKS, VALUES[:3])


# --- several processes -------------------------------------------------------------------------


def _write(path: str, seed: int, ready: object, go: object) -> None:
    """Put 40 batches of 16, of which half are the same masks as in every other process."""
    own = uniform(30, 320, np.random.default_rng(seed))
    shared = uniform(30, 320, np.random.default_rng(99))
    ready.release()  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    with Store(path) as store:
        for k in range(0, 320, 16):
            store.put("f", own[k : k + 16], own[k : k + 16].sum(1) + 0.25)
            back = store.put("f", shared[k : k + 16], np.full(16, float(seed)))
            again = store.get("f", shared[k : k + 16]).values
            assert (back.values == again).all()


def test_processes_write_at_once(path: Path) -> None:
    """Opened new by four processes together: no error, nothing lost, no mask stored twice."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    workers = [
        context.Process(target=_write, args=(str(path), seed, ready, go)) for seed in range(4)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    go.set()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with Store(path) as store:
        assert store.count() == 5 * 320
        for seed in range(4):
            own = uniform(30, 320, np.random.default_rng(seed))
            np.testing.assert_array_equal(store.get("f", own).values[:, 0], own.sum(1) + 0.25)
        shared = store.get("f", uniform(30, 320, np.random.default_rng(99)))
        assert shared.found.all()
        assert set(shared.values.ravel()) <= {0.0, 1.0, 2.0, 3.0}


def test_many_threads_open_a_new_store_together(tmp_path: Path) -> None:
    for attempt in range(5):
        path, errors = tmp_path / f"{attempt}.db", []
        barrier = threading.Barrier(6)

        def work(k: int, path: Path = path, errors: list = errors, barrier=barrier) -> None:  # type: ignore[no-untyped-def, type-arg]
            barrier.wait()
            try:
                with Store(path) as store:
                    store.put("f", MASKS[k : k + 1], VALUES[k : k + 1])
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with Store(path) as store:
            assert store.count() == 6


def test_a_lock_that_is_not_given_back(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:3], VALUES[:3])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StoreError, match=r"open the store .*locked.*Another process keeps it"),
            Store(path, timeout=0.05),
        ):
            pass
        store._connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreError, match=r"write the store .*locked.*wait for that"):
            store.put("f", MASKS[3:], VALUES[3:])
        assert store.get("f", MASKS).found.sum() == 3  # readers are not held up
        other.execute("ROLLBACK")
        other.close()
        store.put("f", MASKS[3:], VALUES[3:])
        assert store.count() == 16


def test_a_closed_store_and_one_of_another_thread_say_so(path: Path) -> None:
    store = Store(path)
    caught: list[Exception] = []

    def ask() -> None:
        try:
            store.get("f", MASKS)
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    with pytest.raises(StoreError, match="serves the thread that opened it"):
        raise caught[0]
    store.close()
    store.close()
    with pytest.raises(StoreError, match="until it is closed: open another one"):
        store.get("f", MASKS)


# --- a disk that is full, a file that cannot be written -----------------------------------------


def put_all(store: Store, masks: np.ndarray) -> None:
    for start in range(0, len(masks), 64):
        rows = masks[start : start + 64]
        store.put("f", rows, rows.sum(1))


def test_full_disk_loses_only_the_batch(path: Path) -> None:
    masks = uniform(200, 3000, np.random.default_rng(0))
    with Store(path) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 10}")
        with pytest.raises(StoreError, match=r"write the store .*full.*Free some space"):
            put_all(store, masks)
        done = store.count()
        assert 0 < done < 3000
        assert done % 64 == 0
        assert store.get("f", masks[:done]).found.all()
    with Store(path) as store:
        assert store.get("f", masks).found.sum() == done
        store.put("f", masks[done:], masks[done:].sum(1))
        assert store.count() == 3000


FULL_DISK = """
import resource, sys
import numpy as np
from interplay.errors import StoreError
from interplay.evaluate import Store
from interplay.masks import uniform
masks = uniform(200, 6000, np.random.default_rng(0))
store = Store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    for start in range(0, 6000, 64):
        store.put("f", masks[start : start + 64], masks[start : start + 64].sum(1))
except StoreError as error:
    print(start, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs setrlimit")
def test_the_operating_system_refuses_to_write(path: Path) -> None:
    """The same with real failing writes: the file may not grow beyond 150 kB."""
    output = run_python(FULL_DISK, str(path))
    done, message = output.split(maxsplit=1)
    assert message.startswith("cannot write the store")
    assert int(done) > 0
    masks = uniform(200, 6000, np.random.default_rng(0))
    with Store(path) as store:
        stored = store.get("f", masks)
        assert stored.found[: int(done)].all()
        np.testing.assert_array_equal(stored.values[:, 0], masks[stored.found].sum(1))


def test_read_only_store(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:3], VALUES[:3])
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(
            StoreError, match=r"write the store .*readonly.*Make the file and its fo"
        ):
            store.put("f", MASKS[3:], VALUES[3:])
        assert store.get("f", MASKS).found.sum() == 3


READ_ONLY_FILE = """
import os, sys
import numpy as np
from interplay.errors import StoreError
from interplay.evaluate import Store
if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
path = sys.argv[1]
with Store(path) as store:
    store.put("f", np.array([[True]]), np.array([1.0]))
for mode in (0o444, 0o000):
    os.chmod(path, mode)
    try:
        Store(path)
    except StoreError as error:
        print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
def test_a_file_without_permission_is_refused_when_it_is_opened() -> None:
    """And not when the first batch, which has been paid for, is to be stored."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        read_only, unreadable = run_python(READ_ONLY_FILE, f"{folder}/runs.db").splitlines()
    assert "readonly database. Make the file and its folder writable, or pass another" in read_only
    assert "runs.db cannot be read (Permission denied): make the file readable" in unreadable


# --- files that are no store of ours --------------------------------------------------------------


def refused(path: Path, message: str) -> None:
    """Opening raises this, and leaves the folder as it was."""
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(StoreError, match=message):
        Store(path)
    assert {f: f.read_bytes() for f in path.parent.iterdir() if f.is_file()} == before


@pytest.mark.parametrize("content", [b"hello", b"\0" * 5000, b"SQLite format 2\0" + b"x" * 200])
def test_a_file_that_is_not_sqlite(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, r"runs\.db is not an evaluation store .*this file was not touched")


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_database_of_another_program(path: Path, mode: str) -> None:
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA journal_mode = {mode}")
    other.execute("CREATE TABLE batches (precious TEXT)")
    other.commit()
    other.close()
    refused(path, r"is a SQLite database of another program.*pass another path.*not touched")


def test_a_newer_schema(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {schema.SCHEMA + 6}")
    other.close()
    refused(path, rf"newer interplay \(schema {schema.SCHEMA + 6}; .*up to {schema.SCHEMA}\): upgr")


def test_an_impossible_schema(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = -1")
    other.close()
    refused(path, "claims the schema version -1")


def test_an_older_schema_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
    later = (*schema.MIGRATIONS, ("ALTER TABLE functions ADD COLUMN label TEXT",))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    for _ in range(2):
        with Store(path) as store:
            assert store.get("f", MASKS).found.all()
            version = store._connection.execute("PRAGMA user_version").fetchone()[0]
            assert version == schema.SCHEMA
            store._connection.execute("SELECT label FROM functions")


def test_a_migration_that_fails_leaves_the_older_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
    with monkeypatch.context() as patch:
        later = (*schema.MIGRATIONS, ("CREATE TABLE extra (a)", "no statement"))
        patch.setattr(schema, "MIGRATIONS", later)
        patch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
        with pytest.raises(StoreError, match="cannot open the store"):
            Store(path)
    with Store(path) as store:
        assert store.get("f", MASKS).found.all()
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            store._connection.execute("SELECT * FROM extra")


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder: pass the path of a file, such as runs\.db"):
        Store(tmp_path)
    with pytest.raises(StoreError, match=r"cannot be made: there is no folder .*nowhere"):
        Store(tmp_path / "nowhere" / "runs.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with Store(path) as store:
        store.put("f", MASKS, VALUES)


# --- noise, prices, time -------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    q=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    flags=st.lists(st.integers(0, 7), min_size=4, max_size=4),
)
def test_noise_prices_and_time_come_back_with_their_masks(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int, q: int, sizes: list[int], flags: list[int],
) -> None:  # fmt: skip
    """Batches that know all, some or none of it, asked together in any order."""
    rng = np.random.default_rng(seed)
    masks = uniform(12, sum(sizes), rng)
    m = len(masks)
    noise, prices = rng.random((m, q)), rng.random((m, 2))
    noise[rng.random((m, q)) < 0.2] = np.nan
    prices[rng.random((m, 2)) < 0.2] = np.nan
    seconds = np.empty(m)
    start = 0
    with Store(tmp_path_factory.mktemp("store") / "runs.db") as store:
        for size, flag in zip(sizes, flags, strict=False):
            rows = slice(start, start + size)
            start += size
            for column, bit in ((noise, 1), (prices[:, :1], 2), (prices[:, 1:], 4)):
                if not flag & bit:
                    column[rows] = np.nan
            seconds[rows] = flag / size
            back = store.put(
                "f",
                masks[rows],
                np.zeros((size, q)),
                noise_var=noise[rows] if flag & 1 else None,
                tokens=prices[rows, 0] if flag & 2 else None,
                usd=prices[rows, 1] if flag & 4 else None,
                seconds=flag,
            )
            _same(back, noise[rows], prices[rows], seconds[rows])
        with Store(store.path) as other:
            order = rng.permutation(m)
            _same(other.get("f", masks[order]), noise[order], prices[order], seconds[order])
            known = other.function("f")
        assert known is not None
        assert (known.evaluations, known.q, known.n) == (m, q, 12)
        np.testing.assert_allclose(known.seconds, seconds.sum())
        for total, column in ((known.tokens, prices[:, 0]), (known.usd, prices[:, 1])):
            if np.isnan(column).all():
                assert total is None
            else:
                np.testing.assert_allclose(total, np.nansum(column))


def _same(stored: Stored, noise: np.ndarray, prices: np.ndarray, seconds: np.ndarray) -> None:
    assert stored.found.all()
    if np.isnan(noise).all():
        assert stored.noise_var is None
    else:
        np.testing.assert_array_equal(stored.noise_var, noise)
    np.testing.assert_array_equal(np.stack([stored.tokens, stored.usd], axis=1), prices)
    np.testing.assert_allclose(stored.seconds, seconds)


def test_of_a_batch_that_is_half_known_only_the_rest_is_paid_for(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:4], VALUES[:4], tokens=np.full(4, 3.0), seconds=4.0)
        back = store.put(
            "f",
            MASKS[[3, 4, 5, 5]],
            VALUES[[0, 4, 5, 6]],
            noise_var=[1.0, 2.0, 3.0, 4.0],
            tokens=[5.0, 6.0, 7.0, 8.0],
            seconds=8.0,
        )
        assert back.values.ravel().tolist() == VALUES[[3, 4, 5, 5]].tolist()
        assert back.tokens.tolist() == [3.0, 6.0, 7.0, 7.0]
        assert back.noise_var is not None
        np.testing.assert_array_equal(back.noise_var.ravel(), [np.nan, 2.0, 3.0, 3.0])
        assert back.seconds.tolist() == [1.0, 2.0, 2.0, 2.0]
        known = store.function("f")
        assert known is not None
        assert (known.seconds, known.tokens, known.usd) == (8.0, 25.0, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"noise_var": np.ones(3)}, r"noise_var must have shape \(16,\); got \(3,\)"),
        ({"noise_var": np.ones((16, 1))}, r"noise_var must have shape \(16,\); got \(16, 1\)"),
        ({"noise_var": -np.ones(16)}, r"noise_var must be 0 or more, and finite \(NaN where"),
        ({"tokens": np.ones((16, 1))}, r"tokens must have shape \(16,\)"),
        ({"tokens": np.full(16, np.inf)}, r"tokens must be 0 or more, and finite"),
        ({"usd": "free"}, "usd must be numbers, one per evaluation"),
        ({"seconds": -1.0}, "seconds must be a finite number, 0 or more; got -1.0"),
        ({"seconds": float("nan")}, "seconds must be a finite number"),
        ({"identity": Identity(targets=["a", "b"])}, "names 2 targets, but has 1 of them"),
        ({"identity": Identity(features=["a"])}, "names 1 features, but has 4 of them"),
    ],
)
def test_what_cannot_be_stored_is_said(path: Path, given: dict[str, Any], message: str) -> None:
    with Store(path) as store:
        with pytest.raises(BadInput, match=message):
            store.put("f", MASKS, VALUES, **given)
        assert store.count() == 0


# --- what a function is --------------------------------------------------------------------------

KNOWN = Identity(["yes", "no"], list("abcd"), {"kind": "text", "text": "α β"}, "w1")
PAIRS = np.stack([VALUES, -VALUES], axis=1)


def test_functions_are_told_in_order(path: Path) -> None:
    with Store(path) as store:
        assert (store.functions(), store.function("f")) == ([], None)
        store.put("f", MASKS[:3], PAIRS[:3], identity=KNOWN)
        store.put("f", MASKS, PAIRS, replicate=4)
        store.put("a", MASKS, VALUES)
        f, a = store.functions()
        assert f == store.function("f")
        assert (f.fingerprint, f.n, f.q, f.evaluations, f.replicates) == ("f", 4, 2, 19, 2)
        assert f.identity == KNOWN
        assert (a.fingerprint, a.identity) == ("a", Identity())
        assert f.created.tzinfo is not None
        assert f.created <= f.updated


@pytest.mark.parametrize(
    ("n", "identity", "message"),
    [
        (4, Identity(["yes", "on"]), "holds target 2 named 'no' under f.* has target 2 named 'on'"),
        (4, Identity(None, list("abxd")), "holds feature 3 named 'c' under f, .* named 'x'"),
        (3, Identity(), "holds 4 features under f, and this one has 3 features"),
    ],
)
def test_two_value_functions_under_one_fingerprint(
    path: Path, n: int, identity: Identity, message: str
) -> None:
    with Store(path) as store:
        store.check("f", n, identity)  # nothing is known yet
        store.put("f", MASKS[:2], PAIRS[:2], identity=KNOWN)
        with pytest.raises(BadInput, match=f"two different value functions under one.*{message}"):
            store.check("f", n, identity)
        if n == 4:
            with pytest.raises(BadInput, match=message):
                store.put("f", MASKS[2:], PAIRS[2:], identity=identity)
        store.check("f", 4, KNOWN)
        store.check("f", 4, Identity(witness="w2"))  # another code may do the same
        assert store.count() == 2


def test_what_is_not_known_yet_is_added(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:1], PAIRS[:1])
        store.put("f", MASKS[1:2], PAIRS[1:2], identity=Identity(KNOWN.targets, witness="w1"))
        store.put("f", MASKS[2:3], PAIRS[2:3], identity=Identity(None, KNOWN.features))
        store.put("f", MASKS[3:4], PAIRS[3:4], identity=Identity(None, None, KNOWN.subject, "w2"))
        known = store.function("f")
        assert known is not None
        assert known.identity == Identity(KNOWN.targets, KNOWN.features, KNOWN.subject, "w2")
        assert known.evaluations == 4


def test_names_of_any_kind_are_kept(path: Path) -> None:
    """Arrays of numpy strings, and subjects that JSON does not know."""
    names = Identity(np.array(["x"]), np.array(list("abcd")), {"path": Path("a"), "q": 1})  # type: ignore[arg-type]
    with Store(path) as store:
        store.put("f", MASKS, VALUES, identity=names)
        known = store.function("f")
        assert known is not None
        assert known.identity == Identity(["x"], list("abcd"), {"path": "a", "q": 1})
        store.check("f", 4, names)


# --- all of a function ---------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    q=st.integers(1, 2),
    replicates=st.integers(1, 3),
    reported=st.booleans(),
)
def test_a_recording_is_the_mean_of_the_replicates(
    tmp_path_factory: pytest.TempPathFactory, seed: int, q: int, replicates: int, reported: bool
) -> None:
    rng = np.random.default_rng(seed)
    rows: dict[tuple[int, ...], list[np.ndarray]] = {}
    noise: dict[tuple[int, ...], list[np.ndarray]] = {}
    with Store(tmp_path_factory.mktemp("store") / "runs.db") as store:
        for replicate in range(replicates):
            masks = uniform(7, int(rng.integers(1, 30)), rng)
            values, variances = rng.normal(size=(len(masks), q)), rng.random((len(masks), q))
            store.put(
                "f", masks, values, replicate=replicate, noise_var=variances if reported else None
            )
            for mask, value, variance in zip(masks, values, variances, strict=True):
                kept = tuple(np.flatnonzero(mask).tolist())
                rows.setdefault(kept, []).append(value)
                noise.setdefault(kept, []).append(variance)
        masks, values, noise_var = store.recording("f")
    order = sorted(rows, key=lambda kept: (len(kept), kept))
    assert [tuple(np.flatnonzero(mask).tolist()) for mask in masks] == order
    np.testing.assert_allclose(values, [np.mean(rows[kept], axis=0) for kept in order])
    counts = np.array([len(rows[kept]) for kept in order])[:, None]
    spare = int((counts - 1).sum())
    if reported:
        np.testing.assert_allclose(
            noise_var, [np.sum(noise[k], axis=0) / len(noise[k]) ** 2 for k in order]
        )
    elif spare:
        squares = sum(((np.array(v) - np.mean(v, axis=0)) ** 2).sum(axis=0) for v in rows.values())
        np.testing.assert_allclose(noise_var, squares / spare / counts)
    else:
        assert noise_var is None


def test_noise_that_is_not_reported_is_like_the_rest(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:2], VALUES[:2], noise_var=[1.0, 3.0])
        store.put("f", MASKS[2:3], VALUES[2:3])
        _, _, noise_var = store.recording("f")
        assert noise_var is not None
        assert sorted(noise_var.ravel()) == [1.0, 2.0, 3.0]
        with pytest.raises(BadInput, match=r"runs\.db holds no evaluations under g"):
            store.recording("g")


# --- time that jumps, other processes that delete ------------------------------------------------


def test_a_clock_that_jumps_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates are what the clock said; what is newer than what, is told by the batches' numbers."""
    with Store(path) as store, Store(path) as other:
        for day, rows in (("2026-05-01", slice(0, 8)), ("1970-01-01", slice(8, 16))):
            monkeypatch.setattr(
                "interplay.evaluate.store.now", lambda day=day: f"{day}T00:00:00+00:00"
            )
            store.put("f", MASKS[rows], VALUES[rows])
            assert other.get("f", MASKS[rows]).found.all()
        known = other.function("f")
        assert known is not None
        assert (known.created.year, known.updated.year) == (2026, 2026)
        before = datetime(2026, 4, 1, tzinfo=UTC)
        assert prune(store, before=before, delete=True).functions == []


def _entry(store: Store) -> Entry:
    entry = store.entry("f")
    assert entry is not None
    return entry


def test_a_function_that_another_process_deletes(path: Path) -> None:
    """Its evaluations are not mistaken for those of the next function that is made."""
    with Store(path) as store, Store(path) as other:
        store.put("f", MASKS, VALUES)
        prune(other, prefix="f", delete=True)
        assert not store.get("f", MASKS).found.any()
        other.put("g", MASKS[:8], -VALUES[:8])
        assert store.get("g", MASKS).values.ravel().tolist() == (-VALUES[:8]).tolist()
        back = store.put("f", MASKS[8:], VALUES[8:] + 1)
        assert back.values.ravel().tolist() == (VALUES[8:] + 1).tolist()
        assert other.get("f", MASKS).found.tolist() == [False] * 8 + [True] * 8


def test_a_batch_that_is_taken_back_is_not_remembered(path: Path) -> None:
    """What was read inside a transaction that fails is not in the file; others take its number."""
    with Store(path) as store, Store(path) as other:
        store.put("f", MASKS[:1], VALUES[:1])
        mask = np.packbits(MASKS[1:2]).tobytes()
        with pytest.raises(KeyboardInterrupt), store.writing():  # noqa: PT012
            store.add(_entry(store), Batch(0, 0.0, now(), None, None, None, mask, bytes(8)))
            assert store.get("f", MASKS[1:2]).found.all()  # as the transaction sees it
            raise KeyboardInterrupt
        other.put("f", MASKS[8:], VALUES[8:])
        assert store.get("f", MASKS).found.tolist() == [True] + [False] * 7 + [True] * 8
        assert store.get("f", MASKS[8:]).values.ravel().tolist() == VALUES[8:].tolist()


def test_another_version_brings_the_store_up_to_date_meanwhile(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:3], VALUES[:3])
        with sqlite3.connect(path) as other:
            other.execute(f"PRAGMA user_version = {schema.SCHEMA + 1}")
        other.close()
        with pytest.raises(StoreError, match=r"was brought to schema 3 by another version .*run a"):
            store.put("f", MASKS[3:], VALUES[3:])


# --- schema 1 ------------------------------------------------------------------------------------


def write_schema_1(path: Path) -> None:
    """A store as the first version wrote it: 16 evaluations of f, 4 of g with two targets."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    day = "2026-01-02T03:04:05+00:00"
    for row in ((1, "f", 4, 1, None, day), (2, "g", 4, 2, '["a", "b"]', day)):
        connection.execute("INSERT INTO functions VALUES (?, ?, ?, ?, ?, ?)", row)
    batches = [(1, 0, MASKS[:10], VALUES[:10]), (1, 0, MASKS[10:], VALUES[10:])]
    batches += [(2, 1, MASKS[:4], PAIRS[:4])]
    for function, replicate, masks, values in batches:
        packed, octets = np.packbits(masks, axis=1).tobytes(), values.astype("<f8").tobytes()
        head = struct.pack("<4q", function, 4, function, replicate)
        checksum = zlib.crc32(octets, zlib.crc32(packed, zlib.crc32(head)))
        connection.execute(
            "INSERT INTO batches (function, replicate, size, masks, vals, seconds, created, "
            "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (function, replicate, len(masks), packed, octets, 0.5, day, checksum),
        )
    connection.close()


def holds_schema_1(store: Store) -> None:
    np.testing.assert_array_equal(store.get("f", MASKS).values[:, 0], VALUES)
    stored = store.get("g", MASKS, replicate=1)
    np.testing.assert_array_equal(stored.values, PAIRS[:4])
    assert stored.noise_var is None
    assert np.isnan(stored.tokens).all()
    f, g = store.functions()
    assert (f.evaluations, f.seconds, f.created.year) == (16, 1.0, 2026)
    assert (g.evaluations, g.seconds, g.identity) == (4, 0.5, Identity(targets=["a", "b"]))


def test_a_store_of_schema_1_keeps_all_its_evaluations(path: Path) -> None:
    write_schema_1(path)
    for _ in range(2):
        with Store(path) as store:
            holds_schema_1(store)
            assert verify(store).problems == []
    with Store(path) as store:
        store.put("f", MASKS, VALUES, replicate=1, tokens=np.ones(16), identity=Identity(["x"]))
        assert store.count() == 36


def test_a_store_of_schema_1_is_read_without_changing_it(path: Path) -> None:
    write_schema_1(path)
    before = path.read_bytes()
    with Store(path, read_only=True) as store:
        holds_schema_1(store)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_damage_in_a_store_of_schema_1_is_not_forgotten(path: Path) -> None:
    write_schema_1(path)
    raw = path.read_bytes()
    needle = VALUES[3:5].tobytes()
    assert raw.count(needle) == 1
    path.write_bytes(raw.replace(needle, needle[:-1] + b"\x41"))
    with Store(path) as store:
        with pytest.raises(StoreError, match="batch 1 of 10 evaluations is damaged"):
            store.get("f", MASKS)
        prune(store, damaged=True, delete=True)
        assert store.get("f", MASKS).found.tolist() == [False] * 10 + [True] * 6


# --- looking changes nothing ---------------------------------------------------------------------


def files(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_looking_changes_nothing(path: Path, mode: str, read_only: bool) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
    other.close()
    before = files(path.parent)
    with Store(path, read_only=read_only) as store:
        assert store.get("f", MASKS).found.all()
        assert store.functions()[0].evaluations == 16
    assert files(path.parent) == before


def test_a_store_that_is_read_is_not_written(path: Path) -> None:
    with Store(path) as store:
        store.put("f", MASKS[:3], VALUES[:3])
        with Store(path, read_only=True) as reader:
            assert reader.get("f", MASKS).found.sum() == 3
            store.put("f", MASKS[3:], VALUES[3:])  # and sees what others write
            assert reader.get("f", MASKS).found.all()
            with pytest.raises(StoreError, match=r"write the store .*readonly"):
                reader.put("g", MASKS, VALUES)


def test_what_a_killed_writer_left_is_read_and_left(path: Path) -> None:
    source = path.with_name("live.db")
    with Store(source) as store:
        store.put("f", MASKS, VALUES)
        for suffix in ("", "-wal"):
            shutil.copy(f"{source}{suffix}", f"{path}{suffix}")
    before = {file: file.read_bytes() for file in path.parent.glob("runs.db*")}
    assert len(before) == 2
    with Store(path, read_only=True) as reader:
        assert reader.get("f", MASKS).found.all()
    assert {file: file.read_bytes() for file in before} == before


READ_ONLY_FOLDER = """
import os, sys
import numpy as np
from interplay.evaluate import Store
if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
folder = sys.argv[1] + "/own"
os.mkdir(folder)
path = folder + "/runs.db"
with Store(path) as store:
    store.put("f", np.array([[True]]), np.array([1.0]))
os.chmod(path, 0o444)
os.chmod(folder, 0o555)
with Store(path, read_only=True) as store:
    print(store.get("f", np.array([[True]])).values[0, 0])
print(os.listdir(folder))
os.chmod(folder, 0o755)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
def test_a_store_in_a_folder_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        output = run_python(READ_ONLY_FOLDER, folder)
    assert output.split("\n") == ["1.0", "['runs.db']", ""]


@pytest.mark.parametrize("given", [{"create": False}, {"read_only": True}])
def test_a_store_that_is_not_there(path: Path, given: dict[str, bool]) -> None:
    with pytest.raises(BadInput, match=r"no such store: .*runs\.db"):
        Store(path, **given)  # type: ignore[arg-type]
    assert not path.exists()
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
    with Store(path, **given) as store:  # type: ignore[arg-type]
        assert store.count() == 16


# --- damage -------------------------------------------------------------------------------------


def test_a_changed_value_is_noticed_and_can_be_removed(path: Path) -> None:
    with Store(path) as store:
        for rows in (slice(0, 4), slice(4, 8), slice(8, 16)):
            store.put("f", MASKS[rows], VALUES[rows])
    raw = path.read_bytes()
    needle = VALUES[4:8].tobytes()
    assert raw.count(needle) == 1
    path.write_bytes(raw.replace(needle, needle[:-1] + b"\x41"))
    with Store(path) as store, pytest.raises(StoreError, match="checksum") as caught:
        store.get("f", MASKS)
    message = str(caught.value)
    assert "batch 2 of 4 evaluations is damaged" in message
    assert f"`interplay runs prune --store {path} --damaged` shows" in message
    with Store(path) as store:
        prune(store, damaged=True, delete=True)  # the way out that the message names
        assert store.get("f", MASKS).found.tolist() == [True] * 4 + [False] * 4 + [True] * 8


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE batches SET masks = 'text'",
        "UPDATE batches SET vals = 3.5",
        "UPDATE batches SET size = 'many'",
        "UPDATE batches SET size = 15",
        "UPDATE batches SET replicate = 0, checksum = 0",
        "UPDATE functions SET n = 3",
        "UPDATE functions SET q = 0",
        "UPDATE functions SET n = 'x'",
        "DROP TABLE batches",
        "DROP TABLE functions",
    ],
)
def test_a_store_that_was_tampered_with(path: Path, statement: str) -> None:
    with Store(path) as store:
        store.put("f", MASKS, VALUES)
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    with Store(path) as store, pytest.raises((StoreError, BadInput), match=r"runs\.db"):
        store.get("f", MASKS)


def test_mutated_files_give_one_clear_error(tmp_path: Path) -> None:
    """Of 300 mutations each is refused, or what it still holds is right."""
    sound = tmp_path / "sound.db"
    masks = uniform(20, 500, np.random.default_rng(0))
    values = masks @ np.linspace(-1, 1, 20)
    with Store(sound) as store:
        for start in range(0, 500, 25):
            store.put("f", masks[start : start + 25], values[start : start + 25])
    content = sound.read_bytes()
    rng = np.random.default_rng(1)
    refusals = 0
    for k in range(300):
        path = tmp_path / f"{k}.db"
        mutated = bytearray(content)
        if k % 5 == 0:
            del mutated[int(rng.integers(1, len(mutated))) :]
        for position in rng.integers(len(mutated), size=int(rng.integers(1, 30))):
            mutated[position] = rng.integers(256)
        path.write_bytes(mutated)
        try:
            with Store(path) as store:
                stored = store.get("f", masks)
                np.testing.assert_array_equal(stored.values[:, 0], values[stored.found])
                store.put("f", masks[~stored.found], values[~stored.found])
                np.testing.assert_array_equal(store.get("f", masks).values[:, 0], values)
        except (StoreError, BadInput):
            refusals += 1
        for file in tmp_path.glob(f"{k}.db*"):
            file.unlink()
    assert refusals > 100


# --- kill -9 and copies -------------------------------------------------------------------------

WRITER = """
import sys, itertools
import numpy as np
from interplay.evaluate import Store
from interplay.masks import uniform
masks = uniform(40, 100_000, np.random.default_rng(0))
store = Store(sys.argv[1])
for start in itertools.count(0, 10):
    store.put("f", masks[start : start + 10], masks[start : start + 10].sum(1))
    print(start + 10, flush=True)
"""


def run_python(code: str, *arguments: str) -> str:
    source = str(Path(interplay.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_a_killed_writer_loses_nothing_that_it_reported(path: Path, delay: float) -> None:
    source = str(Path(interplay.__file__).parent.parent)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
    )
    assert writer.stdout is not None
    reported = writer.stdout.readline()
    time.sleep(delay)
    writer.kill()
    reported += writer.stdout.read()
    writer.stdout.close()
    assert writer.wait() == -9
    done = max(int(line) for line in reported.splitlines(keepends=True) if line.endswith("\n"))
    masks = uniform(40, done + 50, np.random.default_rng(0))
    copy = path.with_name("copy.db")  # another machine resumes from the copied files
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    for file in (path, copy):
        with Store(file) as store:
            stored = store.get("f", masks)
            assert stored.found[:done].all()
            assert stored.found.sum() - done in (0, 10)  # at most the batch that was not reported
            np.testing.assert_array_equal(stored.values[:, 0], masks[stored.found].sum(1))


def test_the_file_stays_small(path: Path) -> None:
    masks = uniform(1000, 2_000, np.random.default_rng(0))
    with Store(path) as store:
        for start in range(0, len(masks), 64):
            rows = masks[start : start + 64]
            store.put("f", rows, rows.sum(1))
        assert store.get("f", masks).found.all()
    assert path.stat().st_size < 200 * len(masks)


def test_names_with_halves_of_characters_are_listed(tmp_path: Path) -> None:
    identity = Identity(features=("a\ud800", "b"), subject={"name": "\udc00", "seen": float("nan")})
    with Store(tmp_path / "runs.db") as store:
        masks = np.array([[True, False]])
        store.put("f", masks, np.array([[1.0]]), identity=identity)
        (function,) = store.functions()
    assert function.identity.features == ["a\N{REPLACEMENT CHARACTER}", "b"]
