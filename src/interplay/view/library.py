"""What there is to be looked at: the value functions of a store, the run files of a folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from interplay.errors import InterplayError
from interplay.evaluate import Function, Store
from interplay.explanation.run_file import checked, read_json
from interplay.report.collection import FORMAT as MANY
from interplay.report.terminal_style import printable
from interplay.value_function import text_of
from interplay.view.told import cost_of, finite, moment, shown, whole

PATIENCE: Final = 5.0
"""Seconds that a page waits for a store that is locked."""

HEAD: Final = 4096
"""Bytes of a .json file that tell whether it may be one of ours: the format comes first."""

SEARCHED: Final = 4000
"""Characters of a text that the search looks at."""

TITLE: Final = 110
"""Characters of a title."""

NAMED: Final = 200
"""Characters of the names of files that would be deleted."""

_UNFIT: Final = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
)
"""What is raised where a file does not hold what its format says."""

Kind = Literal["function", "run", "runs"]


@dataclass(frozen=True)
class Entry:
    """One thing that can be opened.

    Attributes
    ----------
    id
        what a client calls it; never a path.
    version
        changes when the thing does.
    kind
        a value function of the store, a run file, or a file of the runs of many inputs.
    name
        its fingerprint, or the name of its file.
    title
        the text that was explained, or the like, in short.
    searched
        what a search looks at.
    about
        target, model and size, in words.
    features, evaluations
        their numbers; None where unknown.
    spent
        what the evaluations cost, in words.
    seconds
        in the model; None where unknown.
    created, updated
        ISO 8601, in UTC; None where unknown.
    verdict
        how far to trust a run; None for what has not been fitted.
    problem
        why it cannot be opened; None where it can.
    goes
        what deleting it takes away, in words.
    """

    id: str
    version: str
    kind: Kind
    name: str
    title: str
    searched: str
    about: str = ""
    features: int | None = None
    evaluations: int | None = None
    spent: str = ""
    seconds: float | None = None
    created: str | None = None
    updated: str | None = None
    verdict: str | None = None
    problem: str | None = None
    goes: str = ""


@dataclass(frozen=True)
class Listing:
    """All there is, the newest first, and what is wrong with the store, in a sentence."""

    entries: tuple[Entry, ...]
    trouble: str | None


class Library:
    """The store and the folder that a page shows; both are read anew when they have changed.

    Parameters
    ----------
    store
        SQLite file of evaluations; it need not exist.
    folder
        where run files are looked for; not in the folders below it. Links are not followed.
    """

    def __init__(self, store: Path, folder: Path) -> None:
        self.store, self.folder = store, folder
        self._functions: tuple[Any, tuple[Entry, ...]] = (None, ())
        self._files: dict[str, Entry] = {}

    def listing(self) -> Listing:
        """Return what there is now."""
        trouble = None
        try:
            functions = self._of_store()
        except InterplayError as error:
            functions, trouble = (), str(error)
        except _UNFIT as error:  # names in it may be anything, too
            functions, trouble = (), f"{self.store} cannot be read: {error}"
        entries = sorted(
            (*functions, *self._of_folder()), key=lambda entry: entry.updated or "", reverse=True
        )
        return Listing(tuple(entries), trouble)

    def find(self, wanted: str) -> Entry | None:
        """Return what an id of the listing names; None where there is no such thing any more."""
        return next((entry for entry in self.listing().entries if entry.id == wanted), None)

    def path_of(self, entry: Entry) -> Path:
        """Return where the file of an entry of the folder lies."""
        return self.folder / entry.name

    def _of_store(self) -> tuple[Entry, ...]:
        if not self.store.exists():
            return ()
        state = tuple(_state(Path(f"{self.store}{suffix}")) for suffix in ("", "-wal"))
        if self._functions[0] != state:
            with Store(self.store, read_only=True, timeout=PATIENCE) as opened:
                functions = opened.functions()
            self._functions = state, tuple(map(_function_entry, functions))
        return self._functions[1]

    def _of_folder(self) -> list[Entry]:
        entries: dict[str, Entry] = {}
        try:
            with os.scandir(self.folder) as found:
                names = [one.name for one in found if one.name.endswith(".json")]
        except OSError:
            names = []
        for name in names:
            state = _state(self.folder / name)
            if state is None:  # gone, a link, a folder
                continue
            version = "-".join(map(str, state))
            known = self._files.get(name)
            if known is None or known.version != version:
                known = _file_entry(self.folder / name, version)
            entries[name] = known
        self._files = entries
        return [entry for entry in entries.values() if entry.goes]


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None for what is no plain file."""
    try:
        told = os.lstat(path)
    except OSError:
        return None
    return (told.st_ino, told.st_size, told.st_mtime_ns) if stat.S_ISREG(told.st_mode) else None


def function_id(fingerprint: str) -> str:
    """Return what the page calls a value function of the store."""
    return "f" + hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def file_id(name: str) -> str:
    """Return what the page calls a file of the folder."""
    return "r" + hashlib.sha256(os.fsencode(name)).hexdigest()[:24]


def plain_file(path: Path) -> bool:
    """Whether there is a file, not a link to one."""
    return _state(path) is not None


def _function_entry(function: Function) -> Entry:
    subject = function.identity.subject or {}
    targets = tuple(map(str, function.identity.targets or ()))
    text = text_of(subject)
    title = shown(text, TITLE) or f"a value function of {function.n} features"
    return Entry(
        id=function_id(function.fingerprint),
        version=f"{function.evaluations}-{function.updated.isoformat()}",
        kind="function",
        name=function.fingerprint,
        title=title,
        searched=_searched(text, function.fingerprint, *targets, subject.get("model")),
        about=_about(targets, subject, function.n),
        features=function.n,
        evaluations=function.evaluations,
        spent=cost_of(function.seconds, function.tokens, function.usd),
        seconds=finite(function.seconds),
        created=moment(function.created.isoformat()),
        updated=moment(function.updated.isoformat()),
        goes=f"{function.evaluations:,} evaluations in the store, which cost "
        f"{cost_of(function.seconds, function.tokens, function.usd)}",
    )


def _file_entry(path: Path, version: str) -> Entry:
    """Return the entry of a file; one that is not ours has nothing that could go."""
    entry = Entry(
        id=file_id(path.name),
        version=version,
        kind="run",
        name=path.name,
        title=shown(path.name, TITLE),
        searched=_searched(path.name),
    )
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if re.search(rb'"format"\s*:\s*"interplay\.runs?"', head) is None:
            return entry
        content = read_json(path)
        if isinstance(content, dict) and content.get("format") == MANY:
            return _many_entry(entry, content)
        return _run_entry(entry, checked(content, path.name), path)
    except OSError:
        return entry
    except (InterplayError, *_UNFIT) as error:
        told = str(error) if isinstance(error, InterplayError) else type(error).__name__
        problem = f"it cannot be read: {shown(told, 300)}"
        return replace(entry, problem=problem, goes=shown(path.name, NAMED))


def _run_entry(entry: Entry, run: Mapping[str, Any], path: Path) -> Entry:
    subject, cost = dict(run["subject"]), dict(run["cost"])
    targets = tuple(str(found["target"]) for found in run["targets"])
    text, created = text_of(subject), moment(run["created"])
    arrays = path.with_suffix(".npz")
    return replace(
        entry,
        title=shown(text, TITLE) or shown(path.name, TITLE),
        searched=_searched(path.name, text, *targets, subject.get("model")),
        about=_about(targets, subject, len(run["features"])),
        features=len(run["features"]),
        evaluations=_evaluations(run),
        spent=_paid(cost),
        seconds=finite(cost.get("model_seconds")),
        created=created,
        updated=created,
        verdict=str(run["trust"]["verdict"]),
        goes=shown(path.name + (f" and {arrays.name}" if plain_file(arrays) else ""), NAMED),
    )


def _many_entry(entry: Entry, content: Mapping[str, Any]) -> Entry:
    """Return the entry of a file of many inputs."""
    runs = [one["run"] for one in content["inputs"] if one.get("run") is not None]
    texts = [text_of(dict(run["subject"])) for run in runs]
    targets = dict.fromkeys(str(found["target"]) for run in runs for found in run["targets"])
    days = sorted(day for day in (moment(run["created"]) for run in runs) if day)
    cost = {
        name: sum(finite(run["cost"].get(name)) or 0 for run in runs)
        for name in ("model_seconds", "reused")
    }
    inputs = f"{len(content['inputs']):,} inputs"
    return replace(
        entry,
        kind="runs",
        title=f"{inputs}: {shown(' · '.join(texts), TITLE - 20)}",
        searched=_searched(entry.name, *targets, *texts),
        about=shown(", ".join(targets), 60),
        evaluations=sum(_evaluations(run) or 0 for run in runs),
        spent=_paid(cost),
        seconds=finite(cost["model_seconds"]),
        created=days[0] if days else None,
        updated=days[-1] if days else None,
        goes=shown(entry.name, NAMED),
    )


def _evaluations(run: Mapping[str, Any]) -> int | None:
    masks, replicates = (whole(run["sample"][name]) for name in ("masks", "replicates"))
    return None if masks is None or replicates is None else masks * replicates


def _about(targets: Iterable[str], subject: Mapping[str, Any], n: int) -> str:
    model = subject.get("model")
    units = str(subject.get("units") or "feature")
    noun = units if units.isalpha() else "feature"
    parts = [
        shown(", ".join(targets), 60),
        shown(Path(str(model)).name, 40) if model else "",
        f"{n:,} {noun}" + ("" if n == 1 else "s"),
    ]
    return " · ".join(part for part in parts if part)


def _paid(cost: Mapping[str, Any]) -> str:
    """What a run cost, and that it took some of its evaluations from a store."""
    reused = whole(cost.get("reused")) or 0
    told = cost_of(cost.get("model_seconds"), cost.get("tokens"), cost.get("usd"))
    return told + (f"; {reused:,} reused" if reused else "")


def _searched(*parts: object) -> str:
    whole = " ".join(str(part)[:SEARCHED] for part in parts if part)
    return printable(" ".join(whole[: 2 * SEARCHED].split()))[:SEARCHED]
