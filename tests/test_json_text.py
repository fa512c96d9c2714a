"""JSON made to do harm: refused before it is parsed, with the figure; all other JSON is read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import interplay as ip
from interplay import json_text
from interplay.collection import Explanations, holds_many
from interplay.errors import BadInput
from interplay.json_text import load_json, parse_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=30,
)


@given(JSON, st.booleans(), st.sampled_from([None, 1]), st.booleans())
def test_all_that_json_says_comes_back(
    content: Any, ascii_only: bool, indent: int | None, strict: bool
) -> None:
    try:
        text = json.dumps(content, ensure_ascii=ascii_only, indent=indent)
        octets = text.encode()
    except UnicodeEncodeError:  # a key with half of a character
        return
    if not ascii_only or "\\ud" not in text:
        assert parse_json(text, strict=strict) == content
        assert parse_json(octets, strict=strict) == content
        assert parse_json(b"\xef\xbb\xbf" + octets, strict=strict) == content


@given(st.text('[]{}"\\,a', max_size=60))
def test_what_is_bounded_is_what_the_parser_sees(text: str) -> None:
    """Brackets in strings do not count: the depth by the marks is that of the values."""

    def depth(content: Any) -> int:
        if isinstance(content, list | dict):
            inner = content.values() if isinstance(content, dict) else content
            return 1 + max(map(depth, inner), default=0)
        return 0

    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            parse_json(text)
        return
    assert parse_json(text) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "MOST_DEPTH", depth(expected))
        assert parse_json(text) == expected
        if depth(expected):
            patch.setattr(json_text, "MOST_DEPTH", depth(expected) - 1)
            with pytest.raises(ValueError, match="deep; "):
                parse_json(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "nested 100,000 deep; 100 are the most"),
        (b'{"a":' * 100_000, "nested 100,000 deep; 100 are the most"),
        (b"1" * 1_000_000, "a number in it has 1,000,000 digits; 308 are the most"),
        (b"[-" + b"9" * 400 + b"]", "has 401 digits"),
        (b"[1e999]", "1e999 in it is too large for a number"),
        (b"[NaN]", "NaN in it is no number of JSON"),
        (b"-Infinity", "-Infinity in it is no number of JSON"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' comes twice"),
        (b'"\\ud800"', "half of a character"),
        (b'{"\\uDFFF": 1}', "half of a character"),
        (b'["\xff"]', "it is not UTF-8 text"),
        ('"a"'.encode("utf-16"), "it is not UTF-8 text"),
        (b'["a', "Unterminated string"),
        (b"", "Expecting value"),
    ],
    ids=lambda one: str(one)[:24],
)  # fmt: skip
def test_what_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        parse_json(content)
    assert time.perf_counter() - began < 30
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"a\.json cannot be read as JSON: .*{message}"):
        load_json(path)
    assert path.read_bytes() == content


def test_values_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MOST_VALUES", 1000)
    assert parse_json("[" + ",".join(["0"] * 999) + "]") == [0] * 999
    for text in ("[" + ",".join(["0"] * 1000) + "]", "[" + "[]," * 600, "[" + '{"a":[]}' * 600):
        with pytest.raises(ValueError, match=r"1,\d+ values; 1,000 are the most"):
            parse_json(text)


@pytest.mark.parametrize(
    "content", [b'"' + b'\\"' * 2**20, b'["' * 2**20, b'"\\' * 2**20, b'"' + b"a" * 2**22]
)
def test_no_text_takes_more_than_its_length(content: bytes) -> None:
    """Strings that never end are where a pattern could try everything twice."""
    began = time.perf_counter()
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(content)
    assert time.perf_counter() - began < 10


def test_what_other_programs_write_is_read_where_it_may_be() -> None:
    assert parse_json('{"a": -Infinity, "a": 1e999}', strict=False) == {"a": float("inf")}
    assert parse_json('["\\ud83d", "\\ud83d\\ude00"]', strict=False) == ["\ufffd", "\U0001f600"]
    for strict in (True, False):
        with pytest.raises(ValueError, match="digits"):
            parse_json("1" * 5000, strict=strict)


@pytest.mark.parametrize(
    "read",
    [load_json, ip.load, Explanations.load, ip.Spectrum.load, ip.read_recording],
    ids=lambda read: read.__qualname__,
)
def test_ten_gigabytes_are_not_read(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(10 * 2**30)  # a hole: it takes no room
    began = time.perf_counter()
    with pytest.raises(
        BadInput, match=r"huge\.json is too large to be read: 536,870,912 bytes are the most"
    ):
        read(path)
    assert not holds_many(path)
    assert time.perf_counter() - began < 1


def test_what_has_no_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MOST_BYTES", 2**22)
    with pytest.raises(BadInput, match="/dev/zero is too large to be read"):
        load_json(Path("/dev/zero"))
