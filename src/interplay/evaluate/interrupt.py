"""Ctrl-C and SIGTERM: finish the batch, fit what there is, say so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

_NAMES: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


@dataclass
class Interruption:
    """Whether somebody asked the run to end; called by :func:`interplay.evaluate.evaluate`."""

    signal: signal.Signals | None = None

    def __call__(self) -> str | None:
        """Return why to stop before the next batch, or None."""
        return None if self.signal is None else f"interrupted by {_NAMES[self.signal]}"

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells have it; 0 if there was none."""
        return 0 if self.signal is None else 128 + self.signal


@contextmanager
def interruptible(on_signal: Callable[[str], None] | None = None) -> Iterator[Interruption]:
    """Turn the first Ctrl-C or SIGTERM inside into a wish to stop after the batch in flight.

    Pass what this yields as ``stop=`` to :func:`interplay.explain`: the run then ends with an
    explanation of what was evaluated. A second signal stops at once, as Ctrl-C always did. Outside
    the main thread, where Python allows no signal handlers, nothing changes.

    Parameters
    ----------
    on_signal
        called once with a sentence for the person who waits.

    Examples
    --------
    >>> with interruptible() as stop:
    ...     print(stop())
    None
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if interruption.signal is not None:
            raise KeyboardInterrupt
        interruption.signal = signal.Signals(number)
        if on_signal is not None:
            on_signal(
                f"{_NAMES[interruption.signal]}: finishing the batch, then fitting what there is "
                "(once more stops at once)"
            )

    before = {number: signal.signal(number, handle) for number in _NAMES}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
