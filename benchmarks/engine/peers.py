"""Results of other packages on the same masks: run once, then kept by version and data hash."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.data import Data
from benchmarks.engine.results import write_json
from benchmarks.table import DOCS, REPOSITORY

SCRIPTS = Path(__file__).parent.parent
PACKAGES = {"spectralexplain": "peer_spectralexplain.py", "shapiq": "peer_shapiq.py"}
VERSIONS = {"spectralexplain": "0.0.4", "shapiq": "1.4.1"}
"""Peers whose kept results are reported where no interpreter has them."""

PEER_PYTHON = str(REPOSITORY / ".venv-peers" / "bin" / "python")
"""Where `make peers` puts spectralexplain."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
"""LightGBM asked for all cores takes as many as joblib counts, whatever OpenMP was told."""
LIMIT = 3600.0
"""Seconds that a peer may take for one cell."""


@dataclass(frozen=True)
class Peer:
    """One version of a package.

    ``python`` is an interpreter that has it, or None: then only what is kept can be had.
    """

    package: str
    version: str
    python: str | None = None
    folder: Path = DOCS / "peers"

    @property
    def label(self) -> str:
        return f"{self.package} {self.version} ProxySPEX"

    @property
    def path(self) -> Path:
        return self.folder / f"{self.package}-{self.version}.json"

    def kept(self) -> dict[str, dict[str, Any]]:
        """Return all results by key."""
        if not self.path.exists():
            return {}
        results: dict[str, dict[str, Any]] = json.loads(self.path.read_text("utf-8"))
        return results

    def kept_for(self, data: Data) -> dict[str, Any] | None:
        """Return the result that is kept for these rows."""
        return self.kept().get(key(data))

    def result(self, data: Data) -> dict[str, Any] | None:
        """Return R² (null where it crashed), seconds and terms; None where nobody has run it."""
        found = self.kept_for(data)
        if found is None and self.python is not None:
            found = {"cell": data.name, "m": data.m, **self._run(data)}
            write_json(self.path, {**self.kept(), key(data): found})
        return found

    def _run(self, data: Data) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cell.npz"
            np.savez(
                path,
                n=data.n,
                masks_packed=np.packbits(data.masks, axis=1),
                values=data.values,
                test_masks_packed=np.packbits(data.test, axis=1),
                test_values=data.truth,
            )
            try:
                done = subprocess.run(
                    [
                        str(self.python),
                        str(SCRIPTS / PACKAGES[self.package]),
                        str(path),
                        str(data.m),
                    ],
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=LIMIT,
                    env={**os.environ, **ONE_THREAD, "PYTHONPATH": ""},
                )
            except subprocess.TimeoutExpired:
                return {"r2": None, "terms": 0, "seconds": LIMIT}
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


def key(data: Data) -> str:
    """Return what a result is kept under: the hash of all rows, and the number of masks."""
    return f"{data.hash} {data.m}"


def peers(*pythons: str) -> dict[str, Peer]:
    """Return the peers: run where one of these interpreters has them, else their kept results."""
    found = {}
    for package, usual in VERSIONS.items():
        have = [(python, installed(package, python)) for python in pythons if Path(python).exists()]
        python, version = next(((p, v) for p, v in have if v), (None, None))
        found[package] = Peer(package, version or usual, python)
    return found


def installed(package: str, python: str) -> str | None:
    """Return the version of a package that an interpreter has."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
