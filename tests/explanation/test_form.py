"""What stands in a run file has the form that reports and actions rely on, whatever the subject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.explanation.form import check_subject

NAMES = ["so", "not", "bad"]
PARTS = [["head", 0, 0], ["head", 0, 1], ["mlp", 0, -1]]


class Game:
    """A value function that says of itself what it is given."""

    features = NAMES

    def __init__(self, subject: Mapping[str, Any]) -> None:
        self.subject, self.asked = subject, 0

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked += len(masks)
        return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])


SOUND = [
    {"kind": "text", "text": "so not bad", "spans": [[0, 2], [3, 6], [7, 10]]},
    {"kind": "image", "captions": ["a cat"], "caption": "a cat", "spans": [[0, 1], [2, 5]]},
    {"kind": "table", "columns": NAMES, "values": ["1", "2", "3"]},
    {"kind": "components", "parts": PARTS},
    {"kind": "components"},
    {"kind": "training_data", "labels": ["x", None, "y"]},
    {"kind": "one of our own", "parts": 5},
]

DAMAGED: list[tuple[dict[str, Any], str]] = [
    ({"kind": 5}, r'"subject\.kind" must be a text; got 5'),
    ({"kind": "text", "text": 5}, r'"subject\.text" must be a text'),
    ({"kind": "text", "spans": 5}, r'"subject\.spans" must be a list; got 5'),
    ({"kind": "text", "spans": [[0, 1, 2]]}, r'"subject\.spans\[0\]" must be a list of 2'),
    ({"kind": "text", "spans": [[0, -1]]}, r'"subject\.spans\[0\]\[1\]" must be a whole number'),
    ({"kind": "image", "captions": 5}, r'"subject\.captions" must be a list'),
    ({"kind": "image", "captions": [5]}, r'"subject\.captions\[0\]" must be a text'),
    ({"kind": "image", "caption": []}, r'"subject\.caption" must be a text'),
    ({"kind": "table", "columns": NAMES}, r"no entry 'subject\.values'"),
    ({"kind": "table", "columns": NAMES, "values": ["1"]}, r"a list of 3, one for each column"),
    ({"kind": "components", "parts": PARTS[:2]}, r'"subject\.parts" must be a list of 3, one for'),
    (
        {"kind": "components", "parts": [5, *PARTS[1:]]},
        r'"subject\.parts\[0\]" must be a list of 3',
    ),
    (
        {"kind": "components", "parts": [["head", "x", 0], *PARTS[1:]]},
        r'"subject\.parts\[0\]\[1\]" must be a whole number, at least -1; got \'x\'',
    ),
]


@pytest.mark.parametrize("subject", SOUND, ids=lambda subject: subject["kind"])
def test_sound_subjects_are_saved_and_read(subject: dict[str, Any], tmp_path: Path) -> None:
    ip.explain(Game(subject), store=None).save(tmp_path / "run.json")
    found = ip.load(tmp_path / "run.json")
    assert found.subject == subject
    found.report(tmp_path / "report.html")


@pytest.mark.parametrize(("subject", "message"), DAMAGED)
def test_damaged_subjects_are_named_with_their_place(
    subject: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = ip.explain(Game({}), store=None).save(tmp_path / "run.json")
    run = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**run, "subject": subject}))
    with pytest.raises(ip.BadInput, match=rf"run\.json is damaged: .*{message}"):
        ip.load(path)


@pytest.mark.parametrize(("subject", "message"), DAMAGED)
def test_a_subject_that_no_report_could_be_made_of_costs_no_call(
    subject: dict[str, Any], message: str
) -> None:
    game = Game(subject)
    with pytest.raises(ip.BadInput, match=rf'"subject" of the value function .*{message}'):
        ip.explain(game, store=None)
    assert game.asked == 0


def test_groups_of_heads_have_no_one_place(tmp_path: Path) -> None:
    from interplay.groups import Grouped

    grouped = Grouped(Game({"kind": "components", "parts": PARTS}), [(0, 2), (1,)], ["a", "b"])
    check_subject(grouped.subject, 2)
    ip.explain(grouped, store=None).save(tmp_path / "run.json")
    assert "parts" not in ip.load(tmp_path / "run.json").subject


def test_an_explanation_says_in_a_line_what_it_is() -> None:
    found = ip.explain(Game({}), store=None)
    trust = "Trust this explanation: it is exact, every mask was evaluated."
    assert repr(found) == f"<Explanation of 3 features, 8 calls. {trust}>"
    two = replace(found, findings=(*found.findings, *found.findings))
    assert repr(two) == f"<Explanation of 3 features, 2 targets, 8 calls. {trust}>"
