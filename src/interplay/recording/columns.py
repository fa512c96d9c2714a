"""Recordings as Parquet files: what ``interplay runs export`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, required
from interplay.files import check_unpacked
from interplay.json_text import parse_json
from interplay.recording.recording import Recording
from interplay.recording.source import read_head
from interplay.value_function import FloatArray


def read(path: Path) -> Recording:
    """Read the evaluations of one value function; of replicates the mean."""
    parquet = required("pyarrow.parquet", "parquet")
    read_head(path, 2)
    try:
        # a text or mask that is named a million times is held once
        once = [name for name in parquet.read_schema(path).names if name in _ONCE]
        with parquet.ParquetFile(
            path, page_checksum_verification=True, read_dictionary=once
        ) as file:
            about = file.metadata
            groups = [about.row_group(i) for i in range(about.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            check_unpacked(path, max(size, 8 * about.num_rows * about.num_columns))
            table = file.read(columns=_used(path, file.schema_arrow))
        return _recording(path, table)
    except BadInput:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise BadInput(
            f"{path} is not a readable Parquet file ({type(error).__name__}: {error}): copy or "
            f"export it again"
        ) from error


_ONCE = ("fingerprint", "mask")


def _used(path: Path, schema: Any) -> list[str]:
    """Columns that are read, of the types that they are written in; others may hold anything."""
    import pyarrow as pa

    texts = (pa.string(), pa.binary())
    kinds: dict[str, Any] = {
        "fingerprint": lambda kind: pa.types.is_dictionary(kind) and kind.value_type in texts,
        "mask": lambda kind: pa.types.is_dictionary(kind) and kind.value_type in texts,
        "n": pa.types.is_integer,
        "value": pa.types.is_floating,
        "noise": pa.types.is_floating,
    }
    used = [name for name in schema.names if name.partition(":")[0] in kinds]
    for name in used:
        kind = schema.field(name).type
        if not kinds[name.partition(":")[0]](kind):
            raise BadInput(f"{path}: column {name!r} is of {kind}, which it is not exported as")
    return used


def _recording(path: Path, table: Any) -> Recording:
    missing = {"fingerprint", "n", "mask"}.difference(table.column_names)
    if missing:
        raise BadInput(
            f"{path} is not an export of `interplay runs export`: it has no column "
            f"{', '.join(sorted(missing))}"
        )
    if not len(table):
        raise BadInput(f"{path} has no rows")
    functions = table["fingerprint"].unique().to_pylist()
    if len(functions) != 1:
        raise BadInput(
            f"{path} holds {len(functions)} value functions: export one, with --fingerprint"
        )
    widths = table["n"].unique().to_pylist()
    if len(widths) != 1 or not isinstance(n := widths[0], int) or n < 1:
        raise BadInput(f'{path}: column "n" must be one number of features; got {widths[:5]}')
    masks = _packed_masks(path, table["mask"], n)
    columns = [name for name in table.column_names if name == "value" or name[:6] == "value:"]
    values = _numbers(table, columns)
    # a table of several functions has columns for the targets of all
    own = np.flatnonzero(np.isfinite(values).any(axis=0))
    values, columns = values[:, own], [columns[j] for j in own]
    if not columns:
        raise BadInput(f'{path} has no values: no column "value", or "value:NAME"')
    if not np.isfinite(values).all():
        row, j = np.argwhere(~np.isfinite(values))[0]
        raise BadInput(f'{path}: "{columns[j]}" must be finite; row {row} has {values[row, j]}')
    single = columns == ["value"]
    noise = _noise(table, columns)
    # of each distinct mask its mean
    _, first, place = np.unique(
        masks.view(f"V{masks.shape[1]}").ravel(), return_index=True, return_inverse=True
    )
    share = 1 / np.bincount(place)
    mean = _sums(place, values) * share[:, None]
    of_mean = None if noise is None else _sums(place, noise) * np.square(share)[:, None]
    return Recording(
        np.unpackbits(masks[first], axis=1, count=n).astype(np.bool_),
        mean[:, 0] if single else mean,
        features=_features(table, functions[0], n),
        targets=None if single else tuple(name[6:] for name in columns),
        noise_var=of_mean[:, 0] if single and of_mean is not None else of_mean,
    )


def _packed_masks(path: Path, column: Any, n: int) -> NDArray[np.uint8]:
    """The bytes of all masks, ``(m, ceil(n / 8))``."""
    width = -(-n // 8)
    check_unpacked(path, len(column) * n)
    parts, start = [], 0
    for chunk in column.chunks:  # of a dictionary, and indices into it
        octets, places = chunk.dictionary.to_pylist(), chunk.indices.to_numpy(zero_copy_only=False)
        fits = np.array([isinstance(row, bytes) and len(row) == width for row in octets], bool)
        wrong = [-1] if chunk.null_count else np.flatnonzero(~fits).tolist()
        for place in wrong:
            at = np.flatnonzero(np.isnan(places) if place < 0 else places == place)
            if len(at):
                told = "None" if place < 0 else f"{len(octets[place])} bytes"
                raise BadInput(
                    f'{path}: "mask" must be the {width} bytes of numpy.packbits for n = {n}; row '
                    f"{start + at[0]} has {told}"
                )
        whole = b"".join(
            row if fit else bytes(width) for row, fit in zip(octets, fits, strict=True)
        )
        parts.append(np.frombuffer(whole, dtype=np.uint8).reshape(-1, width)[places])
        start += len(chunk)
    packed = np.concatenate(parts)
    if n % 8 and (packed[:, -1] & (0xFF >> n % 8)).any():
        raise BadInput(f'{path}: "mask" has bits beyond n = {n} features')
    return packed


def _numbers(table: Any, columns: list[str]) -> FloatArray:
    if not columns:
        return np.zeros((len(table), 0))
    return np.stack([table[name].to_numpy() for name in columns], axis=1).astype(np.float64)


def _sums(place: NDArray[np.intp], table: FloatArray) -> FloatArray:
    return np.stack([np.bincount(place, column) for column in table.T], axis=1)


def _noise(table: Any, columns: list[str]) -> FloatArray | None:
    """Variances of the noise, where every evaluation tells them."""
    names = [f"noise{name[len('value') :]}" for name in columns]
    if any(name not in table.column_names for name in names):
        return None
    noise = _numbers(table, names)
    return noise if np.isfinite(noise).all() and (noise >= 0).all() else None


def _features(table: Any, fingerprint: str, n: int) -> tuple[str, ...] | None:
    """The names in the file's metadata, if it has them."""
    about = (table.schema.metadata or {}).get(b"interplay")
    try:
        names = parse_json(about or b"")["functions"][fingerprint]["features"]
    except (TypeError, ValueError, KeyError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and len(names) == n else None
