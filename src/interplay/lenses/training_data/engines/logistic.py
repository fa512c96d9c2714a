"""Logistic regression by Newton's method, on many subsets of the examples at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from interplay.errors import BadInput
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.answers import two_columns, with_unseen
from interplay.lenses.training_data.engines.conjugate import Apply, conjugate_gradients
from interplay.lenses.training_data.engines.engine import Retrainer, Trainer, check_positive
from interplay.lenses.training_data.engines.least_squares import Array
from interplay.surrogates.parallel import in_parallel, single_threaded, workers
from interplay.value_function import BoolArray, FloatArray

ARRIVED: Final = 1e-4
"""Newton decrement below which a training takes its last step."""

NEWTON_STEPS: Final = 50
INNER: Final = (1e-3, 0.3)
"""Part of a gradient that the solution of a Newton system leaves over, near the least and far."""

INNER_STEPS: Final = 500
HALVINGS: Final = 40
HELD: Final = 1 << 19
"""Numbers in the largest array of a portion of subsets: what is read again stays in the cache."""


class Logistic(Trainer):
    """Logistic regression, multinomial beyond two classes, with an L2 penalty.

    Parameters
    ----------
    penalty : float
        Half of it times the sum of squared coefficients is added to the sum of losses over the kept
        examples, however many they are; ``1 / C`` of scikit-learn. Intercepts are not penalised.

    Raises
    ------
    BadInput
        If the penalty is not above 0.

    Notes
    -----
    Newton's method from the fit to all examples, with halved steps where the objective would not
    fall. Its systems are solved by conjugate gradients, all subsets at once as products of
    matrices, preconditioned by each class's block of the Hessian of the fit to all examples; no
    Hessian of a subset is made. A training has arrived when the Newton decrement
    ``sqrt(g' H^-1 g)`` is at most 1e-4, and takes that step still, solved to a thousandth: what is
    left of the decrement is about 1e-7, of the objective 1e-14. One that has not arrived after 50
    steps is NaN.

    Of two classes there is one vector of coefficients. Of more there is one for each class that the
    subset has; a class that it lacks gets the probability ``1 / (kept + c)``.

    Examples
    --------
    >>> data = Dataset.of((np.arange(4.0)[:, None], [0, 0, 1, 1]))
    >>> retrain = Logistic().bind(data, data.take([0, 3]))
    >>> retrain(np.ones((1, 4), dtype=bool), np.zeros(1, dtype=np.int64)).round(2).tolist()
    [[[0.72, -0.72], [-0.72, 0.72]]]
    """

    name, scale = "logistic regression", "logits"

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = check_positive("penalty", penalty)

    def identity(self) -> dict[str, Any]:
        return self.arguments()

    def arguments(self) -> dict[str, Any]:
        return {"trainer": "logistic", "penalty": self.penalty}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        if data.classes is None:
            raise BadInput("logistic regression learns classes, and the labels are numbers")
        return BoundLogistic(self.penalty, data, tests)


class BoundLogistic:
    """Logistic regression that knows its examples and the tests; made by :meth:`Logistic.bind`.

    Coefficients are ``(m, q, p)``: q is 1 of two classes, else c; the last of p is the intercept.
    """

    def __init__(self, penalty: float, data: Dataset, tests: Dataset) -> None:
        x, z = data.features, tests.features
        centre = x.mean(axis=0)  # changes nothing but the intercepts and the rounding
        self.x, self.z = (
            np.concatenate([one - centre, np.ones((len(one), 1))], axis=1) for one in (x, z)
        )
        self.labels = data.labels.astype(np.int64)
        self.targets = data.targets
        self.classes = self.targets.shape[1]
        self.q = 1 if self.classes == 2 else self.classes
        self.y = np.ascontiguousarray(self.targets.T[-self.q :])  # of two the second
        self.penalties = np.append(np.full(x.shape[1], penalty), 0.0)
        self.rough = self.x.astype(np.float32)  # for Newton's systems, which are not solved far
        self.batch_size = int(np.clip(16 * HELD // (self.q * len(x)), 16, 1024))
        self._start: tuple[FloatArray, FloatArray] | None = None

    @single_threaded
    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        counts = kept @ self.targets
        found = np.zeros((len(kept), len(self.z), self.classes))
        several = np.flatnonzero((counts > 0).sum(axis=1) > 1)
        if len(several):
            start = self.start
            most = max(1, min(HELD // (self.q * len(self.x)), -(-len(several) // workers())))
            jobs = [(kept[several[i : i + most]], *start) for i in range(0, len(several), most)]
            flops = 400.0 * self.q * self.x.size * len(several)
            solved = in_parallel(self._fitted, jobs, rows=int(flops / 1e5))
            logits = (np.concatenate(solved) @ self.z.T).transpose(0, 2, 1)
            found[several] = two_columns(logits[..., 0]) if self.q == 1 else logits
        for i in np.flatnonzero((counts == 0).any(axis=1)):
            found[i] = with_unseen(found[i], counts[i] > 0, int(kept[i].sum()))
        return found

    @property
    def start(self) -> tuple[FloatArray, FloatArray]:
        """Coefficients of the fit to all examples, ``(q, p)``, and its preconditioner."""
        if self._start is None:
            every = np.ones((1, len(self.x)), dtype=np.bool_)
            zeros = np.zeros((self.q, self.x.shape[1]))
            seen = self.targets.any(axis=0)
            if seen.sum() < 2:
                self._start = zeros, self._inverse(zeros)
            else:
                full = self._fitted(every, zeros, self._inverse(zeros))[0]
                full = np.where(np.isfinite(full), full, 0.0)  # a subset may still arrive
                self._start = full, self._inverse(full)
        return self._start

    def _inverse(self, coefficients: FloatArray) -> FloatArray:
        """Inverse of each class's block of the Hessian over all examples, ``(q, p, p)``."""
        shares = self._shares(coefficients[None] @ self.x.T, np.ones((1, self.q, 1), np.bool_))[0]
        blocks = []
        for share in shares:
            # at least a little of every example, for a subset may be less sure of it
            curve = np.maximum(share * (1 - share), 1e-3)
            hessian = (self.x.T * curve) @ self.x + np.diag(self.penalties)
            blocks.append(np.linalg.inv(hessian))
        return np.stack(blocks)

    def _shares(self, logits: FloatArray, seen: BoolArray) -> FloatArray:
        """Probabilities of logits ``(m, q, N)``: of the second class, or of those that are seen."""
        if self.q == 1:
            small = np.exp(-np.abs(logits))
            shares: FloatArray = np.where(logits >= 0, 1.0, small) / (1 + small)
            return shares
        shares = np.exp(logits - np.where(seen, logits, -np.inf).max(axis=1, keepdims=True))
        shares *= seen
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def _losses(self, logits: FloatArray, seen: BoolArray) -> FloatArray:
        """Losses of all examples ``(m, N)``."""
        if self.q == 1:
            losses: FloatArray = np.log(1 + np.exp(-np.abs(logits[:, 0])))
            losses += np.maximum(logits[:, 0], 0) - self.y[0] * logits[:, 0]
            return losses
        shown = np.where(seen, logits, -np.inf)
        highest = shown.max(axis=1)
        losses = np.log(np.exp(shown - highest[:, None]).sum(axis=1)) + highest
        losses -= np.einsum("qn,mqn->mn", self.y, logits)
        return losses

    def _fitted(self, kept: BoolArray, start: FloatArray, inverse: FloatArray) -> FloatArray:
        """Coefficients of subsets ``(m, N)`` with two classes or more; NaN where none is found."""
        m, (q, p) = len(kept), start.shape
        result = np.full((m, q, p), np.nan)
        known = kept @ self.targets > 0 if q > 1 else np.ones((m, 1), dtype=np.bool_)
        seen = known[:, :, None]
        weights = kept[:, None, :].astype(np.float64)
        coefficients = start * seen
        logits = coefficients @ self.x.T
        rows = np.arange(m)
        for _ in range(NEWTON_STEPS):
            shares = self._shares(logits, seen)
            gradient = (weights * (shares - self.y)) @ self.x + self.penalties * coefficients
            gradient *= seen
            step = self._step(gradient, weights, shares, seen, inverse)
            decrement = -np.einsum("mqp,mqp->m", gradient, step)
            ahead = step @ self.x.T
            length = self._lengths(coefficients, logits, step, ahead, decrement, weights, seen)
            coefficients = coefficients + length * step
            logits = logits + length * ahead
            arrived = np.sqrt(np.maximum(decrement, 0)) <= ARRIVED
            result[rows[arrived]] = coefficients[arrived]
            going = ~arrived & np.isfinite(decrement)
            if not going.any():
                break
            rows, weights, seen = rows[going], weights[going], seen[going]
            coefficients, logits = coefficients[going], logits[going]
        if q > 1:  # a constant for all is of no account: the intercepts of those seen add to 0
            result[:, :, -1] -= (result[:, :, -1].sum(axis=1) / known.sum(axis=1))[:, None]
        return result

    def _step(
        self,
        gradient: FloatArray,
        weights: FloatArray,
        shares: FloatArray,
        seen: BoolArray,
        inverse: FloatArray,
    ) -> FloatArray:
        """Newton's step ``(m, q, p)``: roughly at first, the better the nearer the least is."""
        shape, (q, p) = gradient.shape, gradient.shape[1:]
        held = (weights * shares * (1 - shares if q == 1 else 1)).astype(np.float32)
        shares, seen = shares.astype(np.float32), seen.astype(np.float32)
        penalties, inverse = self.penalties.astype(np.float32), inverse.astype(np.float32)

        def systems(rows: IntArray) -> tuple[Apply, Apply]:
            some, own, mine = held[rows], seen[rows], shares[rows] if q > 1 else shares

            def apply(vectors: Array) -> Array:
                given = vectors.reshape(-1, q, p)
                moved = (vectors.reshape(-1, p) @ self.rough.T).reshape(len(given), q, -1)
                if q > 1:
                    moved -= np.einsum("mqn,mqn->mn", mine, moved)[:, None]
                moved *= some
                back = (moved.reshape(-1, moved.shape[2]) @ self.rough).reshape(given.shape)
                back += penalties * given
                return back.reshape(vectors.shape)

            def precondition(vectors: Array) -> Array:
                given = vectors.reshape(-1, q, p)
                found: Array = np.matmul(given.transpose(1, 0, 2), inverse).transpose(1, 0, 2) * own
                return found.reshape(vectors.shape)

            return apply, precondition

        # of length 1 in each, so that float32 holds it whatever its size
        right = -gradient.reshape(len(gradient), -1)
        size = np.maximum(np.abs(right).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        right = (right / size).astype(np.float32)
        _, precondition = systems(np.arange(len(right)))
        near = size[:, 0] * np.sqrt(np.maximum((right * precondition(right)).sum(axis=1), 0))
        step, _ = conjugate_gradients(
            systems, right, tolerance=np.clip(near, *INNER), most=INNER_STEPS
        )
        found: FloatArray = (step * size).reshape(shape)
        return found

    def _lengths(
        self,
        coefficients: FloatArray,
        logits: FloatArray,
        step: FloatArray,
        ahead: FloatArray,
        decrement: FloatArray,
        weights: FloatArray,
        seen: BoolArray,
    ) -> FloatArray:
        """How much of each step is taken, ``(m, 1, 1)``: halved until the objective falls."""

        def objective(length: FloatArray) -> FloatArray:
            moved = coefficients + length * step
            losses = self._losses(logits + length * ahead, seen)
            found: FloatArray = np.einsum("mn,mn->m", weights[:, 0], losses)
            found += 0.5 * np.square(moved).sum(axis=1) @ self.penalties
            return found

        length = np.ones((len(logits), 1, 1))
        before = objective(np.zeros_like(length))
        slack = 1e-12 * np.abs(before)  # of rounding
        for _ in range(HALVINGS):
            wanted = before - 1e-4 * length[:, 0, 0] * decrement + slack
            high = objective(length) > wanted
            if not high.any():
                break
            length[high] /= 2
        return length
