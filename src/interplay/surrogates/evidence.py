"""What the noise of the values does to a fit, and how far to trust the fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from interplay.metrics import (
    Estimate,
    faithfulness,
    faithfulness_of_noisy_game,
    r_squared,
    variance,
)
from interplay.surrogates.base import Surrogate
from interplay.value_function import FloatArray


def misfit_variance(residual: FloatArray, noise: FloatArray, importance: FloatArray) -> float:
    """Return the variance that residuals ``(m,)`` have beside the known noise of their values.

    The largest that is as good as within one standard error of the most likely one (normal
    likelihood): a misfit of nothing is never certain, and would make a few quiet rows count alone.

    >>> rng = np.random.default_rng(0)
    >>> noise = np.repeat([0.1, 1e6], 500)
    >>> residual = rng.normal(size=1000) * np.sqrt(1.0 + noise)
    >>> 1.0 < misfit_variance(residual, noise, np.ones(1000)) < 1.2
    True
    """
    squares = np.square(residual)
    most = float((importance * squares).sum() / importance.sum())
    tried = np.geomspace(1e-12, 1.0, 300) * max(most, 1e-290)
    likelihood = [
        -0.5 * (importance * (np.log(misfit + noise) + squares / (misfit + noise))).sum()
        for misfit in tried
    ]
    return float(tried[np.flatnonzero(likelihood >= np.max(likelihood) - 0.5)[-1]])


def judge(
    surrogate: Surrogate,
    values: FloatArray,
    predicted: FloatArray,
    noise: FloatArray | None,
    importance: FloatArray,
    law: str,
    draws: Callable[[int], FloatArray],
    share: float,
) -> None:
    """Give a surrogate its faithfulness, and sentences on the noise of its values.

    ``predicted`` are what it, or its like, said of rows that it had not seen; ``draws`` returns
    bootstrap counts for so many rows. ``share`` is that of the rows which those who predicted were
    not trained on; 0 where the surrogate itself predicted.
    """
    noisy = noise is not None and bool(noise.any())
    if surrogate.fitted_method == "exact":
        surrogate.faithfulness = Estimate(1.0, 1.0, 1.0, "exact")
        if noise is not None and noisy:
            surrogate.faithfulness = faithfulness_of_noisy_game(values, noise)
            surrogate.noise = (
                "Every mask was evaluated, but the values are noisy (standard deviation "
                f"{np.sqrt(noise.mean()):.3g}): error bars and faithfulness are what that leaves.",
            )
        return
    surrogate.faithfulness = faithfulness(
        values,
        predicted,
        draws(len(values)),
        distribution=law,
        noise_var=noise,
        weights=importance,
        gain=-surrogate.exponent * math.log(1 - share),
        other_fits=share > 0,
    )
    if noise is None or not noisy or len(values) == 0:
        return
    if surrogate.faithfulness.tells_nothing:
        surrogate.noise = (
            "Beside their noise, the values vary too little to tell anything: evaluate more masks, "
            "or each mask more often.",
        )
        return
    noisy_part = float((importance * noise).sum() / importance.sum()) / variance(values, importance)
    left_in = r_squared(values, predicted, weights=importance)
    percent = f"{100 * noisy_part:.0f} %" if noisy_part >= 0.005 else "less than 1 %"
    surrogate.noise = (
        f"Noise makes up {percent} of the variance of the values and is taken off the evidence; "
        f"with it left in, R² is {left_in:.2f}.",
    )
