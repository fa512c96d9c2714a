"""How a prompt is put together, and cut: where its units are, and what is never masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from interplay.errors import BadInput, unknown
from interplay.lenses.text.document import Document, Message
from interplay.lenses.text.fields import Fields
from interplay.lenses.text.units import SPLITTERS, Units, check_units
from interplay.value_function import Span

TEMPLATE = "{text}\nQuestion: {question}\nAnswer:"
"""How a text and a question become one prompt, where nothing else is said."""

WHOLE = ("chunk", "message", "example")
"""Units that the caller hands over, each as it is."""

KINDS = (*SPLITTERS, "token", *WHOLE, "field")
ROLES = ("system", "developer", "user", "assistant", "tool")
BETWEEN = "\n\n"


def document(
    text: str | Sequence[str] | Sequence[Mapping[str, Any]],
    units: str | Sequence[Span] = "word",
    *,
    question: str | None = None,
    template: str | None = None,
    examples: Sequence[str | Sequence[str]] = (),
    system: str | None = None,
    fixed: Sequence[str] = (),
) -> Document:
    """Put a prompt together and cut what may be masked of it into units.

    Parameters
    ----------
    text
        A text; several, such as retrieved chunks or paragraphs; or the messages of a chat,
        ``{"role": "user", "content": "..."}`` each, perhaps with ``"fixed": True``.
    units
        ``"token"``, ``"word"``, ``"sentence"``, ``"paragraph"``; ``"chunk"``, each of several
        texts; ``"message"``, each message of a chat but the last; ``"example"``, each of
        ``examples``; ``"field"``, each value of a JSON text; a sequence of ``(start, end)``,
        stretches of ``text`` in characters; or a coarse and a fine one, ``"sentence+word"``.
    question
        Stands in ``template`` and is never masked.
    template
        Where ``{text}`` and ``{question}`` stand in the prompt.
    examples
        Few-shot examples before the text: texts, or pairs of input and output. Masked only by
        ``units="example"``.
    system
        A system message, never masked; it makes the prompt a chat.
    fixed
        Stretches of the text that are never masked, wherever they occur.

    Raises
    ------
    BadInput
        For a text without two units, unknown units, spans that overlap or lie outside, a fixed
        stretch that does not occur, or arguments that do not go together.

    Examples
    --------
    >>> made = document("Ada is here. Bob is not.", "sentence", question="Who is here?")
    >>> made.render(["", None])
    [('', 'Bob is not.\\nQuestion: Who is here?\\nAnswer:')]
    """
    if not isinstance(units, Iterable):
        raise BadInput(
            "units must be a name such as 'word', or stretches of the text, (start, end) each; "
            f"got {units!r}"
        )
    kind = units if isinstance(units, str) else "span"
    coarse, _, fine = kind.partition("+")
    for one in (coarse, fine) if fine else (coarse,):
        if one not in KINDS and kind != "span":
            raise unknown("units", units, (*KINDS, "sentence+word"))
    if fine and (fine not in (*SPLITTERS, "token") or coarse in ("token", "word", "field")):
        raise BadInput(
            f"units={kind!r} must name a coarse and a finer unit, such as 'sentence+word', "
            "'paragraph+sentence' or 'chunk+word'"
        )
    writer = _Writer()
    writer.write(text, question, template, examples, system)
    whole = writer.text
    regions = _without(whole, writer.regions, fixed)
    fields = None
    groups: list[tuple[int, ...]] = []
    outer: list[Span] = []
    if kind == "span":
        if not isinstance(text, str):
            raise BadInput("spans, as units, are stretches of one text; got several texts")
        at = writer.regions[0].start
        cores = [(at + start, at + end) for start, end in _checked_spans(units, len(text))]
    elif coarse == "field":
        if len(writer.messages) > 1 or question is not None or examples or fixed:
            raise BadInput("units='field' takes one JSON text and nothing beside it")
        fields = Fields(whole)
        cores = [one.member for one in fields]
    else:
        cores = outer = _cores(whole, coarse, regions, writer)
        if fine:
            cores = []
            for start, end in outer:
                inner = [
                    (start + a, start + b)
                    for a, b in SPLITTERS["word" if fine == "token" else fine](whole[start:end])
                ]
                groups.append(tuple(range(len(cores), len(cores) + len(inner))))
                cores += inner
    made = Units(whole, kind, tuple(cores))
    if kind == "token" and cores:  # tokens are the model's: see TokenAblation
        return Document(made, tuple(writer.messages))
    check_units(made)
    return Document(
        made,
        tuple(writer.messages),
        fields,
        tuple(groups),
        tuple(outer) if fine else (),
    )


@dataclass(frozen=True)
class _Region:
    """A stretch that may be masked: of a text, a chunk, an example or a message."""

    kind: str
    start: int
    end: int


class _Writer:
    """Writes the document part by part, and notes where each stands."""

    def __init__(self) -> None:
        self.text = ""
        self.messages: list[Message] = []
        self.regions: list[_Region] = []
        self._role: str | None = None
        self._from = 0

    def write(
        self,
        text: str | Sequence[Any],
        question: str | None,
        template: str | None,
        examples: Sequence[str | Sequence[str]],
        system: str | None,
    ) -> None:
        if isinstance(text, Mapping | bytes) or not isinstance(text, str | Sequence):
            raise BadInput(
                f"text must be a string, several, or the messages of a chat; got {_type(text)}"
            )
        if not isinstance(text, str) and text and isinstance(text[0], Mapping):
            if question is not None or template is not None or examples or system is not None:
                raise BadInput(
                    "a text of messages is the whole chat: put question, examples and system "
                    'message into it, with "fixed": True where they shall not be masked'
                )
            self._chat(text)
            return
        chunks = [text] if isinstance(text, str) else list(text)
        for chunk in chunks:
            check_string("text", chunk)
        before, after = _template(template, question)
        chat = system is not None
        if system is not None:
            check_string("system", system)
            with_role = Message("system", 0, len(system))
            self.text += system
            self.messages.append(with_role)
        for number, example in enumerate(examples):
            self._example(example, number, chat)
        self._open("user" if chat else "", fresh=chat)
        self._add(before)
        for number, chunk in enumerate(chunks):
            self._add(BETWEEN if number else "")
            kind = "text" if isinstance(text, str) else "chunk"
            self.regions.append(_Region(kind, len(self.text), len(self.text) + len(chunk)))
            self._add(chunk)
        self._add(after)
        self._close()

    def _chat(self, messages: Sequence[Any]) -> None:
        for number, message in enumerate(messages):
            if not isinstance(message, Mapping) or not {"role", "content"} <= message.keys():
                raise BadInput(
                    f'message {number + 1} must be an object with "role" and "content"; '
                    f"got {message!r:.80}"
                )
            role, content = message["role"], message["content"]
            if role not in ROLES:
                raise BadInput(f"message {number + 1}: {unknown('role', role, ROLES)}")
            check_string(f"content of message {number + 1}", content)
            fixed = message.get("fixed", role in ("system", "developer"))
            if not isinstance(fixed, bool):
                raise BadInput(f'"fixed" of message {number + 1} must be true or false')
            self._open(role, fresh=True)
            if not fixed:
                last = "fixed" not in message and number == len(messages) - 1
                kind = "last message" if last else "message"
                self.regions.append(_Region(kind, len(self.text), len(self.text) + len(content)))
            self._add(content)
            self._close()

    def _example(self, example: str | Sequence[str], number: int, chat: bool) -> None:
        if not isinstance(example, Sequence):
            raise BadInput(
                f"example {number + 1} must be a text or a pair of input and output; "
                f"got {example!r:.60}"
            )
        pair = [example] if isinstance(example, str) else list(example)
        if len(pair) > 2 or not pair:
            raise BadInput(
                f"example {number + 1} must be a text or a pair of input and output; "
                f"got {len(pair)} texts"
            )
        for part in pair:
            check_string(f"example {number + 1}", part)
        if chat and len(pair) < 2:
            raise BadInput(f"example {number + 1} of a chat must be a pair of input and output")
        start = None
        if chat:
            for role, part in zip(("user", "assistant"), pair, strict=True):
                self._open(role, fresh=True)
                start = len(self.text) if start is None else start
                self._add(part)
                self._close()
        else:
            self._open("", fresh=False)
            start = len(self.text)
            self._add("\n".join(pair))
        assert start is not None
        self.regions.append(_Region("example", start, len(self.text)))
        if not chat:
            self._add(BETWEEN)

    def _open(self, role: str, *, fresh: bool) -> None:
        if self._role is not None:
            return
        if fresh and self.messages:
            self.text += BETWEEN
        self._role, self._from = role, len(self.text)

    def _add(self, text: str) -> None:
        self.text += text

    def _close(self) -> None:
        assert self._role is not None
        self.messages.append(Message(self._role, self._from, len(self.text)))
        self._role = None


def _cores(text: str, kind: str, regions: Sequence[_Region], writer: _Writer) -> list[Span]:
    """The units of one kind, in the order of the text."""
    if kind == "message":
        if not any(message.role for message in writer.messages) or not any(
            "message" in region.kind for region in regions
        ):
            raise BadInput(
                "units='message' takes the messages of a chat as text, "
                '[{"role": "user", "content": "..."}, ...]; got a text'
            )
        return [(one.start, one.end) for one in regions if one.kind == "message"]
    if kind in ("chunk", "example"):
        found = [(one.start, one.end) for one in regions if one.kind == kind]
        if not found:
            what = "several texts" if kind == "chunk" else "examples=[...]"
            raise BadInput(
                f"units={kind!r} takes {what}, each of which is a unit; for the parts of one text "
                "use units='paragraph'"
            )
        return [span for span in found if text[slice(*span)].strip()]
    splitter = SPLITTERS["word" if kind == "token" else kind]
    return [
        (one.start + a, one.start + b)
        for one in regions
        if one.kind != "example"
        for a, b in splitter(text[one.start : one.end])
    ]


def _without(text: str, regions: Sequence[_Region], fixed: Sequence[str]) -> list[_Region]:
    """The regions less the stretches that are fixed."""
    if isinstance(fixed, str):
        raise BadInput(f"fixed must be a sequence of stretches; got the string {fixed[:40]!r}")
    spans: list[Span] = []
    for stretch in fixed:
        check_string("fixed", stretch)
        found = list(_occurrences(text, stretch))
        if not found:
            raise BadInput(f"fixed stretch {stretch[:60]!r} does not occur in the text")
        spans += found
    left = []
    for region in regions:
        start = region.start
        for a, b in sorted(spans):
            if a >= region.end or b <= start:
                continue
            if region.kind in ("chunk", "example", "message") and a <= start and b >= region.end:
                start = region.end  # fixed as a whole
                break
            if a > start:
                left.append(_Region(region.kind, start, a))
            start = max(start, b)
        if start < region.end:
            left.append(_Region(region.kind, start, region.end))
    return left


def _occurrences(text: str, stretch: str) -> Iterator[Span]:
    at = text.find(stretch) if stretch else -1
    while at >= 0:
        yield at, at + len(stretch)
        at = text.find(stretch, at + len(stretch))


def _template(template: str | None, question: str | None) -> tuple[str, str]:
    """What stands before and after the text."""
    if question is not None:
        check_string("question", question)
        if not question.strip():
            raise BadInput("question is empty; leave it out, or ask something")
    if template is None:
        if question is None:
            return "", ""
        template = TEMPLATE
    check_string("template", template)
    if template.count("{text}") != 1:
        raise BadInput(f"template {template!r} must hold {{text}} once")
    if ("{question}" in template) != (question is not None):
        raise BadInput(
            f"template {template!r} has no {{question}} for the question"
            if question is not None
            else f"template {template!r} holds {{question}}, and there is none"
        )
    before, after = template.split("{text}")
    if question is not None:
        before, after = (part.replace("{question}", question) for part in (before, after))
    return before, after


def _checked_spans(spans: Sequence[Any], length: int) -> list[Span]:
    checked: list[Span] = []
    for span in spans:
        try:
            start, end = (int(edge) for edge in span)
        except (TypeError, ValueError):
            raise BadInput(f"units must be a name or (start, end) pairs; got {span!r}") from None
        if not 0 <= start < end <= length:
            raise BadInput(
                f"span ({start}, {end}) is empty or outside the text of {length} characters"
            )
        checked.append((start, end))
    checked.sort()
    for one, other in pairwise(checked):
        if one[1] > other[0]:
            raise BadInput(f"spans {one} and {other} overlap; a character belongs to one unit")
    return checked


def check_string(name: str, given: object) -> None:
    """Raise BadInput unless ``given`` is a string of valid Unicode."""
    if not isinstance(given, str):
        raise BadInput(f"{name} must be a string; got {_type(given)}")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{name} is not valid Unicode: half of a surrogate pair at character {error.start}; "
            "read the file as UTF-8 and without errors='surrogateescape'"
        ) from error


def _type(given: object) -> str:
    return type(given).__name__
