"""The file format of a spectrum: JSON for people and reports, npz for many terms.

Both hold the same thing and come back to the last bit. Nothing is pickled. Version 1 has

``format``, ``version``, ``n``, ``features``
    in JSON as they are; in npz as one JSON text, ``header``, in uint8
``terms`` (JSON: lists of feature indices) or ``packed`` (npz: uint64 ``(k, ceil(n / 64))``)
``coefficients``, ``standard_errors``
    float64 ``(k,)``; the second null or absent where unknown
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from interplay.errors import BadInput
from interplay.files import write_whole
from interplay.json_text import load_json, parse_json
from interplay.npz import DAMAGE, npz_octets, open_arrays
from interplay.packing import PackedArray, pack_terms, term_tuples
from interplay.value_function import FloatArray

FORMAT = "interplay.spectrum"
VERSION = 1


class Contents(NamedTuple):
    """What a spectrum consists of."""

    packed: PackedArray
    coefficients: FloatArray
    n: int
    features: tuple[str, ...]
    standard_errors: FloatArray | None


def to_dict(contents: Contents) -> dict[str, Any]:
    """Return the JSON-able mapping of a spectrum."""
    errors = contents.standard_errors
    return {
        **_header(contents),
        "terms": [list(term) for term in term_tuples(contents.packed)],
        "coefficients": contents.coefficients.tolist(),
        "standard_errors": None if errors is None else errors.tolist(),
    }


def from_dict(data: Any, source: str) -> Contents:
    """Return what :func:`to_dict` was given; ``source`` names its origin in messages."""
    try:
        n, features = _read_header(data, source)
        terms, errors = data["terms"], data["standard_errors"]
        return Contents(
            pack_terms([tuple(term) for term in terms], n),
            np.array(data["coefficients"], dtype=np.float64),
            n,
            features,
            None if errors is None else np.array(errors, dtype=np.float64),
        )
    except DAMAGE as error:
        raise damaged(source, error) from error


_UNREADABLE = "is not a readable spectrum"


def save(path: str | os.PathLike[str], contents: Contents) -> None:
    """Write a ``.json`` or ``.npz`` file, whole or not at all."""
    path = Path(path)
    if _suffix(path) == ".json":
        payload = json.dumps(to_dict(contents), allow_nan=False).encode()
    else:
        arrays: dict[str, Any] = {
            "header": np.frombuffer(json.dumps(_header(contents)).encode(), dtype=np.uint8),
            "packed": contents.packed,
            "coefficients": contents.coefficients,
        }
        if contents.standard_errors is not None:
            arrays["standard_errors"] = contents.standard_errors
        payload = npz_octets(arrays)
    write_whole(path, payload)


def load(path: str | os.PathLike[str]) -> Contents:
    """Read a file that :func:`save` wrote."""
    path = Path(path)
    try:
        if _suffix(path) == ".json":
            return from_dict(load_json(path, _UNREADABLE, halves=True), str(path))
        with open_arrays(path) as arrays:
            n, features = _read_header(
                parse_json(arrays["header"].tobytes(), halves=True), str(path)
            )
            errors = arrays.get("standard_errors")
            return Contents(arrays["packed"], arrays["coefficients"], n, features, errors)
    except BadInput:
        raise
    except FileNotFoundError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error
    except DAMAGE as error:
        raise damaged(str(path), error) from error


def damaged(source: str, error: Exception) -> BadInput:
    """Return the error for a spectrum that cannot be read, because of ``error``."""
    reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
    return BadInput(f"{source} is not a readable spectrum ({reason}); save it again, or refit")


def _header(contents: Contents) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "n": contents.n,
        "features": list(contents.features),
    }


def _read_header(data: Any, source: str) -> tuple[int, tuple[str, ...]]:
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    version, n, features = data["version"], data["n"], data["features"]
    if version != VERSION:
        raise BadInput(
            f"{source} holds a spectrum of version {version!r}; this interplay reads version "
            f"{VERSION}. Upgrade interplay"
        )
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise ValueError("its features are not a list of names")
    if not isinstance(n, int) or isinstance(n, bool) or len(features) != n:
        raise ValueError(f"it has n = {n!r} and {len(features)} feature names")
    return n, tuple(features)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".npz"):
        raise BadInput(f"a spectrum's file ends in .json or .npz; got {path}")
    return suffix
