"""Runs that are struck by faults, again and again, until they are through.

Each run evaluates 10,000 masks into a new store. Faults strike it at random moments, it is started
again after those that end it, and so on. After every start the store must hold all that the run had
been told is stored, each value as the value function gives it; and all in all no mask may be
evaluated twice, but for those that were in flight when a fault struck.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from benchmarks.ground import struck
from benchmarks.ground.row import Row
from benchmarks.ground.struck import BATCH, ENDS, ENTRY, EVALUATIONS, PASSING, WORKERS, Start
from benchmarks.inputs.server import TOOL
from benchmarks.table import REPOSITORY
from interplay.evaluate import Store
from interplay.evaluate.ray_executor import AHEAD
from interplay.evaluate.verification import verify
from interplay.value_function import BoolArray

WAYS: dict[str, tuple[str, ...]] = {
    "local": ("kill", "exception", "disk", "clock"),
    "ray": (*["worker"] * 5, "kill", "exception", "disk"),
    "server": ("server", "server", "kill", "disk", "clock"),
}
"""By who evaluates, the faults that strike in turn; some more often."""

IN_FLIGHT = {"local": 1, "ray": AHEAD * WORKERS, "server": 1}
"""Chunks that may be lost with a run."""

MARK = "STRUCK_RUN"
"""In the environment of all processes of a start."""

AGENT = re.compile(r"ray::\w*Agent")

LONGEST = 300.0
"""Seconds that one start may take."""

PATIENCE = 60.0
"""Seconds that the processes of a start have to end after the first one did."""


@dataclass
class Tally:
    """What a campaign has seen."""

    runs: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    struck: Counter[str] = field(default_factory=Counter)  # "kill (local)" and so on
    lost: int = 0  # evaluations that were said to be stored and are not
    wrong: int = 0  # values in a store that are not those of the value function
    repeated: int = 0  # evaluations made again beyond the chunks that were in flight
    again: int = 0  # evaluations made again in all
    made: int = 0
    disk: set[str] = field(default_factory=set)  # how it was filled
    unexpected: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another campaign has seen as well."""
        for each in fields(self):
            mine = getattr(self, each.name)
            if isinstance(mine, Counter | set):
                mine.update(getattr(other, each.name))
            else:
                setattr(self, each.name, mine + getattr(other, each.name))

    @property
    def clean(self) -> bool:
        return not (self.lost or self.wrong or self.repeated or self.unexpected)


def campaign(
    faults: int,
    *,
    seed: int = 0,
    most: int = 10,
    ways: Sequence[str] = ("local",),
    kinds: Sequence[str] | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Tally:
    """Run in each way in turn until so many faults have struck, ``most`` of them in one run.

    ``kinds`` are the faults that may strike, all by default; ``tell`` is told after each run.
    """
    rng = np.random.default_rng(seed)
    tally = Tally()
    while sum(tally.struck.values()) < faults and len(tally.unexpected) < 5:
        way = ways[sum(tally.runs.values()) % len(ways)]
        some = [kind for kind in WAYS[way] if kinds is None or kind in kinds]
        count = min(most, faults - sum(tally.struck.values()))
        times = np.sort(rng.integers(0, EVALUATIONS, count)).tolist()
        faults_of = rng.permutation(np.resize(rng.permutation(some), count)).tolist()
        strikes = list(zip(faults_of, times, strict=True))
        with ExitStack() as ends:
            Run(way, strikes, rng, tally, ends).through()
        tally.runs[way] += 1
        tell(f"faults: {sum(tally.runs.values())} runs, {sum(tally.struck.values())} faults")
    return tally


class Run:
    """One run, from its first start to its end.

    ``strikes`` are the faults, each with the number of evaluations after which it strikes.
    """

    def __init__(
        self,
        way: str,
        strikes: list[tuple[str, int]],
        rng: np.random.Generator,
        tally: Tally,
        ends: ExitStack,
    ) -> None:
        self.strikes, self.rng, self.tally, self.ends = strikes, rng, tally, ends
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        disk = folder / "disk"
        disk.mkdir()
        mounted = ends.enter_context(_mounted(disk))
        if any(fault == "disk" for fault, _ in strikes):
            tally.disk.add("tmpfs" if mounted else "RLIMIT_FSIZE")
        ballast = str(disk / "ballast") if mounted else ""
        self.start = Start(way, str(disk / "runs.db"), str(folder), ballast=ballast)
        self.server = _Server(folder / "answered.txt", ends) if way == "server" else None
        function: object = struck.Struck(str(folder))
        if self.server is not None:
            self.start = replace(self.start, url=self.server.url)
            function = struck.served(self.server.url)
        self.fingerprint = str(function.fingerprint)  # type: ignore[attr-defined]
        self.masks = struck.masks(len(function.features))  # type: ignore[attr-defined]
        self.truth = struck.truth(function, self.masks)
        self.stored: BoolArray = np.zeros(EVALUATIONS, dtype=np.bool_)
        self.failed = False

    def through(self) -> None:
        """Start it until it ends well."""
        while self.once() and not self.failed:
            pass
        if not self.stored.all():
            self._unexpected(f"a run ended with {self.stored.sum()} evaluations in its store")
        with Store(self.start.store, read_only=True) as store:
            for problem in verify(store).problems:
                self._unexpected(problem)

    def once(self) -> int:
        """Start it once, and see what there is then; return its exit code."""
        tally, way = self.tally, self.start.way
        if self.server is not None:
            self.start = replace(self.start, server=self.server.up())
        start = replace(self.start, strikes=tuple(self.strikes), seed=int(self.rng.integers(2**31)))
        lines, code, errors = run(start)
        tally.starts += 1
        told = [line.split(maxsplit=1) for line in lines]
        struck_now = [rest for first, rest in told if first == "struck"]
        ends = [fault for fault in struck_now if fault not in PASSING]
        if code not in (0, *(ENDS[fault] for fault in ends)):
            self._unexpected(f"{struck_now}: exit {code}: {lines[-1:]} {errors[-800:]}")
            return 0
        # what strikes after the end of the evaluations has struck nothing
        counted = struck_now if code else [fault for fault in struck_now if fault in PASSING]
        tally.struck.update(f"{fault} ({way})" for fault in counted)
        self.strikes = self.strikes[len(struck_now) :]
        before = next(int(rest) for first, rest in told if first == "before")
        kept = max((int(rest) for first, rest in told if first == "kept"), default=0)
        if start.ballast:
            Path(start.ballast).unlink(missing_ok=True)
        self._look(kept, self._made(before), counted)
        return code

    def _look(self, kept: int, made: int, faults: Sequence[str]) -> None:
        """Compare the store with what was told, with what was made, and with the truth."""
        tally, before = self.tally, self.stored
        with Store(self.start.store) as store:
            found = store.get(self.fingerprint, self.masks)
        self.stored = found.found
        tally.lost += max(kept - int(found.found.sum()), 0) + int((before & ~found.found).sum())
        tally.wrong += int((~struck.right(found.values, self.truth[found.found])).sum())
        wasted = made - int((found.found & ~before).sum())
        tally.made += made
        tally.again += wasted
        lost_chunks = sum(
            IN_FLIGHT[self.start.way] if fault in ENDS else fault == "worker" for fault in faults
        )
        tally.repeated += max(wasted - lost_chunks * BATCH, 0)

    def _made(self, before: int) -> int:
        """How many evaluations this start has made, by the log."""
        log = self.start.log
        octets = log.read_bytes()[before:] if log.exists() else b""
        if self.start.way == "server":
            return octets.count(b"\n")
        return len(octets) // ENTRY.itemsize

    def _unexpected(self, what: str) -> None:
        self.failed = True
        self.tally.unexpected.append(f"{self.start.way}: {what}")


class _Server:
    """A server that is started again when it was killed."""

    def __init__(self, log: Path, ends: ExitStack) -> None:
        self.log, self.port = log, 0
        self.process: subprocess.Popen[str] | None = None
        ends.callback(self.down)
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def up(self) -> int:
        """Return its process; start it where it is none."""
        if self.process is None or self.process.poll() is not None:
            self.down()
            command = [sys.executable, str(TOOL), "--log", str(self.log), "--port", str(self.port)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert self.process.stdout is not None
            self.port = int(self.process.stdout.readline())
        return self.process.pid

    def down(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@contextmanager
def _mounted(folder: Path) -> Iterator[bool]:
    """Mount a small disk in memory, where that is allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def run(start: Start) -> tuple[list[str], int, str]:
    """Start a run; return the lines that it told whole, its exit code and its errors.

    It is over when all processes that it has started are.
    """
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ground.faults", json.dumps(asdict(start))],
            stdout=out,
            stderr=errors,
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", MARK: mark},
        )
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            code = None
        left = _left(mark)
        process.wait()
        for session in Path("/tmp").glob(f"interplay-ray-*/session_*_{process.pid}"):
            shutil.rmtree(session.parent, ignore_errors=True)  # of a Ray that was killed
        out.seek(0)
        errors.seek(0)
        lines = [line.rstrip("\n") for line in out if line.endswith("\n")]
        told = errors.read()
    if left or code is None:
        return lines, 1, f"processes were left behind: {left}"
    return lines, code, told


def _left(mark: str) -> list[str]:
    """Wait for the end of all processes of a run; end those that do not, and return them.

    Two agents of a Ray that was killed look for it for more than a minute: they evaluate nothing,
    and are ended at once.
    """
    until = time.monotonic() + PATIENCE
    while (those := _marked(mark)) and time.monotonic() < until:
        _end(process for process, command in those.items() if AGENT.match(command))
        time.sleep(0.05)
    _end(those)
    return list(those.values())


def _end(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _marked(mark: str) -> dict[int, str]:
    """Return the processes that have a mark in their environment, and their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(folder.name)] = command[:100]
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def told(faults: int, tally: Tally, seconds: float, what: str) -> Row:
    """Return the line of the table for a campaign."""
    by_kind = ", ".join(f"{number} {fault}" for fault, number in sorted(tally.struck.items()))
    return Row(
        what=what,
        bar="0 lost committed evaluations, 0 wrong values, 0 paid twice beyond those in flight",
        measured=(
            f"{tally.lost} lost, {tally.wrong} wrong, {tally.repeated} paid twice beyond those in "
            f"flight ({tally.again:,} of {tally.made:,} paid twice in all; {by_kind}; "
            f"{sum(tally.runs.values())} runs)"
        ),
        met=tally.clean and sum(tally.struck.values()) >= faults,
        detail={
            "struck": dict(tally.struck),
            "runs": dict(tally.runs),
            "starts": tally.starts,
            "evaluations made": tally.made,
            "made again": tally.again,
            "the disk was": sorted(tally.disk),
            "unexpected": tally.unexpected,
            "seconds": seconds,
        },
    )


def rows(quick: bool) -> list[Row]:
    """The line of the table."""
    faults = 12 if quick else 100
    began = time.perf_counter()
    tally = campaign(faults, kinds=("kill", "exception", "disk"))
    what = (
        f"{faults} faults at random moments of runs of {EVALUATIONS:,} evaluations (kill -9, "
        f"exception in the model, full disk), batches of {BATCH}"
    )
    return [told(faults, tally, time.perf_counter() - began, what)]


if __name__ == "__main__":
    sys.exit(struck.work(Start(**json.loads(sys.argv[1]))))
