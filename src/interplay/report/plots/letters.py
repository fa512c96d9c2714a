"""What a font can draw: names cleaned, measured and shortened, so that none warns or overflows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from interplay.numbers import elide

OWN = "DejaVu Sans"
"""The font that comes with matplotlib: what the chosen one lacks is taken from it."""

UNUSABLE = ("emoji", "last resort")
"""Parts of the names of fonts whose glyphs are coloured, or boxes."""

JOINERS = "\u200c\u200d"
"""Invisible characters that letters around them depend on; others may turn a line around."""

LONGEST = 400
"""Characters of a name that are looked at."""


@dataclass(frozen=True)
class Pen:
    """Fonts that have all letters of some texts, as far as installed ones do, and a size.

    Attributes
    ----------
    families : tuple of str
        What ``font.family`` should be.
    glyphs : frozenset of int
        Code points that one of them has.
    size : float
        In points.
    """

    families: tuple[str, ...]
    glyphs: frozenset[int]
    size: float

    @classmethod
    def of(cls, texts: Iterable[str], size: float) -> Pen:
        """Return the user's own fonts, and installed ones that have what these lack."""
        from matplotlib import rcParams
        from matplotlib.font_manager import FontProperties, findfont

        families = [*rcParams["font.family"]]
        families += [OWN] * (OWN not in families)
        glyphs: set[int] = set()
        for name in families:
            glyphs |= _glyphs(findfont(FontProperties(family=[name])))
        lacking = {ord(c) for text in texts for c in text if _shows(c)} - glyphs
        for name, path in _installed() if lacking else ():
            if more := lacking & _glyphs(path):
                families.append(name)
                glyphs |= _glyphs(path)
                lacking -= more
        return cls(tuple(families), frozenset(glyphs), size)

    def clean(self, text: str) -> str:
        """Return ``text`` in characters that can be drawn; white space is closed up.

        A symbol that no font has is named, a letter becomes a box, and what cannot be seen, or
        would turn the line around, is left out.
        """
        drawn = []
        for c in unicodedata.normalize("NFC", " ".join(text.split())):
            if not (_shows(c) or c in JOINERS):
                continue
            if ord(c) in self.glyphs:
                drawn.append(c)
            elif unicodedata.category(c) == "So":
                drawn.append(f"[{unicodedata.name(c, 'symbol').lower()}]")
            elif _shows(c) and not unicodedata.combining(c):
                drawn.append("□")
        return "".join(drawn)

    def write(self, text: str) -> str:
        """Return ``text`` as matplotlib is given it: a dollar sign would begin a formula."""
        return self.clean(text).replace("$", r"\$")

    def fit(self, text: str, inches: float) -> str:
        """Return ``text`` as it is written, shortened to so many inches; both ends are kept."""
        text = elide(self.clean(text), LONGEST)  # the name of a symbol may be what does not fit
        low, high = 1, len(text)
        if self.width(text) > inches:
            while low < high:
                middle = (low + high + 1) // 2
                fits = self.width(elide(text, middle)) <= inches
                low, high = (middle, high) if fits else (low, middle - 1)
            text = elide(text, low)
        return self.write(text)

    def fit_all(self, texts: Sequence[str], inches: float) -> list[str]:
        """Return texts shortened to so many inches; those that differ in the middle keep that."""
        fitted = [self.fit(text, inches) for text in texts]
        for short in {one for one in fitted if fitted.count(one) > 1}:
            alike = [text for text, one in zip(texts, fitted, strict=True) if one == short]
            if len(set(alike)) == 1:
                continue
            first, last = min(alike), max(alike)  # what these two share, all of them do
            same = next(i for i, c in enumerate(last) if not first.startswith(c, i))
            begin = alike[0].rfind(" ", 0, same) + 1 or same
            fitted = [
                self._begun(text[begin:], inches) if one == short else one
                for text, one in zip(texts, fitted, strict=True)
            ]
        return fitted

    def _begun(self, text: str, inches: float) -> str:
        """Return as much of ``text`` as has room between two ellipses."""
        text = text[:LONGEST]
        if self.width(f"…{text}") <= inches:
            return self.write(f"…{text}")
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width(f"…{text[:middle]}…") <= inches
            low, high = (middle, high) if fits else (low, middle - 1)
        return self.write(f"…{text[:low]}…")

    def width(self, text: str) -> float:
        """Return how wide ``text`` is in inches, or its widest line: as it is, or as written."""
        from matplotlib import rcParams

        dpi = float(rcParams["figure.dpi"])
        lines = (self.clean(line) for line in text.replace(r"\$", "$").split("\n"))
        return max(_width(self.families, self.size, dpi, line) for line in lines)

    @property
    def space(self) -> float:
        """The width of a space, in inches."""
        return self.width("n n") - self.width("nn")


def _shows(c: str) -> bool:
    """Whether a character is to be seen: not for control, and not a choice of variant."""
    return unicodedata.category(c)[0] != "C" and not "\ufe00" <= c <= "\ufe0f"


@lru_cache(maxsize=1 << 14)
def _width(families: tuple[str, ...], size: float, dpi: float, line: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not line:
        return 0.0
    font = FontProperties(family=[*families], size=size)
    # letters on a screen stand on whole pixels, and take up more room than on paper
    screen = _renderer(dpi).get_text_width_height_descent(line, font, ismath=False)
    paper = text_to_path.get_text_width_height_descent(line, font, ismath=False)
    return max(float(screen[0]) / dpi, float(paper[0]) / 72)


@cache
def _renderer(dpi: float) -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, dpi)


@cache
def _glyphs(path: str) -> frozenset[int]:
    """Return the code points that a font has; none for one of pictures, or a broken one."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _installed() -> list[tuple[str, str]]:
    """Return names and paths of upright fonts that may help out, in alphabetical order."""
    from matplotlib.font_manager import fontManager

    return sorted(
        (font.name, font.fname)
        for font in fontManager.ttflist
        if font.style == "normal"
        and font.weight in (400, "normal", "regular")
        and not any(word in font.name.casefold() for word in UNUSABLE)
    )
