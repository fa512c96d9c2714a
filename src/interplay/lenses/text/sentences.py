"""Where sentences end: by rule, in many scripts, without a model."""

from __future__ import annotations

import re
from itertools import pairwise

from interplay.value_function import Span

_CLOSING = "[\"'”’»›)\\]}」』】》）*_]*"
# A blank line, or HTML line breaks, end a sentence whatever stands before them.
# The look-behinds here and below let only the beginning of a run match, so that a text of nothing
# but spaces or dots takes linear time.
_PARAGRAPH = r"(?<!\s)\s*(?:<br\s*/?>\s*)+|(?<!\s)[^\S\n]*\n[^\S\n]*\n\s*"
_MARKS = ".!?…‥؟۔।॥።፧"
_END = re.compile(
    f"(?P<paragraph>{_PARAGRAPH})"
    f"|(?P<wide>[。！？．｡]+{_CLOSING})"
    f"|(?<![{_MARKS}])(?P<mark>[{_MARKS}]+)(?P<closing>{_CLOSING})(?=[\\s\u200b]|$)"
)
_OPENING = "\"'“‘«‹([{「『【《（*_¿¡-–—"
# Never the last word of a sentence: something always follows.
_TITLE = re.compile(
    r"mr|mrs|ms|mx|dr|prof|sgt|capt|cpt|lt|col|gen|rep|sen|gov|rev|hon|pres|mt|fr|messrs|mme|mlle"
    r"|vs|e\.g|i\.e|eg|ie|cf|viz|approx|ca|resp|z\.b|d\.h|bzw|sra|dra"
)
# Abbreviations only before a number: "No. 5", but "he said no."
_NUMBERED = re.compile(r"nos?|nr|vol|figs?|pp?|ch|sec|art|op|eq|ed")
# May end a sentence: they do where a common first word follows.
_EITHER = re.compile(
    r"etc|inc|ltd|co|corp|jr|sr|st|ave|blvd|dept|est|al|a\.m|p\.m|ph\.d|usw|(?:[^\W\d_]\.)*[^\W\d_]"
)
_FIRST = re.compile(
    r"(?:a|after|all|although|an|and|as|at|because|before|but|for|he|her|here|his|how|i|if|in|it|its"
    r"|my|no|not|now|of|on|one|our|she|so|some|that|the|their|then|there|these|they|this|those|to"
    r"|we|well|what|when|where|who|why|with|you|your)(?![^\W\d_])"
)
_LAST_WORD = re.compile(r"[^\s\u200b]+$")
_LETTER = re.compile(r"\w")
_CONTENT = re.compile(r"[^\s\u200b\ufeff]")


def sentences(text: str) -> list[Span]:
    """Return the cores of the sentences.

    A sentence ends at ``.``, ``!``, ``?``, an ellipsis or their kin in other scripts, with the
    quotes and brackets that close after it, before white space (the full-width marks of Chinese
    and Japanese need none); at a blank line; and at HTML line breaks, which stay with it. It does
    not end after titles and initials ("Dr. J. Smith"), at the number of a list item, or where the
    next word begins with a small letter, unless the text has no capitals at all. What has no letter
    or digit, such as a mark that stands alone, is no sentence and joins the one before.

    >>> text = 'Dr. Who asked "Why?" and left.  "Good!" It was 3.5 km.'
    >>> [text[a:b] for a, b in sentences(text)]
    ['Dr. Who asked "Why?" and left.', '"Good!"', 'It was 3.5 km.']
    """
    cased = text != text.lower()
    ends: list[int] = []
    start = 0
    for match in _END.finditer(text):
        if _ends(text, start, match, cased):
            start = match.end()
            ends.append(start)
    return _trim(text, [0, *ends, len(text)])


def _ends(text: str, start: int, match: re.Match[str], cased: bool) -> bool:
    if match["mark"] is None:
        return True
    following = text[match.end() : match.end() + 80].lstrip().lstrip(_OPENING)
    if cased and following[:1].islower():
        return False
    if match["mark"] != "." or match["closing"]:
        return True
    found = _LAST_WORD.search(text, max(start, match.start() - 40), match.start())
    if found is None:  # a full stop that stands alone, as in tokenised text
        return True
    word = found[0].lstrip(_OPENING)
    if word.isdigit() and len(word) <= 3 and not text[start : found.start()].strip():
        return False  # the number of a list item
    lowered = word.lower()
    if _TITLE.fullmatch(lowered):
        return False
    if _NUMBERED.fullmatch(lowered) and following[:1].isdigit():
        return False
    if _EITHER.fullmatch(lowered) and word != "I":
        return not following or _FIRST.match(following.lower()) is not None
    return True


def _trim(text: str, bounds: list[int]) -> list[Span]:
    """Strip white space off each stretch; one without a letter or digit joins the one before."""
    spans: list[Span] = []
    for start, end in pairwise(bounds):
        first = _CONTENT.search(text, start, end)
        if first is None:
            continue
        while not _CONTENT.match(text, end - 1):
            end -= 1
        start = first.start()
        # so does anything after a beginning that has none, such as an opening "..."
        if spans and not (_LETTER.search(text, start, end) and _LETTER.search(text, *spans[-1])):
            start = spans.pop()[0]
        spans.append((start, end))
    return spans
