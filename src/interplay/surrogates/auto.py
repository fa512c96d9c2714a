"""``"auto"``: a stack, the weighted mean of different surrogates, weighed by held-out errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from interplay.indices import canonical_name
from interplay.interactions import Interactions
from interplay.metrics import r_squared
from interplay.packing import Term, canonical_key
from interplay.surrogates.base import LEARNING, Surrogate, part_of, strongest
from interplay.surrogates.exact import Exact, is_complete
from interplay.surrogates.lasso import Lasso
from interplay.surrogates.parallel import in_parallel
from interplay.surrogates.parity_gp import MOST_MEMORY, SPREADS, ParityGP, error_bars
from interplay.surrogates.parity_gp.solve import memory
from interplay.surrogates.proxyspex import ProxySpex
from interplay.surrogates.sample import Sample
from interplay.surrogates.spex import Spex
from interplay.surrogates.spex.hidden import Hidden
from interplay.value_function import BoolArray, FloatArray

LABELS: Final = ("lasso", "proxyspex", *(f"parity-gp ({spread})" for spread in SPREADS))

DECODED: Final = "spex"
"""The member that holds the decoded terms; its weight is 1."""

SEARCHES: Final = 4
"""Most times that hidden terms are looked for; nearly always the second finds no more."""

MOST_ROWS: Final = 20_000
"""Most masks for which Gaussian processes are tried: their time and memory grow with the square."""

MOST_ROWS_SCREENED: Final = 4_000
"""The same of a thousand features or more that a screening has kept: each costs as much again."""

MOST_TARGETS: Final = 16
"""Most targets for which Gaussian processes are tried: each needs its own, while the other members
share their work between targets."""

NEGLIGIBLE: Final = 1e-3
"""Members that weigh less are left out: they cost time and terms, and change nothing."""


class Auto(Surrogate):
    """The exact spectrum where every mask is there; else the stack.

    Members are linear (LASSO), boosted trees with a sparse refit (ProxySPEX), and Gaussian
    processes whose features are much alike, or very different. Their weights are not negative, add
    up to one, and minimise the error of the weighted held-out predictions. Every member has an
    exact Walsh spectrum, and so the stack has: the weighted sum.

    Attributes
    ----------
    members
        the fitted surrogates, by label; those of no weight are left out.
    weights
        float64, one for each.
    scores
        cross-validated R² of every member that was tried.
    error
        mean squared error on held-out rows.
    rows
        how many were fitted to.
    without
        why no Gaussian processes were tried; empty where they were.
    """

    method: ClassVar[str] = "auto"
    exponent: ClassVar[float] = LEARNING
    wide: ClassVar[bool] = True
    members: Mapping[str, Surrogate]
    weights: FloatArray
    scores: Mapping[str, float]
    error: float
    rows: int
    without: str = ""

    @classmethod
    def fit_targets(
        cls, sample: Sample, values: FloatArray, rng: np.random.Generator
    ) -> list[Self]:
        if is_complete(sample.masks):
            return [
                cls._of({"exact": fitted}, np.ones(1), {}, fitted.out_of_fold, 0.0)
                for fitted in Exact.fit_targets(sample, values, rng)
            ]
        first, second = rng.spawn(2)
        fits = cls._stacks(sample, values, first, second)
        if sample.code is None:
            return fits
        return [
            cls._with_hidden(sample.for_targets([j]), values[:, [j]], fitted, first, second)
            for j, fitted in enumerate(fits)
        ]

    @classmethod
    def _with_hidden(
        cls,
        sample: Sample,
        values: FloatArray,
        fitted: Self,
        *streams: np.random.Generator,
    ) -> Self:
        """Return a stack and, beside it, the terms that can be decoded from what it leaves over.

        The stack is fitted again to the values without them: they were noise to it.
        """
        column = np.ascontiguousarray(values[:, 0])
        if sample.standardised(column)[2] is None:
            return fitted
        hidden = Hidden(sample)
        for _ in range(SEARCHES):
            told = fitted.out_of_fold.copy()
            untested = np.isnan(told)
            told[untested] = fitted.predict(sample.masks[untested])
            if not hidden.search(column - told, fitted.values_of):
                break
            (fitted,) = cls._stacks(sample, (column - hidden.predict())[:, None], *streams)
        if not len(hidden.sets):
            return fitted
        decoded = Spex()
        decoded.series = hidden.series()
        added = hidden.predict()
        fitted.members = {**fitted.members, DECODED: decoded}
        fitted.weights = np.append(fitted.weights, 1.0)
        fitted.out_of_fold = fitted.out_of_fold + added
        fitted.error = sample.held_out_error(column, fitted.out_of_fold)
        return fitted

    @classmethod
    def _stacks(
        cls,
        sample: Sample,
        values: FloatArray,
        first: np.random.Generator,
        second: np.random.Generator,
    ) -> list[Self]:
        """Fit a stack for every target."""
        m, q = values.shape
        without = ""
        if m > (MOST_ROWS if sample.usable is None else MOST_ROWS_SCREENED):
            without = f"{m:,} masks are too many for them"
        elif q > MOST_TARGETS:
            without = f"of {q:,} targets each would need its own"

        def sparse() -> list[tuple[Surrogate, ...]]:
            linear = Lasso.fit_targets(sample, values, deepcopy(first))
            boosted = ProxySpex.fit_targets(sample, values, deepcopy(second))
            return list(zip(linear, boosted, strict=True))

        def processes() -> list[tuple[Surrogate, ...]]:
            if without:
                return [() for _ in values.T]
            return [tuple(fits) for fits in ParityGP.of_spreads(sample, values)]

        # both at once only where they are small together
        most = None if without or memory(m) < MOST_MEMORY / 2 else 1
        parts = in_parallel(lambda fit: fit(), [(sparse,), (processes,)], rows=m, most=most)
        fits = [
            cls._stack(sample, j, column, (*few, *dense))
            for j, (column, few, dense) in enumerate(
                zip(np.ascontiguousarray(values.T), *parts, strict=True)
            )
        ]
        for fitted in fits:
            fitted.without = without
        return fits

    @classmethod
    def _of(
        cls,
        members: Mapping[str, Surrogate],
        weights: FloatArray,
        scores: Mapping[str, float],
        out_of_fold: FloatArray,
        error: float,
    ) -> Self:
        fitted = cls()
        fitted.members, fitted.weights, fitted.scores = members, weights, scores
        fitted.out_of_fold, fitted.error, fitted.rows = out_of_fold, error, len(out_of_fold)
        return fitted

    @classmethod
    def _stack(
        cls, sample: Sample, j: int, values: FloatArray, members: Sequence[Surrogate]
    ) -> Self:
        held_out = np.stack([member.out_of_fold for member in members], axis=1)
        tested = np.isfinite(held_out[:, 0])
        errors, counts = held_out - values[:, None], sample.weights
        if sample.standardised(values)[2] is None:  # all members are the same constant
            return cls._of({LABELS[0]: members[0]}, np.ones(1), {}, members[0].out_of_fold, 0.0)
        weights = simplex_weights(errors[tested], counts[tested])
        out_of_fold = np.full(len(values), np.nan)
        for fold in range(sample.k):
            others, test = tested & (sample.folds != fold), sample.folds == fold
            out_of_fold[test] = held_out[test] @ simplex_weights(errors[others], counts[others])
        noise = None if sample.noise is None else sample.noise[tested, j]
        scores = {
            label: r_squared(
                values[tested], held_out[tested, i], noise_var=noise, weights=counts[tested]
            )
            for i, label in enumerate(LABELS[: len(members)])
        }
        kept = np.flatnonzero(weights > NEGLIGIBLE).tolist()
        return cls._of(
            {LABELS[i]: members[i] for i in kept},
            weights[kept] / weights[kept].sum(),
            scores,
            out_of_fold,
            sample.held_out_error(values, out_of_fold),
        )

    @property
    def fitted_method(self) -> str:
        return next(iter(self.members)) if len(self.members) == 1 else self.method

    @property
    def n(self) -> int:
        return next(iter(self.members.values())).n

    def predict(self, masks: BoolArray) -> FloatArray:
        parts = [member.predict(masks) for member in self.members.values()]
        total: FloatArray = self.weights @ np.stack(parts)
        return total

    def coefficients(self, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray]:
        (first, *_) = self.members.values()
        if isinstance(first, Exact):
            return first.coefficients(terms)
        values, plain = self.values_of(terms), self.error / self.rows
        believed = [
            (weight, member)
            for weight, member in zip(self.weights.tolist(), self.members.values(), strict=True)
            if isinstance(member, ParityGP)
        ]
        if not believed:
            return values, np.full(len(terms), np.sqrt(plain))
        total, variances = sum(weight for weight, _ in believed), np.zeros(len(terms))
        for weight, member in believed:
            variances += weight / total * member.variances(terms)
        return values, error_bars(variances, plain)

    def doubt(self, masks: BoolArray) -> tuple[FloatArray, float] | None:
        """What the processes do not know, more where the members disagree.

        The weighted mean of the processes' covariances; that of two masks is multiplied by the
        spread of the members' predictions at both, relative to its mean.
        """
        members, weights = list(self.members.values()), self.weights
        told = [
            (weight, *doubt)
            for weight, member in zip(weights.tolist(), members, strict=True)
            if (doubt := member.doubt(masks)) is not None
        ]
        if not told:
            return None
        total = sum(weight for weight, _, _ in told)
        covariance, noise = np.zeros((len(masks), len(masks))), 0.0
        for weight, part, own in told:
            covariance += weight / total * part
            noise += weight / total * own
        if len(members) > 1:
            predicted = np.stack([member.predict(masks) for member in members])
            variance = weights @ np.square(predicted - weights @ predicted)
            if (mean := float(variance.mean())) > 0:
                spread = np.sqrt(variance / mean)
                covariance *= spread[:, None] * spread
        return covariance, noise

    def largest(self, count: int | None) -> list[Term]:
        if len(self.members) == 1:
            return next(iter(self.members.values())).largest(count)
        terms = list({term for member in self.members.values() for term in member.largest(count)})
        values = dict(zip(terms, self.values_of(terms).tolist(), strict=True))
        return list(strongest(values, count))

    def values_of(self, terms: Sequence[Term]) -> FloatArray:
        values = np.zeros(len(terms))
        for weight, member in zip(self.weights.tolist(), self.members.values(), strict=True):
            values += weight * member.values_of(terms)
        return values

    def interactions(self, index: str, order: int | None = None) -> Interactions:
        index = canonical_name(index)
        if len(self.members) > 1 and index not in ("SV", "SII"):
            return super().interactions(index, order)
        tables = []
        for member in self.members.values():
            member.features = self.features
            tables.append(member.interactions(index, order))
        if len(tables) == 1:
            return tables[0]
        terms = sorted({term for table in tables for term in table}, key=canonical_key)
        weighted = list(zip(self.weights.tolist(), tables, strict=True))
        values = {term: sum(weight * table[term] for weight, table in weighted) for term in terms}
        errors = None
        if all(table.errors is not None for table in tables):
            # members saw the same rows: their errors are taken to add up, not to cancel
            errors = {
                term: sum(
                    weight * (table.errors or {}).get(term, 0.0) for weight, table in weighted
                )
                for term in terms
            }
        return Interactions(values, tables[0].index, tables[0].order, self.features, errors)

    def diagnostics(self) -> list[str]:
        (first, *_) = self.members.values()
        if len(self.members) == 1:
            first.faithfulness, first.noise = self.faithfulness, self.noise
            sentences = first.diagnostics()
        else:
            sentences = super().diagnostics()
            shares = [
                f"{label} {100 * weight:.0f} %"
                for label, weight in zip(self.members, self.weights, strict=True)
                if label != DECODED
            ]
            sentences.append(
                f"The surrogate is a stack, weighed by held-out errors: {', '.join(shares)}."
            )
        decoded = self.members.get(DECODED)
        if isinstance(decoded, Spex):
            count = len(decoded.series) - 1
            sentences.append(
                f"{count} term{' was' if count == 1 else 's were'} decoded from what the members "
                "left over, and added."
            )
        if self.scores:
            scores = ", ".join(f"{label} {score:.2f}" for label, score in self.scores.items())
            sentences.append(f"Cross-validated R² of the members that were tried: {scores}.")
            if self.without:
                sentences.append(f"Gaussian processes were left out: {self.without}.")
        return sentences

    def arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "members": np.array(list(self.members), dtype=np.str_),
            "kinds": np.array([member.method for member in self.members.values()], dtype=np.str_),
            "weights": self.weights,
            "error": np.array([self.error, self.rows]),
        }
        for i, member in enumerate(self.members.values()):
            arrays |= {f"{i}.{key}": array for key, array in member.arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        kinds: dict[str, type[Surrogate]] = {
            kind.method: kind for kind in (Exact, Lasso, ProxySpex, ParityGP, Spex)
        }
        members = {}
        for i, (label, kind) in enumerate(
            zip(arrays["members"].tolist(), arrays["kinds"].tolist(), strict=True)
        ):
            members[label] = kinds[kind].from_arrays(part_of(arrays, f"{i}."), n)
        if not members or arrays["weights"].shape != (len(members),):
            raise ValueError("a stack needs one weight for each of its members")
        fitted = cls()
        fitted.members, fitted.weights, fitted.scores = members, arrays["weights"], {}
        fitted.error, fitted.rows = float(arrays["error"][0]), int(arrays["error"][1])
        return fitted


def simplex_weights(errors: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the weights, at least 0 and adding up to 1, of least weighted squared error.

    Parameters
    ----------
    errors
        float64 ``(m, k)``: what each of k predictions is off by, for few k. As the weights add up
        to one, the error of the mean is the mean of the errors.
    counts
        float64 ``(m,)``: weight of each row.

    Notes
    -----
    Every set of members is tried: least squares in its plane has a closed form, and the best
    feasible one is the optimum.

    >>> errors = np.array([[1.0, -1.0, 3.0], [-1.0, 1.0, 3.0]])
    >>> simplex_weights(errors, np.ones(2)).round(6).tolist()
    [0.5, 0.5, 0.0]
    """
    k = errors.shape[1]
    gram = (errors * counts[:, None]).T @ errors
    gram.flat[:: k + 1] += 1e-9 * np.trace(gram) / k + 1e-300  # members that are the same
    best, least = np.full(k, 1.0 / k), np.inf
    for chosen in range(1, 2**k):
        members = [i for i in range(k) if chosen >> i & 1]
        solution = np.linalg.solve(gram[np.ix_(members, members)], np.ones(len(members)))
        total = float(solution.sum())
        if total > 0 and (solution >= 0).all() and 1 / total < least:
            best, least = np.zeros(k), 1 / total
            best[members] = solution / total
    return best
