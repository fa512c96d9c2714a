"""The fields of a JSON text: where each stands, and the text without some of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from interplay.errors import BadInput
from interplay.value_function import Span

_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r'[^\s,\]}"\[{]+')
DEEPEST = 100


@dataclass(frozen=True)
class Field:
    """One value that holds no others: its path, and where it stands.

    ``member`` is the stretch that goes when it is deleted (``"age": 36``), ``value`` the value in
    it (``36``).
    """

    path: str
    member: Span
    value: Span


@dataclass(frozen=True)
class _Group:
    """An object or a list with something in it, and the stretch of its members."""

    member: Span
    inner: Span
    """From behind the opening bracket to before the closing one."""
    parts: tuple[Field | _Group, ...]


class Fields:
    """A JSON text as fields that can be left out or replaced; what is left is JSON again.

    With every field kept it is the text, character for character. An object or a list of which
    nothing is left goes with its name, up to the outermost, which stays: ``{}``.

    Raises
    ------
    BadInput
        the text is not JSON, or is a single value.

    Examples
    --------
    >>> fields = Fields('{"name": "Ada", "born": {"year": 1815, "city": "London"}}')
    >>> [field.path for field in fields]
    ['name', 'born.year', 'born.city']
    >>> fields.without([None, "", None])
    '{"name": "Ada", "born": {"city": "London"}}'
    """

    def __init__(self, text: str) -> None:
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(
                f"units='field' takes a JSON text, and this is none: {error}; "
                "use units='word' for other texts"
            ) from error
        self.text = text
        start = _skip(text, 0)
        root = self._value(start, start, "", 0)
        if isinstance(root, Field):
            raise BadInput(
                f"units='field' takes a JSON object or list with fields; got {text.strip()[:60]!r}"
            )
        self._root = root
        self._fields = tuple(_leaves(root))
        self._place = {field.member: i for i, field in enumerate(self._fields)}

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def without(self, gone: Sequence[str | None]) -> str:
        """Return the text with what ``gone`` says of each field: None keeps it, ``""`` deletes it.

        Anything else stands in place of its value.
        """
        start, end = self._root.inner
        body = self._members(self._root, gone)
        return self.text[:start] + (body if body is not None else "") + self.text[end:]

    def _members(self, group: _Group, gone: Sequence[str | None]) -> str | None:
        """The kept members of a group with what stands around them; None where none is left."""
        text, (first, last) = self.text, group.inner
        out: list[str] = []
        for part in group.parts:
            kept = self._part(part, gone)
            if kept is not None:
                out.append(kept)
        if not out:
            return None
        opening = text[first : group.parts[0].member[0]]
        closing = text[group.parts[-1].member[1] : last]
        if len(group.parts) == 1:
            return opening + out[0] + closing
        between = text[group.parts[0].member[1] : group.parts[1].member[0]]
        if len(out) == len(group.parts):  # each gap as it was
            gaps = [
                text[a.member[1] : b.member[0]]
                for a, b in zip(group.parts, group.parts[1:], strict=False)
            ]
        else:
            gaps = [between] * (len(out) - 1)
        body = out[0] + "".join(gap + one for gap, one in zip(gaps, out[1:], strict=True))
        return opening + body + closing

    def _part(self, part: Field | _Group, gone: Sequence[str | None]) -> str | None:
        start, end = part.member
        if isinstance(part, Field):
            instead = gone[self._place[part.member]]
            if instead is None:
                return self.text[start:end]
            if instead == "":
                return None
            return self.text[start : part.value[0]] + instead
        body = self._members(part, gone)
        if body is None:
            return None
        return self.text[start : part.inner[0]] + body + self.text[part.inner[1] : end]

    def _value(self, member: int, start: int, path: str, depth: int) -> Field | _Group:
        """The value at ``start`` of the member that begins at ``member``."""
        text = self.text
        if depth > DEEPEST:
            raise BadInput(f"the JSON text is nested more than {DEEPEST} deep; flatten it")
        if text[start] == '"':
            _, end = scanstring(text, start + 1, False)
            return Field(path, (member, end), (start, end))
        if text[start] not in "{[":
            match = _SCALAR.match(text, start)
            assert match is not None
            return Field(path, (member, match.end()), (start, match.end()))
        closing = "}" if text[start] == "{" else "]"
        at = _skip(text, start + 1)
        parts: list[Field | _Group] = []
        while text[at] != closing:
            here, name = at, str(len(parts))
            if closing == "}":
                name, at = scanstring(text, at + 1, False)
                at = _skip(text, _skip(text, at) + 1)
            part = self._value(here, at, f"{path}.{name}" if path else name, depth + 1)
            parts.append(part)
            at = _skip(text, part.member[1])
            if text[at] == ",":
                at = _skip(text, at + 1)
        if not parts:
            return Field(path, (member, at + 1), (start, at + 1))
        return _Group((member, at + 1), (start + 1, at), tuple(parts))


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _leaves(group: _Group) -> Iterator[Field]:
    for part in group.parts:
        if isinstance(part, Field):
            yield part
        else:
            yield from _leaves(part)
