"""Sound files of every kind that is read, and what reads them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import interplay as ip
from benchmarks.ground import mutations
from benchmarks.scale import subjects
from benchmarks.table import REPOSITORY
from interplay.collection import Explanations
from interplay.json_text import load_json

Read = Callable[[Path], Any]
"""Reads a file; returns the numbers in it that shall be right, or finite."""


class Sound(NamedTuple):
    """A file as it should be, what reads it, and whether a checksum guards its numbers.

    ``named`` tells whether errors name the file: what stands in a prompt is named by its place.
    """

    path: Path
    read: Read
    guarded: bool = False
    named: bool = True


def recordings(folder: Path) -> list[Sound]:
    """Write recordings of all formats."""
    sound = {path.name: read for path, read in mutations.originals(folder)}
    rng = np.random.default_rng(1)
    masks, values = rng.random((40, 6)) < 0.5, rng.normal(size=40)
    table = (folder / "b.csv").read_text("utf-8")
    (folder / "b.tsv").write_text(table.replace(",", "\t"), "utf-8")
    game = {
        "data_type": "game",
        "metadata": {"n_players": 6, "player_names": list("abcdef")},
        "data": {",".join(map(str, np.flatnonzero(row))) or "Empty": 1.5 for row in masks},
    }
    (folder / "game.json").write_text(json.dumps(game))
    np.savez(folder / "shapiq.npz", coalitions=masks.astype(int), values=values, n_players=6)
    np.save(folder / "masks.npy", masks)
    np.save(folder / "values.npy", values)
    np.savez(folder / "train.npz", inputs=rng.normal(size=(20, 3)), labels=np.arange(20) % 2)
    lines = "".join(f"{'ab'[i % 2]},a text of number {i}\n" for i in range(20))
    (folder / "train.csv").write_text(f"label,text\n{lines}")
    table_of = ip.explain(_game, 5, store=None).interactions("SII", order=2)
    table_of.to_csv(folder / "table.csv")
    made = [
        Sound(folder / name, _recorded, name == "a.npz" or name == "plain.npz")
        for name in ("a.npz", "plain.npz", "b.csv", "b.tsv", "c.jsonl", "game.json", "shapiq.npz")
    ]
    made += [
        Sound(folder / "masks.npy", lambda path: _recorded(path, values=folder / "values.npy")),
        Sound(folder / "values.npy", lambda path: _recorded(folder / "masks.npy", values=path)),
        Sound(folder / "d.npz", lambda path: sound["d.npz"](path).masks.astype(float)),
        Sound(folder / "train.npz", _training),
        Sound(folder / "train.csv", _training),
        Sound(folder / "table.csv", lambda path: list(ip.Interactions.from_csv(path).values())),
    ]
    with contextlib.suppress(ip.MissingExtra):
        made.append(Sound(_parquet(folder), _recorded))
    return made


def _game(masks: Any) -> Any:
    return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


def _recorded(path: Path, **options: Any) -> Any:
    return ip.read_recording(path, **options).values


def _training(path: Path) -> Any:
    from interplay.lenses.training_data.files import read_rows

    return read_rows(path).data.labels


def _parquet(folder: Path) -> Path:
    from interplay.evaluate import Store, parquet

    masks = np.random.default_rng(2).random((50, 9)) < 0.5
    with Store(folder / "for_parquet.db") as store:
        store.put("f", masks, masks.sum(axis=1) * 1.0)
        parquet.export(store, folder / "e.parquet")
    return folder / "e.parquet"


def runs(folder: Path) -> list[Sound]:
    """Copy runs of all versions, with their arrays, and write collections and spectra."""
    made = []
    for path in sorted((REPOSITORY / "tests" / "data" / "runs").iterdir()):
        copied = folder / path.name
        copied.write_bytes(path.read_bytes())
        if path.name.startswith("runs"):
            made.append(Sound(copied, _collected))
        elif path.suffix == ".json":
            made.append(Sound(copied, _explained))
        else:
            made.append(Sound(copied, lambda path: _explained(path.with_suffix(".json"))))
    found = ip.explain(_game, ["a", "b", "c", "d"], store=None)
    found.save(folder / "run.json")
    Explanations({"one": found, "two": found, "three": "failed"}).save(folder / "runs.json")
    found.spectrum.save(folder / "spectrum.json")
    found.spectrum.save(folder / "spectrum.npz")
    return [
        *made,
        Sound(folder / "run.json", _explained),
        Sound(folder / "run.npz", lambda path: _explained(path.with_suffix(".json"))),
        Sound(folder / "runs.json", _collected),
        Sound(folder / "spectrum.json", lambda path: ip.Spectrum.load(path).coefficients),
        Sound(folder / "spectrum.npz", lambda path: ip.Spectrum.load(path).coefficients),
    ]


def of_subjects(folder: Path) -> list[Sound]:
    """Write runs of every lens."""
    return [Sound(path, _explained) for path in subjects.runs(folder)]


def _explained(path: Path) -> Any:
    """Load a run as every command does, and look at it: the report, and the terminal's view."""
    from rich.console import Console

    from interplay.report import terminal

    found = ip.load(path)
    terminal.show(found.to_dict(), Console(file=io.StringIO(), width=80))
    found.report(path.with_name(f"{path.stem}.out.html"))
    found.interactions("SII", order=2)
    return found.spectrum.coefficients


def _collected(path: Path) -> Any:
    found = Explanations.load(path)
    found.report(path.with_name(f"{path.stem}.out.html"))
    return [one for run in found for one in run.spectrum.coefficients.tolist()]


def configurations(folder: Path) -> list[Sound]:
    """Write what configures a run: of models, prompts, inputs and tasks."""
    from interplay.cli.inputs import read_inputs
    from interplay.cli.prompt import read_list
    from interplay.demo import model_path
    from interplay.lenses.components.files import parse_task
    from interplay.lenses.text.compose import document

    model = folder / "model"
    model.mkdir()
    for path in Path(model_path()).iterdir():
        if path.is_file():
            (model / path.name).write_bytes(path.read_bytes())
    weights = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    texts = {
        "messages.json": [{"role": "user", "content": "who?"}, {"role": "user", "content": "I"}],
        "chunks.json": ["one text", "another text"],
        "examples.json": [["in", "out"], ["on", "off"]],
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content))
    inputs = [{"id": i, "text": f"text {i}", "question": "where?"} for i in range(5)]
    (folder / "inputs.jsonl").write_text("\n".join(map(json.dumps, inputs)))
    asked = [{"question": f"{i}?", "choices": ["a", "b"], "answer": "A"} for i in range(6)]
    (folder / "mmlu.jsonl").write_text("\n".join(map(json.dumps, asked)))
    pairs = [{"prompt": f"p {i}", "response": "r"} for i in range(5)]
    (folder / "response.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    rows = "".join(f"q {i},w,x,y,z,B\n" for i in range(6))
    (folder / "mmlu.csv").write_text(f"question,A,B,C,D,answer\n{rows}")
    (folder / "class.tsv").write_text("".join(f"l{i % 2}\ttext {i}\n" for i in range(8)))

    def examples(path: Path) -> Any:
        document("a b", "word", examples=read_list(path))
        return []

    def many(path: Path) -> Any:
        read_inputs(path)
        return []

    def task(kind: str) -> Read:
        def read(path: Path) -> Any:
            parse_task(f"{kind}:{path}")
            return []

        return read

    def architecture(path: Path) -> Any:
        from interplay.models.hf_loading import architectures

        architectures(str(path.parent))
        return []

    def shards(path: Path) -> Any:
        from interplay.models.hf_files import check_weights

        check_weights(path.parent, str(path.parent))
        return []

    (folder / "sharded").mkdir()
    index = folder / "sharded" / "model.safetensors.index.json"
    index.write_text(json.dumps(weights))

    def prompt(path: Path) -> Any:
        document(read_list(path), "word")
        return []

    return [
        Sound(model / "config.json", architecture),
        Sound(index, shards),
        Sound(folder / "messages.json", prompt, named=False),
        Sound(folder / "chunks.json", prompt, named=False),
        Sound(folder / "examples.json", examples, named=False),
        Sound(folder / "inputs.jsonl", many),
        Sound(folder / "mmlu.jsonl", task("mmlu")),
        Sound(folder / "mmlu.csv", task("mmlu")),
        Sound(folder / "response.jsonl", task("response")),
        Sound(folder / "class.tsv", task("classification")),
    ]


def results(folder: Path) -> list[Sound]:
    """Write what flip, and others, print as JSON; a report tells of it."""
    found = ip.explain(_game, ["a", "b", "c", "d"], store=None)
    flipped = ip.flip(found, _game, threshold=0.5, store=None).to_dict()
    (folder / "flip.json").write_text(json.dumps(flipped))
    acted = found.with_action(flipped)
    acted.save(folder / "acted.json")

    def told(path: Path) -> Any:
        made = found.with_action(load_json(path), source=str(path))
        made.report(path.with_name("out.html"))
        return []

    return [Sound(folder / "flip.json", told), Sound(folder / "acted.json", _explained)]


SOUND = {
    "recording": recordings,
    "run": runs,
    "subject": of_subjects,
    "configuration": configurations,
    "result": results,
}
