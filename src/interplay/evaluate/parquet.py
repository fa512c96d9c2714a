"""A store as a Parquet file, for pandas, DuckDB and the like: one row per evaluation."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput, StoreError, required
from interplay.evaluate.batches import Batch, Entry
from interplay.evaluate.functions import Row
from interplay.evaluate.store import Store

ROWS_PER_GROUP: Final = 65_536


def export(store: Store, path: str | os.PathLike[str], *, prefix: str = "") -> int:
    """Write the evaluations of a store to a Parquet file; return how many.

    Columns: ``fingerprint``, ``replicate``, ``n``; ``mask``, the bytes of ``numpy.packbits`` (the
    first feature is the highest bit of the first byte); the values, ``value`` or one
    ``value:TARGET`` each, and the variance of their noise, ``noise`` or ``noise:TARGET``;
    ``tokens``, ``usd``, ``seconds``; ``created``. What is unknown is null. The schema's metadata
    has, under ``interplay``, the names of each function's features and targets as JSON.

    Parameters
    ----------
    prefix
        of the fingerprints of the functions to write.

    Raises
    ------
    BadInput
        no function has such a fingerprint.
    StoreError
        the store is damaged, or the file cannot be written; nothing is left of it then.
    MissingExtra
        pyarrow is not installed.
    """
    pa, pq = required("pyarrow", "parquet"), required("pyarrow.parquet", "parquet")
    with store.guarded("read"):
        functions = [
            (entry, store.row(entry))
            for entry in store.entries()
            if entry.fingerprint.startswith(prefix)
        ]
    if not functions:
        raise BadInput(
            f"no value function in {store.path} has a fingerprint that starts with {prefix!r}"
        )
    schema = _schema(functions)
    partial = Path(f"{path}.partial")  # a reader never sees half a file
    written = 0
    try:
        with pq.ParquetWriter(
            partial, schema, compression="zstd", use_dictionary=["fingerprint"]
        ) as writer:
            for entry, row in functions:
                for group in _groups(store, entry):
                    table = _table(schema, entry, row, group)
                    writer.write_table(table)
                    written += len(table)
        partial.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot write {path}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return written


def _names(row: Row) -> list[str]:
    """Return what follows ``value`` and ``noise`` in the names of the columns."""
    targets = row.identity.targets
    if targets is None or len(set(targets)) < row.q:
        return [""] if row.q == 1 else [f":{j}" for j in range(row.q)]
    return [f":{target}" for target in targets]


def _schema(functions: list[tuple[Entry, Row]]) -> Any:
    import pyarrow as pa

    names = list(dict.fromkeys(name for _, row in functions for name in _names(row)))
    about = {
        "format": "interplay.evaluations",
        "version": 1,
        "functions": {
            row.fingerprint: {
                "n": row.n,
                "q": row.q,
                "targets": row.identity.targets,
                "features": row.identity.features,
                "subject": row.identity.subject,
            }
            for _, row in functions
        },
    }
    return pa.schema(
        [
            ("fingerprint", pa.string()),
            ("replicate", pa.int64()),
            ("n", pa.int32()),
            ("mask", pa.binary()),
            *((f"value{name}", pa.float64()) for name in names),
            *((f"noise{name}", pa.float64()) for name in names),
            *((name, pa.float64()) for name in ("tokens", "usd", "seconds")),
            ("created", pa.timestamp("s", "UTC")),
        ],
        metadata={"interplay": json.dumps(about, ensure_ascii=False)},
    )


def _groups(store: Store, entry: Entry) -> Iterator[list[Batch]]:
    """Yield the batches of a function, some together."""
    group: list[Batch] = []
    size = 0
    with store.guarded("read"):
        for batch in store.sound(entry):
            group.append(batch)
            size += batch.size(entry)
            if size >= ROWS_PER_GROUP:
                yield group
                group, size = [], 0
    if group:
        yield group


def _table(schema: Any, entry: Entry, row: Row, group: list[Batch]) -> Any:
    import pyarrow as pa

    sizes = [batch.size(entry) for batch in group]
    m, width = sum(sizes), entry.width
    numbers = np.concatenate([batch.table(entry) for batch in group])
    offsets = np.arange(0, (m + 1) * width, width, dtype=np.int32)
    masks = pa.Array.from_buffers(
        pa.binary(),
        m,
        [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(batch.masks for batch in group))],
    )
    created = [int(datetime.fromisoformat(batch.created).timestamp()) for batch in group]
    columns: dict[str, Any] = {
        "fingerprint": pa.repeat(entry.fingerprint, m),
        "replicate": np.repeat([batch.replicate for batch in group], sizes),
        "n": pa.repeat(pa.scalar(entry.n, pa.int32()), m),
        "mask": masks,
        "created": pa.array(np.repeat(created, sizes)).cast(schema.field("created").type),
    }
    known = (
        *(f"value{name}" for name in _names(row)),
        *(f"noise{name}" for name in _names(row)),
        "tokens",
        "usd",
        "seconds",
    )
    for name, column in zip(known, numbers.T, strict=True):
        columns[name] = pa.array(column, from_pandas=True)  # NaN becomes null
    for name in schema.names:
        columns.setdefault(name, pa.nulls(m, schema.field(name).type))
    return pa.table(columns, schema=schema)
