"""Surrogates: cheap imitations of a value function, fitted to its evaluations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from interplay.errors import BadInput, check_whole, unknown
from interplay.intervals import bootstrap
from interplay.metrics import rank_correlation
from interplay.recording import Recording
from interplay.surrogates.auto import Auto
from interplay.surrogates.base import SparseSurrogate, Surrogate
from interplay.surrogates.baselines import BASELINES
from interplay.surrogates.crossval import assign_folds
from interplay.surrogates.evidence import judge, misfit_variance
from interplay.surrogates.exact import MAX_FEATURES, Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.parallel import single_threaded
from interplay.surrogates.parity_gp import ParityGP
from interplay.surrogates.proxyspex import ProxySpex
from interplay.surrogates.rows import MaskDesign, Rows, target_names
from interplay.surrogates.sample import Sample, mean_one
from interplay.surrogates.screening import MANY_FEATURES
from interplay.surrogates.spex import Spex
from interplay.surrogates.targets import Surrogates
from interplay.surrogates.wide import Screened, WideSample
from interplay.value_function import BoolArray, FloatArray, feature_names

_CLASSES: tuple[type[Surrogate], ...] = (
    Auto,
    Exact,
    Lasso,
    ParityGP,
    ProxySpex,
    Spex,
    *BASELINES,
)

METHODS: Mapping[str, type[Surrogate]] = {cls.method: cls for cls in _CLASSES}
"""Every method by the name that people choose it by."""

STORED: Mapping[str, type[Surrogate]] = {**METHODS, Screened.method: Screened}
"""Every kind of surrogate that a run file may hold."""

MIN_MASKS = 10
"""Fewest different masks that a surrogate is fitted to, unless they are all there are."""

__all__ = [
    "METHODS",
    "MIN_MASKS",
    "STORED",
    "SparseSurrogate",
    "Surrogate",
    "Surrogates",
    "check_method",
    "fit",
    "fit_recording",
]


def check_method(method: str) -> type[Surrogate]:
    """Return the class of a method, or raise :class:`BadInput` that lists the valid names."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    return METHODS[method]


def _class_of(method: str | type[Surrogate]) -> type[Surrogate]:
    """Return the class that is meant. Runs do not take classes: they are stored by name."""
    if isinstance(method, type) and issubclass(method, Surrogate):
        return method
    return check_method(method)


@single_threaded
def fit(
    masks: BoolArray,
    values: FloatArray,
    *,
    method: str | type[Surrogate] = "auto",
    features: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    noise_var: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    design: str | MaskDesign | None = None,
    seed: int = 0,
) -> Any:  # which of the two depends on the shape of values, which types do not tell
    """Fit a surrogate to evaluations that one already has, and measure how far to trust it.

    Parameters
    ----------
    masks
        bool ``(m, n)``, True = feature kept; perhaps a memory map. A mask may occur several times:
        replicates of a value function with noise. They share a fold; where ``noise_var`` is given,
        they are averaged.
    values
        float ``(m,)``, what the model gave under each mask; or ``(m, q)`` for q targets.
    method
        ``"auto"``, ``"parity-gp"``, ``"proxyspex"``, ``"lasso"``, ``"exact"``, or a baseline to
        compare with (all in :data:`METHODS`); or a subclass of :class:`Surrogate`.
    features
        n names, for output; ``x0, x1, ...`` by default.
    targets
        q names; ``"0", "1", ...`` by default.
    noise_var
        variance of the noise in each value: a number, ``(m,)`` or ``(m, q)``. Rows count by
        1 / (misfit variance + noise variance), the misfit found by a first fit; faithfulness is
        that of predicting the values *without* their noise, error bars include it.
    weights
        float ``(m,)``, at least 0: how much each row matters, in the fit and in the evidence (to
        speak of another law than the masks were drawn from, say). Rows of weight 0 take no part.
    design
        the law that the masks were drawn from, which faithfulness then speaks of: a name, uniform
        by default, or a design. Rows with a mask that the design has set aside (``design.test``)
        are not trained on: faithfulness is measured on them, and speaks of uniform masks. Those of
        an adaptive design are trained on, too: faithfulness is measured on them in turn.
    seed
        of every random choice. The order of the rows does not matter.

    Returns
    -------
    Surrogate
        with ``predict(masks)``, ``spectrum(max_terms)``, ``faithfulness``, ``diagnostics()``. For
        q > 1 targets :class:`Surrogates`, a mapping from the target's name to that.

    Notes
    -----
    Of more than 2,000 features, those are kept first whose main effects and pairs are largest (in
    every fold without its rows), and the method is fitted to them.

    Raises
    ------
    BadInput
        masks that are not boolean or not two-dimensional; values, noise or weights of another
        shape, or not finite; negative noise or weights, or no weight above 0; names that do not fit
        the columns; fewer than 10 different masks (unless they are all 2^n); an unknown method.

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
    chosen = _class_of(method)
    check_whole("seed", seed, 0)
    rows = Rows.checked(masks, values, noise_var, weights)
    names = feature_names(features, rows.n)
    labels = target_names(targets, rows.values.shape[1])
    law, code, aside, judged = design if isinstance(design, str) else "uniform", None, None, None
    if design is None or isinstance(design, str):
        rows = rows.canonical()
    else:
        code = getattr(design, "code", None)  # a design of one's own may have none
        some = rows.to_judge_by(design)
        if some is None:
            law = "uniform" if design.kind == "complete" else design.kind
        elif design.kind != "adaptive":
            rows, aside = rows.take(~some), rows.take(some).canonical()
        rows = rows.canonical()
        if some is not None and aside is None:
            judged = rows.to_judge_by(design)
    _check_enough(rows)
    if rows.n > MANY_FEATURES:
        chosen = Screened.by(chosen)
        sample: Sample = WideSample.of_rows(rows, _stream(seed, 0), judged)
    else:
        masks = rows.masks
        folds = assign_folds(masks, _stream(seed, 0), judged=judged)
        sample = Sample.of(masks, folds, rows.weights, rows.noise, code)
    draws = cache(lambda m: bootstrap(m, _stream(seed, 2)))
    fits = _fit_targets(chosen, sample, rows.values, lambda: _stream(seed, 1))
    for j, fitted in enumerate(fits):
        held, predicted = rows, fitted.out_of_fold
        if aside is not None:
            held, predicted = aside, fitted.predict(aside.masks)
        tested = np.isfinite(predicted)
        fitted.features = names
        fitted.rank_correlation = rank_correlation(held.values[tested, j], predicted[tested])
        judge(
            fitted,
            held.values[tested, j],
            predicted[tested],
            None if held.noise is None else held.noise[tested, j],
            mean_one(held.weights[tested]),
            law,
            draws,
            share=sample.lacking if aside is None else 0.0,
        )
    return fits[0] if len(fits) == 1 else Surrogates(dict(zip(labels, fits, strict=True)))


def fit_recording(evaluations: Recording, *, method: str, seed: int) -> Mapping[str, Surrogate]:
    """Fit every target of a recording: surrogates by target."""
    targets = evaluations.targets or ("value",)
    fitted = fit(
        evaluations.masks,
        evaluations.values,
        method=method,
        features=evaluations.features,
        targets=targets,
        noise_var=evaluations.noise_var,
        design=evaluations,
        seed=seed,
    )
    return fitted if isinstance(fitted, Mapping) else {targets[0]: fitted}


def _stream(seed: int, which: int) -> np.random.Generator:
    """One of the streams of random numbers, from its beginning: folds, fit, evidence."""
    return np.random.default_rng(seed).spawn(3)[which]


def _fit_targets(
    chosen: type[Surrogate],
    sample: Sample,
    values: FloatArray,
    stream: Callable[[], np.random.Generator],
) -> list[Surrogate]:
    """Fit all targets: at once those whose rows count alike, one by one those of uneven noise.

    Of the latter, rows are first weighed as if nothing were known but the noise; what that pilot
    leaves over on held-out rows says how they are to be weighed.
    """
    fits: dict[int, Surrogate] = {}
    noise = np.zeros((1, values.shape[1])) if sample.noise is None else sample.noise
    uneven = np.ptp(noise, axis=0) > 1e-9 * noise.max(axis=0)
    if not uneven.all():
        even = np.flatnonzero(~uneven).tolist()
        together = chosen.fit_targets(sample.for_targets(even), values[:, even], stream())
        fits.update(zip(even, together, strict=True))
    for j in np.flatnonzero(uneven).tolist():
        one, column = sample.for_targets([j]), np.ascontiguousarray(values[:, [j]])
        predicted = np.full(len(column), np.median(column))
        for _ in range(2):
            told = np.isfinite(predicted)
            misfit = misfit_variance(
                (column[:, 0] - predicted)[told], noise[told, j], sample.importance[told]
            )
            (fits[j],) = chosen.fit_targets(one.for_misfit(misfit), column, stream())
            predicted = fits[j].out_of_fold
    return [fits[j] for j in range(values.shape[1])]


def _check_enough(rows: Rows) -> None:
    """Refuse canonical rows of too few different masks."""
    distinct, n = int(rows.changes.sum()), rows.n
    if distinct < MIN_MASKS and not (n <= MAX_FEATURES and is_complete(rows.masks)):
        raise BadInput(
            f"{distinct} different masks are too few for a fit: evaluate at least {MIN_MASKS}"
            + (f", or all {2**n}" if n < 4 else "")
        )
