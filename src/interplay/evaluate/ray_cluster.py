"""Starts Ray on this machine, for nobody else, or joins a cluster that is there."""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from interplay.errors import BackendError, BadInput

REACHED: Final = 10.0
"""Seconds in which a cluster must answer."""


def connect(
    ends: ExitStack, *, address: str | None, workers: int, num_cpus: float, num_gpus: float
) -> None:
    """Start Ray, or join a cluster; ``ends`` is told how that ends.

    The other arguments are those of :class:`~interplay.RayExecutor`.

    Raises
    ------
    BackendError
        It cannot be started, or there is no such cluster.
    BadInput
        There is not the room for the workers.
    """
    import ray

    if not ray.is_initialized():
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            with _handlers_kept():
                if address is None:
                    _start_here(ends, math.ceil(workers * num_cpus), quiet)
                else:
                    _check_reached(address)
                    ends.callback(ray.shutdown)
                    ray.init(address=address, **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            ends.close()
            what = "be started" if address is None else f"be reached at {address}"
            raise BackendError(f"Ray cannot {what}: {error}") from error
    there = ray.cluster_resources()
    for name, each in (("CPU", num_cpus), ("GPU", num_gpus)):
        # a cluster may grow, and has room for one at least; this machine does not
        count = workers if address is None else 1
        if each * count > there.get(name, 0) + 1e-6:
            ends.close()
            raise BadInput(
                f"{count} worker{'s' if count > 1 else ''} of {each:g} {name}s each do not fit: "
                f"Ray has {there.get(name, 0):g} here"
            )


def _check_reached(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT; Ray would try for many minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "//" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()


def _start_here(ends: ExitStack, cores: int, quiet: Mapping[str, Any]) -> None:
    """Start Ray on this machine alone: nobody else can reach it, and it tells nobody."""
    import ray
    from ray._private import ray_constants

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What comes over its ports is run. They ask for a secret, by default out of a file that Ray
    # leaves in the home folder; this one is in none. It stays the same, for Ray reads it once.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # A short name: there are sockets in it, whose paths may have some hundred characters.
    short = "/tmp" if Path("/tmp").is_dir() else None
    folder = tempfile.mkdtemp(prefix="interplay-ray-", dir=short)
    ends.callback(shutil.rmtree, folder, ignore_errors=True)
    ends.callback(ray.shutdown)
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False  # else it listens on all addresses of the machine
    try:
        ray.init(
            address="local",
            num_cpus=cores,
            include_dashboard=False,
            _temp_dir=folder,
            **quiet,
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Keep what Ctrl-C and SIGTERM do here: Ray brings handlers of its own."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
