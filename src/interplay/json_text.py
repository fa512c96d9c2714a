"""JSON from files and servers, which may have been made to do harm.

Size, depth and number of values are bounded before anything is parsed: a few bytes of text can
make a hundred times as many in memory, or nest deeper than Python can follow. What JSON itself
leaves open is settled: numbers are finite, no key comes twice, and texts are whole characters.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput
from interplay.files import read_octets

MOST_BYTES: Final = 2**29
"""Of one text: two thousand runs of a thousand features in one file take less."""

MOST_DEPTH: Final = 100
"""Lists and objects within each other: a run has a dozen, and Python's own reader and writers fail
somewhere beyond a thousand."""

MOST_VALUES: Final = 2**25
"""Of one text: each takes up to a hundred bytes in memory, three gigabytes in all."""

MOST_DIGITS: Final = 308
"""Of a whole number: all that fit into a float. Reading more takes the square of their number."""

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# possessive, and without an end that must be there: nothing is tried twice, whatever the text
_NO_MARK: Final = bytes(octet for octet in range(256) if octet not in b"[]{},")
_OPENS: Final = b"[{"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def load_json(
    path: Path, unreadable: str = "cannot be read as JSON", *, halves: bool = False
) -> Any:
    """Return the JSON that a file holds.

    Parameters
    ----------
    path
    unreadable
        what the message says of a file that is not such JSON.
    halves
        see :func:`parse_json`.

    Raises
    ------
    BadInput
        the file cannot be read, is too large, or is not JSON; the message names it.
    """
    payload = read_octets(path, MOST_BYTES)
    try:
        return parse_json(payload, halves=halves)
    except ValueError as error:
        raise BadInput(f"{path} {unreadable}: {error}") from error


def json_lines(path: Path, text: str, example: str = "") -> Iterator[tuple[int, Any]]:
    """Yield number and contents of the lines of a file of JSON lines; empty ones are left out.

    ``example`` is what the message ends in.

    Raises
    ------
    BadInput
        a line is not JSON; the message names file and line.
    """
    # not splitlines(), which also splits at separators that may stand inside a JSON string
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, parse_line(line, f"{path}, line {number}", example)


def parse_line(line: str, where: str, example: str = "") -> Any:
    """Return the JSON of one line; ``where`` and ``example`` are for the message.

    Raises
    ------
    BadInput
        it is not JSON.
    """
    try:
        return parse_json(line)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON: {error}{example}") from error


def parse_json(content: bytes | str, *, strict: bool = True, halves: bool = False) -> Any:
    """Return what a JSON text says.

    Parameters
    ----------
    content
        the text, or its bytes in UTF-8; a mark of byte order at the beginning is left out.
    strict
        whether to refuse, too, what other programs write and JSON does not allow: NaN and
        infinities, keys that come twice (the last is taken), and halves of characters (U+FFFD
        stands for them).
    halves
        whether halves of characters (lone surrogates) are let be: where names must come back as
        they were given.

    Raises
    ------
    ValueError
        it is no JSON, too large, or nested too deep; the message is to follow the name of the
        source.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json("[" * 1000)
    Traceback (most recent call last):
    ValueError: lists and objects are nested 1,000 deep; 100 are the most
    """
    if isinstance(content, str):
        octets, text = content.encode("utf-8", "surrogatepass"), content.removeprefix("\ufeff")
    else:
        octets = content
    _check_shape(octets)
    if not isinstance(content, str):
        try:
            text = octets.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"it is not UTF-8 text ({error})") from error
    try:
        found = (_STRICT if strict else _LENIENT).decode(text)
    except RecursionError as error:  # there was little room to begin with
        raise ValueError("lists and objects are nested too deep to be read here") from error
    if not halves and _SURROGATE.search(octets):
        whole = _whole(found)
        if strict and whole != found:
            raise ValueError("a text in it holds half of a character (a lone surrogate)")
        found = whole
    return found


def json_octets(content: Any, what: str, *, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8, numbers finite, which :func:`parse_json` reads.

    ``indent`` is that of :func:`json.dumps`, for files that people look into.

    Raises
    ------
    BadInput
        a text in it holds half of a character; the message names ``what`` cannot be written.
    """
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent).encode()
    except UnicodeEncodeError as error:
        near = error.object[max(0, error.start - 20) : error.start]
        raise BadInput(
            f"{what} cannot be written: a text in it holds half of a character (a lone surrogate), "
            f"after {near!r}; give features, targets and texts whole characters"
        ) from error


def _check_shape(octets: bytes) -> None:
    """Raise ValueError for what is too large, by its brackets and commas outside of strings."""
    if len(octets) > MOST_BYTES:
        raise ValueError(f"it has {len(octets):,} bytes; {MOST_BYTES:,} are the most")
    marks = _STRING.sub(b"", octets).translate(None, _NO_MARK)
    opened = sum(marks.count(mark) for mark in (b"[", b"{"))
    values = 1 + opened + marks.count(b",")
    if values > MOST_VALUES:
        raise ValueError(f"it has {values:,} values; {MOST_VALUES:,} are the most")
    if opened > MOST_DEPTH:
        brackets = np.frombuffer(marks.translate(None, b","), dtype=np.uint8)
        opens = np.isin(brackets, np.frombuffer(_OPENS, dtype=np.uint8))
        depth = int(np.cumsum(np.where(opens, np.int8(1), np.int8(-1)), dtype=np.int32).max())
        if depth > MOST_DEPTH:
            raise ValueError(
                f"lists and objects are nested {depth:,} deep; {MOST_DEPTH:,} are the most"
            )


def _whole(found: Any) -> Any:
    """The same with U+FFFD for every half of a character."""
    if isinstance(found, str):
        return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(found, list):
        return [_whole(one) for one in found]
    if isinstance(found, dict):
        return {_whole(name): _whole(one) for name, one in found.items()}
    return found


def _int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number in it has {len(digits):,} digits; {MOST_DIGITS} are the most")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits:.40} in it is too large for a number")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} in it is no number of JSON")


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.60} comes twice in an object")
    return made


_STRICT: Final = json.JSONDecoder(
    parse_int=_int, parse_float=_float, parse_constant=_no_number, object_pairs_hook=_object
)
_LENIENT: Final = json.JSONDecoder(parse_int=_int)
