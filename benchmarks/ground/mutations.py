"""Mutated recordings and run files: each a clear error or a correct read, the file untouched."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row

SLOWEST = 10.0
"""Seconds after which a read counts as hung."""


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the contents with bits flipped, bytes cut, doubled, zeroed or replaced."""
    data = bytearray(content)
    kind = rng.integers(6)
    at = int(rng.integers(len(data)))
    length = int(rng.integers(1, max(2, min(len(data) // 4, 200))))
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        data[at:at] = data[at : at + length]
    elif kind == 4:
        data[at : at + length] = bytes(len(data[at : at + length]))
    else:
        data[at : at + length] = rng.bytes(length)
    return bytes(data)


def originals(folder: Path) -> list[tuple[Path, Callable[[Path], object]]]:
    """Write one sound file of each kind; return it with what reads it."""
    rng = np.random.default_rng(0)
    masks = rng.random((60, 9)) < 0.5
    values = masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
    names = [f"f{j}" for j in range(9)]
    ip.write_recording(folder / "a.npz", masks, values, features=names, design="uniform")
    np.savez(folder / "plain.npz", masks=masks, values=np.stack([values, values], axis=1))
    header = ",".join([*names, "value"])
    numbers = values.tolist()
    lines = [
        ",".join([*map(str, row.astype(int)), repr(value)])
        for row, value in zip(masks, numbers, strict=True)
    ]
    (folder / "b.csv").write_text("\n".join([header, *lines]), "utf-8")
    (folder / "c.jsonl").write_text(
        "\n".join(
            json.dumps({"mask": row.astype(int).tolist(), "value": value})
            for row, value in zip(masks, numbers, strict=True)
        ),
        "utf-8",
    )
    plan = ip.design(9, 60)
    plan.tell(plan.ask(20), np.ones(20))
    plan.save(folder / "d.npz")

    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])

    explanation = ip.explain(game, names, budget=120, store=None)
    explanation.save(folder / "run.json")
    explanation.spectrum.save(folder / "s.json")
    explanation.spectrum.save(folder / "s.npz")
    return [
        *(
            (folder / name, ip.read_recording)
            for name in ("a.npz", "plain.npz", "b.csv", "c.jsonl")
        ),
        (folder / "d.npz", ip.Design.load),
        (folder / "run.json", ip.load),
        (folder / "run.npz", lambda path: ip.load(path.with_suffix(".json"))),
        (folder / "s.json", ip.Spectrum.load),
        (folder / "s.npz", ip.Spectrum.load),
    ]


def strike(count: int, seed: int = 0) -> tuple[Counter[str], float, list[str]]:
    """Read ``count`` mutated files; return outcomes, the slowest read, and what went wrong."""
    rng = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
    slowest, wrong = 0.0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = originals(folder)
        sound = {path: path.read_bytes() for path, _ in files}
        for number in range(count):
            path, read = files[number % len(files)]
            mutated = mutate(sound[path], rng)
            path.write_bytes(mutated)
            began = time.perf_counter()
            try:
                read(path)
                outcomes["read"] += 1
            except ip.InterplayError as error:
                outcomes["error"] += 1
                # run.npz is read by way of run.json
                if path.stem not in str(error):
                    wrong.append(f"{path.name}, mutation {number}: {error} does not name the file")
            except BaseException as error:
                wrong.append(f"{path.name}, mutation {number}: {type(error).__name__}: {error}")
            seconds = time.perf_counter() - began
            slowest = max(slowest, seconds)
            if seconds > SLOWEST:
                wrong.append(f"{path.name}, mutation {number}: {seconds:.0f} s")
            if path.read_bytes() != mutated:
                wrong.append(f"{path.name}, mutation {number}: the file was touched")
            path.write_bytes(sound[path])
    return outcomes, slowest, wrong


def rows(quick: bool = False) -> list[Row]:
    """Strike 1,000 files (100 with ``quick``)."""
    count = 100 if quick else 1000
    outcomes, slowest, wrong = strike(count)
    return [
        Row(
            f"{count:,} mutated recording, design, run and spectrum files",
            "each a clear error or read; no crash, hang or touched file",
            f"{outcomes['error']} errors, {outcomes['read']} read (in bytes that a reader lets "
            f"be, or as other numbers), {len(wrong)} otherwise; slowest {slowest:.2f} s",
            not wrong,
            {"wrong": wrong[:20], "outcomes": dict(outcomes)},
        )
    ]
