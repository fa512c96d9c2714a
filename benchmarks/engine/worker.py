"""One timed fit in a process of its own: ``python -m benchmarks.engine.worker METHOD N M SEED``.

Prints one JSON object: seconds of the fit, R², and the largest memory that the process has held.
"""

from __future__ import annotations

import json
import sys
import time

import interplay as ip
from benchmarks.engine.data import realistic
from interplay.metrics import r_squared


def main() -> None:
    method, *numbers = sys.argv[1:]
    n, m, seed = map(int, numbers)
    data = realistic(n, m, seed)
    # the first fit of a process also pays for imports: on few rows, and not counted
    ip.fit(data.masks[:40, :10], data.values[:40], method=method)
    started = time.perf_counter()
    surrogate = ip.fit(data.masks, data.values, method=method, seed=seed)
    seconds = time.perf_counter() - started
    r2 = r_squared(data.truth, surrogate.predict(data.test))
    print(json.dumps({"seconds": seconds, "r2": r2, "megabytes": peak()}))


def peak() -> float | None:
    """Return the largest resident memory so far in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1e6 if sys.platform == "darwin" else size / 1e3


if __name__ == "__main__":
    main()
