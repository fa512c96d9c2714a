"""Time shapiq's ProxySPEX on the first m rows of a recording; run by its interpreter.

    PYTHON peer_shapiq.py RECORDING.npz M

Prints one JSON object, as peer_spectralexplain.py does. shapiq draws its own masks: here its
sampler is one that returns ours. What is judged is its refitted Fourier series, before that becomes
an index of some order.
"""

import json
import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
from shapiq import ProxySPEX

warnings.filterwarnings("ignore")
path, m = sys.argv[1], int(sys.argv[2])
with np.load(path) as archive:
    n = int(archive["n"])
    masks = np.unpackbits(archive["masks_packed"], axis=1)[:m, :n].astype(bool)
    test = np.unpackbits(archive["test_masks_packed"], axis=1)[:, :n].astype(int)
    values, truth = archive["values"][:m], archive["test_values"]
approximator = ProxySPEX(n=n, index="FBII", max_order=2, random_state=0)
approximator._uniform_sampler = SimpleNamespace(sample=lambda budget: None, coalitions_matrix=masks)
refine, found = approximator._refine, {}


def keep(*arguments):
    found.update(refine(*arguments))
    return dict(found)


approximator._refine = keep
started = time.perf_counter()
try:
    approximator.approximate(m, lambda asked: values)
except Exception:  # that time counts too
    found = None
seconds = time.perf_counter() - started
r2 = None
if found is not None:
    predicted = np.zeros(len(test))
    for term, coefficient in found.items():
        predicted += coefficient * (1 - 2 * (test[:, list(term)].sum(axis=1) % 2))
    r2 = 1 - np.square(truth - predicted).sum() / np.square(truth - truth.mean()).sum()
print(json.dumps({"r2": r2, "terms": len(found or ()), "seconds": seconds}))
