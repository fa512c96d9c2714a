"""Measured rows, written as they are measured: a run that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import interplay
from benchmarks.ground.row import Row

Measured = dict[str, Any]


class Results:
    """Rows of JSON-able figures by section, cell, method and seed, of one version.

    Parameters
    ----------
    path
        the JSON file: ``{"rows": {key: row}}``, one row per line.
    version
        string that rows are kept under: those of other versions are neither used nor reported.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.path, self.version = path, version
        self._rows: dict[str, Measured] = {}
        if path.exists():
            self._rows = json.loads(path.read_text("utf-8"))["rows"]

    def discard(self, section: str) -> None:
        """Forget the rows of a section."""
        gone = [key for key in self._rows if key.split("|")[0] == section]
        for key in gone:
            del self._rows[key]

    def row(
        self, section: str, cell: str, method: str, seed: int, measure: Callable[[], Measured]
    ) -> Measured:
        """Return the row, measured now if it is not there yet; an error becomes a row as well."""
        key = "|".join((section, cell, method, str(seed), self.version))
        if key not in self._rows:
            try:
                figures = measure()
            except Exception as error:  # one method that fails must not end the run
                traceback.print_exc()
                figures = {"error": f"{type(error).__name__}: {error}"[:300]}
            self._rows[key] = {
                "cell": cell,
                "method": method,
                "seed": seed,
                **figures,
                "source": source(),
            }
            write_json(self.path, {"rows": self._rows})
            print(f"{section}: {cell} {method} seed {seed}: {_short(figures)}", flush=True)
        return self._rows[key]

    def of(self, section: str) -> list[Measured]:
        """Return the rows of a section, of this version."""
        return list(self._of(section))

    def _of(self, section: str) -> Iterator[Measured]:
        for key, row in self._rows.items():
            first, *_, version = key.split("|")
            if first == section and version == self.version:
                yield row

    def conclude(self, machine: str, bars: Iterable[Row]) -> None:
        """Write what the rows come to beside them."""
        concluded = {
            row.what: {key: value for key, value in asdict(row).items() if key != "what"}
            for row in bars
        }
        write_json(self.path, {"machine": machine, "bars": concluded, "rows": self._rows})

    @property
    def sources(self) -> set[str]:
        """States of the source that the rows of this version come from."""
        return {
            row["source"]
            for key, row in self._rows.items()
            if key.rsplit("|", 1)[1] == self.version
        }


@cache
def source() -> str:
    """Return a hash of the code of all surrogates: tells rows of before and after a change."""
    digest = hashlib.sha256()
    for path in sorted((Path(interplay.__file__).parent / "surrogates").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file at once; its innermost mappings take a line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(_lines(content) + "\n", "utf-8")
    beside.replace(path)


def _lines(content: object, depth: int = 0) -> str:
    if isinstance(content, Mapping) and any(isinstance(v, Mapping) for v in content.values()):
        parts = [
            f"{json.dumps(k, ensure_ascii=False)}: {_lines(v, depth + 1)}"
            for k, v in content.items()
        ]
        return "{\n" + ",\n".join(parts) + "\n}"
    return json.dumps(content, ensure_ascii=False, default=float)


def _short(figures: Measured) -> str:
    shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    return json.dumps(shown, ensure_ascii=False, default=float)[:200]
