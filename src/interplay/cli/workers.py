"""``--workers``: the processes that call the model, for every command that evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cyclopts import Parameter

from interplay.errors import BadInput, check_whole
from interplay.evaluate import RayExecutor


@Parameter(name="*", group="Workers, with the extra ray")
@dataclass(frozen=True)
class Workers:
    """Who calls the model: this process, or several that Ray starts.

    Parameters
    ----------
    workers
        Let so many processes call the model, each with its own copy: on this machine, or on the
        cluster of --ray-address. By default this process does.
    ray_address
        A Ray cluster that is there: HOST:PORT, or auto for the one of this machine.
    gpus_per_worker
        GPUs of each, such as 1 or 0.5; with none the model runs on the CPU. [default: 0]
    cpus_per_worker
        Cores of each, and its threads. [default: 1]
    """

    workers: int | None = None
    ray_address: str | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None

    @contextmanager
    def executor(self) -> Iterator[RayExecutor | None]:
        """Yield what calls the model, None for this process, and end it."""
        if self.workers is None:
            for flag in ("ray_address", "gpus_per_worker", "cpus_per_worker"):
                if getattr(self, flag) is not None:
                    raise BadInput(f"--{flag.replace('_', '-')} needs --workers N, how many")
            yield None
            return
        check_whole("--workers", self.workers, 1)
        gpus = 0 if self.gpus_per_worker is None else self.gpus_per_worker
        cpus = 1 if self.cpus_per_worker is None else self.cpus_per_worker
        if not 0 <= gpus < float("inf") or not 0 < cpus < float("inf"):
            raise BadInput(
                "--gpus-per-worker must be 0 or more, and --cpus-per-worker more; got "
                f"{gpus:g} and {cpus:g}"
            )
        with RayExecutor(
            self.workers, address=self.ray_address, num_cpus=cpus, num_gpus=gpus
        ) as executor:
            yield executor
