"""Two features together: whether one repeats the other, or adds to it. The rule of all lenses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interplay.spectrum import Spectrum

Kind = Literal["redundant", "synergistic", "mixed"]


def kind_of(first: float, second: float, interaction: float) -> Kind:
    """Return what two features are to each other, from their effects and their interaction.

    ``"redundant"`` where the interaction has the sign opposite to the main effects of both,
    ``"synergistic"`` where all three have one sign, else ``"mixed"``.

    >>> kind_of(1.0, 2.0, -0.5), kind_of(-1.0, -2.0, -0.5), kind_of(1.0, -2.0, 0.5)
    ('redundant', 'synergistic', 'mixed')
    """
    if first * interaction < 0 and second * interaction < 0:
        return "redundant"
    return "synergistic" if first * interaction > 0 and second * interaction > 0 else "mixed"


@dataclass(frozen=True)
class Pair:
    """Two features and their Banzhaf interaction, with its 90 % interval where that is known.

    ``kind`` is that of :func:`kind_of`.
    """

    features: tuple[int, int]
    names: tuple[str, str]
    value: float
    low: float | None
    high: float | None
    kind: Kind


def pairs_of(spectrum: Spectrum) -> tuple[Pair, ...]:
    """Return every pair that a spectrum holds, strongest first, by Banzhaf interaction ``4 F``.

    >>> spectrum = Spectrum({(0,): -1.0, (1,): -0.5, (0, 1): -0.2}, n=2)
    >>> [(pair.features, pair.value, pair.kind) for pair in pairs_of(spectrum)]
    [((0, 1), -0.8, 'redundant')]
    """
    effects = spectrum.main_effects
    ranked = spectrum.top(len(spectrum), min_order=2) if spectrum.max_order > 1 else []
    found = []
    for one in ranked:
        if len(one.features) == 2:
            i, j = one.features
            kind = kind_of(effects[i], effects[j], one.value)
            found.append(
                Pair((i, j), (one.names[0], one.names[1]), one.value, one.low, one.high, kind)
            )
    return tuple(found)
