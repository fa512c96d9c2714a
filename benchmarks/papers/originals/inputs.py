"""The data files of the papers, as inputs to explain: published layouts, and plain lists."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interplay.errors import BadInput

Span = tuple[int, int]


@dataclass(frozen=True)
class Item:
    """One input of an experiment.

    Attributes
    ----------
    name
        Of the input, for output.
    text
        What is masked, or the caption of a picture.
    question
        What is asked about it, never masked.
    spans
        Features of the text where the data say what they are; else the units of the experiment.
    supporting
        Which of the spans people say that the answer needs.
    picture, grid, answer
        Of visual questions: the file, rows and columns of patches, the answer that is scored.
    """

    name: str
    text: str = ""
    question: str | None = None
    spans: tuple[Span, ...] = ()
    supporting: tuple[int, ...] = ()
    picture: Path | None = None
    grid: tuple[int, int] | None = None
    answer: str | None = None


def reviews(path: Path) -> Iterator[Item]:
    """Yield the reviews of a table with a column ``review``, as SPEX published its own."""
    for number, row in enumerate(_table(path, "review")):
        yield Item(f"review {number}", row["review"])


def hotpot(path: Path) -> Iterator[Item]:
    """Yield HotpotQA's questions; features are the sentences, titles stay.

    The published file is a list of objects whose ``context`` has ``[title, sentences]``; JSON lines
    with ``{"title": ..., "sentences": ...}`` are read as well.
    """
    for number, one in enumerate(_objects(path, "context", "question")):
        text = ""
        spans: list[Span] = []
        places: dict[Any, int] = {}
        for paragraph, given in enumerate(one["context"]):
            title, sentences = (
                (given["title"], given["sentences"]) if isinstance(given, dict) else given
            )
            text += f"Title: {title}\nContent:"
            for place, sentence in enumerate(sentences):
                core = sentence.strip()
                if not core:
                    continue
                places[paragraph, place] = places[title, place] = len(spans)
                spans.append((len(text) + 1, len(text) + 1 + len(core)))
                text += f" {core}"
            text += "\n\n"
        supporting = {places[key] for key in map(tuple, one["supporting_facts"]) if key in places}
        yield Item(
            str(one.get("_id", one.get("id", number))),
            text.rstrip(),
            one["question"],
            tuple(spans),
            tuple(sorted(supporting)),
        )


def drop(path: Path) -> Iterator[Item]:
    """Yield DROP's questions, words of the passage are features.

    The published file maps passages to ``passage`` and ``qa_pairs``; JSON lines with ``passage``
    and ``question`` are read as well.
    """
    found = _objects(path, "passage")
    for number, one in enumerate(found):
        for asked in one.get("qa_pairs", [one]):
            yield Item(str(asked.get("query_id", number)), one["passage"], asked["question"])


def puzzles(path: Path) -> Iterator[Item]:
    """Yield the altered riddles of SPEX: a context and a statement that is true or false."""
    for number, row in enumerate(_table(path, "context", "question")):
        yield Item(f"puzzle {number}", row["context"], row["question"])


def visual(path: Path) -> Iterator[Item]:
    """Yield questions about pictures, whose files lie beside the list."""
    for one in _objects(path, "image", "question", "target_output", "nx", "ny"):
        yield Item(
            f"{one['image']}: {one['question']}",
            question=one["question"],
            picture=path.parent / one["image"],
            grid=(int(one["ny"]), int(one["nx"])),
            answer=one["target_output"],
        )


def pairs(path: Path) -> Iterator[Item]:
    """Yield pictures with a caption each: COCO's file of captions, or a list of both.

    Pictures lie beside the file, or in a folder beside it that is named like COCO's.
    """
    held = _json(path)
    if isinstance(held, dict) and {"images", "annotations"} <= held.keys():
        first: dict[int, str] = {}
        for one in held["annotations"]:
            first.setdefault(one["image_id"], one["caption"])
        listed = [(one["file_name"], first[one["id"]]) for one in held["images"]
                  if one["id"] in first]  # fmt: skip
    else:
        listed = [(one["image"], one["caption"]) for one in _objects(path, "image", "caption")]
    for name, caption in listed:
        places = [path.parent / name, *path.parent.glob(f"*/{name}")]
        picture = next((place for place in places if place.is_file()), None)
        if picture is None:
            raise BadInput(f"the picture {name} of {path} is not beside it, nor in a folder there")
        yield Item(name, caption.strip(), picture=picture)


def choices(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Return the questions of MMLU's tables, one after the other."""
    return [row for path in paths for row in _table(path, "question", "A", "B", "C", "D", "answer")]


def _table(path: Path, *columns: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    if not found or any(column not in found[0] for column in columns):
        raise BadInput(f"{path} is no table with the columns {', '.join(columns)}")
    return found


def _objects(path: Path, *fields: str) -> list[dict[str, Any]]:
    held = _json(path)
    found = list(held.values()) if isinstance(held, dict) else held
    right = isinstance(found, list) and found and all(isinstance(one, dict) for one in found)
    if not right or any(field not in found[0] for field in fields):
        raise BadInput(f"{path} holds no list of objects with {', '.join(fields)}")
    return list(found)


def _json(path: Path) -> Any:
    text = path.read_text("utf-8")
    try:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"{path} is no JSON: {error}") from error
