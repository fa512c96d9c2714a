"""A thread that does one thing at a time, in the order in which they were asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from interplay.errors import BadInput


class Worker:
    """A queue and the thread that works it off.

    The thread ends with the process: who closes must :meth:`join` where a task has to be finished.

    Parameters
    ----------
    name
        of the thread.
    most
        tasks that may wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._most, self._name = most, name
        self._tasks: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, task: Callable[[], None]) -> None:
        """Add a task, which raises nothing.

        Raises
        ------
        BadInput
            too many wait already, or the server is being closed.
        """
        with self._wake:
            if self._closed:
                raise BadInput("the server is being closed; start it again")
            if len(self._tasks) >= self._most:
                raise BadInput(f"{self._most} tasks are waiting already; wait for one to end")
            self._tasks.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Begin nothing more."""
        # no lock is taken: signal handlers call this, maybe of the thread that holds it
        self._closed = True
        self._tasks.clear()

    def join(self) -> None:
        """Wait until the task in hand is done."""
        with self._wake:
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._tasks and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                task = self._tasks.popleft()
            task()
