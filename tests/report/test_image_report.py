"""Reports of images: the picture whole, its regions as shapes, nothing that does not fit."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from run_summaries import callable_summary
from test_html import HOSTILE, Page

from interplay.lenses.image.picture import preview
from interplay.lenses.image.regions import Regions, outlines
from interplay.report import html
from interplay.report.drawing import drawing
from interplay.report.reading import Reading

CAPTION = "a dog, catching a ball"
PICTURE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def image_summary(words: bool = False) -> dict[str, Any]:
    """A summary of an image of 2 x 3 regions, perhaps with the words of a caption."""
    labels = np.arange(30)[:, None] * 2 // 30 * 3 + np.arange(40) * 3 // 40
    names = [f"row {r}, column {c}" for r in (1, 2) for c in (1, 2, 3)]
    address, size = preview(PICTURE)
    spans = [(m.start(), m.end()) for m in re.finditer(r"\S+", CAPTION)] if words else []
    summary = callable_summary([*names, *(CAPTION[a:b] for a, b in spans)])
    summary["subject"] = {
        "kind": "image",
        "name": "dog.png",
        "units": "patches:2x3",
        "mask": "blur",
        "model": "a folder",
        "caption": CAPTION if words else None,
        "spans": [list(span) for span in spans],
        "picture": address,
        "picture_size": list(size),
        "outlines": outlines(Regions(labels, tuple(names)), size),
    }
    summary["targets"][0]["main_effects"] = list(np.linspace(-1, 1, len(summary["features"])))
    return summary


def shapes(page: Page) -> list[dict[str, str | None]]:
    return [values for tag, values in page.tags if tag == "path"]


def test_the_picture_and_its_regions() -> None:
    summary = image_summary()
    document = html.render(summary)
    page = Page(document)
    (host,) = [values for _, values in page.tags if values.get("class") == "interplay-report"]
    assert host["style"] == f"--picture:url({summary['subject']['picture']})", "there once"
    (frame,) = [v for tag, v in page.tags if tag == "svg" and v.get("aria-label") == "The image"]
    assert frame["viewbox"] == "0 0 40 30"
    found = shapes(page)
    assert [shape["data-i"] for shape in found] == list("012345")
    assert found[0]["d"] == "M0 0L14 0L14 15L0 15Z"
    assert json.loads(page.scripts[0])[0]["names"] == summary["features"]
    assert found[0]["class"] == "r d6", "the strongest shade of what lowers it"
    assert found[5]["class"] == "r u6"
    assert re.fullmatch(r"row 1, column 1: −1\.0+", str(found[0]["aria-label"]))
    assert [shape["tabindex"] for shape in found] == ["0", *["-1"] * 5]
    assert "img-src data:" in document
    assert "What each region does by itself" in page.text
    assert "Point at one to find its regions in the image" in page.text
    assert "patches:2x3" in page.text


def test_words_of_a_caption_stand_below() -> None:
    page = Page(html.render(image_summary(words=True)))
    assert CAPTION in page.text
    words = {i: word for i, word in page.words.items() if i >= 6}
    assert words == {6: "a", 7: "dog,", 8: "catching", 9: "a", 10: "ball"}
    (data,) = json.loads(page.scripts[0])
    assert len(data["effects"]) == 11
    assert data["noun"] == "feature"
    tabs = [values["tabindex"] for _, values in page.tags if values.get("role") == "option"]
    assert tabs.count("0") == 1, "one stop for the tab key"


def test_question_and_response_are_shown() -> None:
    summary = image_summary()
    summary["subject"] |= {"question": f"Is it {HOSTILE}?", "response": " a dog"}
    page = Page(html.render(summary))
    assert f"Is it {HOSTILE}?" in page.text
    assert len(page.scripts) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"picture": "https://elsewhere.org/dog.png"},
        {"picture": 'data:image/png;base64,AAA" onload="alert(1)'},
        {"picture": "data:image/svg+xml;base64,AAAA"},
        {"picture": None},
        {"picture_size": [40]},
        {"picture_size": [40, 0]},
        {"picture_size": "40"},
        {"picture_size": [40, 1e9]},
        {"outlines": [[[0, 0, 1, 1, 2, 2]]]},
        {"outlines": [[[0, 0, 1, 1, 2]]] * 6},
        {"outlines": [[[0, 0, 1, 1]]] * 6},
        {"outlines": [[[0, 0, 1, 1, "2", 2]]] * 6},
        {"outlines": [["abcdef"]] * 6},
        {"outlines": [[[0, 0, 1, 1, -2, 2]]] * 6},
        {"outlines": "123456"},
        {"outlines": [7] * 6},
        {"spans": [[0, 1]]},
        {"spans": 7},
    ],
)
def test_what_does_not_fit_is_listed_instead(changes: dict[str, Any]) -> None:
    summary = image_summary()
    summary["subject"] |= changes
    assert drawing(summary["subject"], 6) is None
    page = Page(html.render(summary))
    assert not [tag for tag, _ in page.tags if tag in ("image", "path")]
    assert '<ul class="list subject"' in html.render(summary)


def test_a_caption_whose_words_do_not_fit_is_listed_instead() -> None:
    summary = image_summary(words=True)
    summary["subject"]["spans"][2] = [900, 901]
    assert Reading(summary).kind == "callable"
    assert '<ul class="list subject"' in html.render(summary)


def test_a_large_picture_with_many_regions_stays_small() -> None:
    rng = np.random.default_rng(0)
    large = np.tile(rng.integers(0, 256, (400, 400, 3), dtype=np.uint8), (3, 4, 1))
    labels = np.arange(1200)[:, None] * 14 // 1200 * 14 + np.arange(1600) * 14 // 1600
    names = tuple(f"row {r}, column {c}" for r in range(14) for c in range(14))
    address, size = preview(large)
    summary = callable_summary(list(names), pairs=200)
    summary["subject"] = {
        "kind": "image", "name": "large.jpg", "units": "patches:14x14", "mask": "blur",
        "model": "a folder", "caption": None, "spans": [], "picture": address,
        "picture_size": list(size), "outlines": outlines(Regions(labels, names), size),
    }  # fmt: skip
    document = html.render(summary)
    assert len(shapes(Page(document))) == 196
    assert len(document.encode()) < 600_000


def test_a_table_is_its_columns_and_values() -> None:
    summary = callable_summary(["age=34", "city=Oslo", "income=missing"])
    summary["subject"] = {"kind": "table", "name": "chance", "units": "column", "mask": "mean"}
    page = Page(html.render(summary))
    assert page.words[1].startswith("city=Oslo")
    assert "What each column does by itself" in page.text
    assert "ablated columns become" in page.text
