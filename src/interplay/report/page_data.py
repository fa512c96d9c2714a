"""What the script of a page knows of a run: its terms, and what "what if" needs of the series."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from interplay.intervals import Z_90
from interplay.numbers import Scale
from interplay.report.reading import Reading


def page_data(run: Reading, *, what_if: bool) -> dict[str, Any]:
    """Return what the script needs of one target, as JSON-able as the summary itself.

    ``names`` are those of the features; ``terms`` lists features, value, half-width of the interval
    (None where unknown), share and words of each term, strongest first. The value is exact: the
    script divides it by (-2)^order to get the coefficient that :meth:`interplay.Spectrum.predict`
    uses. ``whatIf`` is None unless ``what_if``.
    """
    terms = [
        [
            list(row.features),
            row.value,
            _rounded(row.half),
            _rounded(row.share),
            row.numbered if row.order > 1 else row.words,
        ]
        for row in run.rows
    ]
    return {
        "noun": run.noun,
        "names": [run.name(i) for i in range(len(run.features))],
        "decimals": run.scale.decimals,
        "effects": [run.scale.signed(effect) for effect in run.main_effects],
        "noInterval": run.no_interval,
        "terms": terms,
        "whatIf": _what_if(run) if what_if else None,
    }


def answers(run: Reading) -> bool:
    """Whether a page can say what the spectrum predicts: it lists all of the series' terms."""
    return run.spectrum is not None and len(run.rows) == len(run.spectrum) - (
        () in run.spectrum.terms
    )


def _what_if(run: Reading) -> dict[str, Any]:
    spectrum = run.spectrum
    assert spectrum is not None
    full, empty = (run.found["values"].get(key) for key in ("full", "empty"))
    scale = Scale.of(
        number for number in (full, empty, spectrum.constant, run.largest_effect) if number
    )
    errors = spectrum.standard_errors
    place = {term: i for i, term in enumerate(spectrum.terms)}
    order = [place[row.features] for row in run.rows]
    constant = place.get(())
    return {
        "decimals": scale.decimals,
        "full": full,
        "empty": empty,
        "constant": spectrum.constant,
        "error": 0.0 if errors is None or constant is None else float(errors[constant]),
        "z": Z_90,
        "residual": run.residual or 0.0,
        "draws": _draws(run, constant, order),
    }


def _draws(run: Reading, constant: int | None, order: list[int]) -> dict[str, Any] | None:
    """The run's draws with the constant first, then the terms as the page lists them."""
    draws = run.draws
    if draws is None:
        return None
    steps = draws.steps
    first = np.zeros((draws.count, 1), np.int8) if constant is None else steps[:, [constant]]
    ordered = np.concatenate([first, steps[:, order]], axis=1)
    return replace(draws, data=ordered.tobytes()).to_dict()


def _rounded(number: float | None) -> float | None:
    """Four digits: what is only shown, or compared."""
    if number is None or number == 0 or not math.isfinite(number):
        return number
    return float(f"{number:.4g}")
