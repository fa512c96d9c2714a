"""Surrogates: cheap imitations of a value function, fitted to its evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from interplay.errors import BadInput, unknown
from interplay.metrics import Estimate, faithfulness
from interplay.packing import pack
from interplay.surrogates.auto import Auto
from interplay.surrogates.base import SparseSurrogate, Surrogate
from interplay.surrogates.crossval import assign_folds
from interplay.surrogates.exact import Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.proxyspex import ProxySpex
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values, feature_names

METHODS: Mapping[str, type[Surrogate]] = {
    cls.method: cls for cls in (Auto, Exact, Lasso, ProxySpex)
}
"""Every method by the name that people choose it by."""

MIN_MASKS = 10
"""Fewest different masks that a surrogate is fitted to, unless they are all there are."""

__all__ = ["METHODS", "MIN_MASKS", "SparseSurrogate", "Surrogate", "check_method", "fit"]


def check_method(method: str) -> type[Surrogate]:
    """Return the class of a method, or raise :class:`BadInput` that lists the valid names."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    return METHODS[method]


def fit(
    masks: BoolArray,
    values: FloatArray,
    *,
    method: str = "auto",
    features: Sequence[str] | None = None,
    seed: int = 0,
) -> Surrogate:
    """Fit a surrogate to evaluations that one already has, and measure how far to trust it.

    Parameters
    ----------
    masks
        bool ``(m, n)``, True = feature kept. Faithfulness speaks of the law that they were drawn
        from, which is taken to be uniform.
    values
        float ``(m,)``, what the model gave under each mask.
    method
        ``"auto"``, ``"proxyspex"``, ``"lasso"`` or ``"exact"``.
    features
        n names, for output; ``x0, x1, ...`` by default.
    seed
        of every random choice. The order of the rows does not matter.

    Returns
    -------
    Surrogate
        with ``predict(masks)``, ``spectrum(max_terms)``, ``faithfulness``, ``diagnostics()``.

    Raises
    ------
    BadInput
        masks that are not boolean or not two-dimensional; values of another length, or not finite;
        fewer than 10 different masks (unless they are all 2^n); an unknown method.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((300, 12)) < 0.5
    >>> values = 2.0 * masks[:, 3] - 3.0 * (masks[:, 1] & masks[:, 7])
    >>> surrogate = fit(masks, values)
    >>> surrogate.faithfulness.verdict
    'trust'
    >>> [interaction.features for interaction in surrogate.spectrum().top(4)]
    [(3,), (7,), (1,), (1, 7)]
    """
    chosen = check_method(method)
    masks = check_masks(masks)
    values = check_values(values, len(masks))
    if values.ndim == 2:
        if values.shape[1] != 1:
            raise BadInput(
                f"values has {values.shape[1]} targets, shape {values.shape}; "
                "fit one at a time: values[:, j]"
            )
        values = values[:, 0]
    names = feature_names(features, masks.shape[1])
    distinct = len(np.unique(masks, axis=0))
    complete = is_complete(masks)
    if distinct < MIN_MASKS and not complete:
        raise BadInput(
            f"{distinct} different masks are too few for a fit: evaluate at least {MIN_MASKS}"
            + (f", or all {2 ** masks.shape[1]}" if masks.shape[1] < 4 else "")
        )
    order = np.lexsort((values, *pack(masks).T))
    masks, values = masks[order], values[order]
    fold_rng, fit_rng, evidence_rng = np.random.default_rng(seed).spawn(3)
    with threadpool_limits(limits=1, user_api="blas"):
        surrogate = chosen().fit(masks, values, folds=assign_folds(masks, fold_rng), rng=fit_rng)
    surrogate.features = names
    if surrogate.fitted_method == "exact":
        surrogate.faithfulness = Estimate(1.0, 1.0, 1.0, "exact")
    else:
        tested = np.isfinite(surrogate.out_of_fold)
        surrogate.faithfulness = faithfulness(
            values[tested], surrogate.out_of_fold[tested], evidence_rng
        )
    return surrogate
