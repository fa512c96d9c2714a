"""Recordings as Parquet files: what ``interplay runs export`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, MissingExtra
from interplay.recording.recording import Recording
from interplay.value_function import FloatArray


def read(path: Path) -> Recording:
    """Read the evaluations of one value function; of replicates the mean."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet") from error
    wanted = ("fingerprint", "n", "mask")
    try:
        table = parquet.read_table(path)
    except FileNotFoundError as error:
        raise BadInput(f"the recording {path} cannot be read: no such file") from error
    except (OSError, pyarrow.ArrowException) as error:
        raise BadInput(f"{path} is not a readable Parquet file: {error}") from error
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise BadInput(
            f"{path} is not an export of `interplay runs export`: it has no column "
            f"{', '.join(missing)}"
        )
    return _recording(path, table)


def _recording(path: Path, table: Any) -> Recording:
    functions = table["fingerprint"].unique().to_pylist()
    if len(functions) != 1:
        raise BadInput(
            f"{path} holds {len(functions)} value functions: export one, with --fingerprint"
        )
    columns = [name for name in table.column_names if name == "value" or name[:6] == "value:"]
    try:
        (n,) = set(table["n"].to_pylist())
        width = -(-n // 8)
        rows = table["mask"].to_pylist()
        if any(len(row) != width for row in rows):
            raise ValueError(f"a mask is not {width} bytes")
        values = np.stack([table[name].to_numpy() for name in columns], axis=1).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path} is damaged: {error}") from error
    # a table of several functions has columns for the targets of all
    own = np.flatnonzero(np.isfinite(values).any(axis=0))
    values, columns = (
        values[:, own],
        [columns[j] for j in own],
    )
    if not columns or not np.isfinite(values).all():
        raise BadInput(f"{path} is damaged: its values are not finite numbers, q for each mask")
    distinct, place = np.unique(np.array(rows, dtype=f"V{width}"), return_inverse=True)
    count = np.bincount(place)
    mean = np.stack([np.bincount(place, column) / count for column in values.T], axis=1)
    packed = np.frombuffer(distinct.tobytes(), dtype=np.uint8).reshape(-1, width)
    masks = np.unpackbits(packed, axis=1, count=n).astype(np.bool_)
    single = columns == ["value"]
    noise = _noise(table, columns, place, count)
    return Recording(
        masks,
        mean[:, 0] if single else mean,
        features=_features(table, functions[0], n),
        targets=None if single else tuple(name[6:] for name in columns),
        noise_var=noise[:, 0] if single and noise is not None else noise,
    )


def _noise(
    table: Any, columns: list[str], place: NDArray[np.intp], count: NDArray[np.intp]
) -> FloatArray | None:
    """Variance of the mean of the replicates, where every evaluation tells its noise."""
    names = [f"noise{name[len('value') :]}" for name in columns]
    if any(name not in table.column_names for name in names):
        return None
    noise = np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.float64)
    if not np.isfinite(noise).all():
        return None
    return np.stack([np.bincount(place, one) / np.square(count) for one in noise.T], axis=1)


def _features(table: Any, fingerprint: str, n: int) -> tuple[str, ...] | None:
    """The names in the file's metadata, if it has them."""
    about = (table.schema.metadata or {}).get(b"interplay")
    try:
        names = json.loads(about or b"")["functions"][fingerprint]["features"]
    except (TypeError, ValueError, KeyError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and len(names) == n else None
