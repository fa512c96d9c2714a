"""Decode coded values with spectralexplain's soft decoder; run by its interpreter.

    PYTHON peer_spex.py DESIGN.npz

The file holds ``n``, ``t``, ``matrices`` (C, n, b), ``masks_packed``, ``values``, and perhaps
``test_masks_packed`` and ``test_values``. Prints one JSON object: terms (lists of features) and
coefficients as decoded, seconds of that, and of the regression that follows; and, where there are
test masks, r2 of the regression on them.
"""

import json
import logging
import sys
import time
import warnings

import numpy as np
from sparse_transform.qsft.qsft import transform
from sparse_transform.qsft.signals.input_signal_subsampled import SubsampledSignal
from sparse_transform.qsft.utils.query import get_bch_decoder, get_Ms_and_Ds

logging.disable(logging.CRITICAL)
warnings.filterwarnings("ignore")
with np.load(sys.argv[1]) as archive:
    content = {name: archive[name] for name in archive.files}
n, t = int(content["n"]), int(content["t"])
# its code counts the features from the other end
matrices = [matrix[::-1].astype(int) for matrix in content["matrices"]]
b = matrices[0].shape[1]
packed = content["masks_packed"]
known = {row.tobytes(): value for row, value in zip(packed, content["values"], strict=True)}


def look_up(queries):
    rows = np.packbits(np.asarray(queries)[:, ::-1].astype(bool), axis=1)
    return np.array([known[row.tobytes()] for row in rows], dtype=complex)


class Given(SubsampledSignal):
    """A signal whose matrices are given, and whose values are looked up."""

    def _set_Ms_and_Ds_qsft(self):  # noqa: N802 - its name
        _, offsets = get_Ms_and_Ds(self.n, self.q, **self.query_args)
        self.Ms, self.Ds = matrices, [offsets[0]] * len(matrices)


signal = Given(
    func=look_up,
    n=n,
    q=2,
    query_args={
        "query_method": "complex",
        "num_subsample": len(matrices),
        "delays_method_source": "joint-coded",
        "subsampling_method": "qsft",
        "delays_method_channel": "identity-siso",
        "num_repeat": 1,
        "b": b,
        "t": t,
    },
)
options = {
    "reconstruct_method_source": "coded",
    "reconstruct_method_channel": "identity-siso",
    "num_subsample": len(matrices),
    "num_repeat": 1,
    "b": b,
    "source_decoder": get_bch_decoder(n, t, "soft", 2 * t),
}
started = time.perf_counter()
found = transform(signal, **options)
seconds = time.perf_counter() - started
result = {
    "terms": [[n - 1 - i for i in np.flatnonzero(term)[::-1].tolist()] for term in found],
    "coefficients": [float(np.real(value)) for value in found.values()],
    "seconds": seconds,
    "r2": None,
}
if "test_values" in content:
    started = time.perf_counter()
    fitted = transform(signal, report=True, regress="lasso", **options)["transform"]
    result["regression_seconds"] = time.perf_counter() - started - seconds
    test = np.unpackbits(content["test_masks_packed"], axis=1, count=n)[:, ::-1].astype(int)
    terms, values = np.array(list(fitted)), np.real(list(fitted.values()))
    predicted = (1 - 2 * (test @ terms.T % 2)) @ values
    truth = content["test_values"]
    result["r2"] = 1 - np.square(truth - predicted).sum() / np.square(truth - truth.mean()).sum()
    result["fitted"] = len(fitted)
print(json.dumps(result))
