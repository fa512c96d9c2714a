"""The picture of a training set: tiles with signs, pairs, nothing that does not fit, 80 columns."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import sys
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from test_html import HOSTILE, Page

import interplay as ip
from interplay.lenses.training_data import Dataset
from interplay.lenses.training_data.dataset import IntArray
from interplay.lenses.training_data.engines import Trainer
from interplay.lenses.training_data.engines.engine import Retrainer
from interplay.lenses.training_data.subject import CHARACTERS, subject_of
from interplay.lenses.training_data.together import together
from interplay.report import html, terminal
from interplay.report.reading import Reading
from interplay.value_function import BoolArray, FloatArray

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (24, 8, 8), dtype=np.uint8)
LABELS = ["cat", "dog", "owl"] * 8


class Known(Trainer):
    """Scores whose first test example's margin is a sum of known terms; others are constant."""

    name, scale = "known", "logits"

    def __init__(self, terms: dict[tuple[int, ...], float]) -> None:
        self.terms = terms

    def identity(self) -> dict[str, Any]:
        return {"trainer": "known", "terms": sorted((*k, v) for k, v in self.terms.items())}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        terms = self.terms

        class Bound:
            batch_size = 1000

            def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
                value = sum(v * kept[:, list(k)].all(axis=1) for k, v in terms.items())
                scores = np.zeros((len(kept), len(tests), tests.outputs))
                for i, label in enumerate(tests.labels):
                    scores[:, i, int(label)] = 5 + np.asarray(value) * (1 + i)
                return scores

        return Bound()


TERMS = {(0,): 1.0, (3,): 1.0, (1,): -0.6, (4,): 0.8, (0, 3): -0.8, (3, 4): 0.5}
"""Of Moebius: 0 and 3 repeat each other, 3 and 4 reinforce each other."""


def value_of(inputs: Any, tests: Any, **options: Any) -> Any:
    labels = LABELS[: len(inputs)]
    return ip.training_data(Known(TERMS), (inputs, labels), tests, **options)


def explained(value: Any) -> dict[str, Any]:
    return ip.explain(value, budget=300, store=None, method="proxyspex").to_dict()


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return explained(value_of(PICTURES, (PICTURES[:1], ["dog"])))


def shown(summary: dict[str, Any], width: int = 80) -> str:
    out = io.StringIO()
    terminal.show(summary, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def tiles(page: Page) -> list[dict[str, str | None]]:
    return [values for _, values in page.tags if "data-i" in values]


# ---- what the subject holds


def test_pictures_are_one_sheet_of_all(summary: dict[str, Any]) -> None:
    image = pytest.importorskip("PIL.Image")
    told = summary["subject"]
    assert told["units"] == "example"
    assert told["classes"] == ["cat", "dog", "owl"]
    assert told["labels"] == LABELS
    assert (told["test_names"], told["test_labels"]) == (["test #0 dog"], ["dog"])
    sheet = told["pictures"]
    head, content = sheet["sheet"].split(",")
    assert head == "data:image/png;base64"
    found = np.asarray(image.open(io.BytesIO(base64.b64decode(content))))
    assert found.shape == (8 * sheet["rows"], 8 * sheet["columns"])
    for i, picture in enumerate([*PICTURES, PICTURES[0]]):
        y, x = divmod(i, sheet["columns"])
        assert np.array_equal(found[8 * y : 8 * y + 8, 8 * x : 8 * x + 8], picture)


@pytest.mark.parametrize("shape", [(8, 8), (32, 32, 3), (40, 70, 3), (9, 9, 1), (300, 300)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pictures_of_other_sizes(shape: tuple[int, ...], kind: type) -> None:
    pytest.importorskip("PIL")
    pictures = (RNG.random((24, *shape)) * 255).astype(kind)
    data = Dataset.of((pictures, LABELS))
    told = subject_of(data, data.take([1]), np.arange(24), 24)["pictures"]
    assert max(told["size"]) <= max(shape[0], shape[1])
    ratio = told["size"][0] / told["size"][1]
    assert ratio == pytest.approx(shape[1] / shape[0], rel=0.1)
    assert len(told["sheet"]) < 400_000


def test_what_is_no_picture_has_none() -> None:
    for inputs in (RNG.random((24, 5)), RNG.random((24, 3, 8, 8)), RNG.random((24, 1, 8))):
        data = Dataset.of((inputs, LABELS))
        assert "pictures" not in subject_of(data, data, np.arange(24), 24)


def test_without_pillow_there_are_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    data = Dataset.of((PICTURES, LABELS))
    assert "pictures" not in subject_of(data, data, np.arange(24), 24)


def test_groups_have_sizes_and_the_class_that_all_share() -> None:
    data = Dataset.of((PICTURES[:6], LABELS[:6]))
    told = subject_of(data, data, np.array([0, 1, 1, 0, -1, 2]), 3)
    assert told["units"] == "group"
    assert told["sizes"] == [2, 2, 1]
    assert told["labels"] == ["cat", None, "owl"]
    assert "pictures" not in told
    numbers = Dataset.of((PICTURES[:6], [0.5, 1.25, 2, 3, 4, 5]))
    assert subject_of(numbers, numbers, np.arange(6), 6)["labels"][:2] == ["0.5", "1.25"]
    assert subject_of(numbers, numbers, np.zeros(6, int), 1)["labels"] == [None]


def test_long_texts_keep_their_ends() -> None:
    texts = [f"begin {'x' * 999}\n{i} end" for i in range(3)]
    data = Dataset.of((texts, LABELS[:3]))
    told = subject_of(data, data, np.arange(3), 3)["texts"]
    assert all(len(text) <= CHARACTERS for text in told)
    assert told[1].startswith("begin x")
    assert told[1].endswith("x 1 end")


# ---- the page


def test_every_example_is_a_tile_with_its_sign(summary: dict[str, Any]) -> None:
    document = html.render(summary)
    page = Page(document)
    assert "https://" not in document
    found = tiles(page)
    assert sorted(int(str(tile["data-i"])) for tile in found) == list(range(24))
    assert all(tile["role"] == "option" for tile in found)
    assert sum(tile["tabindex"] == "0" for tile in found) == 1
    assert found[0]["tabindex"] == "0"
    run = Reading(summary)
    assert run.kind == "training_data"
    effects = run.main_effects
    for tile in found:
        i = int(str(tile["data-i"]))
        assert tile["aria-label"] == f"{run.features[i]}: {run.scale.signed(effects[i])}"
        if abs(effects[i]) > 0.1:
            assert f" {'u' if effects[i] > 0 else 'd'}" in str(tile["class"])
    # within a class, what raises most comes first
    cats = [int(str(tile["data-i"])) for tile in found][:8]
    assert {LABELS[i] for i in cats} == {"cat"}
    assert [effects[i] for i in cats] == sorted((effects[i] for i in cats), reverse=True)
    assert document.count("data:image/") == 1
    assert "margin of test #0 dog is" in page.text
    assert "Moebius" in page.text


def test_pairs_repeat_or_reinforce(summary: dict[str, Any]) -> None:
    examples = Reading(summary).examples
    assert examples is not None
    assert examples.redundant[0].pair.features == (0, 3)
    assert examples.redundant[0].pair.value == pytest.approx(-0.8, abs=0.15)
    assert examples.redundant[0].moebius == pytest.approx(-0.8, abs=0.2)
    assert examples.synergistic[0].pair.features == (3, 4)
    # the paper flips the sign of pairs with another class than the target's: cats, and a dog
    assert examples.redundant[0].reading == "synergistic"
    assert examples.synergistic[0].reading == "redundant"
    assert not examples.is_measured
    document = html.render(summary)
    redundant = document[document.index('id="redundant-0"') :]
    assert re.search(r'<tr data-f="0 3" class="down', redundant[: redundant.index("</section>")])
    assert "measured</th>" not in document


def test_what_was_measured_stands_beside_what_was_predicted(summary: dict[str, Any]) -> None:
    told = copy.deepcopy(summary)
    pair = {"features": [3, 0], "names": ["a", "b"], "predicted": -0.8, "measured": -0.75}
    told["subject"]["counterfactuals"] = {
        "target": "test #0 dog",
        "rate": 0.5,
        "backgrounds": 50,
        "sign_agreement": 1.0,
        "correlation": 0.96,
        "sentence": f"Of the 5 strongest {HOSTILE} pairs.",
        "pairs": [
            {**pair, "low": -0.8, "high": -0.7, "full": -0.8, "agrees": True},
            {**pair, "features": [3, 4], "measured": -0.5, "agrees": False},
            {**pair, "features": [3, "x"]},
            {**pair, "measured": None},
            "nonsense",
        ],
    }
    page = html.render(told)
    assert "measured</th>" in page
    assert "✓ same sign" in page
    assert "✕ other sign" in page
    assert "−0.80 to −0.70" in page
    assert "Of the 5 strongest &lt;script" in page
    assert "with all −0.80" in page
    out = shown(told)
    assert re.search(r"× #3 cat +−0\.\d+ .* −0\.75\d? ✓", out)
    assert max(map(len, out.splitlines())) <= 80
    told["subject"]["counterfactuals"]["target"] = "another"
    assert "measured</th>" not in html.render(told)


def test_several_targets_share_the_pictures() -> None:
    found = explained(value_of(PICTURES, (PICTURES[:30], LABELS)))
    found["targets"] = found["targets"][:4]
    document = html.render(found)
    Page(document)
    assert document.count("data:image/") == (1 if "pictures" in found["subject"] else 0)
    assert "Mean margin of 24 test examples" in document
    readings = Reading.each(found)
    assert readings[0].examples is not None
    assert readings[0].examples.tests == 24
    second = readings[2].examples
    assert second is not None
    assert [one.name for one in second.asked] == ["test #1 dog"]
    assert len(html.fragment(found)) > 1000


def test_what_repeats_over_all_targets() -> None:
    value = value_of(PICTURES, (PICTURES[:6], LABELS[:6]))
    explanation = ip.explain(value, budget=300, method="lasso", store=None)
    seen = together(explanation)
    assert seen.attached(explanation).subject["together"]["sentence"] == seen.sentence
    found = explanation.to_dict()
    found["subject"]["together"] = {
        "sentence": f"2 of 24 repeat {HOSTILE}",
        "repeated": [{"names": [HOSTILE, "#3 cat"], "share": 0.93, "evidence": 8.0}],
        "groups": [{"names": ["#4 dog", "#5 owl"], "strength": 0.2, "targets": ["test #0 cat"]}],
    }
    page = Page(html.render(found))
    assert "93 % of each is in the others" in page.text
    assert "most on test #0 cat" in page.text
    told = shown(found)
    assert "#3 cat: 93 % of each is in the others" in " ".join(told.split())
    assert "#4 dog, #5 owl act together" in told


def test_texts_are_shown_and_escaped() -> None:
    texts = [f"{HOSTILE} number {i}" for i in range(24)]
    names = [f"{HOSTILE}{i}" for i in range(24)]
    data = Dataset.of((texts, [HOSTILE, *LABELS[1:]]), names=names)
    tests = Dataset.of(([HOSTILE], ["dog"]), classes=data.classes, names=[f"t{HOSTILE}"])
    found = explained(ip.training_data(Known(TERMS), data, tests))
    found["subject"]["counterfactuals"] = {"target": f"t{HOSTILE}", "backgrounds": HOSTILE,
        "sign_agreement": 1, "pairs": [{"features": [0, 3], "measured": 1, "agrees": HOSTILE}],
    }  # fmt: skip
    document = html.render(found)
    page = Page(document)
    assert len([script for script in page.scripts if "alert" in script]) <= 1  # the links' JSON
    assert "<script>alert" not in document
    assert f"{HOSTILE} number 3" in page.text
    assert "\x1b" not in shown(found)


def test_groups_and_numbers_are_named(summary: dict[str, Any]) -> None:
    groups = ["cat", "dog", "owl", "fox", "bat", "elk"] * 4
    found = explained(value_of(PICTURES, (PICTURES[:1], ["dog"]), groups=groups))
    page = Page(html.render(found))
    assert "4 examples" in page.text
    assert "What each group does by itself" in page.text
    assert "4 to 4" in page.text
    assert "groups that raise" in shown(found)
    rows = explained(value_of(RNG.random((24, 3)), (RNG.random((1, 3)), ["dog"])))
    assert Reading(rows).kind == "training_data"
    assert 'class="tiles subject names"' in html.render(rows)


def test_two_hundred_photographs_fit_in_a_page() -> None:
    pytest.importorskip("PIL")
    base = RNG.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
    photos = np.kron(base, np.ones((1, 4, 4, 1), dtype=np.uint8))
    photos = np.clip(photos + RNG.normal(0, 12, photos.shape), 0, 255).astype(np.uint8)
    labels = ["cat", "dog"] * 100
    value = ip.training_data(Known(TERMS), (photos, labels), (photos[:1], ["dog"]))
    found = ip.explain(value, budget=300, store=None, method="lasso").to_dict()
    assert found["subject"]["pictures"]["sheet"].startswith("data:image/jpeg")
    assert len(html.render(found).encode()) < 400_000
    json.dumps(found, allow_nan=False)


def test_the_terminal(summary: dict[str, Any]) -> None:
    out = shown(summary)
    assert max(map(len, out.splitlines())) <= 80
    assert "Repeat each other (redundant pairs)" in out
    assert "#0 cat × #3 cat" in out
    assert "Reinforce each other (synergistic pairs)" in out
    assert max(map(len, shown(summary, 60).splitlines())) <= 60
    assert "None of these is certain" not in out
    vague = copy.deepcopy(summary)
    spectrum = vague["targets"][0]["spectrum"]
    spectrum["standard_errors"] = [9.0] * len(spectrum["coefficients"])
    assert shown(vague).count("None of these is certain: every interval holds zero.") == 2


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("labels", None),
        ("labels", "cat" * 8),
        ("labels", LABELS[:-1]),
        ("labels", [3] * 24),
    ],
)
def test_what_does_not_fit_is_a_plain_run(summary: dict[str, Any], key: str, content: Any) -> None:
    broken = copy.deepcopy(summary)
    broken["subject"][key] = content
    assert Reading(broken).kind == "callable"
    html.render(broken)
    shown(broken)


GOOD = {"sheet": "data:image/png;base64,AAAA", "columns": 5, "rows": 5, "size": [8, 8]}


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("pictures", "data:image/png;base64,AAAA"),
        ("pictures", GOOD | {"sheet": "data:image/png;base64,AA);background:url(https://x"}),
        ("pictures", GOOD | {"sheet": "https://example.org/x.png"}),
        ("pictures", GOOD | {"columns": 1}),
        ("pictures", GOOD | {"columns": True}),
        ("pictures", GOOD | {"rows": 2}),
        ("pictures", GOOD | {"size": [0, 8]}),
        ("pictures", GOOD | {"size": "8;}"}),
        ("texts", ["a"]),
        ("sizes", [-1] * 24),
        ("test_names", None),
        ("test_names", [1]),
        ("test_labels", 5),
        ("tests", "many"),
        ("counterfactuals", []),
        ("counterfactuals", {"target": "test #0 dog", "pairs": 3}),
        ("together", {"sentence": "s", "repeated": 3, "groups": [{"names": "ab"}, 5, {}]}),
        ("units", 7),
    ],
)
def test_parts_that_do_not_fit_are_left_out(
    summary: dict[str, Any], key: str, content: Any
) -> None:
    broken = copy.deepcopy(summary)
    broken["subject"][key] = content
    document = html.render(broken)
    Page(document)
    assert "https://" not in document
    if key == "pictures":
        assert 'class="thumb"' not in document
    shown(broken)


# ---- the plot


def test_pairs_are_plotted(summary: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    from interplay.report.plots import partners

    told = copy.deepcopy(summary)
    told["features"][0] = "costs $3^{"
    told["targets"][0]["spectrum"]["features"] = told["features"]
    ax = partners(told, top=2)
    examples = Reading(told).examples
    assert examples is not None
    drawn = [one.pair.value for kind in examples.kinds for one in kind.pairs[:2]]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(drawn)
    assert ax.get_yticklabels()[0].get_text() == r"costs \$3^{ × #3 cat"
    assert ax.get_xlabel() == "Banzhaf interaction, in units of the margin"
    file = io.BytesIO()
    ax.figure.savefig(file)
    assert partners(told, ax=ax) is ax
    pyplot.close("all")
    told["subject"]["labels"] = None
    with pytest.raises(ip.BadInput, match="this run is not of any"):
        partners(told)
    alone = copy.deepcopy(summary)
    alone["targets"][0]["spectrum"] = ip.Spectrum({(0,): 1.0}, n=24).to_dict()
    with pytest.raises(ip.BadInput, match="no pair of training examples was found"):
        partners(alone)
