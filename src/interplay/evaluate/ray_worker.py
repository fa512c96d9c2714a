"""What a worker of Ray does, and what is sent to it and back."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, InterplayError
from interplay.evaluate.executors import Chunk, Reply, call
from interplay.version import __version__


class Worker:
    """A worker process: the class of the actors."""

    def __init__(self) -> None:
        self.value_function: Any = None

    def load(
        self, packed: bytes, folder: str, paths: Sequence[str], version: str
    ) -> Exception | None:
        """Make the value function; return the error if that fails."""
        from ray import cloudpickle

        try:
            if version != __version__:
                raise BadInput(f"interplay {version} here, {__version__} on {socket.gethostname()}")
            if Path(folder).is_dir():  # paths of models and data may be relative
                os.chdir(folder)
            sys.path += [path for path in paths if path not in sys.path]
            self.value_function = cloudpickle.loads(packed)
        except Exception as error:
            return sendable(error)
        return None

    def call(self, number: int, packed: NDArray[np.uint8], n: int, replicate: int) -> Reply:
        """Call the value function for masks, ``numpy.packbits`` of each row."""
        masks = np.unpackbits(packed, axis=1, count=n).view(np.bool_)
        reply = call(self.value_function, Chunk(number, masks, replicate))
        if reply.error is not None:
            return replace(reply, error=sendable(reply.error))
        if reply.answer is not None and reply.answer.failure is not None:
            failure = sendable(reply.answer.failure)
            return replace(reply, answer=replace(reply.answer, failure=failure))
        return reply


def packed(
    value_function: Callable[..., Any], make: Callable[[], Callable[..., Any]] | None
) -> bytes:
    """Return what a worker makes the value function from.

    Wherever in it there is one that tells its ``recipe``, that goes in its place; and ``make`` in
    the place of the innermost one, below groups of features.
    """
    from ray import cloudpickle

    innermost = value_function
    while callable(base := getattr(innermost, "base", None)):
        innermost = base

    class Packer(cloudpickle.CloudPickler):  # type: ignore[misc]
        def reducer_override(self, content: Any) -> Any:
            recipe = None
            if make is not None and content is innermost:
                recipe = make, ()
            elif isinstance(getattr(type(content), "recipe", None), property):
                recipe = content.recipe
            if recipe is None:
                return super().reducer_override(content)
            return _made, (*recipe, getattr(content, "fingerprint", None))

    octets = BytesIO()
    try:
        Packer(octets).dump(value_function)
    except Exception as error:  # whatever the objects in it raise
        raise BadInput(
            f"the value function cannot be sent to workers: {type(error).__name__}: {error}. "
            "RayExecutor(make=...) takes a function that makes it there"
        ) from error
    return octets.getvalue()


def _made(make: Callable[..., Any], arguments: Sequence[Any], fingerprint: object) -> Any:
    """Make a value function, in a worker; refuse another one than that of the run."""
    made = make(*arguments)
    theirs = getattr(made, "fingerprint", None)
    if isinstance(theirs, str) and isinstance(fingerprint, str) and theirs != fingerprint:
        raise BadInput(
            f"on {socket.gethostname()} it is another one than here (fingerprint {theirs}, here "
            f"{fingerprint}): the model or the data there differ"
        )
    return made


def sendable(error: Exception) -> Exception:
    """Return an error that can be sent, of the same name and message; with its traceback."""
    from ray import cloudpickle

    if not isinstance(error, InterplayError):  # those speak for themselves
        error.add_note(f"In the worker:\n{''.join(traceback.format_exception(error))}")
    for kind in type(error).__mro__:
        if kind is type(error):
            sent = error
        else:  # one of its bases, under its name
            sent = type(type(error).__name__, (kind,), {"__module__": __name__})(str(error))
            sent.__notes__ = list(getattr(error, "__notes__", ()))
        try:
            again = cloudpickle.loads(cloudpickle.dumps(sent))
        except Exception:  # it holds a lock, or wants other arguments
            continue
        if str(again) == str(error):
            return sent
    return RuntimeError(f"{type(error).__name__}: {error}")
