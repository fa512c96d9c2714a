"""Labelled examples: those that a model is trained on, and those that it is asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput
from interplay.value_function import FloatArray

Inputs = NDArray[Any] | tuple[str, ...]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with labels; made and checked by :meth:`of`.

    Attributes
    ----------
    inputs : array (N, ...) or tuple of str
        Features ``(N, d)``, pictures ``(N, height, width)`` or ``(N, height, width, 3)`` as they
        were recorded (uint8), or texts.
    labels : int64 (N,) or float64 (N,)
        Numbers of classes; or what is predicted, where ``classes`` is None.
    classes : tuple of str, optional
        Names of the classes, all that there are, whether or not an example has them; None for
        regression.
    names : tuple of str
        One for each example.
    """

    inputs: Inputs
    labels: IntArray | FloatArray
    classes: tuple[str, ...] | None
    names: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        given: Any,
        *,
        classes: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        what: str = "dataset",
    ) -> Self:
        """Return a dataset, checked.

        Parameters
        ----------
        given : Dataset, or (inputs, labels)
            Labels are class numbers from 0 on (int), class names (str), or floats for regression.
        classes : sequence of str, optional
            Names of all classes; by default the sorted labels.
        names : sequence of str, optional
            By default the example's number and class.

        Raises
        ------
        BadInput
            If inputs and labels differ in length, are not finite, or are of no known kind; or if a
            label is none of the classes.

        Examples
        --------
        >>> Dataset.of((np.eye(3), ["cat", "dog", "cat"])).labels
        array([0, 1, 0])
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise BadInput(f"{what} must be a Dataset, or (inputs, labels); got {_told(given)}")
        inputs = _inputs(given[0], what)
        labels, found = _labels(given[1], classes, what)
        if len(inputs) != len(labels):
            raise BadInput(
                f"{what} has {len(inputs)} inputs and {len(labels)} labels; each input needs one"
            )
        if not len(inputs):
            raise BadInput(f"{what} is empty")
        if names is None:
            names = tuple(
                f"#{i}" if found is None else f"#{i} {found[int(label)]}"
                for i, label in enumerate(labels)
            )
        elif len(names) != len(labels):
            raise BadInput(f"{what} has {len(labels)} examples and {len(names)} names")
        return cls(inputs, labels, found, tuple(map(str, names)))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_text(self) -> bool:
        """Whether the inputs are texts."""
        return isinstance(self.inputs, tuple)

    @property
    def outputs(self) -> int:
        """How many scores a model gives for an example: one per class, or one number."""
        return 1 if self.classes is None else len(self.classes)

    @cached_property
    def features(self) -> FloatArray:
        """The inputs as rows of numbers, float64 ``(N, d)``; pictures are scaled to 0 to 1.

        Raises
        ------
        BadInput
            For texts: something must make numbers of them first.
        """
        if isinstance(self.inputs, tuple):
            raise BadInput(
                "this trainer takes numbers, and the inputs are texts: give a scikit-learn "
                "pipeline (make_pipeline(TfidfVectorizer(), ...)), or features of the texts"
            )
        rows = self.inputs.reshape(len(self), -1)
        if rows.dtype == np.uint8:
            return rows.astype(np.float64) / 255
        return rows.astype(np.float64, copy=False)

    @property
    def targets(self) -> FloatArray:
        """The labels as numbers, float64 ``(N, c)``: one-hot, or ``(N, 1)`` of regression."""
        if self.classes is None:
            return np.asarray(self.labels, dtype=np.float64)[:, None]
        return np.eye(len(self.classes))[self.labels.astype(np.int64)]

    @cached_property
    def digest(self) -> str:
        """A digest of all inputs, labels and classes; names are of no account."""
        digest = hashlib.sha256(f"{self.classes} {self.labels.dtype} ".encode())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        if isinstance(self.inputs, tuple):
            for text in self.inputs:
                digest.update(f"{len(text)} {text}".encode())
        else:
            digest.update(f"{self.inputs.shape} {self.inputs.dtype} ".encode())
            digest.update(np.ascontiguousarray(self.inputs).tobytes())
        return digest.hexdigest()[:32]

    def take(self, rows: Sequence[int] | IntArray) -> Self:
        """Return some of the examples, in the order asked for."""
        places = np.asarray(rows, dtype=np.int64)
        inputs: Inputs
        if isinstance(self.inputs, tuple):
            inputs = tuple(self.inputs[i] for i in places)
        else:
            inputs = self.inputs[places]
        names = tuple(self.names[i] for i in places)
        return replace(self, inputs=inputs, labels=self.labels[places], names=names)


def _inputs(given: Any, what: str) -> Inputs:
    if isinstance(given, list | tuple) and given and all(isinstance(one, str) for one in given):
        return tuple(given)
    try:
        array = np.asarray(given)
        if array.dtype.kind in "US":
            return tuple(map(str, array.tolist()))
        if array.dtype.kind not in "buif":
            raise TypeError(f"they are {array.dtype}")
    except (TypeError, ValueError) as error:
        raise BadInput(f"{what}: inputs must be numbers or texts: {error}") from error
    if array.ndim < 2:
        raise BadInput(
            f"{what}: inputs must have a row for each example, shape (N, d) or pictures; got "
            f"{array.shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array.reshape(len(array), -1)).all(axis=1)))
        raise BadInput(f"{what}: inputs must be finite; example {row} is not")
    return array


def _labels(
    given: Any, classes: Sequence[str] | None, what: str
) -> tuple[IntArray | FloatArray, tuple[str, ...] | None]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise BadInput(f"{what}: labels must be numbers or names: {error}") from error
    if array.ndim != 1:
        raise BadInput(f"{what}: labels must have shape (N,); got {array.shape}")
    if array.dtype.kind in "US":
        known = (
            tuple(map(str, classes))
            if classes is not None
            else tuple(map(str, sorted({*array.tolist()})))
        )
        place = {name: i for i, name in enumerate(known)}
        unknown = [str(label) for label in array.tolist() if str(label) not in place]
        if unknown:
            raise BadInput(
                f"{what}: label {unknown[0]!r} is none of the classes {', '.join(known)}"
            )
        return np.array([place[str(label)] for label in array.tolist()], dtype=np.int64), known
    if array.dtype.kind == "f" and classes is None:
        if not np.isfinite(array).all():
            raise BadInput(
                f"{what}: labels must be finite; that of example "
                f"{int(np.argmin(np.isfinite(array)))} is not"
            )
        return array.astype(np.float64), None
    if array.dtype.kind not in "iub":
        raise BadInput(
            f"{what}: labels must be class numbers (int), class names (str), or floats for "
            f"regression; got {array.dtype}"
        )
    labels = array.astype(np.int64)
    if len(labels) and labels.min() < 0:
        raise BadInput(f"{what}: class numbers begin at 0; got {labels.min()}")
    count = int(labels.max()) + 1 if len(labels) else 0
    if classes is None:
        return labels, tuple(map(str, range(max(count, 2))))
    if count > len(classes):
        raise BadInput(f"{what}: class number {count - 1} is none of {len(classes)} classes")
    return labels, tuple(map(str, classes))


def _told(given: Any) -> str:
    return type(given).__name__ + (f" of {len(given)}" if isinstance(given, tuple | list) else "")
