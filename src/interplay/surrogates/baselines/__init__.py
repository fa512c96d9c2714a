"""Methods to compare with: those of the literature, each as its authors define it.

``ip.fit(..., method=NAME)`` fits any of them, with the same evidence as every other method.
"""

from __future__ import annotations

from interplay.surrogates.base import Surrogate
from interplay.surrogates.baselines.banzhaf import BanzhafRegression, FaithBanzhaf2, FaithBanzhaf3
from interplay.surrogates.baselines.learner import Proxy, ProxyLearner
from interplay.surrogates.baselines.leave_one_out import LeaveOneOut
from interplay.surrogates.baselines.lightgbm_trees import LightGbm
from interplay.surrogates.baselines.lime import Lime
from interplay.surrogates.baselines.own_trees import OwnTrees
from interplay.surrogates.baselines.published import ProxySpexPublished, proxyspex_published
from interplay.surrogates.baselines.shapley import FaithShap2, FaithShap3, KernelShap
from interplay.surrogates.baselines.sklearn_trees import SklearnTrees

BASELINES: tuple[type[Surrogate], ...] = (
    ProxySpexPublished,
    Lime,
    KernelShap,
    BanzhafRegression,
    LeaveOneOut,
    FaithBanzhaf2,
    FaithBanzhaf3,
    FaithShap2,
    FaithShap3,
)

__all__ = [
    "BASELINES",
    "LightGbm",
    "OwnTrees",
    "Proxy",
    "ProxyLearner",
    "ProxySpexPublished",
    "SklearnTrees",
    "proxyspex_published",
]
