"""Something hostile in one place of a sound JSON text, archive or table."""

from __future__ import annotations

import copy
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.ground import mutations


def nested(depth: int) -> Any:
    made: Any = 0
    for _ in range(depth):
        made = [made]
    return made


HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 2**63, -(2**63) - 1, 1e308, -1e-320, "", "x", "\x00", "-1"),
    *([], {}, [None], [[]], {"": {}}, [1e308] * 3, list(range(2000)), "y" * 100_000, nested(50)),
)
RAW = (
    *("NaN", "-Infinity", "1e999", "-1e99999", "9" * 5000, "1" * 300, '"\\ud800"', "[" * 1000),
    *('{"a":1,"a":2}', "[" * 200 + "]" * 200, '"' + "\\u0000" * 10 + '"', "nul", "\ufeff", "{}{}"),
)
"""What takes the place of a value: as JSON, and as a text that may be none."""

MARK = "@@here@@"


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in JSON: the list or object, and the index or key."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs):
        yield content, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutate_json(octets: bytes, rng: np.random.Generator) -> bytes:
    """Put something hostile in one place of a JSON text, or take a value out of it."""
    content = [json.loads(octets)]
    found = list(places(content))
    holder, key = found[int(rng.integers(len(found)))]
    kind = int(rng.integers(5))
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1:
        holder[key] = copy.deepcopy(HOSTILE[int(rng.integers(len(HOSTILE)))])
    elif kind == 2 and isinstance(holder, list) and holder is not content:
        holder.append(copy.deepcopy(holder[key]))
    elif kind == 3:
        other, name = found[int(rng.integers(len(found)))]
        holder[key] = copy.deepcopy(other[name])
    else:
        holder[key] = MARK
    text = json.dumps(content[0]) if content else ""
    raw = RAW[int(rng.integers(len(RAW)))]
    return text.replace(json.dumps(MARK), raw).encode("utf-8", "surrogatepass")


def mutate_lines(octets: bytes, rng: np.random.Generator) -> bytes:
    """Do so with one line of JSON lines."""
    lines = octets.split(b"\n")
    at = int(rng.integers(len(lines)))
    return b"\n".join([*lines[:at], mutate_json(lines[at], rng), *lines[at + 1 :]])


def mutate_archive(octets: bytes, rng: np.random.Generator) -> bytes:
    """Write an archive again, with one of its arrays made another, or with other entries."""
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = list(entries)[int(rng.integers(len(entries)))]
    array = np.load(io.BytesIO(entries[name]), allow_pickle=False)
    kind = int(rng.integers(9))
    if kind == 0:
        del entries[name]
    elif kind == 1:
        entries[name] = entries[list(entries)[int(rng.integers(len(entries)))]]
    elif kind == 2:
        entries[name] = mutations.mutate(entries[name], rng)
    elif kind == 3:
        digits = b"9" * int(rng.integers(2, 14))
        entries[name] = entries[name].replace(b"'shape': (", b"'shape': (" + digits + b", ", 1)
    elif kind == 4:
        entries["../../" + name] = entries[name]
    else:
        others = (
            np.array([{}], dtype=object), array.astype("U"), array[..., None],
            array.ravel()[:0], np.full(array.shape, np.nan), np.full(array.shape, 255, np.uint8),
            np.full(array.shape, -(2**62)), np.array(array.ravel()[:1]), array.T, np.array(1e308),
            np.full(array.shape, 1e308), np.zeros((2**20, 0)), np.full(array.shape, b"\xff"),
            np.full(array.shape, 1j), np.full(array.shape, "\ud800"), np.full(array.shape, ""),
        )  # fmt: skip
        buffer = io.BytesIO()
        np.save(buffer, others[int(rng.integers(len(others)))], allow_pickle=True)
        entries[name] = buffer.getvalue()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def mutate_table(octets: bytes, rng: np.random.Generator) -> bytes:
    """Put something hostile into a cell of a table."""
    text = octets.decode()
    tab = "\t" if "\t" in text else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=tab))
    row = rows[int(rng.integers(len(rows)))]
    told = [*map(str, HOSTILE), *RAW, '"', "=1+1", "1_0", "٣", "0x1", " 1 ", "inf"]
    row[int(rng.integers(len(row)))] = told[int(rng.integers(len(told)))]
    made = io.StringIO()
    csv.writer(made, delimiter=tab).writerows(rows)
    return made.getvalue().encode("utf-8", "surrogatepass")


INSIDE = {
    ".json": mutate_json,
    ".jsonl": mutate_lines,
    ".npz": mutate_archive,
    ".csv": mutate_table,
    ".tsv": mutate_table,
}
