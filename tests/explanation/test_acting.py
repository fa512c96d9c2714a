"""What was done about a result stays with its run: attached, saved, loaded, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from actions_made import counterfactuals_of, flip_of, pruning_of, selection_of

import interplay as ip
from interplay.actions.counterfactuals import counterfactuals
from interplay.errors import BadInput
from interplay.explanation import Explanation, load

NAMES = ["so", "not", "bad", "at all"]


def game(masks: np.ndarray) -> np.ndarray:
    return 1.0 - 2.0 * (~masks[:, 1] & ~masks[:, 2])


@pytest.fixture(scope="module")
def run() -> Explanation:
    return ip.explain(game, NAMES, store=None)


def test_a_flip_stays_with_its_run(run: Explanation, tmp_path: Path) -> None:
    found = ip.flip(run, game)
    acted = run.with_action(found).with_action(found)
    assert run.actions == ()
    assert len(acted.actions) == 1, "the same one is there once"
    assert acted.actions[0] == json.loads(json.dumps(found.to_dict()))
    again = load(acted.save(tmp_path / "run.json"))
    assert again.actions == acted.actions
    assert again.to_dict() == acted.to_dict()
    assert again.with_action(found.to_dict()).actions == acted.actions
    assert "verified by" in acted._repr_html_()
    assert acted.target("value").actions == acted.actions


def test_every_kind_of_result_can_be_attached(run: Explanation) -> None:
    own = {"explained": run.config["fingerprint"]}
    acted = run
    made: list[Any] = [pruning_of(NAMES, 2, **own), selection_of(NAMES, 2, **own)]
    made += [counterfactuals(run, game, top=1, backgrounds=4)]
    for one in made:
        acted = acted.with_action(one)
    assert [one["format"].rpartition(".")[2] for one in acted.actions] == [
        "pruning",
        "selection",
        "counterfactuals",
    ]
    assert acted.to_dict()["actions"] == list(acted.actions)


def test_what_flips_by_replacements_knows_of_which_run_it_is() -> None:
    class Replacing:
        features = ("so", "not", "bad")
        fingerprint = "mine"

        def replaced(self, texts: dict[str, str]) -> Any:
            other = Replacing()
            other.fingerprint = f"mine with {texts}"
            return other

        def __call__(self, masks: np.ndarray) -> np.ndarray:
            return 1.0 - 2.0 * ~masks[:, 1]

    value = Replacing()
    run = ip.explain(value, store=None)
    found = ip.flip(run, value, replacements={"not": "very", "bad": "good"})
    assert found.replaced_by == ("very",)
    assert found.fingerprint != found.explained == run.config["fingerprint"]
    (told,) = run.with_action(found).actions
    assert told["replaced_by"] == ["very"]


def test_older_results_do_not_say_of_which_run_they_are(run: Explanation) -> None:
    told = ip.flip(run, game).to_dict()
    del told["explained"], told["replaced_by"]
    assert len(run.with_action(told).actions) == 1


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (flip_of([*NAMES, "more"], (1,)), "it is of 5 features, and the run has 4"),
        (flip_of(["so", "other", "bad", "at all"], (1,)), "its feature 1 is 'other'"),
        (flip_of(NAMES, (1,), target="other"), "its target is 'other', and the run has value"),
        (flip_of(NAMES, (1,)), "it began with one of the model or ablation f00"),
        (pruning_of(["a", "b", "c", "d"], 2), "its feature 0 is 'a'"),
        (pruning_of(NAMES, 2), "ablation f00"),
        (selection_of(NAMES[:3], 2), "it is of 3 features"),
        (counterfactuals_of(["x", *NAMES[1:]], (0, 1)), "its feature 0 is 'x'"),
        ({}, "is not a result of flip, prune, select or counterfactuals: its format is None"),
        ({"format": {1}}, "cannot be kept, it is no plain JSON"),
        (None, "its format is None"),
        ([], "its format is None"),
        (3.5, "its format is None"),
        (flip_of(NAMES, (1,), after=np.inf), "cannot be kept, it is no plain JSON"),
    ],
)
def test_what_is_about_another_run_is_refused(run: Explanation, result: Any, reason: str) -> None:
    with pytest.raises(BadInput) as error:
        run.with_action(result)
    assert reason in str(error.value)
    assert str(error.value).startswith("the result ")


def test_errors_name_the_source(run: Explanation) -> None:
    with pytest.raises(BadInput, match=r"^a/flip.json is not a result of flip"):
        run.with_action({}, source="a/flip.json")
