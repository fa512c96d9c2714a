"""From entries to a page: run files are read, what a store holds is fitted, both are compared."""

from __future__ import annotations

import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

from interplay.collection.explanations import read_runs
from interplay.comparison import compare
from interplay.errors import BadInput, InterplayError
from interplay.evaluate import Store
from interplay.explanation import Cost, Explanation, describe, restored
from interplay.explanation.run_file import read_json, read_run
from interplay.recording import Recording
from interplay.report import collection, html
from interplay.surrogates import fit_recording
from interplay.view.library import PATIENCE, Entry, Library, plain_file
from interplay.view.told import shown
from interplay.view.worker import Worker

METHOD: Final = "auto"
SEED: Final = 0

KEPT_PAGES: Final = 24
KEPT_FITS: Final = 24
WAITING: Final = 16
"""Pages that may wait to be made."""

FRESH: Final = 10.0
"""Seconds for which a page may be shown although more has been evaluated since."""

COMPARED: Final = 8
"""Most runs of one comparison."""

Key = tuple[tuple[str, str], ...]
"""The id and the version of each entry of a page."""

Kept = TypeVar("Kept")


class _Latest(OrderedDict[Any, Kept], Generic[Kept]):
    """The things that were used last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: Any, kept: Kept) -> None:
        self[key] = kept
        self.move_to_end(key)
        while len(self) > self.most:
            self.popitem(last=False)

    def use(self, key: Any) -> Kept | None:
        if key in self:
            self.move_to_end(key)
        return self.get(key)


@dataclass(frozen=True)
class Page:
    """A document, what was done to have it, in words, and of which versions it was made when."""

    document: str
    origin: str
    key: Key = ()
    made: float = 0.0

    def holds(self, key: Key) -> bool:
        """Whether this is of what there is now, or was a moment ago: a run may be adding to it."""
        return self.key == key or time.monotonic() - self.made < FRESH


@dataclass(frozen=True)
class State:
    """How far the making of a page is; ``message`` says why it could not be made."""

    state: Literal["ready", "working", "failed"]
    message: str = ""


class Reports:
    """Makes pages in a thread of its own, and keeps the last ones.

    Parameters
    ----------
    library
        where the entries are from.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._pages: _Latest[Page] = _Latest(KEPT_PAGES)  # by the ids alone
        self._fits: _Latest[Explanation] = _Latest(KEPT_FITS)
        self._failed: _Latest[str] = _Latest(KEPT_PAGES)
        self._working: set[Key] = set()
        self._lock = threading.Lock()
        self.worker = Worker("interplay-view-reports", WAITING)

    def page(self, entries: Sequence[Entry]) -> Page | None:
        """Return the page of these entries, if it was made of what they are now."""
        key = _key(entries)
        with self._lock:
            return self._made_of(key)

    def _made_of(self, key: Key) -> Page | None:
        page = self._pages.use(_ids(key))
        return page if page is not None and page.holds(key) else None

    def prepare(self, entries: Sequence[Entry]) -> State:
        """Have the page of these entries made, and return how far that is."""
        key = _key(entries)
        with self._lock:
            if self._made_of(key) is not None:
                return State("ready")
            if key in self._working:
                return State("working")
            failed = self._failed.pop(key, None)
            if failed is not None:  # told once: who asks again wants it tried again
                return State("failed", failed)
            self._working.add(key)
        try:
            self.worker.add(lambda: self._make(key, tuple(entries)))
        except BadInput:
            with self._lock:
                self._working.discard(key)
            raise
        return State("working")

    def keep(self, entry: Entry, explanation: Explanation) -> None:
        """Keep what was fitted a moment ago to all that an entry has."""
        with self._lock:
            self._fits.keep(_key([entry]), explanation)

    def _make(self, key: Key, entries: tuple[Entry, ...]) -> None:
        try:
            page, failed = self._made(entries), ""
        except InterplayError as error:
            page, failed = None, " ".join([str(error), *getattr(error, "__notes__", ())])
        except Exception as error:  # a file may hold anything
            page, failed = None, f"unexpected {type(error).__name__}: {error}"
        with self._lock:
            self._working.discard(key)
            if page is None:
                self._failed.keep(key, shown(failed, 2000))
            else:
                self._pages.keep(_ids(key), replace(page, key=key, made=time.monotonic()))

    def _made(self, entries: tuple[Entry, ...]) -> Page:
        for entry in entries:
            if entry.problem is not None:
                raise BadInput(f"{entry.name}: {entry.problem}")
        if len(entries) > 1:
            return self._comparison(entries)
        (entry,) = entries
        if entry.kind == "runs":
            return Page(collection.render(read_runs(self._file(entry))), f"saved in {entry.name}")
        if entry.kind == "run":
            return Page(html.render(read_run(self._file(entry))), f"saved in {entry.name}")
        found = self._explanation(entry)
        return Page(html.render(found.to_dict()), _origin(found, self.library))

    def _comparison(self, entries: tuple[Entry, ...]) -> Page:
        from interplay.report import comparison

        for entry in entries:
            if entry.kind == "runs":
                raise BadInput(
                    f"{entry.name} holds the runs of many inputs, and single runs are compared"
                )
        found = compare(*map(self._explanation, entries), names=names_of(entries))
        fitted = sum(entry.kind == "function" for entry in entries)
        told = f"{len(entries)} runs compared with the first"
        if fitted:
            told += f"; {fitted} of them fitted to what {self.library.store.name} holds"
        return Page(comparison.render(found.to_dict()), told)

    def _explanation(self, entry: Entry) -> Explanation:
        with self._lock:
            known = self._fits.use(_key([entry]))
        if known is not None:
            return known
        if entry.kind == "function":
            found = fitted(self.library, entry)
        else:
            path = self._file(entry)
            beside = path.with_suffix(".npz")
            found = restored(read_json(path), path.name, beside if plain_file(beside) else None)
        self.keep(entry, found)
        return found

    def _file(self, entry: Entry) -> Path:
        path = self.library.path_of(entry)
        if not plain_file(path):
            raise BadInput(f"{entry.name} is not a file any more; look at the list again")
        return path


def fitted(library: Library, entry: Entry) -> Explanation:
    """Return the explanation that all that the store holds of a value function amounts to.

    Raises
    ------
    BadInput
        there is too little for a fit, or the function is gone.
    StoreError
        the store is damaged or locked.
    """
    with Store(library.store, read_only=True, timeout=PATIENCE) as store:
        function = store.function(entry.name)
        masks, values, noise = store.recording(entry.name)
    if function is None:  # recording() has refused that already
        raise BadInput(f"{entry.name:.12} is gone from the store; look at the list again")
    features, targets = function.identity.features, function.identity.targets
    evaluations = Recording(
        masks,
        values,
        features=None if features is None else tuple(map(str, features)),
        targets=None if targets is None else tuple(map(str, targets)),
        noise_var=noise,
    ).named()
    started = time.perf_counter()
    surrogates = fit_recording(evaluations, method=METHOD, seed=SEED)
    took = time.perf_counter() - started
    subject = function.identity.subject
    return describe(
        surrogates,
        evaluations,
        cost=Cost(0, function.evaluations, 0.0, took),
        config={
            "budget": None,
            "method": METHOD,
            "seed": SEED,
            "store": str(library.store),
            "fingerprint": function.fingerprint,
            "command": _command(library, function.fingerprint),
        },
        subject=subject or {"kind": "callable", "name": function.fingerprint},
        replicates=function.replicates,
        notes=(
            f"Fitted to all that {library.store.name} holds of this value function, "
            f"{len(masks):,} masks, by method {METHOD}: the runs that evaluated them may have been "
            "fitted to a part of them, or otherwise. They are taken to be uniform masks.",
        ),
    )


def _command(library: Library, fingerprint: str) -> str:
    """What gives the same numbers on the command line."""
    store = str(library.store)
    export = ["interplay", "runs", "export", "evaluations.parquet", "--store", store]
    export += ["--fingerprint", fingerprint]
    return f"{shlex.join(export)} && interplay fit evaluations.parquet"


def _origin(found: Explanation, library: Library) -> str:
    m, store = found.sample.masks, library.store.name
    if found.config.get("budget") is None:
        return f"fitted to all {m:,} masks that {store} holds of it"
    return f"explained here; its {m:,} masks are in {store}"


def names_of(entries: Sequence[Entry]) -> list[str]:
    """Return what compared runs are called: their texts or files, numbered where they are alike."""
    titles = [
        shown(entry.title if entry.kind == "function" else entry.name.removesuffix(".json"), 28)
        for entry in entries
    ]
    return [
        title if titles.count(title) == 1 else f"{title} ({titles[:k].count(title) + 1})"
        for k, title in enumerate(titles)
    ]


def _key(entries: Sequence[Entry]) -> Key:
    return tuple((entry.id, entry.version) for entry in entries)


def _ids(key: Key) -> tuple[str, ...]:
    return tuple(wanted for wanted, _ in key)
