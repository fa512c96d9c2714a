"""The store's file: its tables and their versions, and opening it without harm to other files."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final, NoReturn

from interplay.errors import BadInput, StoreError
from interplay.evaluate.batches import migrated
from interplay.evaluate.functions import checksum

APPLICATION_ID: Final = 0x696E7470
"""``"intp"``: marks the SQLite file as a store of interplay (PRAGMA application_id)."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE functions (
            id INTEGER PRIMARY KEY,
            fingerprint TEXT NOT NULL UNIQUE,
            n INTEGER NOT NULL,          -- features
            q INTEGER NOT NULL,          -- targets
            targets TEXT,                -- JSON list of their names, NULL where they have none
            created TEXT NOT NULL        -- UTC, ISO 8601
        )""",
        """CREATE TABLE batches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: readers ask for "newer than"
            function INTEGER NOT NULL REFERENCES functions (id),
            replicate INTEGER NOT NULL,
            size INTEGER NOT NULL,       -- evaluations in this batch
            masks BLOB NOT NULL,         -- size rows of numpy.packbits
            vals BLOB NOT NULL,          -- size rows of q little-endian float64
            seconds REAL NOT NULL,       -- what the value function took for the batch
            created TEXT NOT NULL,
            checksum INTEGER NOT NULL    -- CRC-32 of all that the values depend on
        )""",
        "CREATE INDEX batches_by_function ON batches (function, replicate)",
    ),
    (
        "DROP INDEX batches_by_function",
        "ALTER TABLE functions RENAME TO functions_1",
        "ALTER TABLE batches RENAME TO batches_1",
        """CREATE TABLE functions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: readers keep what was under it
            fingerprint TEXT NOT NULL UNIQUE,
            n INTEGER NOT NULL,          -- features
            q INTEGER NOT NULL,          -- targets
            targets TEXT,                -- JSON list of their names; here and below NULL: unknown
            features TEXT,               -- JSON list of their names
            subject TEXT,                -- JSON: what is explained
            witness TEXT,                -- digest of the code, where the fingerprint is by hand
            created TEXT NOT NULL,       -- UTC, ISO 8601
            checksum INTEGER NOT NULL
        )""",
        # Blobs come last, the masks and values behind the rest: SQLite can tell what a batch holds
        # and cost without reading through them.
        """CREATE TABLE batches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: readers ask for "newer than"
            function INTEGER NOT NULL REFERENCES functions (id),
            replicate INTEGER NOT NULL,
            size INTEGER NOT NULL,       -- evaluations in this batch
            seconds REAL NOT NULL,       -- what the value function took for them
            created TEXT NOT NULL,
            checksum INTEGER NOT NULL,   -- CRC-32 of all of the row, and of its function
            tokens BLOB,                 -- size little-endian float64
            usd BLOB,                    -- likewise
            noise BLOB,                  -- size rows of q: variance of the noise in the values
            masks BLOB NOT NULL,         -- size rows of numpy.packbits
            vals BLOB NOT NULL           -- size rows of q little-endian float64
        )""",
        """INSERT INTO functions SELECT id, fingerprint, n, q, targets, NULL, NULL, NULL, created,
            function_checksum(fingerprint, n, q, targets, NULL, NULL, NULL, created)
            FROM functions_1 ORDER BY id""",
        """INSERT INTO batches SELECT b.id, function, replicate, size, seconds, b.created,
            batch_checksum(f.id, fingerprint, n, q, replicate, seconds, b.created, masks, vals,
                checksum), NULL, NULL, NULL, masks, vals
            FROM batches_1 b JOIN functions_1 f ON f.id = b.function ORDER BY b.id""",
        "DROP TABLE batches_1",
        "DROP TABLE functions_1",
        "CREATE INDEX batches_by_function ON batches (function, replicate)",
    ),
)
"""Entry k brings a store from schema version k to k + 1 (PRAGMA user_version)."""

SCHEMA: Final = len(MIGRATIONS)

_WAY_OUT: Final = {
    "SQLITE_FULL": "Free some space on its disk and run again",
    "SQLITE_IOERR": "Check its disk (space, quota, connection) and run again",
    "SQLITE_READONLY": "Make the file and its folder writable, or pass another store",
    "SQLITE_CANTOPEN": "Make the file and its folder readable and writable, or pass another store",
    "SQLITE_PERM": "Make the file and its folder readable and writable, or pass another store",
    "SQLITE_BUSY": "Another process keeps it locked: wait for that, or pass another store",
    "SQLITE_LOCKED": "Another process keeps it locked: wait for that, or pass another store",
}
DAMAGED: Final = (
    "The file is damaged: pass another store, and take in what can still be read of this one with "
    "`interplay runs merge THIS.db --store OTHER.db`"
)


TROUBLE: Final = (sqlite3.Error, UnicodeError)
"""What SQLite raises; the second where the very message of its error is garbled."""


def open_store(path: Path, timeout: float, *, create: bool = True) -> sqlite3.Connection:
    """Return a connection to the store at ``path``, made or brought up to date where needed.

    A store that is up to date is not changed by this. Raises :class:`StoreError` for a file that
    is damaged, foreign, newer, or cannot be written; :class:`BadInput` for one that is missing,
    without ``create``.
    """
    _check_file(path, create)
    connection = None
    try:
        connection = sqlite3.connect(path.absolute(), timeout=timeout, isolation_level=None)
        _prepare(connection)
        _bring_up_to_date(connection, path)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, TROUBLE):
            refuse(path, "open", error)
        raise
    return connection


def open_for_reading(path: Path, timeout: float) -> sqlite3.Connection:
    """Return a connection that changes no byte of the file.

    A store of an older version is read as a migrated copy in memory.
    """
    _check_file(path, create=False)
    if any(Path(f"{path}{suffix}").exists() for suffix in ("-wal", "-journal")):
        mode = "mode=ro"  # a writer is at work, or was killed: what it left must stay as it is
    elif _writable(path) and _writable(path.absolute().parent):
        mode = "mode=rw"  # else SQLite could not remove the files that it makes for its locks
    else:
        mode = "mode=ro&immutable=1"  # nobody can write: no locks are needed
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=timeout, isolation_level=None
        )
        _prepare(connection)
        if _version(connection, path) < SCHEMA:
            older, connection = connection, sqlite3.connect(":memory:", isolation_level=None)
            with closing(older):
                older.backup(connection)
            _prepare(connection)
            _bring_up_to_date(connection, path)
        connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, TROUBLE):
            refuse(path, "open", error)
        raise
    return connection


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")  # a checksum tells
    connection.execute("PRAGMA cell_size_check = ON")  # damage is noticed earlier
    connection.create_function("batch_checksum", 10, migrated, deterministic=True)
    connection.create_function("function_checksum", 8, checksum, deterministic=True)


def _check_file(path: Path, create: bool) -> None:
    """Refuse what is not a store by its first bytes, before SQLite could touch it."""
    if path.is_dir():
        raise StoreError(f"the store {path} is a folder: pass the path of a file, such as runs.db")
    if not create and not path.exists():
        raise BadInput(f"no such store: {path}")
    if not path.parent.is_dir():
        raise StoreError(f"the store {path} cannot be made: there is no folder {path.parent}")
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"the store {path} cannot be read ({error.strerror}): make the file readable and "
            f"writable, or pass another store"
        ) from error
    if not head:  # new, or killed while it was being made: the first page is written as a whole
        return
    if head[:16] != b"SQLite format 3\0":
        raise StoreError(
            f"{path} is not an evaluation store (not a SQLite file), or its head is damaged: pass "
            f"another path for the store; this file was not touched"
        )
    if head[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreError(
            f"{path} is a SQLite database of another program, not an evaluation store: pass "
            f"another path for the store; this file was not touched"
        )


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or migrate those of an older version, in one transaction."""
    # A new file is still in its first journal mode here, not in WAL, so that the commit reaches the
    # file itself: `_check_file` must find the application's id there.
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        # Written, and taken back, even where nothing changes: a store that cannot be written must
        # be refused before the first evaluation is paid for, and BEGIN alone does not find out.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT" if version < SCHEMA else "ROLLBACK")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer interplay (schema {version}; this version reads up to "
            f"{SCHEMA}): upgrade with `pip install -U interplay`, or pass another store"
        )
    if version < 0:
        raise StoreError(f"{path} claims the schema version {version}. {DAMAGED}")
    return version


def use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers and one writer work at once, before the first batch is written."""
    deadline = time.monotonic() + timeout
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here: another process is opening the new store
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            if mode != "wal":  # some file systems cannot have it; the default mode is slower
                return
    # With WAL and NORMAL a committed batch is in the hands of the operating system: kill -9 loses
    # nothing. A power cut or a crash of the system itself can lose the batches since the last
    # checkpoint (some 4 MB), never older ones, and never leaves a damaged file. FULL would save
    # those too, at one disk flush (5-50 ms) per batch.
    connection.execute("PRAGMA synchronous = NORMAL")


def refuse(path: Path, doing: str, error: Exception) -> NoReturn:
    """Raise the error of SQLite as a :class:`StoreError` that says what to do."""
    # extended names have a third part, such as SQLITE_IOERR_WRITE; some errors have no name
    name = "_".join((getattr(error, "sqlite_errorname", None) or "").split("_")[:2])
    if isinstance(error, sqlite3.ProgrammingError):
        way_out = "A store serves the thread that opened it until it is closed: open another one"
    else:
        way_out = _WAY_OUT.get(name, DAMAGED)
    raise StoreError(f"cannot {doing} the store {path}: {error}. {way_out}") from error
