"""``interplay runs``: what a store holds, and what it needs now and then."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from interplay.cli.output import check_writable
from interplay.errors import BadInput, StoreError
from interplay.evaluate import Store
from interplay.value_function import text_of

if TYPE_CHECKING:
    from interplay.evaluate.functions import Function

WIDTH = 80
LISTED = 20
"""Lines of damage that are listed one by one."""

runs = App(
    name="runs",
    help="List, verify, export, prune and merge what stores of evaluations hold.\n\n"
    "With no command the value functions of a store are listed, and what they cost.",
    help_format="plaintext",
)


@runs.default
def show(
    store: Path = Path("runs.db"), *, json: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """List the value functions in a store, and what their evaluations cost.

    Parameters
    ----------
    store
        SQLite file of evaluations.
    json
        Print one JSON object on standard output and nothing else.
    """
    with Store(store, read_only=True) as opened:
        functions = sorted(opened.functions(), key=lambda f: f.updated, reverse=True)
    if json:
        _print_json(store, functions)
        return
    from interplay.numbers import count

    evaluations = sum(function.evaluations for function in functions)
    told = (
        count(len(functions), "value function"),
        count(evaluations, "evaluation"),
        _bytes(_size(store)),
    )
    print(f"{store}: {', '.join(told)}")
    for function in functions:
        print()
        print("\n".join(_lines(function)))


@runs.command
def verify(store: Path = Path("runs.db")) -> None:
    """Check every page and every checksum of a store; nothing is changed.

    Parameters
    ----------
    store
        SQLite file of evaluations.
    """
    from interplay.evaluate import verification
    from interplay.numbers import count

    with Store(store, read_only=True) as opened:
        found = verification.verify(opened)
    sound = (
        f"{count(found.evaluations, 'evaluation')} of {count(found.functions, 'value function')}"
    )
    if not found.problems:
        print(f"{store}: all {sound} are sound")
        return
    print(f"{store}: {sound} are sound; damaged:")
    _list(found.problems)
    raise StoreError(
        f"{store} is damaged ({count(len(found.problems), 'problem')}): `interplay runs prune "
        f"--store {store} --damaged` deletes what is; where the file's structure is damaged, "
        f"`interplay runs merge {store} --store NEW.db` takes all that can be read into a new store"
    )


@runs.command
def export(
    output: Path,
    /,
    *,
    store: Path = Path("runs.db"),
    fingerprint: str = "",
    force: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write evaluations to a Parquet file, one row each.

    Parameters
    ----------
    output
        The .parquet file to write.
    store
        SQLite file of evaluations.
    fingerprint
        Only of the value functions whose fingerprint starts with this.
    force
        Overwrite a file that exists.
    """
    if output.suffix.lower() != ".parquet":
        raise BadInput(f"evaluations are written as .parquet; got {output}")
    check_writable(output, force=force)
    from interplay.evaluate import parquet
    from interplay.numbers import count

    with Store(store, read_only=True) as opened:
        written = parquet.export(opened, output, prefix=fingerprint)
    print(f"wrote {output}: {count(written, 'evaluation')}, {_bytes(output.stat().st_size)}")


@runs.command
def prune(
    *,
    store: Path = Path("runs.db"),
    fingerprint: str | None = None,
    older_than: str | None = None,
    damaged: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say what would be deleted from a store; delete it with --force.

    With both --fingerprint and --older-than, the value functions for which both hold.

    Parameters
    ----------
    store
        SQLite file of evaluations.
    fingerprint
        The value functions whose fingerprint starts with this.
    older_than
        The value functions to which nothing was added for so long: 12h, 30d or 8w.
    damaged
        Batches whose checksum does not match; the rest of their functions stays.
    force
        Delete.
    """
    if (fingerprint is None and older_than is None) == (not damaged):
        raise BadInput("say what to prune: --fingerprint PREFIX, --older-than 30d, or --damaged")
    before = None if older_than is None else datetime.now(UTC) - _period(older_than)
    from interplay.evaluate import pruning
    from interplay.numbers import count

    with Store(store, create=False, read_only=not force) as opened:
        pruned = pruning.prune(
            opened, prefix=fingerprint, before=before, damaged=damaged, delete=force
        )
    _list(pruned.problems)
    for function in pruned.functions:
        print("\n".join(_lines(function)))
    found = (
        count(len(pruned.problems), "problem")
        if damaged
        else f"{count(len(pruned.functions), 'value function')}, "
        + count(sum(f.evaluations for f in pruned.functions), "evaluation")
    )
    if not (pruned.problems or pruned.functions):
        print(f"{store}: nothing to delete")
    elif not force:
        print(f"{found}: add --force to delete this from {store}")
    elif pruned.freed is None:
        print(
            f"{found}: deleted from {store}; its space is used again, but the file could not be "
            "made smaller now (another process writes, or the disk is full)"
        )
    else:
        print(f"{found}: deleted from {store}, {_bytes(max(pruned.freed, 0))} freed")


@runs.command
def merge(other: Path, /, *, store: Path = Path("runs.db")) -> None:
    """Take the evaluations of another store in, of another machine, say.

    The other store is not changed; it may be damaged, or be written to meanwhile.

    Parameters
    ----------
    other
        SQLite file of evaluations.
    store
        SQLite file that takes them in; made where there is none.
    """
    from interplay.evaluate import merging
    from interplay.numbers import count

    if other.exists() and store.exists() and other.samefile(store):
        raise BadInput(f"{other} and {store} are the same file")
    with Store(other, read_only=True) as source, Store(store) as opened:
        merged = merging.merge(opened, source)
    print(
        f"{store}: took in {count(merged.added, 'evaluation')} of "
        f"{count(merged.functions, 'value function')} from {other}; {merged.known:,} were there"
    )
    if merged.conflicts:
        print(
            f"of those, {merged.conflicts:,} differ, by up to {merged.largest:.3g}: "
            f"the values in {store} were kept"
        )
    if merged.damaged:
        print(f"damaged batches of {other} that were not taken in: {merged.damaged:,}")
    if merged.unreadable:
        print(f"{other} could not be read everywhere:")
        _list(merged.unreadable)
    if merged.refused:
        raise BadInput("; ".join(merged.refused) + f". These were not taken in from {other}")


def _lines(function: Function) -> list[str]:
    """Two lines of at most 80 columns: what it is; what was done, and when."""
    from interplay.numbers import count, duration, elide
    from interplay.report.terminal_style import printable

    name = printable(function.fingerprint[:12])
    shape = [f"n = {function.n}"] + ([f"q = {function.q}"] if function.q > 1 else [])
    done = count(function.evaluations, "evaluation")
    if function.replicates > 1:
        done += f" in {function.replicates} replicates"
    cost = [duration(function.seconds)]
    if function.tokens is not None:
        cost.append(f"{function.tokens:,.0f} tokens")
    if function.usd is not None:
        cost.append(f"{function.usd:.2f} usd")
    days = [f"{day:%Y-%m-%d}" for day in (function.created, function.updated)]
    when = " to ".join(dict.fromkeys(days))
    what = printable(_what(function))
    return [
        f"{name}  {elide(what, WIDTH - len(name) - 2)}".rstrip(),
        "    " + elide(f"{', '.join([*shape, done, *cost])}; {when}", WIDTH - 4),
    ]


def _what(function: Function) -> str:
    what = text_of(function.identity.subject or {})
    targets = ", ".join(map(str, function.identity.targets or ()))
    return ", ".join(part for part in (f"“{what}”" if what else "", targets) if part)


def _print_json(store: Path, functions: list[Function]) -> None:
    described = []
    for function in functions:
        entry: dict[str, Any] = asdict(function)
        entry |= entry.pop("identity")
        entry |= {day: entry[day].isoformat() for day in ("created", "updated")}
        described.append(entry)
    print(
        json.dumps(
            {"store": str(store), "bytes": _size(store), "functions": described},
            ensure_ascii=False,
        )
    )


def _list(problems: list[str]) -> None:
    for problem in problems[:LISTED]:
        print(f"    {problem}")
    if len(problems) > LISTED:
        print(f"    and {len(problems) - LISTED} more")


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([hdw])", text.strip())
    if match is None:
        raise BadInput(f"--older-than takes a number of hours, days or weeks, as 30d; got {text!r}")
    unit = {"h": "hours", "d": "days", "w": "weeks"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _size(store: Path) -> int:
    wal = Path(f"{store}-wal")
    return store.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def _bytes(size: float) -> str:
    """Write a size of a file.

    >>> _bytes(900), _bytes(40960), _bytes(2.1e8)
    ('900 bytes', '41 kB', '210 MB')
    """
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 100 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"
