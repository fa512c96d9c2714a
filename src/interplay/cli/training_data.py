"""``interplay training-data``: a training set in, which of its examples act together out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.asked import Asked
from interplay.cli.explain_table import PYTHON, python_object
from interplay.cli.output import Output, progress
from interplay.cli.workers import Workers
from interplay.errors import BadInput, check_whole
from interplay.explanation import Explanation
from interplay.lenses.pairs import pairs_of

DIGITS = {"classes": ["three", "eight"], "examples": 40}
"""What is taken of the digits, where no file is named: an explanation in less than a minute."""


def training_data(
    *,
    data: Path | None = None,
    tests: Path | None = None,
    test_share: float = 0.2,
    trainer: str = "ridge",
    classes: str | None = None,
    examples: int | None = None,
    targets: int = 2,
    groups: str | None = None,
    value: str | None = None,
    label: str | None = None,
    text: str | None = None,
    replicates: int = 1,
    counterfactuals: int = 0,
    asked: Asked = Asked(),  # noqa: B008
    workers: Workers = Workers(),  # noqa: B008
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> int:
    """Explain which training examples, or groups of them, act together on what a model predicts.

    Models are trained on random subsets of them. With no --data they are handwritten digits.

    Parameters
    ----------
    data
        .npz file with inputs (or images), labels and perhaps class_names; or .csv or .tsv with a
        line of column names, a column of labels, and a text or numbers.
    tests
        File with test examples; by default a share of the data is set aside.
    test_share
        That share.
    trainer
        ridge, kernel-ridge, logistic, knn, mlp, resnet9 or resnet20; or py:MODULE:NAME, an
        estimator of scikit-learn or a function in Python, found from the current folder. Of texts a
        named one is given the words.
    classes
        Only examples of these, comma-joined.
    examples
        So many training examples, drawn, of each class alike; by default all, of the digits 40.
    targets
        So many test examples, drawn, of each class alike; their mean is explained, and each.
    groups
        Leave out groups, not single examples: class, or the column that names each one's group.
    value
        margin of the right class, loss or probability; of regression prediction or loss.
    label
        Column of the labels, where it is not called label, class, target or y.
    text
        Column of the text, where it is not called text or sentence.
    replicates
        Of a trainer that is random so many trainings for each mask; each counts in the budget.
    counterfactuals
        Retrain to check so many of the strongest pairs of the first target.
    """
    output.check()
    check_whole("--counterfactuals", counterfactuals, 0)
    with progress(asked.store) as (on_event, stop), workers.executor() as executor:
        value_function = value_function_of_training_data(
            data,
            tests=None if tests is None else str(tests),
            test_share=test_share,
            trainer=trainer,
            label=label,
            text=text,
            groups=groups,
            value=value,
            classes=classes,
            examples=examples,
            targets=targets,
            seed=asked.seed,
        )
        explanation = ip.explain(
            value_function,
            **asked.arguments,
            replicates=replicates if value_function.trainer.seeded else 1,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
        explanation = _over_all_targets(explanation)
        if counterfactuals and not stop.signal:
            from interplay.actions.counterfactuals import counterfactuals as check

            if pairs_of(explanation.spectrum):
                explanation = check(
                    explanation,
                    value_function,
                    top=counterfactuals,
                    store=asked.store,
                    seed=asked.seed,
                    stop=stop,
                    on_event=on_event,
                    executor=executor,
                ).attached(explanation)
            else:
                print("no pair was found, and so none is checked by retraining", file=sys.stderr)
    output.present(explanation)
    return stop.exit_code


def _over_all_targets(explanation: Explanation) -> Explanation:
    """The explanation with what repeats over all targets, where its masks tell."""
    from interplay.lenses.training_data.together import together

    try:
        return together(explanation).attached(explanation)
    except BadInput as error:
        print(f"what repeats over all targets is not told: {error}", file=sys.stderr)
        return explanation


def value_function_of_training_data(
    data: Path | None, *, trainer: str, classes: str | None, **options: Any
) -> Any:
    """Return the value function of a file, or of the digits; ``classes`` are comma-joined."""
    from interplay.lenses.training_data.files import training_files

    given: dict[str, Any] = {**options, "classes": None}
    if data is None:
        if options["tests"] is not None:
            raise BadInput("--tests needs --data, the file of the training examples")
        given["classes"] = DIGITS["classes"]
        if given["examples"] is None:
            given["examples"] = DIGITS["examples"]
    if classes is not None:
        given["classes"] = [name.strip() for name in classes.split(",") if name.strip()]
    made = python_object(trainer, "--trainer") if trainer.startswith(PYTHON) else trainer
    return training_files(None if data is None else str(data), trainer=made, **given)
