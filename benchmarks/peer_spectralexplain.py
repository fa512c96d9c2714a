"""Time spectralexplain's ProxySPEX fit on the first m rows of a recording; run by its interpreter.

    PYTHON peer_spectralexplain.py RECORDING.npz M

Prints one JSON object: r2 on the recording's test masks (null where the fit raised), terms and
seconds.
"""

import json
import sys
import time
import warnings

import numpy as np
from spectralexplain.utils import proxy_spex

warnings.filterwarnings("ignore")
path, m = sys.argv[1], int(sys.argv[2])
with np.load(path) as archive:
    n = int(archive["n"])
    masks = np.unpackbits(archive["masks_packed"], axis=1)[:m, :n].astype(int)
    test = np.unpackbits(archive["test_masks_packed"], axis=1)[:, :n].astype(int)
    values, truth = archive["values"][:m], archive["test_values"]
started = time.perf_counter()
try:
    fourier = proxy_spex((masks, values), max_order=5)
except Exception:  # it raises on an empty support; that time counts too
    fourier = None
seconds = time.perf_counter() - started
r2 = None
if fourier is not None:
    terms, coefficients = np.array(list(fourier)), np.array(list(fourier.values()))
    predicted = (1 - 2 * ((test @ terms.T) % 2)) @ coefficients
    r2 = 1 - np.square(truth - predicted).sum() / np.square(truth - truth.mean()).sum()
print(json.dumps({"r2": r2, "terms": len(fourier or ()), "seconds": seconds}))
