"""``"banzhaf-regression"``, ``"faith-banzhaf-2"``, ``"faith-banzhaf-3"``: least squares under
uniform masks.

The best approximation of order k under uniform masks has the Faith-Banzhaf interactions as its
coefficients (Tsai, Yeh and Ravikumar, 2023); that of order 1 has the Banzhaf values (Hammer and
Holzman, 1992).
"""

from __future__ import annotations

from typing import ClassVar

from interplay.surrogates.baselines.low_order import LowOrder


class BanzhafRegression(LowOrder):
    """Least squares of order 1; the solution of least norm where features outnumber masks."""

    method: ClassVar[str] = "banzhaf-regression"
    about: ClassVar[str] = (
        "Least squares on single features: its effects estimate Banzhaf values, without a penalty."
    )


class FaithBanzhaf2(LowOrder):
    """Ridge regression on all terms of order at most 2, penalty by cross-validation."""

    method: ClassVar[str] = "faith-banzhaf-2"
    order: ClassVar[int] = 2
    about: ClassVar[str] = (
        "Ridge regression on every single feature and pair: spectrum.interactions("
        '"FBII", order=2) estimates the Faith-Banzhaf interactions of order 2.'
    )


class FaithBanzhaf3(FaithBanzhaf2):
    """Ridge regression on all terms of order at most 3, penalty by cross-validation."""

    method: ClassVar[str] = "faith-banzhaf-3"
    order: ClassVar[int] = 3
    about: ClassVar[str] = (
        "Ridge regression on every single feature, pair and triple: spectrum.interactions("
        '"FBII", order=3) estimates the Faith-Banzhaf interactions of order 3.'
    )
