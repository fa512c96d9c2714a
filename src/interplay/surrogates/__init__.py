"""Surrogates: cheap imitations of a value function, fitted to its evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from interplay.errors import BadInput, unknown
from interplay.surrogates.auto import Auto
from interplay.surrogates.base import SparseSurrogate, Surrogate
from interplay.surrogates.crossval import assign_folds
from interplay.surrogates.evidence import Rows, TestedDesign, judge, uneven_weights
from interplay.surrogates.exact import Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.proxyspex import ProxySpex
from interplay.surrogates.sample import Sample
from interplay.surrogates.targets import Surrogates
from interplay.value_function import BoolArray, FloatArray, feature_names

METHODS: Mapping[str, type[Surrogate]] = {
    cls.method: cls for cls in (Auto, Exact, Lasso, ProxySpex)
}
"""Every method by the name that people choose it by."""

MIN_MASKS = 10
"""Fewest different masks that a surrogate is fitted to, unless they are all there are."""

__all__ = [
    "METHODS",
    "MIN_MASKS",
    "SparseSurrogate",
    "Surrogate",
    "Surrogates",
    "check_method",
    "fit",
]


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
    targets: Sequence[str] | None = None,
    noise_var: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    design: str | TestedDesign | None = None,
    seed: int = 0,
) -> Any:  # which of the two depends on the shape of values, which types do not tell
    """Fit a surrogate to evaluations that one already has, and measure how far to trust it.

    Parameters
    ----------
    masks
        bool ``(m, n)``, True = feature kept. A mask may occur several times: replicates of a value
        function with noise.
    values
        float ``(m,)``, what the model gave under each mask; or ``(m, q)`` for q targets.
    method
        ``"auto"``, ``"proxyspex"``, ``"lasso"`` or ``"exact"``.
    features
        n names, for output; ``x0, x1, ...`` by default.
    targets
        q names; ``"0", "1", ...`` by default.
    noise_var
        variance of the noise in each value: a number, ``(m,)`` or ``(m, q)``. Rows count by
        1 / (misfit variance + noise variance), the misfit found by a first fit; faithfulness is
        that of predicting the values *without* their noise.
    weights
        float ``(m,)``, at least 0: how much each row matters, in the fit and in the evidence. Rows
        of weight 0 take no part.
    design
        the law that the masks were drawn from, which faithfulness then speaks of: a name, uniform
        by default, or a design whose ``test`` masks were set aside; those are not trained on, and
        faithfulness is measured on them.
    seed
        of every random choice. The order of the rows does not matter.

    Returns
    -------
    Surrogate
        with ``predict(masks)``, ``spectrum(max_terms)``, ``faithfulness``, ``diagnostics()``. For
        q > 1 targets :class:`Surrogates`, a mapping from the target's name to that.

    Raises
    ------
    BadInput
        masks that are not boolean or not two-dimensional; values, noise or weights of another
        length, not finite, or negative; fewer than 10 different masks (unless they are all 2^n); an
        unknown method.

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
    >>> both = fit(masks, np.stack([values, masks[:, 0] * 1.0], axis=1), targets=["a", "b"])
    >>> both["b"].spectrum().top(1)[0].features
    (0,)
    """
    chosen = check_method(method)
    rows = Rows.checked(masks, values, noise_var, weights)
    names = feature_names(features, rows.masks.shape[1])
    q = rows.values.shape[1]
    labels = _target_names(targets, q)
    aside = None
    if design is not None and not isinstance(design, str):
        rows, aside = rows.set_aside(design)
    _check_enough(rows.masks)
    rows = rows.sorted()
    fold_rng, fit_rng, evidence_rng = np.random.default_rng(seed).spawn(3)
    sample = Sample(rows.masks, assign_folds(rows.masks, fold_rng))
    if rows.weights is not None:
        sample = sample.weigh(rows.weights)
    with threadpool_limits(limits=1, user_api="blas"):
        fits = chosen.fit_targets(sample, rows.values, deepcopy(fit_rng))
        for j, fitted in enumerate(fits):
            uneven = uneven_weights(sample, rows.values[:, j], fitted.out_of_fold, rows.noise(j))
            if uneven is not None and fitted.fitted_method != "exact":
                (fits[j],) = chosen.fit_targets(
                    sample.weigh(uneven), rows.values[:, [j]], deepcopy(fit_rng)
                )
    law = "uniform" if design is None or aside is not None else str(design)
    for j, fitted in enumerate(fits):
        fitted.features = names
        judge(fitted, sample, rows, aside, j, law, deepcopy(evidence_rng))
    return fits[0] if q == 1 else Surrogates(dict(zip(labels, fits, strict=True)))


def _target_names(targets: Sequence[str] | None, q: int) -> tuple[str, ...]:
    if targets is None:
        return tuple(map(str, range(q)))
    names = () if isinstance(targets, str) else tuple(map(str, targets))
    if len(names) != q or len(set(names)) != q:
        raise BadInput(f"targets must be {q} different names, one per column; got {targets!r}")
    return names


def _check_enough(masks: BoolArray) -> None:
    distinct, n = len(np.unique(masks, axis=0)), masks.shape[1]
    if distinct < MIN_MASKS and not is_complete(masks):
        raise BadInput(
            f"{distinct} different masks are too few for a fit: evaluate at least {MIN_MASKS}"
            + (f", or all {2**n}" if n < 4 else "")
        )
