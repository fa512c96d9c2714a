"""Multiple choice: questions in MMLU's layout, scored by letters or by whole answers."""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, unknown
from interplay.files import read_text
from interplay.json_text import json_lines
from interplay.lenses.components.network import Network
from interplay.lenses.components.task import (
    METRICS,
    Questions,
    Reading,
    Task,
    check_split,
    judged,
    metrics,
)
from interplay.lenses.components.tasks import (
    check_readings,
    response_reading,
    sums_of_logprobs,
)
from interplay.models.language import Prompt
from interplay.value_function import FloatArray

LETTERS = string.ascii_uppercase
SCORES = ("letter", "token", "answer", "answer:mean")
HEADER = ("question", "A", "B", "C", "D", "answer")
TEMPLATES = {
    "letter": "{question}\n{choices}\nAnswer:",
    "token": "Question: {question}\nAnswer:",
    "answer": "Question: {question}\nAnswer:",
    "answer:mean": "Question: {question}\nAnswer:",
}


@dataclass(frozen=True)
class Item:
    """A question, its answers, and which one is right, from 0 on."""

    question: str
    choices: tuple[str, ...]
    right: int


@dataclass(frozen=True, eq=False)
class ChoiceTask(Task):
    """Questions with several answers; made by :meth:`Task.multiple_choice`."""

    items: tuple[Item, ...]
    metrics: tuple[str, ...] = METRICS
    score: str = "letter"
    template: str = TEMPLATES["letter"]
    examples: tuple[Item, ...] = ()

    kind = "multiple_choice"

    @classmethod
    def made(
        cls,
        items: Any,
        *,
        metric: str | Sequence[str],
        score: str,
        template: str | None,
        examples: Any,
        share: float,
        seed: int,
    ) -> ChoiceTask:
        """Return the task, checked."""
        if score not in SCORES:
            raise unknown("score", score, SCORES)
        arguments = None
        if isinstance(items, str | Path) and (not examples or isinstance(examples, str | Path)):
            arguments = {
                "file": str(items),
                "metric": [metric] if isinstance(metric, str) else list(metric),
                "score": score,
                "template": template,
                "examples": str(examples) if examples else None,
                "share": share,
                "seed": seed,
            }
        form = TEMPLATES[score] if template is None else template
        needed = ("question", "choices") if score == "letter" else ("question",)
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(form) if name is not None}
        except ValueError as error:
            raise BadInput(f"template {form!r} cannot be read: {error}") from error
        if fields != set(needed):
            raise BadInput(
                f"template must have {' and '.join(f'{{{one}}}' for one in needed)} for score "
                f"{score!r}, and no other field; got {form!r}"
            )
        found, told = read_items(items, "items"), read_items(examples, "examples")
        check_split(len(found), share, seed, "questions")
        return cls(
            tuple(found),
            metrics(metric),
            score,
            form,
            tuple(told),
            share=share,
            seed=seed,
            arguments=arguments,
        )

    @property
    def targets(self) -> tuple[str, ...]:
        return self.metrics

    @property
    def size(self) -> int:
        return len(self.items)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "metrics": list(self.metrics), "score": self.score}

    def prompt(self, item: Item) -> str:
        """Return the text that the network reads for an item, the examples before it."""
        told = [f"{self._asked(one)} {self._answer(one)}\n\n" for one in self.examples]
        return "".join(told) + self._asked(item)

    def questions(self, network: Network) -> Questions:
        if self.score in ("letter", "token"):
            return self._by_token(network)
        return self._by_answer(network)

    def _asked(self, item: Item) -> str:
        if self.score != "letter":
            return self.template.format(question=item.question)
        lines = [f"{LETTERS[i]}. {choice}" for i, choice in enumerate(item.choices)]
        return self.template.format(question=item.question, choices="\n".join(lines))

    def _answer(self, item: Item) -> str:
        return LETTERS[item.right] if self.score == "letter" else item.choices[item.right]

    def _by_token(self, network: Network) -> Questions:
        """Each question once: the letters, or the first tokens of the answers, at its end."""
        model = network.language_model()
        most = max(len(item.choices) for item in self.items)
        letters = self.score == "letter"
        queries = model.read([Prompt.plain(self.prompt(item)) for item in self.items])
        readings = []
        for i, (item, query) in enumerate(zip(self.items, queries, strict=True)):
            names = LETTERS[: len(item.choices)] if letters else item.choices
            tails = [model.fix(query, f" {name}").ids for name in names]
            # where a space is a token of its own it belongs to the prompt
            longest = max(map(len, tails))
            shared = next(
                (k for k in range(longest) if len({one[: k + 1] for one in tails}) > 1), longest
            )
            first = [one[shared] if len(one) > shared else -1 for one in tails]
            if len(set(first)) < len(first) or -1 in first or (shared > 1 and not letters):
                raise BadInput(
                    f"answers of question {i} begin with the same token after this prompt, so that "
                    f"it cannot tell them apart: {', '.join(map(repr, names))}; score whole "
                    "answers, score='answer'"
                )
            ids = np.array([*query.ids, *tails[0][:shared]], dtype=np.int64)  # type: ignore[union-attr]
            wanted = np.array(first + first[:1] * (most - len(first)), dtype=np.int64)
            readings.append(Reading({"input_ids": ids}, i, np.array([len(ids) - 1]), wanted))
        check_readings(network, readings)
        items, kinds = self.items, self.metrics

        def combine(prompt: int, numbers: FloatArray) -> FloatArray:
            item = items[prompt]
            return judged(numbers[:, 0, : len(item.choices)], item.right, kinds)

        return Questions(tuple(readings), _logits_of_tokens, combine)

    def _by_answer(self, network: Network) -> Questions:
        model = network.language_model()
        readings: list[Reading] = []
        for i, item in enumerate(self.items):
            (query,) = model.read([Prompt.plain(self.prompt(item))])
            tails = [model.fix(query, f" {choice}").ids for choice in item.choices]
            if len(set(tails)) < len(tails):
                raise BadInput(
                    f"two answers of question {i} have the same tokens, so that the network cannot "
                    f"tell them apart: {', '.join(map(repr, item.choices))}"
                )
            ids = query.ids  # type: ignore[union-attr]
            readings += [response_reading(i, ids, tail) for tail in tails]
        check_readings(network, readings)
        items, kinds, mean = self.items, self.metrics, self.score == "answer:mean"

        def combine(prompt: int, numbers: FloatArray) -> FloatArray:
            scores = numbers[..., 0] / numbers[..., 1] if mean else numbers[..., 0]
            return judged(scores, items[prompt].right, kinds)

        return Questions(tuple(readings), sums_of_logprobs, combine)


def _logits_of_tokens(readings: Sequence[Reading], logits: Any) -> FloatArray:
    import torch

    wanted = np.stack([one.wanted for one in readings if one.wanted is not None])
    chosen = logits.gather(1, torch.from_numpy(wanted).to(logits.device))
    numbers: FloatArray = chosen.double().cpu().numpy()
    return numbers


def read_items(given: Any, what: str) -> list[Item]:
    """Return items from a CSV file in MMLU's layout, a file of JSON lines, or from mappings.

    Raises
    ------
    BadInput
        the message names the row.
    """
    if isinstance(given, str | Path):
        rows: list[tuple[str, Any]] = _rows(Path(given))
    elif isinstance(given, Sequence):
        rows = [(f"{what}[{i}]", row) for i, row in enumerate(given)]
    else:
        raise BadInput(f"{what} must be a CSV file or a sequence of mappings; got {given!r}")
    return [_item(row, where) for where, row in rows]


def _rows(path: Path) -> list[tuple[str, Any]]:
    text = read_text(path)
    if path.suffix == ".jsonl":
        return [
            (f"{path}, question {i}", row) for i, (_, row) in enumerate(json_lines(path, text), 1)
        ]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = list(reader.fieldnames or [])
    if not {"question", "A", "B", "answer"} <= set(columns):
        raise BadInput(
            f"{path} must begin with a line of column names, {','.join(HEADER)}; it begins with "
            f"{','.join(columns)[:80]!r}"
        )
    return [(f"{path}, question {i}", row) for i, row in enumerate(reader, 1)]


def _item(row: Any, where: str) -> Item:
    if not isinstance(row, Mapping) or "question" not in row or "answer" not in row:
        raise BadInput(f"{where} must have a question, its choices and the answer; got {row!r}")
    if "choices" in row:
        told = row["choices"]
        if not isinstance(told, Sequence) or isinstance(told, str):
            raise BadInput(f"{where}: choices must be a list of texts; got {told!r:.60}")
        choices = [str(one) for one in told]
    else:
        letters = [one for one in LETTERS if row.get(one) not in (None, "")]
        if letters != list(LETTERS[: len(letters)]):
            raise BadInput(f"{where} has the choices {', '.join(letters)}, and none between them")
        choices = [str(row[one]) for one in letters]
    if len(choices) < 2:
        raise BadInput(f"{where} has {len(choices)} choices; give two at least")
    answer = row["answer"]
    letter = str(answer).strip().upper()
    right = LETTERS.index(letter) if len(letter) == 1 and letter in LETTERS else -1
    if letter.isdecimal() and len(letter) < 4:
        right = int(letter)
    if not 0 <= right < len(choices):
        raise BadInput(
            f"{where} has the answer {answer!r}; give a letter from A to "
            f"{LETTERS[len(choices) - 1]}, or a number from 0 on"
        )
    return Item(str(row["question"]), tuple(choices), right)
