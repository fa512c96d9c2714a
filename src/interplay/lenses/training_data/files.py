"""Training sets from files, for the command line, and made again for a run that remembers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.errors import BadInput, check_whole
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines import trainer_of
from interplay.lenses.training_data.engines.words import OnWords
from interplay.lenses.training_data.lens import training_data
from interplay.lenses.training_data.rows import Rows, digits, read_rows
from interplay.lenses.training_data.value import TrainingDataValueFunction

DIGITS: Final = "digits"
"""The data where no file is named: handwritten digits, 8 by 8 pixels, of scikit-learn."""

HOLDOUT: Final = 1000
"""Test examples that are set aside at most beside those that are asked about."""


def training_files(
    data: str | None = None,
    *,
    tests: str | None = None,
    test_share: float = 0.2,
    trainer: Any = "ridge",
    label: str | None = None,
    text: str | None = None,
    groups: str | None = None,
    value: str | None = None,
    classes: Sequence[str] | None = None,
    examples: int | None = None,
    targets: int = 2,
    seed: int = 0,
) -> TrainingDataValueFunction:
    """Make a value function of a training set in a file.

    Parameters
    ----------
    data : str, optional
        An ``.npz`` file (``inputs`` or ``images``, ``labels``, perhaps ``class_names``), or a
        ``.csv`` or ``.tsv`` with a line of column names: a column of labels, and a text or
        numbers. By default the digits that come with scikit-learn.
    tests : str, optional
        A file with test examples; by default ``test_share`` of the data is set aside.
    test_share : float
        Of the data, between 0 and 1.
    trainer : str, Trainer, estimator or callable
        As in :func:`interplay.training_data`; one that is named is given the words of texts.
    label, text : str, optional
        The column, or array, of the labels and of the text, where names do not tell.
    groups : str, optional
        ``"class"``, or the column or array that names the group of each example.
    value : str, optional
        As in :func:`interplay.training_data`.
    classes : sequence of str, optional
        Only examples of these.
    examples : int, optional
        So many training examples, drawn, of each class alike; by default all.
    targets : int
        So many test examples are asked about, drawn, of each class alike. Of the others up to
        1,000 are ``holdout``.
    seed : int
        Of the trainings, and of what is drawn.

    Raises
    ------
    BadInput
        If a file cannot be read, has no labels, or too few examples of a class.

    Examples
    --------
    >>> value = training_files(examples=20, classes=["three", "eight"])
    >>> value.features[:2], value.targets
    (('#153 three', '#217 three'), ('mean', 'test #529 three', 'test #769 eight'))
    """
    check_whole("seed", seed, 0)
    check_whole("targets", targets, 1)
    if examples is not None:
        check_whole("examples", examples, 2)
    if not 0 < test_share < 1:
        raise BadInput(f"test_share must lie between 0 and 1; got {test_share}")
    column = None if groups in (None, "class") else groups
    if data is None:
        whole = digits(column)
    else:
        whole = read_rows(Path(data), label=label, text=text, groups=column)
    rng = np.random.default_rng(seed)
    if tests is None:
        order = rng.permutation(len(whole.data))
        cut = round(test_share * len(order))
        held, left = np.sort(order[:cut]), np.sort(order[cut:])
        named, pool = _named(whole, "#").take(left), _named(whole, "test #").take(held)
    else:
        other = read_rows(Path(tests), label=label, text=text, groups=column, like=whole)
        named, pool = _named(whole, "#"), _named(other, "test #")
    if classes is not None:
        named, pool = _of(named, classes, str(data or DIGITS)), _of(pool, classes, "the test file")
    rows = named if examples is None else named.take(_drawn(named.data, examples, rng, "training"))
    asked = _drawn(pool.data, targets, rng, "test")
    rest = np.setdiff1d(np.arange(len(pool.data)), asked)
    rest = np.sort(rng.permutation(rest)[:HOLDOUT])
    made = trainer
    if isinstance(trainer, str):
        made = OnWords(trainer) if whole.data.is_text else trainer_of(trainer)
    found = training_data(
        made,
        rows.data,
        pool.data.take(asked),
        groups=rows.groups if column is not None else groups,
        value=value,
        holdout=pool.data.take(rest) if len(rest) else None,
        seed=seed,
    )
    if whole.unused:
        found.subject["unused"] = list(whole.unused)
    found.subject["source"] = "the digits of scikit-learn" if data is None else str(data)
    if isinstance(trainer, str):
        found.subject["arguments"] = {
            "data": data,
            "tests": tests,
            "test_share": test_share,
            "trainer": trainer,
            "label": label,
            "text": text,
            "groups": groups,
            "value": value,
            "classes": None if classes is None else list(classes),
            "examples": examples,
            "targets": targets,
            "seed": seed,
        }
    return found


def remade(
    subject: Mapping[str, Any], targets: Sequence[str], **changes: Any
) -> TrainingDataValueFunction:
    """Make the value function of a run again from the ``subject`` in the run's file.

    ``changes`` are arguments of :func:`training_files` that shall be others than the run's.

    Raises
    ------
    BadInput
        If the data or the trainer were made in Python, a file is no longer there, or its examples
        are not those of the run.
    """
    given = subject.get("arguments")
    if not isinstance(given, Mapping):
        raise BadInput(
            "the training set or the trainer of this run was made in Python, and neither is in the "
            "file: pass the value function"
        )
    given = {**given, **changes}
    made = training_files(**given)
    for what, now in (("data", made.data.digest), ("test_data", made.tests.digest)):
        if subject.get(what) != now:
            file = (given.get("tests") if what == "test_data" else None) or given.get("data")
            raise BadInput(
                f"{file or 'the digits of scikit-learn'} has other examples than when the run was "
                f"made (the digest was {subject.get(what)} and is {now}): put the file back as it "
                "was, or explain anew"
            )
    if tuple(targets) != made.targets:
        raise BadInput(
            f"the run's targets {', '.join(targets)} are not those of its files, "
            f"{', '.join(made.targets)}"
        )
    return made


def _named(rows: Rows, prefix: str) -> Rows:
    """Rows with names that tell where they stand in the file."""
    data = rows.data
    names = [
        f"{prefix}{i}" + ("" if data.classes is None else f" {data.classes[int(label)]}")
        for i, label in enumerate(data.labels)
    ]
    inputs = list(data.inputs) if isinstance(data.inputs, tuple) else data.inputs
    made = Dataset.of((inputs, data.labels), classes=data.classes, names=names)
    return replace(rows, data=made)


def _of(rows: Rows, classes: Sequence[str], where: str) -> Rows:
    """The rows of some classes, which are all that there are then."""
    data = rows.data
    if data.classes is None:
        raise BadInput(f"classes are given, and the labels of {where} are numbers")
    missing = [name for name in classes if name not in data.classes]
    if missing or len({*classes}) < 2:
        raise BadInput(
            f"classes must be two at least of those in {where}: {', '.join(data.classes[:20])}; "
            f"got {', '.join(classes)}"
        )
    places = {data.classes.index(name): i for i, name in enumerate(dict.fromkeys(classes))}
    kept = np.flatnonzero(np.isin(data.labels, list(places)))
    some = rows.take(kept)
    labels = np.array([places[int(one)] for one in some.data.labels], dtype=np.int64)
    inputs = list(some.data.inputs) if isinstance(some.data.inputs, tuple) else some.data.inputs
    chosen = tuple(dict.fromkeys(classes))
    return replace(some, data=Dataset.of((inputs, labels), classes=chosen, names=some.data.names))


def _drawn(data: Dataset, count: int, rng: np.random.Generator, what: str) -> IntArray:
    """Rows of a dataset, drawn, of each class alike as far as that goes; class by class."""
    if count > len(data):
        raise BadInput(
            f"{count} {what} examples were asked for, and there are {len(data)} to draw from: ask "
            "for fewer, or give more data; test_share says what part of one file is for tests"
        )
    if data.classes is None:
        return np.sort(rng.permutation(len(data))[:count])
    queues = [rng.permutation(np.flatnonzero(data.labels == c)) for c in range(len(data.classes))]
    shares = np.zeros(len(queues), dtype=np.int64)
    while shares.sum() < count:
        for c, queue in enumerate(queues):
            if shares.sum() < count and shares[c] < len(queue):
                shares[c] += 1
    return np.concatenate([np.sort(q[:k]) for q, k in zip(queues, shares, strict=True)])
