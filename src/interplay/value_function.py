"""The value function: the one protocol that every subject is reduced to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interplay.errors import BadInput

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Span = tuple[int, int]
"""Where something stands in a text, in characters: from the first one on, before the second."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Values with their noise and their price: what a value function may return for an array.

    Attributes
    ----------
    values
        float ``(m,)`` or ``(m, q)``.
    noise_var
        variance of the noise in each value, of the shape of ``values``; None where exact or
        unknown. A mean over k random prompts has the variance of one prompt over k.
    tokens, usd
        float ``(m,)``: what each evaluation cost; None where it has no such price.
    excluded
        bool ``(m,)``: rows that have no value, and would have none if they were asked again, such
        as a training that diverges; ``values`` are NaN there. They are counted, stored as such, and
        left out of the fit.
    failure
        why rows of ``values`` are missing (NaN). The others are kept; then the run raises this, or
        ends where it is a :class:`~interplay.errors.BudgetExceeded`.

    Examples
    --------
    >>> def model(masks):
    ...     return Measured(masks.mean(1), tokens=10.0 + masks.sum(1))
    """

    values: ArrayLike
    noise_var: ArrayLike | None = None
    tokens: ArrayLike | None = None
    usd: ArrayLike | None = None
    excluded: ArrayLike | None = None
    failure: Exception | None = None


@runtime_checkable
class ValueFunction(Protocol):
    """A callable that evaluates a model under ablation.

    Called with ``masks``, bool ``(m, n)``, True = the feature is kept; returns float ``(m,)``,
    or ``(m, q)`` for q targets, or :class:`Measured`. Plain callables are enough. Those that a lens
    makes may carry:

    ``features``
        sequence of n feature names
    ``fingerprint``
        a string that changes whenever a value could change; names the evaluations in the store
    ``targets``
        sequence of q target names
    ``batch_size``
        how many masks it likes to see in one call
    ``subject``
        a JSON-able mapping that says what is explained, for reports; ``subject["kind"]`` is
        ``"text"`` for texts
    ``measure(masks)``
        what is called instead of the function itself where there is noise or a price to tell:
        returns :class:`Measured`, while the plain call still returns an array
    ``noisy``
        True where the same mask gives another value when it is asked again
    ``replicate(r)``
        the value function that is asked the r-th time, r from 1 on, where the same mask shall be
        asked more than once: with other seeds, that depend on r alone
    ``forecast(masks)``
        a mapping from ``"tokens"``, ``"usd"`` or ``"seconds"`` to the ``(low, high)`` that
        evaluating these masks will cost in all; cheap, without a call of the model
    ``allow(usd=, tokens=)``
        called before each batch with what the budget still allows of them, None where it sets no
        limit; returns True where the value function keeps to it by itself, request by request
    ``recipe``
        a property: a function that can be imported and its arguments, which together make it again
        in another process, from files there; None where it is sent as it is
    ``base``
        the value function that this one asks in turn, where it stands in front of another
    ``nesting``
        a :class:`interplay.groups.Nesting` where the features lie in larger ones, words in
        sentences: :func:`interplay.explain` then finds the sentences that matter first, and what
        matters in them with the rest of the budget
    """

    def __call__(self, masks: BoolArray, /) -> NDArray[Any] | Measured: ...


def check_masks(masks: object, *, n: int | None = None, name: str = "masks") -> BoolArray:
    """Return ``masks`` as a contiguous bool array ``(m, n)``, or raise :class:`BadInput`.

    Integer arrays that hold nothing but 0 and 1 are refused too: a float or an integer that only
    happens to be 0/1 is most often a value array in the wrong place.

    >>> check_masks([[True, False]]).shape
    (1, 2)
    """
    try:
        array = np.asarray(masks)
    except ValueError as error:  # rows of different lengths
        raise BadInput(f"{name} must be an array of shape (m, n): {error}") from error
    if array.ndim != 2:
        raise BadInput(f"{name} must have shape (m, n), one row per evaluation; got {array.shape}")
    if array.dtype != np.bool_:
        raise BadInput(
            f"{name} must be boolean (True = feature kept); got dtype {array.dtype}. "
            f"If 1 means kept, pass {name}.astype(bool)"
        )
    if n is not None and array.shape[1] != n:
        raise BadInput(f"{name} must have {n} columns, one per feature; got shape {array.shape}")
    if array.shape[1] == 0:
        raise BadInput(f"{name} has no columns: there is nothing to ablate")
    return np.ascontiguousarray(array)


def check_values(
    values: object, m: int, *, source: str = "values", finite: bool = True
) -> FloatArray:
    """Return ``values`` as float64 of shape ``(m,)`` or ``(m, q)``, all finite, or raise.

    With ``finite=False`` NaN and inf are let through, for callers that handle them by row.

    >>> check_values([1, 2.5], 2)
    array([1. , 2.5])
    """
    try:
        given = np.asarray(values)
        if np.iscomplexobj(given):  # astype would drop the imaginary part with a mere warning
            raise TypeError("they are complex")
        array = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor with gradient
        raise BadInput(f"{source} must be numbers, one row per mask: {error}") from error
    if array.ndim not in (1, 2) or array.shape[0] != m:
        raise BadInput(
            f"{source} must have shape ({m},) or ({m}, q) for {m} masks; got {array.shape}"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise BadInput(f"{source} must hold at least one value per mask; got shape {array.shape}")
    good = np.isfinite(array) if array.ndim == 1 else np.isfinite(array).all(axis=1)
    if finite and not good.all():
        row = int(np.argmin(good))
        raise BadInput(
            f"{source} must be finite; {int((~good).sum())} of {m} are not, "
            f"the first in row {row}: {array[row]}"
        )
    return array


def feature_names(features: Sequence[str] | None, n: int) -> tuple[str, ...]:
    """Return n feature names: the given ones, checked, or ``x0, x1, ...``.

    >>> feature_names(None, 3)
    ('x0', 'x1', 'x2')
    """
    if features is None:
        return tuple(f"x{i}" for i in range(n))
    if isinstance(features, str):  # a sequence of its letters
        raise BadInput(f"features must be a sequence of names, one per column; got {features!r}")
    names = tuple(str(name) for name in features)
    if len(names) != n:
        raise BadInput(f"features must name all {n} columns of the masks; got {len(names)} names")
    return names


def subject_of(value_function: Callable[..., Any]) -> dict[str, Any]:
    """Return what a value function explains: its ``subject``, or the name of a plain callable.

    >>> subject_of(len)
    {'kind': 'callable', 'name': 'len'}
    """
    own = getattr(value_function, "subject", None)
    if own:
        return dict(own)
    kind = type(value_function)
    name = getattr(value_function, "__qualname__", f"{kind.__module__}.{kind.__qualname__}")
    return {"kind": "callable", "name": name}


def text_of(subject: Mapping[str, Any]) -> str:
    """Return the text that a subject is about, else its name; empty where it has neither.

    >>> text_of({"text": ["so ", "bad"]}), text_of({"kind": "callable", "name": "len"}), text_of({})
    ('so bad', 'len', '')
    """
    text = subject.get("text", subject.get("name", ""))
    return text if isinstance(text, str) else "".join(map(str, text))


def bare(name: str) -> str:
    """Return a name without the punctuation around it; one of nothing else stays as it is.

    >>> bare("(bad,"), bare("...")
    ('bad', '...')
    """
    return name.strip(".,;:!?…()\"“”‘’'") or name
