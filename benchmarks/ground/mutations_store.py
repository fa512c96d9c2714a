"""Damaged store files: each must give a clear error or read correctly, and stay as it is.

Bits flipped, ends cut off, pages swapped, bytes overwritten, other files under the store's name.
Each file is opened as a run does, read and looked up, then verified, in a process of its own kind:
one that crashes or hangs is counted, and does not take the benchmark with it.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground.apart import tried
from benchmarks.ground.row import Row
from interplay.errors import InterplayError
from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.evaluate.verification import verify
from interplay.masks import uniform

FILES = 1_000
PAGE = 4096
MASKS = uniform(20, 600, np.random.default_rng(0))
VALUES = MASKS @ np.linspace(-1, 1, 20)
KINDS = ("bits", "bytes", "truncated", "swapped pages", "zeroed page", "header", "foreign")


def make(path: Path) -> bytes:
    """Write a sound store of several functions and batches; return its bytes."""
    with Store(path) as store:
        for start in range(0, len(MASKS), 25):
            rows = slice(start, start + 25)
            store.put(
                "f",
                MASKS[rows],
                VALUES[rows],
                tokens=np.full(25, 7.0),
                seconds=0.1,
                identity=Identity(targets=["a"], subject={"kind": "text", "text": "words " * 50}),
            )
            store.put("g", MASKS[rows], np.stack([VALUES[rows]] * 2, 1), noise_var=np.ones((25, 2)))
    return path.read_bytes()


def mutate(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Return the file with a damage of this kind somewhere."""
    mutated = bytearray(content)
    pages = len(content) // PAGE
    if kind == "bits":
        for position in rng.integers(len(mutated), size=int(rng.integers(1, 20))):
            mutated[position] ^= 1 << int(rng.integers(8))
    elif kind == "bytes":
        start = int(rng.integers(len(mutated)))
        end = min(start + int(rng.integers(1, 300)), len(mutated))
        mutated[start:end] = rng.bytes(end - start)
    elif kind == "truncated":
        del mutated[int(rng.integers(0, len(mutated))) :]
    elif kind == "swapped pages":
        a, b = (PAGE * int(page) for page in rng.choice(pages, 2, replace=False))
        mutated[a : a + PAGE], mutated[b : b + PAGE] = content[b : b + PAGE], content[a : a + PAGE]
    elif kind == "zeroed page":
        a = PAGE * int(rng.integers(pages))
        mutated[a : a + PAGE] = bytes(PAGE)
    elif kind == "header":
        mutated[int(rng.integers(100))] = int(rng.integers(256))
    else:
        return _foreign(rng)
    return bytes(mutated)


def _foreign(rng: np.random.Generator) -> bytes:
    """Return the file of another program: any bytes, a text, a zip, another SQLite database."""
    which = int(rng.integers(4))
    if which == 0:
        return rng.bytes(int(rng.integers(1, 20_000)))
    if which == 1:
        return b"masks,values\n" + b"0,1\n" * int(rng.integers(1, 1000))
    if which == 2:
        return b"PK\x03\x04" + rng.bytes(int(rng.integers(1, 5000)))
    with tempfile.TemporaryDirectory() as folder:
        other = sqlite3.connect(f"{folder}/other.db")
        other.execute("CREATE TABLE batches (precious TEXT)")
        other.execute("INSERT INTO batches VALUES (?)", (rng.bytes(100).hex(),))
        other.commit()
        other.close()
        return Path(folder, "other.db").read_bytes()


def outcome(path: Path) -> str:
    """Open, read and verify a store: ``error: KIND``, ``right`` or what went wrong."""
    results = {_tried(_read, path), _tried(_verify, path)}
    failed = [result for result in results if not result.startswith(("right", "error"))]
    return failed[0] if failed else min(results)  # an error where either gave one


def _tried(look: Any, path: Path) -> str:
    try:
        return str(look(path))
    except InterplayError as error:
        named = path.name in str(error) and len(str(error)) > 40
        return f"error: {type(error).__name__}" if named else f"unclear error: {error}"
    except Exception as error:
        return f"unexpected {type(error).__name__}: {error}"


def _read(path: Path) -> str:
    with Store(path) as store:
        for fingerprint, q in (("f", 1), ("g", 2)):
            stored = store.get(fingerprint, MASKS)
            if not (stored.values == VALUES[stored.found, None]).all():
                return f"wrong values of {fingerprint}"
            if q == 1 and stored.found.any() and not (stored.tokens == 7.0).all():
                return "wrong tokens"
            known = store.function(fingerprint)
            if known is not None and (known.n, known.q) != (20, q):
                return "wrong function"
    return "right"


def _verify(path: Path) -> str:
    with Store(path, read_only=True) as store:
        return "error: found by verify" if verify(store).problems else "right"


def run(first: int, count: int) -> list[dict[str, Any]]:
    """Mutate and read files ``first`` to ``first + count``; each result is printed at once."""
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = make(folder / "sound.db")
        (folder / "sound.db").unlink()
        for number in range(first, first + count):
            rng = np.random.default_rng(number)
            kind = KINDS[number % len(KINDS)]
            path = folder / f"mutated-{number}.db"
            mutated = mutate(content, kind, rng)
            path.write_bytes(mutated)
            began = time.perf_counter()
            told = outcome(path)
            if path.read_bytes() != mutated or list(folder.iterdir()) != [path]:
                # an empty file is a new store
                told = told if not mutated else f"touched; {told}"
            result = {
                "number": number,
                "kind": kind,
                "told": told,
                "seconds": time.perf_counter() - began,
            }
            print(json.dumps(result), flush=True)
            results.append(result)
            for left in folder.iterdir():
                left.unlink()
    return results


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    total = 100 if quick else FILES
    found = tried(__name__, total=total)
    results, crashes, slow = found.results, found.crashes, found.slow
    kinds = Counter(r["told"].split(":")[0] for r in results)
    bad = [r for r in results if not r["told"].startswith(("right", "error"))]
    return [
        Row(
            what=f"{total:,} mutated store files",
            bar="each a clear InterplayError or read correctly; no crash, no hang, no file touched",
            measured=(
                f"{kinds['error']} errors, {kinds['right']} read correctly, "
                f"{len(bad)} wrong, unclear or touched, {len(crashes)} crashes, {len(slow)} hangs"
            ),
            met=not (bad or slow or crashes) and len(results) == total,
            detail={
                "by kind": {
                    kind: dict(Counter(r["told"] for r in results if r["kind"] == kind))
                    for kind in KINDS
                },
                "bad": bad,
                "crashes": crashes,
                "slowest": max((r["seconds"] for r in results), default=0.0),
            },
        )
    ]


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
