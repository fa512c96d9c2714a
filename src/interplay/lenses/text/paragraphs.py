"""Where paragraphs begin and end."""

from __future__ import annotations

import re

from interplay.value_function import Span

_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_CORE = re.compile("[^\\s\u200b\ufeff](?:.*[^\\s\u200b\ufeff])?", re.DOTALL)


def paragraphs(text: str) -> list[Span]:
    """Return the cores of the paragraphs, which blank lines separate.

    >>> text = "One.\\nStill one.\\n\\n  Two. "
    >>> [text[a:b] for a, b in paragraphs(text)]
    ['One.\\nStill one.', 'Two.']
    """
    unified = text.replace("\r", " ")  # of the same length: a Windows line end is white space
    bounds = [0, *(end for match in _BREAK.finditer(unified) for end in match.span()), len(text)]
    spans = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        core = _CORE.search(text, start, end)
        if core is not None:
            spans.append(core.span())
    return spans
