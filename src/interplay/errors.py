"""Everything that interplay raises on purpose.

A tree, so that a program may catch as much of it as it means to::

    InterplayError
    ├── BadInput          the caller's argument, file or value function is at fault
    ├── BudgetExceeded    the budget does not allow what was asked
    ├── BackendError      a model or server failed
    ├── StoreError        the evaluation store is damaged or unusable
    └── MissingExtra      an optional dependency is not installed

Every message says what was wrong (name, value, shape) and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from numbers import Integral
from typing import Any


class InterplayError(Exception):
    """Base class of every error that interplay raises on purpose."""


class BadInput(InterplayError, ValueError):
    """An argument, a file or the output of a value function cannot be used."""


class BudgetExceeded(InterplayError):
    """The budget is too small for what was asked, or is spent."""


class BackendError(InterplayError):
    """A model or a server failed while it was being evaluated."""


class StoreError(InterplayError):
    """The evaluation store is damaged, or belongs to another program."""


class MissingExtra(InterplayError, ImportError):
    """An optional dependency is needed here and is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f'this needs the package "{package}", which is not installed. '
            f'Install it with: pip install "interplay[{extra}]"'
        )


def required(module: str, extra: str, package: str | None = None) -> Any:
    """Return an optional module, imported here and now, or raise :class:`MissingExtra`.

    ``package`` is the name that it is installed by, where that is not the module's.

    >>> required("math", "plots").sqrt(4.0)
    2.0
    >>> required("no_such_module", "plots")
    Traceback (most recent call last):
    interplay.errors.MissingExtra: this needs the package "no_such_module", ... "interplay[plots]"
    """
    top = module.partition(".")[0]
    try:
        import_module(top)  # a part of it may be loaded that could not be loaded now
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(package or top, extra) from error


def unknown(what: str, given: object, valid: Iterable[str]) -> BadInput:
    """Return the error for a name that is not one of the ``valid`` ones.

    >>> unknown("method", "shap", ["auto", "lasso"])
    BadInput("unknown method 'shap'; valid: auto, lasso")
    """
    return BadInput(f"unknown {what} {given!r}; valid: {', '.join(valid)}")


def check_whole(name: str, given: object, least: int) -> int:
    """Return ``given``, a whole number of at least ``least``, or raise :class:`BadInput`.

    >>> check_whole("seed", -1, 0)
    Traceback (most recent call last):
    interplay.errors.BadInput: seed must be a whole number of at least 0; got -1
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
        raise BadInput(f"{name} must be a whole number of at least {least}; got {given!r}")
    return int(given)
