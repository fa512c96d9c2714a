"""The value function: the one protocol that every subject is reduced to, and its fingerprint."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@runtime_checkable
class ValueFunction(Protocol):
    """A callable that evaluates a model under ablation.

    Called with ``masks``, bool ``(m, n)``, True = the feature is kept; returns float ``(m,)``,
    or ``(m, q)`` for q targets. Plain callables are enough. Those that a lens makes may carry:

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
    """

    def __call__(self, masks: BoolArray, /) -> NDArray[Any]: ...


def check_masks(masks: object, *, n: int | None = None, name: str = "masks") -> BoolArray:
    """Return ``masks`` as a contiguous bool array ``(m, n)``, or raise :class:`BadInput`.

    Integer arrays that hold nothing but 0 and 1 are refused too: a float or an integer that only
    happens to be 0/1 is most often a value array in the wrong place.

    >>> check_masks([[True, False]]).shape
    (1, 2)
    """
    array = np.asarray(masks)
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
    names = tuple(str(name) for name in features)
    if len(names) != n:
        raise BadInput(f"features must name all {n} columns of the masks; got {len(names)} names")
    return names


@dataclass(frozen=True)
class Fingerprint:
    """What a value function is, as a digest; ``unhashed`` names what the digest could not see."""

    digest: str
    unhashed: tuple[str, ...] = ()


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """Return the fingerprint under which a value function's evaluations are stored.

    A function made by a lens carries its own. For any other callable the digest covers module,
    qualified name, bytecode, constants, defaults and closure. What cannot be hashed (a live model in a
    closure, say) is named in ``unhashed``, so that a resumed run can warn about it.

    >>> fingerprint(lambda masks: masks.sum(1)).unhashed
    ()
    """
    own = getattr(function, "fingerprint", None)
    if isinstance(own, str):
        return Fingerprint(own)
    digest = hashlib.sha256()
    unhashed: list[str] = []
    _feed_callable(digest, function, unhashed, "value function")
    return Fingerprint(digest.hexdigest()[:32], tuple(unhashed))


def _feed_callable(digest: Any, function: Any, unhashed: list[str], where: str) -> None:
    if isinstance(function, types.MethodType):
        _feed(digest, function.__self__, unhashed, f"{where}'s self")
        function = function.__func__
    if not isinstance(function, types.FunctionType):
        _feed(digest, f"{type(function).__module__}.{type(function).__qualname__}", unhashed, where)
        call = getattr(type(function), "__call__", None)
        if isinstance(call, types.FunctionType):
            _feed_callable(digest, call, unhashed, where)
        _feed(digest, getattr(function, "__dict__", None), unhashed, where)
        return
    _feed(digest, f"{function.__module__}.{function.__qualname__}", unhashed, where)
    _feed_code(digest, function.__code__, unhashed, where)
    _feed(digest, function.__defaults__, unhashed, f"{where}'s defaults")
    _feed(digest, function.__kwdefaults__, unhashed, f"{where}'s defaults")
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # still empty: the closure refers to a name not yet bound
            continue
        if content is not function:
            _feed(digest, content, unhashed, f"closure variable {name!r}")
    for name in function.__code__.co_names:
        if name in function.__globals__:
            content = function.__globals__[name]
            if not isinstance(content, types.ModuleType | type) and content is not function:
                _feed(digest, content, unhashed, f"global {name!r}", follow=False)


def _feed_code(digest: Any, code: types.CodeType, unhashed: list[str], where: str) -> None:
    digest.update(code.co_code)
    _feed(digest, code.co_names, unhashed, where)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _feed_code(digest, constant, unhashed, where)
        else:
            _feed(digest, constant, unhashed, where)


def _feed(digest: Any, content: Any, unhashed: list[str], where: str, follow: bool = True) -> None:
    """Feed one value to the digest, tagged by its type so that "1" and 1 differ."""
    digest.update(type(content).__qualname__.encode())
    if content is None or isinstance(content, bool | int | float | complex | str | bytes):
        digest.update(repr(content).encode())
    elif isinstance(content, np.ndarray) and content.dtype != object:
        digest.update(f"{content.dtype}{content.shape}".encode())
        digest.update(np.ascontiguousarray(content).tobytes())
    elif isinstance(content, np.generic):
        digest.update(content.tobytes())
    elif isinstance(content, Mapping):
        for key in sorted(content, key=repr):
            _feed(digest, key, unhashed, where)
            _feed(digest, content[key], unhashed, f"{where}[{key!r}]")
    elif isinstance(content, list | tuple | set | frozenset):
        items: Iterable[Any] = content
        if isinstance(content, set | frozenset):
            items = sorted(content, key=repr)
        for i, item in enumerate(items):
            _feed(digest, item, unhashed, f"{where}[{i}]")
    elif isinstance(content, types.FunctionType | types.MethodType):
        if follow:
            _feed_callable(digest, content, unhashed, where)
        else:  # a helper in the same module: its code, but not all that it in turn refers to
            _feed_code(digest, content.__code__, unhashed, where)
    elif isinstance(content, type | types.ModuleType | types.BuiltinFunctionType):
        digest.update(getattr(content, "__name__", "").encode())
    elif isinstance(getattr(content, "fingerprint", None), str):
        digest.update(content.fingerprint.encode())
    else:
        unhashed.append(f"{where} ({type(content).__qualname__})")
