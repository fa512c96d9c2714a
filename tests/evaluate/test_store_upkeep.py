"""Verifying, pruning and merging stores; copies of them; and all that while others write."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import interplay
from interplay.errors import BadInput, StoreError
from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.evaluate.merging import merge
from interplay.evaluate.pruning import delete, prune
from interplay.evaluate.verification import verify
from interplay.masks import all_masks, uniform

MASKS = all_masks(5)
VALUES = np.arange(32.0) / 3
NAMES = Identity(["yes"], list("abcde"), {"kind": "text", "text": "a b c d e"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def fill(
    path: Path, fingerprint: str = "f", rows: slice = slice(0, 32), shift: float = 0.0
) -> None:
    """Four evaluations to a batch."""
    with Store(path) as store:
        for start in range(rows.start, rows.stop, 4):
            part = slice(start, start + 4)
            store.put(
                fingerprint,
                MASKS[part],
                VALUES[part] + shift,
                tokens=np.full(4, 2.0),
                noise_var=np.full(4, 0.5),
                seconds=1.0,
                identity=NAMES,
            )


def damage(path: Path, statement: str) -> None:
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()


DAMAGE = [
    ("UPDATE batches SET seconds = 9 WHERE id = 2", ["batch 2 of 4 evaluations of f"], 28),
    ("UPDATE batches SET created = 'x' WHERE id = 2", ["batch 2 of 4 evaluations of f"], 28),
    ("UPDATE batches SET tokens = NULL WHERE id = 2", ["batch 2 of 4 evaluations of f"], 28),
    ("UPDATE batches SET noise = usd WHERE id = 8", ["batch 8 of 4 evaluations of f"], 28),
    ("UPDATE batches SET replicate = 1 WHERE id = 8", ["batch 8 of 4 evaluations of f"], 28),
    (
        "UPDATE batches SET function = 7 WHERE id = 8",
        ["batch 8 of 4 evaluations of no value function"],
        28,
    ),
    ("UPDATE functions SET targets = '[\"no\"]'", ["the names of f"], 32),
    ("UPDATE functions SET subject = 'no JSON'", ["the names of f"], 32),
    ("UPDATE functions SET created = 'x'", ["the names of f"], 32),
]


@pytest.mark.parametrize(("statement", "problems", "sound"), DAMAGE)
def test_damage_is_found_and_pruned(
    path: Path, statement: str, problems: list[str], sound: int
) -> None:
    fill(path)
    damage(path, statement)
    before = path.read_bytes()
    with Store(path, read_only=True) as store:
        found = verify(store)
        assert (found.problems, found.evaluations) == (problems, sound)
        assert prune(store, damaged=True).problems == problems
    assert path.read_bytes() == before
    if "no value function" not in problems[0]:  # a batch of none is just not found
        with (
            Store(path) as store,
            pytest.raises(StoreError, match=r"damaged .*checksum.*--damaged"),
        ):
            store.functions()
    with Store(path) as store:
        assert prune(store, damaged=True, delete=True).problems == problems
        assert verify(store).problems == []
        stored = store.get("f", MASKS)
        assert stored.found.sum() == sound
        np.testing.assert_array_equal(stored.values[:, 0], VALUES[stored.found])
        (known,) = store.functions()
        named = "names" not in problems[0]
        assert known.identity == (NAMES if named else Identity())


def test_an_entry_that_is_damaged_takes_its_batches_with_it(path: Path) -> None:
    fill(path)
    fill(path, "g")
    damage(path, "UPDATE functions SET n = 6 WHERE fingerprint = 'f'")
    with Store(path) as store:
        assert len(prune(store, damaged=True, delete=True).problems) == 9
        assert [known.fingerprint for known in store.functions()] == ["g"]
        assert verify(store).problems == []


def test_an_index_that_lacks_a_row_is_found_and_built_again(path: Path) -> None:
    fill(path)
    other = sqlite3.connect(path, isolation_level=None)
    (root,) = other.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'batches_by_function'"
    ).fetchone()
    other.close()
    raw = bytearray(path.read_bytes())
    cells = 4096 * (root - 1) + 3
    assert raw[cells + 1] == 8
    raw[cells + 1] = 7  # one cell less on the index's page
    path.write_bytes(raw)
    with Store(path, read_only=True) as store:
        assert any("batches_by_function" in problem for problem in verify(store).problems)
    with Store(path) as store:
        prune(store, damaged=True, delete=True)
        assert verify(store).problems == []
        assert store.get("f", MASKS).found.all()


def test_pruning_by_fingerprint(path: Path) -> None:
    for fingerprint in ("abc", "abd", "xyz"):
        fill(path, fingerprint)
    with Store(path) as store:
        size = path.stat().st_size
        told = prune(store, prefix="ab")
        assert [function.fingerprint for function in told.functions] == ["abc", "abd"]
        assert told.freed is None
        assert store.count() == 96
        done = prune(store, prefix="ab", delete=True)
        assert done.functions == told.functions
        assert store.count() == store.count("xyz") == 32
        assert done.freed == size - path.stat().st_size > 0
        with pytest.raises(
            BadInput, match=r"no value function in .*runs\.db has a fingerprint .*'a"
        ):
            prune(store, prefix="ab", delete=True)


def test_pruning_by_age_counts_from_the_last_addition(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days, fingerprint in ((40, "f"), (40, "g"), (3, "f"), (-400, "future")):
        day = datetime.now(UTC) - timedelta(days=days)
        monkeypatch.setattr(
            "interplay.evaluate.store.now", lambda day=day: day.isoformat()[:19] + "Z"
        )
        rows = slice(0, 16) if days == 40 else slice(16, 32)
        fill(path, fingerprint, rows)
    with Store(path) as store:
        month = datetime.now(UTC) - timedelta(days=30)
        assert [f.fingerprint for f in prune(store, before=month).functions] == ["g"]
        assert prune(store, before=month, prefix="f").functions == []
        prune(store, before=month, delete=True)
        assert [f.fingerprint for f in store.functions()] == ["f", "future"]


def test_space_that_cannot_be_given_back_is_no_failure(path: Path) -> None:
    fill(path)
    with Store(path, timeout=0.1) as store:
        other = sqlite3.connect(path, isolation_level=None)
        store._connection.set_trace_callback(
            lambda told: other.execute("BEGIN IMMEDIATE") if told == "VACUUM" else None
        )
        pruned = prune(store, prefix="f", delete=True)
        assert len(pruned.functions) == 1
        assert pruned.freed is None
        assert store.count() == 0
        other.close()


# --- merging ------------------------------------------------------------------------------------


def test_merging_takes_in_what_is_new(path: Path) -> None:
    other = path.with_name("other.db")
    fill(path, rows=slice(0, 16))
    fill(other, rows=slice(12, 32))
    with Store(other) as source:
        source.put("f", MASKS[:2], [7.0, 8.0], replicate=3)
        source.put("g", MASKS[:1], [[1.0, 2.0]], usd=[0.25])
        there = source.functions()
    before = other.read_bytes()
    with Store(path) as store, Store(other, read_only=True) as source:
        merged = merge(store, source)
        assert (merged.functions, merged.added, merged.known) == (2, 19, 4)
        assert (merged.conflicts, merged.refused, merged.damaged) == (0, [], 0)
        stored = store.get("f", MASKS)
        np.testing.assert_array_equal(stored.values[:, 0], VALUES)
        assert stored.tokens.tolist() == [2.0] * 32
        assert stored.seconds.tolist() == [0.25] * 32
        assert (stored.noise_var == 0.5).all()
        assert store.get("f", MASKS[:2], replicate=3).values.ravel().tolist() == [7.0, 8.0]
        assert store.functions()[1] == there[1]  # with its dates, price and names
        again = merge(store, source)
        assert (again.added, again.known) == (0, 23)
        assert verify(store).problems == []
    assert other.read_bytes() == before


def test_merging_keeps_our_values_and_tells_the_conflicts(path: Path) -> None:
    other = path.with_name("other.db")
    fill(path, rows=slice(0, 8))
    fill(other, rows=slice(4, 12), shift=0.125)
    with Store(path) as store, Store(other, read_only=True) as source:
        merged = merge(store, source)
        assert (merged.added, merged.known, merged.conflicts, merged.largest) == (4, 4, 4, 0.125)
        np.testing.assert_array_equal(store.get("f", MASKS[:8]).values[:, 0], VALUES[:8])


@pytest.mark.parametrize(
    ("n", "identity", "message"),
    [
        (4, Identity(), "holds 5 features under f, and this one has 4 features"),
        (5, Identity(["no"]), "holds target 1 named 'yes'"),
        (5, Identity(witness="w2"), "the code of the value function is not the same in both"),
    ],
)
def test_another_function_under_the_same_fingerprint_is_not_merged(
    path: Path, n: int, identity: Identity, message: str
) -> None:
    other = path.with_name("other.db")
    fill(path)
    with Store(path) as store, Store(other) as source:
        store.put("f", MASKS[:1], VALUES[:1], identity=Identity(witness="w1"))
        source.put("f", all_masks(n)[:1], [2.0], identity=identity)
        source.put("g", MASKS[:1], [1.0])
        merged = merge(store, source)
        assert len(merged.refused) == 1
        assert message in merged.refused[0]
        assert (store.count("f"), store.count("g")) == (32, 1)


def test_of_a_damaged_store_the_rest_is_merged(path: Path) -> None:
    """A page in the middle is zeroed, so that SQLite itself gives up there."""
    other = path.with_name("other.db")
    masks = uniform(300, 2000, np.random.default_rng(0))
    with Store(other) as source:
        for start in range(0, 2000, 20):
            source.put("f", masks[start : start + 20], masks[start : start + 20].sum(1))
    damage(other, "UPDATE batches SET seconds = 3 WHERE id = 5")
    raw = bytearray(other.read_bytes())
    middle = 4096 * (len(raw) // 4096 // 2)
    raw[middle : middle + 4096] = bytes(4096)
    other.write_bytes(raw)
    with Store(other, read_only=True) as source:
        with pytest.raises(StoreError, match=r"checksum|malformed"):
            source.get("f", masks)
        assert len(verify(source).problems) > 1
        with Store(path) as store:
            merged = merge(store, source)
            stored = store.get("f", masks)
    assert merged.damaged >= 1
    assert merged.unreadable
    assert 1700 < merged.added == stored.found.sum() < 2000
    np.testing.assert_array_equal(stored.values[:, 0], masks[stored.found].sum(1))
    with Store(path) as store:
        assert verify(store).problems == []


# --- copies, and others that write ---------------------------------------------------------------

WRITER = """
import sys
import numpy as np
from interplay.evaluate import Store
from interplay.masks import uniform
masks = uniform(40, 200_000, np.random.default_rng(0))
with Store(sys.argv[1]) as store:
    for start in range(0, 200_000, 10):
        store.put("f", masks[start : start + 10], masks[start : start + 10].sum(1))
        print(start + 10, flush=True)  # into a file: a pipe that nobody reads would hold us up
"""


class Writer:
    """A process that writes until it is killed."""

    def __init__(self, path: Path) -> None:
        source = str(Path(interplay.__file__).parent.parent)
        self.log = path.with_name("log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path)],
                stdout=log,
                env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
            )

    def further(self, evaluations: int) -> int:
        """Wait until it has stored so many more; return how many it has told."""
        goal = self.told() + evaluations
        deadline = time.monotonic() + 60
        while self.told() < goal:
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return self.told()

    def told(self) -> int:
        lines = self.log.read_text().split("\n")  # what follows the last one may be half a line
        return int(lines[-2]) if len(lines) > 1 else 0

    def __enter__(self) -> Writer:
        self.further(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def right(path: Path, at_least: int) -> None:
    masks = uniform(40, at_least + 1, np.random.default_rng(0))
    with Store(path, read_only=True) as store:
        assert verify(store).problems == []
        stored = store.get("f", masks)
        assert stored.found[:at_least].all()
        np.testing.assert_array_equal(stored.values[:, 0], masks[stored.found].sum(1))


def test_merging_into_a_new_store_copies_one_that_is_written_to(path: Path) -> None:
    copy = path.with_name("copy.db")
    with Writer(path) as writer:
        for _ in range(3):
            done = writer.further(200)
            with Store(path, read_only=True) as source, Store(copy) as store:
                merge(store, source)
            right(copy, done)


def test_another_machine_goes_on_from_a_copied_file(path: Path) -> None:
    """A store that is closed is one file; one whose writer was killed has a -wal beside it."""
    copy = path.with_name("copy.db")
    with Writer(path) as writer:
        writer.further(500)
    done = writer.told()
    assert Path(f"{path}-wal").stat().st_size > 0
    shutil.copy(path, copy)
    masks = uniform(40, done, np.random.default_rng(0))
    with Store(copy) as store:  # the -wal was left behind: what is in it is missing, no more
        stored = store.get("f", masks)
        np.testing.assert_array_equal(stored.values[:, 0], masks[stored.found].sum(1))
        assert verify(store).problems == []
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    right(copy, done)
    with Store(path) as store:
        store.put("f", masks[:1], [0.0])
    assert not Path(f"{path}-wal").exists()  # closing brings all into the one file
    moved = path.rename(path.with_name("moved.db"))
    right(moved, done)


def test_a_copy_made_while_others_write_is_right_or_refused(path: Path) -> None:
    """Copying the files is not how to do it, but must never give a wrong value."""
    masks = uniform(40, 20_000, np.random.default_rng(0))
    sums = masks.sum(1)
    refused = 0
    with Writer(path) as writer:
        for attempt in range(12):
            copy = path.with_name(f"copy{attempt}.db")
            writer.further(400)
            for suffix in ("-wal", "") if attempt % 2 else ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
            try:
                with Store(copy) as store:
                    stored = store.get("f", masks)
                    np.testing.assert_array_equal(stored.values[:, 0], sums[stored.found])
            except StoreError:
                refused += 1
    assert refused < 12


def test_pruning_while_another_process_writes(path: Path) -> None:
    """The writer goes on without an error, and what it stores after that stays."""
    fill(path, "old")
    with Writer(path) as writer:
        for _ in range(3):
            with Store(path) as store:
                prune(store, prefix="old", delete=True)
            writer.further(200)
            fill(path, "old")
        with Store(path) as store:
            prune(store, prefix="f", delete=True)
        writer.further(500)
        assert writer.process.poll() is None
    with Store(path) as store:
        assert store.count("f") > 0
        assert store.count("old") == 32
        assert verify(store).problems == []


def test_a_power_cut_while_a_store_is_made(path: Path) -> None:
    """An empty file, as a new store is before its first page is written, becomes a store."""
    path.touch()
    with Store(path, read_only=True) as store:
        assert store.functions() == []
    assert path.stat().st_size == 0
    fill(path)
    right_count = 32
    with Store(path) as store:
        assert store.count() == right_count


def test_one_function_is_deleted_and_not_those_whose_names_begin_like_it(tmp_path: Path) -> None:
    masks = np.eye(3, dtype=bool)
    with Store(tmp_path / "runs.db") as store:
        for name in ("beef", "beefcake"):
            store.put(name, masks, np.ones(3))
        with pytest.raises(BadInput, match="has 3 evaluations now, and had 2; nothing was deleted"):
            delete(store, "beef", 2)
        deleted = delete(store, "beef", 3)
        assert [function.fingerprint for function in deleted.functions] == ["beef"]
        assert [function.fingerprint for function in store.functions()] == ["beefcake"]
        assert store.count() == 3
        with pytest.raises(BadInput, match="the value function beef is gone, and had 3"):
            delete(store, "beef", 3)
