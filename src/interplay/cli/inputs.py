"""``interplay explain --inputs``: many texts out of a file, one report of them all."""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import TYPE_CHECKING, Any

import interplay as ip
from interplay.cli.asked import Asked
from interplay.cli.output import Output, progress
from interplay.cli.prompt import read_text
from interplay.cli.workers import Workers
from interplay.collection import Explanations
from interplay.errors import BadInput
from interplay.evaluate import parse_budget
from interplay.explain_many import explain_many
from interplay.explanation import Explanation
from interplay.json_text import json_lines
from interplay.value_function import Span

if TYPE_CHECKING:
    from interplay.lenses.text import ResponseValueFunction, TextValueFunction

OF_PROMPTS = ("question", "response")
"""Fields of a line that are no part of the text."""


@dataclass(frozen=True)
class Input:
    """One line of the file: its text, and where the fields of the template stand in it."""

    id: str
    line: int
    text: str
    slots: tuple[tuple[str, Span], ...] | None = None
    own: Mapping[str, str] = default(default_factory=dict)
    """Its question and response, for language models."""


def explain_inputs(
    inputs: Path,
    template: str | None = None,
    *,
    model: str,
    asked: Asked = Asked(),  # noqa: B008
    workers: Workers = Workers(),  # noqa: B008
    output: Output = Output(),  # noqa: B008
    **options: Any,
) -> int:
    """Explain every line of a file of inputs, and write and print what they have in common.

    Every line is read, and its text checked against the model, before anything is evaluated. The
    exit code tells an interruption. ``options`` are those of :func:`interplay.text`.
    """
    parse_budget(asked.budget)
    found = read_inputs(inputs, template)
    with progress(asked.store) as (on_event, stop), workers.executor() as executor:
        value_functions = value_functions_of(found, inputs, model=model, options=options)
        explanations = explain_many(
            value_functions,
            **asked.arguments,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    present(explanations, output)
    return stop.exit_code


def read_inputs(path: Path, template: str | None = None) -> list[Input]:
    """Return the inputs of a file of JSON lines: ``{"text": ..., "id": ...}``, the id optional.

    With a template, such as ``"Answer {question} from {context}"``, each line gives its fields.

    Raises
    ------
    BadInput
        the file cannot be read, a line is not such an object, a field is missing, or two lines have
        one id; the message names file and line.
    """
    pieces = None if template is None else _pieces(template)
    found: list[Input] = []
    lines: dict[str, int] = {}
    for number, content in _lines(path):
        where = f"{path}, line {number}"
        made = _input(content, number, where, pieces)
        if made.id in lines:
            raise BadInput(f"{where}: the id {made.id!r} is that of line {lines[made.id]} too")
        lines[made.id] = number
        found.append(made)
    if not found:
        raise BadInput(f'{path} holds no input: give one JSON object a line, {{"text": "..."}}')
    return found


def slots_of(spans: Sequence[Span], filled: Sequence[tuple[str, Span]]) -> list[str | None]:
    """Return for each unit the field of the template that it belongs to, by most characters.

    >>> slots_of([(0, 3), (4, 11)], [("question", (4, 10))])
    [None, 'question']
    """

    def slot(start: int, end: int) -> str | None:
        shared = [(min(end, b) - max(start, a), name) for name, (a, b) in filled]
        size, name = max(shared, key=lambda one: one[0], default=(0, ""))
        return name if size > 0 else None

    return [slot(start, end) for start, end in spans]


def present(explanations: Explanations, output: Output) -> None:
    """Write the files that were asked for, then print; failures go to standard error too."""
    explanations = Explanations(
        {
            name: output.complete(one) if isinstance(one, Explanation) else one
            for name, one in explanations.results.items()
        }
    )
    if output.save is not None:
        explanations.save(output.save)
    if output.report is not None:
        explanations.report(output.report)
    for name, error in explanations.failures.items():
        print(f"warning: input {name} failed: {error}", file=sys.stderr)
    content = explanations.to_dict()
    if output.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console

    from interplay.report import collection_terminal

    collection_terminal.show(content, Console(highlight=False), top=output.top)
    for path in (output.save, output.report):
        if path is not None:
            print(f"wrote {path}")


def value_functions_of(
    found: Sequence[Input], path: Path, *, model: Any, options: Mapping[str, Any]
) -> dict[str, TextValueFunction | ResponseValueFunction]:
    """Make every value function before anything is paid for: the model is loaded once."""
    from interplay.models.text_model import SERVER_OPTIONS, open_text_model

    if isinstance(model, str):
        server = {name: options[name] for name in SERVER_OPTIONS if name in options}
        model = open_text_model(model, **server)
    rest = {name: value for name, value in options.items() if name not in SERVER_OPTIONS}
    made: dict[str, TextValueFunction | ResponseValueFunction] = {}
    for one in found:
        try:
            value_function = ip.text(one.text, model=model, **{**rest, **one.own})
        except BadInput as error:
            raise BadInput(f"{path}, line {one.line}: {error}") from error
        if one.slots is not None:
            subject = value_function.subject
            slots = slots_of(subject["spans"], one.slots)
            value_function.subject = {**subject, "slots": slots}
        made[one.id] = value_function
    return made


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    example = '. Give one object a line, such as {"text": "not bad"}'
    for number, content in json_lines(path, read_text(path), example):
        if not isinstance(content, dict):
            raise BadInput(
                f"{path}, line {number} is {_kind(content)}; "
                'give an object, such as {"text": "not bad"}'
            )
        yield number, content


def _input(
    content: Mapping[str, Any],
    number: int,
    where: str,
    pieces: Sequence[tuple[str, str | None]] | None,
) -> Input:
    name = content.get("id", number)
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise BadInput(f'{where}: "id" must be a string or a whole number; got {name!r}')
    own = {key: _field(content, key, where) for key in OF_PROMPTS if key in content}
    if pieces is None:
        return Input(str(name), number, _field(content, "text", where), own=own)
    text, slots = "", []
    for literal, name_of in pieces:
        text += literal
        if name_of is not None:
            value = _field(content, name_of, where)
            slots.append((name_of, (len(text), len(text) + len(value))))
            text += value
    used = {field for _, field in pieces}
    own = {key: value for key, value in own.items() if key not in used}
    return Input(str(name), number, text, tuple(slots), own)


def _field(content: Mapping[str, Any], name: str, where: str) -> str:
    if name not in content:
        has = ", ".join(f'"{key}"' for key in content) or "nothing"
        raise BadInput(f'{where} has no "{name}"; it has {has}')
    value = content[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if not isinstance(value, str):
        raise BadInput(f'{where}: "{name}" must be a string; it is {_kind(value)}')
    return value


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """Cut a template into literal text and the field after it; ``{{`` is a brace."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise BadInput(
            f"the template {template!r} cannot be read: {error}. A field is a name in braces, "
            "{question}; a brace itself is doubled, {{"
        ) from error
    for _, field, form, kind in parsed:
        if field is not None and (form or kind or not field.isidentifier()):
            raise BadInput(
                f"the template {template!r} has a field that is not a plain name in braces, such "
                f"as {{question}}: {field or '{}'!r}"
            )
    if all(field is None for _, field, _, _ in parsed):
        raise BadInput(f"the template {template!r} has no field, such as {{question}}")
    return [(literal, field) for literal, field, _, _ in parsed]


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "an object", str: "a string", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")
