"""Which tokens of an echoed text are the response's, and which of its characters each stands for.

Servers show tokens as pieces of text. Where a token is only a part of a character its piece is
empty, a replacement character, or ``bytes:\\xe2``; some tokenizers' pieces lack their space.
"""

from __future__ import annotations

from collections.abc import Sequence

from interplay.errors import BackendError, BadInput
from interplay.value_function import Span


def whole(piece: str) -> bool:
    """Whether a piece is text, not a part of a character."""
    return bool(piece) and "\ufffd" not in piece and not piece.startswith("bytes:")


def spans(pieces: Sequence[str], before: str | None, response: str) -> list[Span]:
    """Return the characters of ``response`` that each of the last tokens stands for.

    Parameters
    ----------
    pieces
        of all tokens.
    before
        the text before the response; None where it is not known (a chat's template).

    Raises
    ------
    BadInput
        a token is partly before and partly in the response.
    BackendError
        the last tokens are not those of the response.

    Examples
    --------
    >>> spans(["A", " film", ": ", "not", " bad"], "A film: ", "not bad")
    [(0, 3), (3, 7)]
    """
    prefix = before or ""
    text, start = prefix + response, len(prefix)
    end, i = len(text), len(pieces)
    found: list[Span] = []
    while end > start:
        if i == 0:
            raise _other(pieces, response)
        if whole(pieces[i - 1]):
            i -= 1
            piece = pieces[i]
            if not text.endswith(piece, 0, end):
                trimmed = len(text[:end].rstrip())
                if found and text.endswith(piece, 0, trimmed) and trimmed > start:
                    # white space that no piece shows belongs to the token after it
                    found[-1] = (trimmed - start, found[-1][1])
                    end = trimmed
                elif before is not None and _crosses(piece, text, end, start):
                    raise straddles(piece)
                else:
                    raise _other(pieces, response)
            begin = end - len(piece)
            if begin < start:
                raise straddles(piece) if before is not None else _other(pieces, response)
            found.append((begin - start, end - start))
            hidden = begin > start and not text[start:begin].strip()
            if i and hidden and not text.endswith(pieces[i - 1] or "?", 0, begin):
                found[-1], begin = (0, end - start), start  # a space that no piece shows
        else:
            last = i
            while i and not whole(pieces[i - 1]):
                i -= 1
            begin = -1
            if i:
                place = text.rfind(pieces[i - 1], 0, end - 1)
                begin = place + len(pieces[i - 1]) if place >= 0 else -1
            if begin < start and prefix:
                raise straddles(response[: end - start])
            begin = max(begin, start)
            found += [(begin - start, end - start)] * (last - i)
        end = begin
    if i and prefix and whole(pieces[i - 1]) and prefix != prefix.rstrip():
        shown = pieces[i - 1]
        if not prefix.endswith(shown) and prefix.rstrip().endswith(shown):
            raise straddles(prefix[len(prefix.rstrip()) :] + response[: found[-1][1]])
    return found[::-1]


def preamble(pieces: Sequence[str], text: str) -> str | None:
    """Return what the tokens show before a text, without white space; None if not that text.

    Where some pieces are parts of characters, the others must come in order.

    >>> preamble(["<s>", "A", " film"], "A film"), preamble(["A", " dog"], "A film")
    ('<s>', None)
    """
    squeezed = "".join(text.split())
    shown = ["".join(piece.split()) for piece in pieces]
    if all(map(whole, pieces)):
        joined = "".join(shown)
        return joined.removesuffix(squeezed) if joined.endswith(squeezed) else None
    before = ""
    place = 0
    for piece in filter(whole, shown):
        found = squeezed.find(piece, place)
        if found >= 0:
            place = found + len(piece)
        elif place == 0 and piece.startswith("<"):
            before += piece
        else:
            return None
    return before


def straddles(piece: str) -> BadInput:
    """Return the error for a token that is partly in the prompt."""
    return BadInput(
        f"prompt and response share a token, {piece!r}: the response has no tokens of its own. "
        "Start the response with a space, end the prompt where a word ends, or pass "
        "tokenizer=FOLDER so that both are sent as token ids"
    )


def _crosses(piece: str, text: str, end: int, start: int) -> bool:
    return text[:end].endswith(piece[: end - start]) or piece.startswith(text[max(start - 1, 0)])


def _other(pieces: Sequence[str], response: str) -> BackendError:
    shown = "".join(pieces[-8:])
    return BackendError(
        f"the server's log-probabilities are not for the text that was sent: its last tokens are "
        f"{shown[-60:]!r}, and the response is {response[-60:]!r}"
    )
