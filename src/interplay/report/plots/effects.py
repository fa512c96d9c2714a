"""The numbers that plots draw: sets of features with the values of an index, in words."""

from __future__ import annotations

from interplay.errors import BadInput
from interplay.indices import canonical_name, resolve_order
from interplay.report.phrases import Row
from interplay.report.plots.style import spectrum_of
from interplay.report.reading import Reading
from interplay.value_function import FloatArray


def rows(
    run: Reading, index: str = "BII", order: int | None = None, *, least: int = 1
) -> list[Row]:
    """Return the sets of ``least`` to ``order`` features, strongest first.

    Without an order, BII has that of the series, and others their own. BII is ranked by the share
    of the variance, as in the reports, and others by size.

    Raises
    ------
    BadInput
        if the index is unknown, or the order too high
    """
    spectrum, index = spectrum_of(run), _seen(index)
    if order is None and index == "BII":
        order = max(spectrum.max_order, 1)
    table = spectrum.interactions(index, resolve_order(index, order, spectrum.n))
    found = []
    for term, value in table.items():
        if len(term) >= least and value != 0:
            low, high = table.interval(term) or (None, None)
            found.append(run.row({"features": term, "value": value, "low": low, "high": high}))
    halves = {"BII": 1.0, "BV": 1.0}.get(index, 0.0)  # BII is F times 2 to the order
    return sorted(
        found, key=lambda row: (-abs(row.value) / 2 ** (halves * row.order), row.features)
    )


def combinations(run: Reading, order: int | None) -> list[Row]:
    """Return the Banzhaf interactions of two features or more, strongest first.

    Raises
    ------
    BadInput
        if there are none
    """
    if order is not None and order < 2:
        raise BadInput(f"order must be at least 2, for combinations are drawn here; got {order!r}")
    found = rows(run, "BII", order, least=2)
    if not found:
        raise BadInput(
            "no combination was found in this run, and this draws those of two features or more; "
            "bar, waterfall and force draw single features too"
        )
    return found


def single(run: Reading, index: str) -> FloatArray:
    """Return the values of single features by an index, float64 ``(n,)``."""
    spectrum, index = spectrum_of(run), _seen(index)
    if index == "influence":
        raise BadInput("influence has no sign to be coloured by: bar draws it, or take SV or BII")
    if index == "BII":
        return spectrum.main_effects
    table = spectrum.interactions(index, resolve_order(index, None, spectrum.n))
    effects = spectrum.main_effects * 0.0
    for i in range(spectrum.n):
        effects[i] = table[i]
    return effects


def name(run: Reading, feature: int) -> str:
    """Return the name of a feature, with a small number where several have it."""
    return run.row({"features": [feature], "value": 0.0}).numbered


def _seen(index: str) -> str:
    """Return an index as its name is spelt, if what its signs say can be seen in a picture."""
    index = canonical_name(index)
    if index == "Fourier":
        raise BadInput(
            "the sign of a Fourier coefficient does not say what raises the target: take BII, "
            "which is (-2) ** order times it"
        )
    return index
