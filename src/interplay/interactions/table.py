"""What people read off a spectrum: single interactions, and whole tables of one index."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from interplay.errors import check_whole
from interplay.intervals import Z_90
from interplay.packing import Term


def sign_probability(value: float, error: float) -> float:
    """Return the probability that a normal estimate has the sign of the truth.

    >>> sign_probability(1.0, 1.0), sign_probability(-3.0, 0.0), sign_probability(0.0, 0.0)
    (0.8413447460685429, 1.0, 0.5)
    """
    if error <= 0.0:
        return 1.0 if value else 0.5
    return NormalDist().cdf(abs(value) / error)


@dataclass(frozen=True)
class Interaction:
    """One set of features and its effect in the units of the model's output.

    Attributes
    ----------
    features, names
        sorted indices, and the names of these features.
    value
        the Banzhaf interaction ``(-2) ** |T| * F(T)``: positive raises the output.
    low, high
        ends of its 90 % interval; None where nothing is known of the error.
    share
        the part of the spectrum's variance that this term carries.
    """

    features: Term
    names: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    share: float

    @property
    def sign_probability(self) -> float | None:
        """How probable it is that the true effect has this sign; None where errors are unknown."""
        if self.low is None or self.high is None:
            return None
        return sign_probability(self.value, (self.high - self.low) / (2 * Z_90))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "features": list(self.features),
            "names": list(self.names),
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "share": self.share,
        }


class Interactions(Mapping[Term, float]):
    """The values of one interaction index: sets of features -> numbers.

    A set that is not stored but could be (of order up to ``order``) has the value 0, as in any
    sparse series; iteration and ``len`` see the stored ones only, in canonical order.

    Parameters
    ----------
    values
        sorted tuples of feature indices -> numbers.
    index, order, features
        name of the index, highest order, names of all n features.
    errors
        standard errors of the same sets, or None.
    has_constant
        whether there is a value for the empty set (influence has none).

    Examples
    --------
    >>> table = Interactions({(): 1.0, (0, 1): 0.5}, "SII", 2, ("not", "bad"))
    >>> table[0, 1], table[1, 0], table[0], table.names((0, 1))
    (0.5, 0.5, 0.0, ('not', 'bad'))
    """

    def __init__(
        self,
        values: Mapping[Term, float],
        index: str,
        order: int,
        features: tuple[str, ...],
        errors: Mapping[Term, float] | None = None,
        *,
        has_constant: bool = True,
    ) -> None:
        self.index = index
        self.order = order
        self.features = features
        self.errors = errors
        self.has_constant = has_constant
        self._values = dict(values)

    @property
    def n(self) -> int:
        """Number of features."""
        return len(self.features)

    @property
    def is_exact(self) -> bool:
        """Whether the values are known to have no error: there are standard errors, all of 0."""
        return self.errors is not None and not any(self.errors.values())

    def __getitem__(self, features: Term | int) -> float:
        term = self._term(features)
        return self._values.get(term, 0.0)

    def __iter__(self) -> Iterator[Term]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, features: object) -> bool:
        try:
            return self._term(features) in self._values
        except KeyError:
            return False

    def __repr__(self) -> str:
        return f"<Interactions {self.index}, order <= {self.order}, {len(self)} of n = {self.n}>"

    def _term(self, features: object) -> Term:
        """Return the sorted tuple that is meant, or raise KeyError where the index has none."""
        listed: Iterable[Any] = features if isinstance(features, Iterable) else (features,)
        try:
            term = tuple(sorted(operator.index(i) for i in listed))
        except TypeError:
            raise KeyError(
                f"{features!r} is not a set of feature indices, 0 to {self.n - 1}; their names are "
                "in .features, in that order"
            ) from None
        if len(set(term)) < len(term) or any(not 0 <= i < self.n for i in term):
            raise KeyError(f"{features!r} is not a set of features in 0 .. {self.n - 1}")
        if len(term) > self.order:
            raise KeyError(
                f"{features!r} has order {len(term)}; this {self.index} has {self.order}"
            )
        if not term and not self.has_constant:
            raise KeyError(f"this {self.index} has no value for the empty set")
        return term

    def names(self, features: Term | int) -> tuple[str, ...]:
        """Return the names of a set of features."""
        return tuple(self.features[i] for i in self._term(features))

    def interval(self, features: Term | int) -> tuple[float, float] | None:
        """Return the 90 % normal interval of a set's value; None without standard errors.

        An influence is a sum of squares, so its interval stops at zero.
        """
        term = self._term(features)
        if self.errors is None:
            return None
        value, width = self[term], Z_90 * self.errors.get(term, 0.0)
        low = value - width
        return (max(low, 0.0) if self.index == "influence" else low), value + width

    def sign_probability(self, features: Term | int) -> float | None:
        """Return how probable it is that the true value has the sign of this one.

        None without standard errors.
        """
        term = self._term(features)
        if self.errors is None:
            return None
        return sign_probability(self[term], self.errors.get(term, 0.0))

    def top(self, k: int = 10, *, min_order: int = 1) -> list[tuple[Term, float]]:
        """Return the k sets of largest absolute value, largest first; ties in canonical order.

        Pairs of a set and its value, as a mapping's items are; :meth:`names` and :meth:`interval`
        tell more of a set. (:meth:`Spectrum.top` and :meth:`Explanation.top` are about the series
        itself: they return :class:`Interaction` objects, ranked by ``|F|``.)

        >>> Interactions({(0,): -2.0, (0, 1): 0.5}, "SII", 2, ("not", "bad")).top(1)
        [((0,), -2.0)]
        """
        check_whole("k", k, 0)
        ranked = sorted(
            (item for item in self._values.items() if len(item[0]) >= min_order),
            key=lambda item: -abs(item[1]),
        )
        return ranked[:k]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "index": self.index,
            "order": self.order,
            "features": list(self.features),
            "terms": [list(term) for term in self._values],
            "values": list(self._values.values()),
            "errors": None if self.errors is None else [self.errors[t] for t in self._values],
        }

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame, one row per set; :meth:`from_dataframe` is its inverse.

        Rows are the empty set (where it has a value), every single feature, and all other sets that
        are stored. Columns: ``interaction_index`` and ``max_order`` (of the table), ``order`` (of
        the set), ``features`` and ``names`` (tuples), ``value``, ``error`` (standard error),
        ``low``, ``high`` (90 %), ``sign_probability``; the last four are NaN where errors are
        unknown.

        Raises
        ------
        MissingExtra
            if pandas is not installed.
        """
        from interplay.interactions import frame

        return frame.to_dataframe(self)

    @classmethod
    def from_dataframe(
        cls,
        frame: Any,
        *,
        index: str | None = None,
        order: int | None = None,
        features: Sequence[str] | None = None,
    ) -> Interactions:
        """Return the table that a frame holds: of :meth:`to_dataframe`, or one like it.

        Parameters
        ----------
        frame : pandas.DataFrame
            Needs the columns ``features`` (tuples of indices) and ``value``. ``error`` is read
            where it is there; intervals and ranks follow from it.
        index, order, features
            What the frame does not say: by default its columns ``interaction_index`` and
            ``max_order`` (or the highest order of a row), and the names in its rows of single
            features. Sets without a row have the value 0.

        Raises
        ------
        BadInput
            if a column, the index or a name is missing, a set occurs twice, or a number is not
            finite; the message names the row.
        """
        from interplay.interactions import frame as frames

        return frames.from_dataframe(frame, index=index, order=order, features=features)

    def to_csv(self, path: str | Path) -> Path:
        """Write a CSV file with the rows and columns of :meth:`to_dataframe`, and return its path.

        A name that a spreadsheet would take for a formula (``=1+1``, ``@home``, ``-``) is written
        with an apostrophe before it. :meth:`from_csv` takes it off and gives back the same table,
        to the last bit.

        Raises
        ------
        BadInput
            if the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> table = Interactions({(): 1.0, (0, 1): 0.5}, "SII", 2, ("=not", "bad"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = table.to_csv(f"{folder}/pairs.csv")
        ...     lines = path.read_text("utf-8").splitlines()
        ...     same = Interactions.from_csv(path) == table
        >>> lines[0]
        'interaction_index,max_order,order,features,names,value,error,low,high,sign_probability'
        >>> lines[-1], same
        ("SII,2,2,0 1,'=not × bad,0.5,,,,", True)
        """
        from interplay.interactions import csv_file

        return csv_file.to_csv(self, path)

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        index: str | None = None,
        order: int | None = None,
        features: Sequence[str] | None = None,
    ) -> Interactions:
        """Return the table in a file that :meth:`to_csv` wrote, or in one like it.

        Parameters
        ----------
        path
            The columns ``features`` (indices with spaces between them) and ``value`` are needed.
        index, order, features
            What the file does not say: see :meth:`from_dataframe`.

        Raises
        ------
        BadInput
            if the file cannot be read or is something else; the message names the line.
        """
        from interplay.interactions import csv_file

        return csv_file.from_csv(path, index=index, order=order, features=features)

    def to_shapiq(self, *, budget: int | None = None, estimated: bool | None = None) -> Any:
        """Return a ``shapiq.InteractionValues``; :meth:`from_shapiq` is its inverse.

        shapiq has no place for names and errors: give its plots ``feature_names=list(features)``.
        The value for the empty set is in the table and is the ``baseline_value``. What has order 1
        shapiq calls SV or BV.

        Parameters
        ----------
        budget
            evaluations that it took, for ``estimation_budget``.
        estimated
            shapiq's mark of what is not exact; by default False where all standard errors are 0.

        Raises
        ------
        BadInput
            if shapiq has no such index (OR, influence; Fourier before its version 1.8).
        MissingExtra
            if shapiq is not installed.
        """
        from interplay.interactions import peers

        return peers.to_shapiq(self, budget, estimated)

    @classmethod
    def from_shapiq(cls, values: Any, features: Sequence[str] | None = None) -> Interactions:
        """Return the table in a ``shapiq.InteractionValues``.

        Of the indices that stand on f(empty) (SV, SII, k-SII, STII, FSII, Moebius), the value for
        the empty set is shapiq's ``baseline_value``; of the others, its entry. What shapiq calls
        exact (not ``estimated``) has standard errors of 0, all else has none.

        Parameters
        ----------
        values : shapiq.InteractionValues
        features
            names of its players; ``x0, x1, ...`` by default, for shapiq keeps none.

        Raises
        ------
        BadInput
            if interplay has no such index, lower orders are missing, or a number is not finite.
        """
        from interplay.interactions import peers

        return peers.from_shapiq(values, features)

    def to_shap(self, *, data: Sequence[Any] | None = None) -> Any:
        """Return a ``shap.Explanation`` of one input, for shap's plots.

        Of SV, ``values`` is float64 ``(n,)``, and ``base_values`` plus their sum is the series at
        the full mask. Of k-SII of order 2, ``values`` are shap's interaction values, float64
        ``(n, n)``: main effects on the diagonal, half of each pair in either triangle; row sums are
        the Shapley values.

        Parameters
        ----------
        data
            what the n features are in this input, as the cells of a table's row or the words of a
            text: shap's plots show it.

        Raises
        ------
        BadInput
            if this is another index, or ``data`` has another length.
        MissingExtra
            if shap is not installed.
        """
        from interplay.interactions import peers

        return peers.to_shap(self, data)

    def to_networkx(self) -> Any:
        """Return a ``networkx.Graph`` of the features and how they act together.

        Nodes 0 .. n-1 are the features (``kind="feature"``, ``name``, ``value``: the main effect),
        edges are pairs (``kind="pair"``, ``value``, ``weight``: the absolute value). A set of three
        and more is a node of its own, the tuple of its features (``kind="set"``, ``value``), joined
        to each of them by an edge of ``kind="member"`` with the set's absolute value as ``weight``:
        nothing is lost, and pairs keep their meaning. ``low`` and ``high`` are there where errors
        are known; ``graph.graph`` has ``index``, ``order`` and ``constant``.

        Raises
        ------
        MissingExtra
            if networkx is not installed.
        """
        from interplay.interactions import graph

        return graph.to_networkx(self)
