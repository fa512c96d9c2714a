"""How far a run is, from what it tells: progress bars and pages draw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from interplay.evaluate.events import Event, NextInput, Progress, Started


@dataclass
class Tally:
    """Evaluations that are there, of how many, over all rounds of a run.

    Attributes
    ----------
    done
        evaluations that are there, those that were in the store among them.
    total
        how many are planned; None before that is known.

    Examples
    --------
    >>> tally = Tally()
    >>> for event in (Started(100, 20, 32), Progress(52, 100, 20, 1.0), Started(50, 0, 32)):
    ...     tally.take(event)
    >>> tally.done, tally.total
    (52, 102)
    """

    done: int = 0
    total: int | None = None
    _before: int = field(default=0, repr=False)  # of the rounds before this one

    def take(self, event: Event) -> None:
        """Take an event of the run into account."""
        if isinstance(event, NextInput):
            self.done, self.total = 0, None
        elif isinstance(event, Started):
            self._before = self.done
            self.done += event.reused
            self.total = self._before + event.total
        elif isinstance(event, Progress):
            self.done = self._before + event.done
