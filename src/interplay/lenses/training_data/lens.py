"""``ip.training_data``: a trainer and a dataset become a value function over training examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BadInput, check_whole
from interplay.lenses.training_data.dataset import Dataset
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.scores import check_value
from interplay.lenses.training_data.value import TrainingDataValueFunction


def training_data(
    trainer: Any,
    dataset: Any,
    targets: Any,
    *,
    groups: str | Sequence[Any] | Mapping[str, Sequence[int]] | None = None,
    value: str | None = None,
    holdout: Any = None,
    seed: int = 0,
) -> TrainingDataValueFunction:
    """Make a value function of a training set: examples are left out, and a model is retrained.

    Parameters
    ----------
    trainer : str, Trainer, scikit-learn estimator, or callable
        How a model is trained: ``"ridge"``, ``"kernel-ridge"``, ``"logistic"``, ``"knn"``,
        ``"mlp"``, ``"resnet9"``, ``"resnet20"``; one of the classes behind these names, with its
        options (:mod:`interplay.lenses.training_data.engines`); an estimator of scikit-learn that
        is cloned and fitted to each subset; or ``train(inputs, labels, seed) -> predict``, where
        ``predict(inputs)`` gives scores ``(t, c)``.
    dataset : Dataset, or (inputs, labels)
        N examples: ``inputs`` are features ``(N, d)``, pictures ``(N, h, w)`` or ``(N, h, w, 3)``,
        or texts; ``labels`` are class numbers, class names, or floats for regression.
    targets : Dataset, or (inputs, labels)
        The t test examples, one or thousands, whose values are explained: all of them come from the
        same trainings. Of several the first target is their mean.
    groups : optional
        What a feature is. None: a training example. ``"class"``: all examples of a class. A
        sequence of N names or numbers: the group of each example (a cluster, a source), None for
        an example that is always kept. A mapping from names to rows: the same.
    value : str, optional
        ``"margin"``, the score of the right class less the best other one (the default);
        ``"loss"``; ``"probability"`` of the right class; of regression ``"prediction"`` (the
        default there) or ``"loss"``.
    holdout : Dataset, or (inputs, labels), optional
        Further test examples, on which nothing is chosen: :func:`interplay.select` is judged there.
    seed : int
        Of the trainings. Of a trainer that is random each mask has its own; with ``replicates=3``,
        :func:`interplay.explain` trains each three times with other seeds, and the variance that
        this shows goes to the fit.

    Returns
    -------
    TrainingDataValueFunction
        Masks bool ``(m, n)`` -> float64 ``(m, q)``, or ``(m,)`` of one target.

    Raises
    ------
    BadInput
        If inputs and labels do not fit, a group is empty, the trainer cannot learn from them, or
        the value is none of it.
    MissingExtra
        If the trainer needs torch and it is not installed.

    Notes
    -----
    With nothing kept a model has seen nothing: all of its scores are equal, the margin is 0. A
    class of which nothing is kept stays one of the answers. Trainings that diverge are excluded and
    counted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.normal(size=(30, 4))
    >>> labels = (inputs[:, 0] > 0).astype(int)
    >>> value = training_data("ridge", (inputs[:20], labels[:20]), (inputs[20:], labels[20:]))
    >>> value(np.ones((2, 20), dtype=bool)).shape, value.targets[:2]
    ((2, 11), ('mean', 'test #0 1'))
    """
    data = Dataset.of(dataset)
    tests = _like(data, targets, "targets", "test ")
    kept_out = None if holdout is None else _like(data, holdout, "holdout", "holdout ")
    made = trainer_of(trainer)
    if data.classes is None and not made.regresses:
        raise BadInput(f"{made.name} learns classes, and the labels are numbers (floats)")
    if data.classes is not None and not made.classifies:
        raise BadInput(f"{made.name} learns numbers, and the labels are classes")
    chosen = check_value(value, made.scale, tests)
    check_whole("seed", seed, 0)
    owners, names = grouped(data, groups)
    return TrainingDataValueFunction(
        made,
        data,
        tests,
        owners,
        names,
        value=chosen,
        seed=int(seed),
        holdout=kept_out,
    )


def grouped(data: Dataset, groups: Any) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return of each example the feature that it belongs to (-1: none), and the features' names."""
    count = len(data)
    if groups is None:
        owners, names = np.arange(count), data.names
    elif isinstance(groups, str):
        if groups != "class" or data.classes is None:
            raise BadInput(
                f"groups must be 'class' (of a dataset with classes), the group of each example, "
                f"or a mapping from names to rows; got {groups!r}"
            )
        owners, names = data.labels.astype(np.int64), data.classes
    elif isinstance(groups, Mapping):
        owners, names = np.full(count, -1), tuple(map(str, groups))
        for place, rows in enumerate(groups.values()):
            members = np.asarray(rows)
            if members.ndim != 1 or members.dtype.kind not in "iu" or not len(members):
                raise BadInput(f"group {names[place]!r} must be numbers of examples, one at least")
            if members.min() < 0 or members.max() >= count:
                raise BadInput(f"group {names[place]!r}: there are examples 0 to {count - 1}")
            if (owners[members] >= 0).any():
                row = int(members[owners[members] >= 0][0])
                raise BadInput(
                    f"example {row} is in two groups, the second of them {names[place]!r}"
                )
            owners[members] = place
    else:
        told = list(groups)
        if len(told) != count:
            raise BadInput(
                f"groups must name the group of each of {count} examples; got {len(told)}"
            )
        place_of: dict[str, int] = {}
        owners = np.array(
            [-1 if one is None else place_of.setdefault(str(one), len(place_of)) for one in told]
        )
        names = tuple(place_of)
    held = np.bincount(owners[owners >= 0], minlength=len(names))
    if (held == 0).any():
        raise BadInput(f"group {names[int(np.argmin(held))]!r} has no examples")
    if len(names) < 2:
        raise BadInput(f"there are {len(names)} groups, and nothing to combine; give two at least")
    return np.asarray(owners, dtype=np.int64), names


def _like(data: Dataset, given: Any, what: str, prefix: str) -> Dataset:
    """Test examples of the same kind as the training set."""
    if data.classes is None and isinstance(given, tuple | list) and len(given) == 2:
        with suppress(TypeError, ValueError):  # whole numbers are numbers here, not classes
            given = (given[0], np.asarray(given[1], dtype=np.float64))
    tests = Dataset.of(given, classes=data.classes, what=what)
    if not isinstance(given, Dataset):
        names = [f"{prefix}{name}" for name in tests.names]
        tests = Dataset(tests.inputs, tests.labels, tests.classes, tuple(names))
    if tests.classes != data.classes:
        raise BadInput(
            f"{what} has other classes than the dataset: {tests.classes}, {data.classes}"
        )
    if tests.is_text != data.is_text:
        raise BadInput(f"{what} and dataset must both be texts, or neither")
    mine, theirs = (getattr(one.inputs, "shape", ())[1:] for one in (data, tests))
    if mine != theirs:
        raise BadInput(f"{what} has inputs of shape {theirs}, the dataset of shape {mine}")
    return tests
