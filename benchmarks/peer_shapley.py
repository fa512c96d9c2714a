"""Estimate the Shapley values of an exact game with shapiq's approximators; run by its interpreter.

    PYTHON peer_shapley.py GAME.npz BUDGET SEED [NAME ...]

The game's ``values`` belong to the masks whose bits their positions are. Prints one JSON object:
shapiq's version, and for every approximator that is asked for and there (all known ones, without
NAMEs) its values, the coalitions that it asked for, and seconds; or the error that it raised.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import shapiq
import shapiq.approximator

warnings.filterwarnings("ignore")
KNOWN = {
    "OddSHAP": {},
    "ProxySHAP": {"index": "SV", "max_order": 1},
    "ProxySPEX": {"index": "SII", "max_order": 1},
    "KernelSHAP": {},
    "UnbiasedKernelSHAP": {},
    "PermutationSamplingSV": {},
    "SVARM": {},
}
path, budget, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with np.load(path) as archive:
    values = archive["values"].astype(float)
n = len(values).bit_length() - 1
bits = 1 << np.arange(n)


asked = 0


def game(coalitions):
    global asked
    asked += len(np.atleast_2d(coalitions))
    return np.atleast_1d(values[np.asarray(coalitions, dtype=int) @ bits])  # also of one alone


found = {}
for name in sys.argv[4:] or KNOWN:
    approximator = getattr(shapiq.approximator, name, None)
    if approximator is None:
        continue
    started, asked = time.perf_counter(), 0
    try:
        result = approximator(n=n, random_state=seed, **KNOWN[name]).approximate(budget, game)
        single = [float(result[(i,)]) for i in range(n)]
    except Exception as error:  # whatever a peer raises is its result
        found[name] = {"error": f"{type(error).__name__}: {error}"}
        continue
    seconds = time.perf_counter() - started
    found[name] = {"values": single, "seconds": seconds, "asked": asked}
print(json.dumps({"shapiq": version("shapiq"), "found": found}))
