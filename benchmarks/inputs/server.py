"""A run against a server that answers after 50 ms, and fails now and then: how long it takes.

The server is a process of its own (tests/openai_server.py): 5 % of its answers are a 429 with
Retry-After 0.1 s, a 500 or half a JSON, a third each. It gives log-probabilities that a formula
tells, so that every value can be checked, and logs what it answers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground.row import Row
from interplay.evaluate import Store, evaluate

LATENCY, CONCURRENCY, FAULTS = 0.05, 32, 0.05
CALLS, QUICK_CALLS = 2000, 200
REPEATS = 3
BAR = 1.3
TOOL = Path(__file__).parents[2] / "tests" / "openai_server.py"
# no word twice: two masks would give the same text, and one of them be asked again in a later batch
TEXT = "One old town of Lyon lies far away in its green hills north by that river, they say"
RESPONSE = " and it is a town of some size"


def rows(quick: bool = False) -> list[Row]:
    """Return a row for the run with faults, and one for the same run without."""
    calls, repeats = (QUICK_CALLS, 1) if quick else (CALLS, REPEATS)
    found = []
    for share in (FAULTS, 0.0):
        measured = [measure(calls, share, seed) for seed in range(repeats)]
        found.append(judged(calls, share, measured))
        print(f"server: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def measure(calls: int, share: float, seed: int) -> dict[str, Any]:
    """Evaluate so many masks; return the times and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "answered.txt"
        command = [sys.executable, str(TOOL), "--latency", str(LATENCY), "--faults", str(share),
                   "--seed", str(seed), "--log", str(log)]  # fmt: skip
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            value: Any = ip.text(
                TEXT, model="openai:words", base_url=url, target=f"logprob:{RESPONSE}",
                concurrency=CONCURRENCY, seed=seed,
            )  # fmt: skip
            masks = distinct(calls, len(value.features), seed)
            before = len(log.read_text().splitlines())
            ledger = value.model.ledger
            attempts, cpu, began = ledger.attempts, time.process_time(), time.perf_counter()
            with Store(Path(folder) / "runs.db") as store:
                run = evaluate(value, masks, store=store)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            attempts = ledger.attempts - attempts
            value.model.close()
            answers = Counter(log.read_text().splitlines()[before:])
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
    wrong = (np.abs(run.values[:, 0] - exact(value, masks)) > 1e-9).sum()
    ideal = attempts * LATENCY / CONCURRENCY
    return {
        "seconds": seconds,
        "ideal": ideal,
        "ratio": seconds / ideal,
        "attempts": attempts,
        "client_cpu_seconds": cpu,
        "missing": calls - len(run.values),
        "wrong": int(wrong),
        "paid_twice": sum(times - 1 for times in answers.values()),
    }


def judged(calls: int, share: float, measured: list[dict[str, Any]]) -> Row:
    """Return the row of some repeats."""
    ratios = [one["ratio"] for one in measured]
    times = ", ".join(f"{one['seconds']:.2f} s" for one in measured)
    bad = {name: sum(one[name] for one in measured) for name in ("missing", "wrong", "paid_twice")}
    met = max(ratios) <= BAR and not any(bad.values())
    faults = f"{share:.0%} faults (429 with Retry-After, 500, truncated JSON)"
    return Row(
        f"server: {calls:,} calls at {LATENCY * 1000:.0f} ms, {CONCURRENCY} at once, "
        + (faults if share else "no faults"),
        f"<= {BAR}x attempts x {LATENCY * 1000:.0f} ms / {CONCURRENCY}; every value right; no "
        "answered call paid twice",
        f"{', '.join(f'{ratio:.2f}x' for ratio in ratios)} "
        f"({times}); {bad['wrong']} wrong, "
        f"{bad['missing']} missing, {bad['paid_twice']} paid twice",
        met,
        {"repeats": measured},
    )


def distinct(count: int, n: int, seed: int) -> Any:
    """Return so many different masks, none of them full or empty: equal prompts are asked once."""
    generator = np.random.default_rng(seed)
    numbers = generator.choice(np.arange(1, 2**n - 1), size=count, replace=False)
    return (numbers[:, None] >> np.arange(n)) % 2 == 1


def exact(value: Any, masks: Any) -> Any:
    """Return the values that the server's formula gives, float ``(m,)``."""
    model = words_of().WordModel()
    count = len(model.encode(RESPONSE, special=False)[0])
    texts = (value.masked_text(mask) + RESPONSE for mask in masks)
    return np.array([sum(model.logprobs(model.encode(text)[0])[-count:]) for text in texts])


def words_of() -> Any:
    """Return the module of the server, whose model tells what is right."""
    spec = spec_from_file_location("openai_server", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["openai_server"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
