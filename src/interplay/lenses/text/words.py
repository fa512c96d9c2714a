"""Where words begin and end, in scripts with and without spaces."""

from __future__ import annotations

import re
import unicodedata

from interplay.value_function import Span

# The zero-width space and the byte-order mark separate words as white space does.
SPACE = "\\s\u200b\ufeff"
_WORD = re.compile(f"[^{SPACE}]+")
_ZERO_WIDTH_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
# Scripts written without spaces between words: (first, last) code points.
_UNSPACED = (
    (0x0E01, 0x0E4E),  # Thai
    (0x0E81, 0x0ECD),  # Lao
    (0x1000, 0x103F),  # Myanmar
    (0x1780, 0x17D3),  # Khmer
    (0x3005, 0x3007),  # Han iteration mark, closing mark and zero
    (0x3041, 0x309F),  # Hiragana
    (0x3105, 0x312F),  # Bopomofo
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_KATAKANA = ((0x30A1, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))


def words(text: str) -> list[Span]:
    """Return the cores of the words: what stands between white space, with its punctuation.

    In scripts that are written without spaces a word is: one Han or Hiragana character, a run of
    Katakana, or one Thai, Lao, Khmer or Myanmar cluster (no dictionary is consulted); marks,
    joiners and closing punctuation stay with what they follow, opening punctuation with what
    follows. Runs of other letters, digits and emoji inside such a text stay whole.

    >>> [text[a:b] for text in ["我不喜欢。Python 3"] for a, b in words(text)]
    ['我', '不', '喜', '欢。', 'Python', '3']
    """
    spans: list[Span] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        for i in _breaks(match[0]):
            spans.append((start, match.start() + i))
            start = match.start() + i
        spans.append((start, end))
    return spans


def _breaks(chunk: str) -> list[int]:
    """Where to cut a chunk without white space."""
    if chunk.isascii() or not any(_script(c) for c in chunk):
        return []
    cuts = []
    base = chunk[0]  # the last character that is not a mark on another
    for i in range(1, len(chunk)):
        if _extends(chunk[i]) or chunk[i - 1] == _ZERO_WIDTH_JOINER:
            continue
        if _cut_between(base, chunk[i]):
            cuts.append(i)
        base = chunk[i]
    return cuts


def _cut_between(left: str, right: str) -> bool:
    if _opens(left) or (_punctuation(right) and not _opens(right)):
        return False
    if _punctuation(left) or _opens(right):
        # "3.5" inside a Chinese text stays whole, a full-width comma ends a word
        return _wide(left) or _wide(right) or bool(_script(right))
    scripts = _script(left), _script(right)
    return scripts[0] != scripts[1] or scripts[1] == "each"


def _script(c: str) -> str:
    """``"each"``: every character is a word; ``"run"``: Katakana; empty for scripts with spaces."""
    code = ord(c)
    if code < 0x0E01:
        return ""
    if any(first <= code <= last for first, last in _KATAKANA):
        return "run"
    return "each" if any(first <= code <= last for first, last in _UNSPACED) else ""


def _extends(c: str) -> bool:
    # U+30FC lengthens the vowel before it, in Hiragana as in Katakana
    return (
        unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf")
        or ord(c) in _SKIN_TONES
        or c == "\u30fc"
    )


def _opens(c: str) -> bool:
    return unicodedata.category(c) in ("Ps", "Pi")


def _punctuation(c: str) -> bool:
    return unicodedata.category(c).startswith("P")


def _wide(c: str) -> bool:
    return unicodedata.east_asian_width(c) in ("W", "F")
