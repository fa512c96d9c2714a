"""Runs that are started from the page: one at a time, in a thread, stopped after a batch."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from interplay import demo
from interplay.errors import BadInput, BudgetExceeded, InterplayError, unknown
from interplay.evaluate import (
    Event,
    Fitting,
    Planned,
    Started,
    Stop,
    Tally,
    Warned,
    parse_budget,
)
from interplay.explain import explain
from interplay.explanation import Explanation
from interplay.view.told import shown
from interplay.view.worker import Worker

WAITING: Final = 8
"""Runs that may wait for the one in hand."""

REMEMBERED: Final = 20
"""Runs that the page shows; the oldest ones that are done go first."""

LONGEST: Final = 100_000
"""Characters of a text that may be typed in."""

MODELS: Final = ("sentiment", "facts")
"""The embedded models: a classifier of sentiment, a language model that answers questions."""

Phase = Literal["waiting", "loading", "evaluating", "fitting", "done", "stopped", "failed"]
ENDED: Final = ("done", "stopped", "failed")


@dataclass(frozen=True)
class Order:
    """What somebody wants explained.

    Raises
    ------
    BadInput
        an unknown model, an empty or endless text, no question for the language model, or a budget
        that cannot be read.
    """

    model: str
    text: str
    question: str = ""
    budget: str = "500"

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise unknown("model", self.model, MODELS)
        if not self.text.strip():
            raise BadInput("there is no text: type one in")
        for name, given in (("text", self.text), ("question", self.question)):
            if len(given) > LONGEST:
                raise BadInput(f"the {name} has {len(given):,} characters; at most {LONGEST:,} go")
        if self.model == "facts" and not self.question.strip():
            raise BadInput("the language model answers a question about the text: type one in")
        parse_budget(self.budget)

    @property
    def path(self) -> Path:
        """Where the model lies."""
        return demo.model_path() if self.model == "sentiment" else demo.language_model_path()

    @property
    def options(self) -> dict[str, str]:
        """What :func:`interplay.text` takes beside text and model."""
        if self.model == "sentiment":
            return {"target": "logit:positive"}
        return {"question": self.question}

    def value_function(self) -> Callable[..., Any]:
        """Return the text and the model as a value function."""
        from interplay.lenses.text import text

        return text(self.text, model=str(self.path), **self.options)  # type: ignore[arg-type]

    def command(self, store: Path) -> str:
        """Return the command that does the same."""
        words = ["interplay", "explain", "--context", self.text, "--model", str(self.path)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return shlex.join([*words, "--budget", self.budget, "--store", str(store)])


@dataclass
class Run:
    """A run that was ordered, and how far it is.

    Attributes
    ----------
    number
        which one it is, from 1.
    message
        what there is to say: why it failed, say.
    warnings
        what the run warned of.
    entry
        what the page calls its result; None before there is one.
    """

    number: int
    order: Order
    phase: Phase = "waiting"
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    entry: str | None = None
    tally: Tally = field(default_factory=Tally)
    stopping: bool = False
    began: float | None = None
    seconds: float | None = None

    def told(self) -> dict[str, Any]:
        """Return what the page shows, as JSON."""
        passed = self.seconds
        if passed is None and self.began is not None:
            passed = time.monotonic() - self.began
        return {
            "number": self.number,
            "title": shown(self.order.text, 120),
            "question": shown(self.order.question, 80),
            "model": self.order.model,
            "budget": shown(self.order.budget, 40),
            "phase": self.phase,
            "stopping": self.stopping and self.phase not in ENDED,
            "done": self.tally.done,
            "total": self.tally.total,
            "seconds": None if passed is None else round(passed, 1),
            "message": self.message,
            "warnings": self.warnings[-5:],
            "entry": self.entry,
        }


class _Closing(Exception):
    """The server is being closed: what was evaluated is stored, and is not fitted now."""


class Runs:
    """The queue of runs, and the thread that makes them.

    Parameters
    ----------
    store
        where they put their evaluations.
    on_done
        called with the explanation of each run that has one, in the thread; returns what the page
        calls the result.
    """

    def __init__(self, store: Path, on_done: Callable[[Explanation], str | None]) -> None:
        self._store, self._on_done = store, on_done
        self._worker = Worker("interplay-view-runs", WAITING)
        self._lock = threading.Lock()
        self._runs: list[Run] = []
        self._made = 0
        self.closing = False
        self.changes = 0
        """Goes up whenever there is something new to show."""

    def start(self, order: Order) -> int:
        """Queue a run, and return its number.

        Raises
        ------
        BadInput
            too many wait already.
        """
        with self._lock:
            run = Run(self._made + 1, order)
            self._worker.add(lambda: self._make(run))
            self._made += 1
            self._runs.append(run)
            ended = [one for one in self._runs if one.phase in ENDED]
            for old in ended[: max(len(self._runs) - REMEMBERED, 0)]:
                self._runs.remove(old)
            self.changes += 1
        return run.number

    def stop(self, number: int) -> None:
        """Have a run end after the batch in hand, or not begin.

        Raises
        ------
        BadInput
            there is no such run, or it has ended.
        """
        with self._lock:
            run = next((one for one in self._runs if one.number == number), None)
            if run is None or run.phase in ENDED:
                raise BadInput(f"there is no run {number} that could be stopped")
            run.stopping = True
            if run.phase == "waiting":
                run.phase, run.message = "stopped", "It had not begun."
            self.changes += 1

    def told(self) -> list[dict[str, Any]]:
        """Return how far all are, the newest first, as JSON."""
        with self._lock:
            return [run.told() for run in reversed(self._runs)]

    def busy(self) -> Run | None:
        """Return the run in hand, if any."""
        with self._lock:
            return next((one for one in self._runs if one.phase not in (*ENDED, "waiting")), None)

    def close(self) -> None:
        """Let the run in hand finish its batch, and begin no other; safe in a signal handler."""
        self.closing = True
        self._worker.close()

    def join(self) -> None:
        """Wait for the batch of the run in hand."""
        self._worker.join()

    def _make(self, run: Run) -> None:
        with self._lock:
            if run.phase != "waiting":  # stopped before it began
                return
            run.phase, run.began = "loading", time.monotonic()
            self.changes += 1
        phase: Phase = "failed"
        try:
            found = self._explained(run)
            run.entry = self._on_done(found)
            phase, message = "done", ""
            if run.stopping and found.sample.stopped:
                phase, message = "stopped", f"{found.sample.masks:,} masks were fitted."
        except _Closing:
            phase, message = "stopped", "The server is being closed; what was evaluated is stored."
        except BudgetExceeded as error:
            phase, message = ("stopped" if run.stopping else "failed"), str(error)
            if run.tally.done:
                message += f" {run.tally.done:,} evaluations are stored; the same text goes on."
        except InterplayError as error:
            message = " ".join([str(error), *getattr(error, "__notes__", ())])
        except Exception as error:
            message = f"unexpected {type(error).__name__}: {error}"
        with self._lock:
            run.phase, run.message = phase, shown(message, 1000)
            run.seconds = time.monotonic() - (run.began or 0.0)
            self.changes += 1

    def _explained(self, run: Run) -> Explanation:
        order = run.order
        found = explain(
            order.value_function(),
            budget=order.budget,
            store=self._store,
            stop=self._stop_of(run),
            on_event=lambda event: self._on_event(run, event),
        )
        return replace(found, config={**found.config, "command": order.command(self._store)})

    def _stop_of(self, run: Run) -> Stop:
        def stop() -> str | None:
            if self.closing:
                return "stopped, for the server is being closed"
            return "stopped on the page" if run.stopping else None

        return stop

    def _on_event(self, run: Run, event: Event) -> None:
        if isinstance(event, Fitting) and self.closing:
            raise _Closing
        with self._lock:
            run.tally.take(event)
            if isinstance(event, Started):
                run.phase = "evaluating"
            elif isinstance(event, Fitting):
                run.phase = "fitting"
            elif isinstance(event, Planned):
                run.message = event.sentence
            elif isinstance(event, Warned):
                run.warnings.append(shown(event.message, 500))
            self.changes += 1
