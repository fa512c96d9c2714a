"""``ip.tabular``: a row of a table and a model become a value function."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.lenses.tabular.outputs import outputs
from interplay.lenses.tabular.table import Table, make_table
from interplay.lenses.tabular.value import TableMask, TableValueFunction
from interplay.lenses.targets import wanted_targets

DRAWS = 64
MASKS = ("mean", "marginal", "marginal:DRAWS", "marginal:all")


def tabular(
    row: object,
    *,
    predict: Any,
    background: object,
    columns: Sequence[str] | None = None,
    mask: str | tuple[str, int | str] = "mean",
    target: str | Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> TableValueFunction:
    """Make a value function of a row of a table: its columns are ablated for any model.

    Parameters
    ----------
    row : array (p,), pandas Series, mapping, or DataFrame of one row
        What is explained.
    predict : callable or fitted model
        An object with scikit-learn's ``predict_proba``, ``decision_function`` or ``predict``
        (pipelines too), or a callable; given rows ``(b, p)`` as ``background`` has them (an array,
        or a DataFrame with the same columns and dtypes), it returns one number, or q numbers, for
        each. No model is ever read from a file here.
    background : array (m, p) or DataFrame
        The rows that ablated columns take their values from; NaN is what is missing.
    columns : sequence of str, optional
        Names of an array's columns; default ``x0, x1, ...``. A DataFrame has its own.
    mask : str or tuple
        What stands for an ablated column: ``"mean"``, its mean in the background (of texts,
        categories, and yes or no, what is most frequent), or ``"marginal"``, the mean of the
        model's answers over rows of the background that give all ablated columns together: 64
        rows drawn for each mask, ``"marginal:DRAWS"`` or ``("marginal", 500)`` of them, or with
        ``"marginal:all"`` all, which is exact. What drawing adds in noise is told to the fit.
    target : str or sequence of str, optional
        Of a classifier ``prob:LABEL``, ``logit:LABEL`` or ``margin:A|B`` (of the decision
        function; for two classes plus and minus its one number); default: the probability of the
        class predicted for the row. Of other models ``value``, or ``output:K`` of several numbers;
        default: all.
    groups : mapping, optional
        Columns that are ablated together, such as one-hot ones: ``{"region": ["north", "south"]}``.
        All others stay features of their own.
    seed : int
        Of the draws. The same mask always draws the same rows.

    Raises
    ------
    BadInput
        For rows and backgrounds that do not fit together, infinite or complex values, unknown
        masks, targets or columns, or a model that is not fitted or answers in another shape.
    BackendError
        If the model fails.

    Notes
    -----
    Columns of whole numbers are given to the model as floats, because their mean is none.

    Examples
    --------
    >>> value = tabular([1.0, 2.0], predict=lambda x: x[:, 0] * x[:, 1],
    ...                 background=[[0.0, 0.0], [0.0, 2.0]])
    >>> value.features
    ('x0=1', 'x1=2')
    >>> value(np.array([[True, True], [True, False], [False, True]]))
    array([2., 1., 0.])
    """
    wanted = _mask(mask)
    check_whole("seed", seed, 0)
    targets = wanted_targets(target)
    if len(set(targets)) < len(targets):
        raise BadInput(f"target names the same twice: {', '.join(targets)}")
    table = make_table(row, background, columns)
    members = _groups(table, groups)
    if len(members) < 2:
        raise BadInput(
            f"the row has {len(members)} feature, and there is nothing to combine; give two "
            "columns or groups at least"
        )
    if wanted.draws is not None and wanted.draws >= table.background:
        wanted = TableMask("marginal")  # all there are
    places = np.zeros((1, len(table.columns)), dtype=np.intp)
    model = outputs(predict, targets, table.gathered(places))
    return TableValueFunction(table, model, predict, wanted, members, int(seed))


def _mask(mask: object) -> TableMask:
    """Return what ``mask`` asks for."""
    kind: object = mask
    draws: object = None
    if isinstance(mask, str):
        kind, _, draws = mask.strip().lower().partition(":")
    elif isinstance(mask, Sequence) and len(mask) == 2:
        kind, draws = mask
    if kind == "mean" and not draws:
        return TableMask("mean")
    if kind == "marginal":
        if draws in (None, ""):
            return TableMask("marginal", DRAWS)
        if draws == "all":
            return TableMask("marginal")
        if re.fullmatch(r"\d+", str(draws)):
            if int(str(draws)) < 2:
                raise BadInput(f"mask {mask!r} needs at least 2 draws, or their noise is not known")
            return TableMask("marginal", int(str(draws)))
    raise BadInput(f"unknown mask {mask!r} of a table; valid: {', '.join(MASKS)}")


def _groups(table: Table, groups: Mapping[str, Sequence[str]] | None) -> dict[str, list[int]]:
    """The features in the order of their first columns, each with the columns it has."""
    place = {name: j for j, name in enumerate(table.columns)}
    owner: dict[int, str] = {}
    for name, members in (groups or {}).items():
        if isinstance(members, str) or not members:
            raise BadInput(f"group {name!r} must be a list of columns; got {members!r}")
        for member in members:
            if member not in place:
                raise BadInput(
                    f"group {name!r} has the unknown column {member!r}; there are "
                    f"{', '.join(table.columns[:12])}"
                )
            if place[member] in owner:
                raise BadInput(
                    f"column {member!r} is in group {owner[place[member]]!r} and in {name!r}"
                )
            owner[place[member]] = str(name)
    found: dict[str, list[int]] = {}
    for j, column in enumerate(table.columns):
        if j not in owner and column in owner.values():
            raise BadInput(f"group {column!r} has the name of another column; name it otherwise")
        found.setdefault(owner.get(j, column), []).append(j)
    return found
