"""Scores of single examples, from other ways to them: how well their sums rank retrains.

Leave-one-out, Data Shapley by Monte Carlo, k-NN Shapley in closed form, and influence functions and
TRAK as dattri has them, where the folder ``.peers-dattri`` holds it (``make peers``).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import interplay as ip
from benchmarks.ground.row import Row
from benchmarks.table import REPOSITORY, markdown
from benchmarks.training_data.faithfulness import EXAMPLES, HELD_OUT, MASKS, PAIRS, TARGETS, TESTS
from benchmarks.training_data.subjects import pair_of_classes
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.engines.knn import knn_shapley
from interplay.lenses.training_data.engines.logistic import Logistic
from interplay.masks import uniform
from interplay.value_function import BoolArray, FloatArray

DATTRI = REPOSITORY / ".peers-dattri"
PENALTY = 1.0
PROJECTION = 512
"""Dimensions of TRAK's projection, several times the parameters that there are."""

Retrain = Callable[[BoolArray], FloatArray]


def rows(quick: bool = False) -> list[Row]:
    """Return a row for each pair of classes."""
    found = []
    for pair in PAIRS[: 1 if quick else 2]:
        scores, left_out = measured(pair, quick)
        found.append(_row(pair, scores, left_out))
        print(f"baselines: {found[-1].what}: {found[-1].measured}", flush=True)
    return found


def measured(
    pair: tuple[str, str], quick: bool
) -> tuple[dict[str, tuple[int, list[float]]], dict[str, str]]:
    """Return by method how many retrains it took and the LDS of each target; and what failed."""
    data, tests, _ = pair_of_classes(*pair, train=EXAMPLES, test=TESTS, seed=0)
    function = ip.training_data(Logistic(PENALTY), data, tests)
    m, held = (200, 100) if quick else (MASKS, HELD_OUT)
    masks = uniform(EXAMPLES, m + held, np.random.default_rng(0))

    def retrain(some: BoolArray) -> FloatArray:
        return np.concatenate(
            [function.scores(some[i : i + 250])[:, :TARGETS] for i in range(0, len(some), 250)]
        )

    truth = retrain(masks[m:])
    few = tests.take(range(TARGETS))
    taus: dict[str, tuple[int, FloatArray]] = {
        "LASSO datamodels": (m, _datamodels(masks[:m], retrain(masks[:m]))),
        "leave-one-out": (EXAMPLES + 1, _leave_one_out(retrain)),
        "Data Shapley, Monte Carlo": _monte_carlo(retrain, m),
        "k-NN Shapley": (0, knn_shapley(data, few).T),
    }
    left_out = {}
    try:
        for name, tau in _of_gradients(data, few).items():
            taus[name] = (1, tau)
    except ImportError as error:
        left_out["influence functions, TRAK"] = f"dattri is not there ({error})"
    scores = {}
    for name, (calls, tau) in taus.items():
        told = masks[m:] @ tau
        lds = [float(spearmanr(told[:, j], truth[:, j]).statistic) for j in range(TARGETS)]
        scores[name] = calls, lds
    return scores, left_out


def _datamodels(masks: BoolArray, values: FloatArray) -> FloatArray:
    fits = [ip.fit(masks, column, method="lasso").spectrum(EXAMPLES + 1) for column in values.T]
    return np.stack([fitted.main_effects for fitted in fits], axis=1)


def _leave_one_out(retrain: Retrain) -> FloatArray:
    every = np.ones((1, EXAMPLES), dtype=np.bool_)
    return retrain(every) - retrain(~np.eye(EXAMPLES, dtype=np.bool_))


def _monte_carlo(retrain: Retrain, calls: int) -> tuple[int, FloatArray]:
    """Data Shapley (Ghorbani and Zou, 2019): mean marginal contributions in random orders."""
    rng, orders = np.random.default_rng(1), max(1, calls // EXAMPLES)
    total = np.zeros((EXAMPLES, TARGETS))
    for _ in range(orders):
        order = rng.permutation(EXAMPLES)
        path = np.zeros((EXAMPLES + 1, EXAMPLES), dtype=np.bool_)
        path[1:, order] = np.tril(np.ones((EXAMPLES, EXAMPLES), dtype=np.bool_))
        total[order] += np.diff(retrain(path), axis=0)
    return orders * EXAMPLES, total / orders


def _of_gradients(data: Dataset, tests: Dataset) -> dict[str, FloatArray]:
    """Influence functions (Koh and Liang, 2017) and TRAK (Park et al., 2023), by dattri."""
    if DATTRI.exists() and str(DATTRI) not in sys.path:
        sys.path.append(str(DATTRI))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dattri.algorithm.influence_function import IFAttributorExplicit
        from dattri.algorithm.trak import TRAKAttributor
        from dattri.task import AttributionTask
    import torch
    from sklearn.linear_model import LogisticRegression
    from torch import nn

    fitted = LogisticRegression(C=1 / PENALTY, tol=1e-8, max_iter=10_000)
    fitted.fit(data.features, data.labels)
    model = nn.Linear(data.features.shape[1], 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(fitted.coef_))
        model.bias.copy_(torch.tensor(fitted.intercept_))

    def loader(some: Dataset) -> Any:
        held = [torch.tensor(some.features, dtype=torch.float32), torch.tensor(some.labels)]
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*held), len(some))

    def logit(parameters: Any, pair: Any) -> Any:
        return torch.func.functional_call(model, parameters, pair[0])[..., 0]

    def loss(parameters: Any, pair: Any) -> Any:
        return nn.functional.binary_cross_entropy_with_logits(
            logit(parameters, pair), pair[1].to(torch.float32)
        )

    def signed(parameters: Any, pair: Any) -> Any:
        return logit(parameters, pair) * (2 * pair[1] - 1)

    def probability(parameters: Any, pair: Any) -> Any:
        return torch.sigmoid(signed(parameters, pair))

    state, found = model.state_dict(), {}
    explicit = IFAttributorExplicit(
        AttributionTask(loss_func=loss, model=model, checkpoints=state),
        regularization=PENALTY / len(data),
    )
    trak = TRAKAttributor(
        AttributionTask(loss_func=signed, model=model, checkpoints=state),
        correct_probability_func=probability,
        projector_kwargs={"device": "cpu", "proj_dim": PROJECTION},
    )
    for name, attributor in (("influence functions", explicit), ("TRAK", trak)):
        attributor.cache(loader(data))
        train = () if name == "TRAK" else (loader(data),)
        told = attributor.attribute(*train, loader(tests))
        found[name] = told.detach().double().numpy()
    return found


def _row(
    pair: tuple[str, str],
    scores: dict[str, tuple[int, list[float]]],
    left_out: dict[str, str],
) -> Row:
    told = ", ".join(f"{name} {np.mean(lds):.3f}" for name, (_, lds) in scores.items())
    missing = "".join(f"; {name}: {why}" for name, why in left_out.items())
    return Row(
        f"logistic, {' / '.join(pair)}: LDS of scores of single examples, {TARGETS} targets",
        "(reported; auto is in the section on faithfulness)",
        told + missing,
        False,
        {"pair": list(pair), "scores": {name: list(one) for name, one in scores.items()}},
    )


def report(rows: Sequence[Row]) -> str:
    """Return the table of scores."""
    table = []
    for row in rows:
        for name, (calls, lds) in row.detail["scores"].items():
            told = f"{np.mean(lds):.3f} ({np.min(lds):.2f} to {np.max(lds):.2f})"
            table.append([" / ".join(row.detail["pair"]), name, f"{calls:,}", told])
    return f"""## Scores of single examples

How well sums of such scores over a subset rank the margins of {TARGETS} test pictures after
retraining on it (LDS, over the {HELD_OUT:,} subsets of the section before; logistic regression).
Influence functions (explicit Hessian) and TRAK (one model, {PROJECTION} dimensions) are dattri's
0.3.0, on the same weights. A logistic regression is the best case of influence functions: it is
convex. LASSO datamodels and `auto` are told by {MASKS:,} retrains; `auto` is in the table before.

{markdown(["classes", "method", "retrains", "LDS"], table)}"""
