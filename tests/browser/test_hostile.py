"""Nothing that comes from a run is ever executed: tried with hostile strings in a real browser."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Opened, Watched, overflow
from gallery import RUNS, Gallery, drawing, explained, game
from playwright.sync_api import expect
from run_summaries import callable_summary, text_summary
from tiny_image_models import save_clip

import interplay as ip
from interplay.demo import model_path
from interplay.report import collection, html
from interplay.value_function import bare

RUN = "window.executed=(window.executed||0)+1"
PAYLOADS = {
    "script": f"<script>{RUN}</script>",
    "end of script": f"</script><script>{RUN}</script>",
    "end of all": f"</title></style></template></main></div><script>{RUN}</script>",
    "image": f'<img src=x onerror="{RUN}">',
    "svg": f"<svg/onload={RUN}><a href=javascript:{RUN}>x</a></svg>",
    "double quotes": f'" onmouseover="{RUN}" autofocus onfocus="{RUN}" x="',
    "single quotes": f"' onmouseover='{RUN}' tabindex=0 onfocus='{RUN}' x='",
    "comment": "<!--<script>",
    "end of comment": f"--><script>{RUN}</script>",
    "cdata": f"]]><![CDATA[<script>{RUN}</script>",
    "backticks": "`${" + RUN + "}`",
    "template": "{{ 7 * 7 }} {% raw %} {# none #} ${7 * 7} <%= 7 * 7 %>",
    "address": f"javascript:{RUN}",
    "style": ";background:url(https://example.org/x.png);}*{display:none",
    "frame": f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe><base href=//example.org>",
    "entities": "&lt;b&gt; &amp;amp; &#60;b&#62; &nbsp;",
    "right to left": "\u202eevil\u202c مرحبا \u2067שלום\u2069",
    "lines": "one\u2028two\u2029three\u0085four",
    "controls": "\ufeffbell\x07back\x08escape\x1b[31m",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 😀 🏳️\u200d🌈 e\u0301\u0301\u0301\u0301",
    "backslashes": "\\u003cscript\\u003e \\x3c \\",
    "formula": '=HYPERLINK("https://example.org")',
    "prototype": "__proto__",
}
ALL = " ".join(PAYLOADS.values())

INJECTED = """() => {
  const found = [];
  const walk = (root) => {
    for (const one of root.querySelectorAll('*')) {
      if (['img', 'iframe', 'object', 'embed', 'link', 'base', 'b2'].includes(one.localName))
        found.push(one.outerHTML);
      for (const { name, value } of one.attributes) {
        if (/^on/i.test(name)) found.push(`${name}=${value}`);
        if (name === 'href' && !value.startsWith('#')) found.push(`${name}=${value}`);
      }
      if (one.shadowRoot) walk(one.shadowRoot);
      if (one.localName === 'template') walk(one.content);
    }
  };
  walk(document);
  return found;
}"""


def harmless(watched: Watched) -> None:
    assert watched.page.evaluate("window.executed ?? 0") == 0
    assert watched.page.evaluate(INJECTED) == []
    watched.check()


def used(watched: Watched) -> None:
    """All that puts words of a run on the page by script."""
    page = watched.page
    main = page.locator("main:visible").first
    options = main.get_by_role("option")
    for i in range(min(3, options.count())):
        # the middle of a superpixel may belong to another: not by the mouse
        options.nth(i).dispatch_event("pointerover")
        options.nth(i).dispatch_event("click")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
    if main.get_by_role("searchbox").count():
        main.get_by_role("searchbox").fill("script")
        main.get_by_role("searchbox").fill("")
        main.get_by_role("checkbox").check()
        main.get_by_role("button", name="Copy as CSV").click()
        for kind in ("Network", "UpSet", "Table"):
            main.get_by_role("tab", name=kind).click()
    if main.get_by_role("button", name="What if").count():
        main.get_by_role("button", name="What if").click()
        options.first.dispatch_event("click")
    for summary in main.locator("summary").all():
        summary.click()
    harmless(watched)


def test_what_is_executed_would_be_seen(opened: Opened, tmp_path: Path) -> None:
    """The same policy and no escaping: the flag that the other tests read is then set."""
    path = tmp_path / "open.html"
    policy = "default-src 'none'; script-src 'unsafe-inline'"
    head = f"<meta http-equiv='Content-Security-Policy' content=\"{policy}\">"
    path.write_text(f"<!doctype html>{head}<p>{ALL}</p>{PAYLOADS['script']}", encoding="utf-8")
    watched = opened(path)
    assert watched.page.evaluate("window.executed") > 1
    assert watched.page.evaluate(INJECTED) != []


Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(document: str) -> Path:
        path = tmp_path / "report.html"
        path.write_text(document, encoding="utf-8")
        return path

    return write


# ---- each string in every place that a run has


KEPT = {
    *("format", "version", "kind", "verdict", "data", "sheet", "picture", "outlines", "created"),
    *("method", "digest", "distribution", "source", "units", "style", "unit", "law", "metric"),
}
"""Words of ours, and data that would be refused before they are shown."""


def poisoned(content: Any, poison: str, key: str = "") -> Any:
    """The content with ``poison`` in each of its texts."""
    if isinstance(content, dict) and key == "values" and "full" not in content:
        return {f"{name} {poison}": value for name, value in content.items()}  # of each input
    if isinstance(content, dict):
        return {
            name: value if name in KEPT else poisoned(value, poison, name)
            for name, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [poisoned(value, poison, key) for value in content]
    return f"{content} {poison}" if isinstance(content, str) and key != "text" else content


@pytest.mark.parametrize("name", RUNS)
def test_in_every_text_of_a_run(
    name: str, gallery: Gallery, opened: Opened, written: Written
) -> None:
    summary = poisoned(json.loads(json.dumps(gallery.run(name).to_dict())), ALL)
    document = html.render(summary)
    assert RUN in document, "it is there"
    watched = opened(written(document))
    used(watched)
    assert overflow(watched.page) <= 0
    for width in (380, 320):
        watched.page.set_viewport_size({"width": width, "height": 800})
        assert overflow(watched.page) <= 0, width


# ---- by the real pipeline


def test_as_words_of_a_text(opened: Opened, tmp_path: Path) -> None:
    value = ip.text(ALL, model=str(model_path()), units="word", target="logit:positive")
    run = explained(value, budget=150)
    watched = opened(run.report(tmp_path / "report.html"))
    shown = watched.page.get_by_role("listbox").text_content()
    # a browser reads U+0085 and the rest as they are
    assert shown == ALL
    words = watched.page.get_by_role("option").all_text_contents()
    assert words == list(run.features)
    used(watched)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_as_names_of_features(payload: str, opened: Opened, tmp_path: Path) -> None:
    names = [f"{PAYLOADS[payload]} {i}" for i in range(12)]
    run = explained(game, names)
    watched = opened(run.report(tmp_path / "report.html"))
    page = watched.page
    assert page.locator("[role=option] bdi").all_text_contents() == names
    page.get_by_role("option").nth(1).hover()
    panel = page.get_by_role("complementary").get_by_role("heading")
    assert panel.text_content() == names[1]
    used(watched)


def test_in_a_file_name_and_captions(opened: Opened, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / PAYLOADS["image"].replace("/", "")
    Image.fromarray(drawing()).save(path, format="PNG")
    value = ip.image(
        path,
        model=save_clip(tmp_path / "clip"),
        units="patches:2x2+word",
        captions=["<script>", "\" x='"],  # the model reads twelve tokens at most
    )
    watched = opened(explained(value, budget=100).report(tmp_path / "report.html"))
    expect(watched.page.get_by_text(PAYLOADS["image"].replace("/", "")).first).to_be_visible()
    used(watched)


def test_in_texts_and_labels_of_examples(opened: Opened, tmp_path: Path) -> None:
    texts = [f"{list(PAYLOADS.values())[i % len(PAYLOADS)]} words {i}" for i in range(16)]
    labels = [PAYLOADS["script"], PAYLOADS["single quotes"]] * 8
    import sklearn.feature_extraction.text as words
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    value = ip.training_data(
        make_pipeline(words.CountVectorizer(), LogisticRegression()),
        (texts, labels),
        (texts[:2], labels[:2]),
    )
    watched = opened(explained(value, budget=100).report(tmp_path / "report.html"))
    expect(watched.page.get_by_role("listbox").get_by_text(texts[3])).to_be_visible()
    used(watched)


def test_in_what_many_inputs_and_comparisons_name(opened: Opened, tmp_path: Path) -> None:
    text = f"not {PAYLOADS['script']} bad"
    values = {
        f"{payload} {k}": ip.text(
            text, model=str(model_path()), target="logit:positive", units="word"
        )
        for k, payload in enumerate([PAYLOADS["end of all"], PAYLOADS["double quotes"]])
    }
    found = ip.explain_many(values, budget=64, store=None)
    watched = opened(found.report(tmp_path / "many.html"))
    expect(watched.page.get_by_role("link", name=PAYLOADS["end of all"])).to_be_visible()
    harmless(watched)
    watched.page.get_by_role("link", name=PAYLOADS["end of all"]).click()
    used(watched)
    both = ip.compare(*found, names=[PAYLOADS["script"], PAYLOADS["double quotes"]])
    watched = opened(both.report(tmp_path / "compared.html"))
    for summary in watched.page.locator("summary").all():
        summary.click()
    harmless(watched)


# ---- what a browser cannot show as it is


def test_nulls(opened: Opened, tmp_path: Path) -> None:
    names = [f"a\0b<i>{i}" for i in range(12)]
    watched = opened(explained(game, names).report(tmp_path / "report.html"))
    shown = watched.page.locator("[role=option] bdi").all_text_contents()
    assert [name.replace("\ufffd", "").replace("\0", "") for name in shown] == [
        name.replace("\0", "") for name in names
    ]
    used(watched)


def test_halves_of_surrogate_pairs(opened: Opened, tmp_path: Path) -> None:
    names = [f"\ud83d{i}" for i in range(12)]
    watched = opened(explained(game, names).report(tmp_path / "report.html"))
    assert watched.page.get_by_role("option").count() == 12
    used(watched)


# ---- 100,000 characters


def long_words() -> str:
    rng = np.random.default_rng(0)
    some = ["good", "مرحبا", "<b>", "not", "a", "unforgettable", "😀", "it's", "“so”", "&amp;"]
    words: list[str] = []
    while sum(map(len, words)) + len(words) < 100_000:
        words.append(str(rng.choice(some)))
    return " ".join(words)


def test_a_text_of_100_000_characters(opened: Opened, written: Written) -> None:
    text = long_words()
    watched = opened(written(html.render(text_summary(text))))
    page = watched.page
    assert page.get_by_role("listbox").text_content() == text
    page.get_by_role("option").first.hover()
    panel = page.get_by_role("complementary").get_by_role("heading")
    expect(panel).to_have_text(bare(text.split()[0]))
    page.get_by_role("option").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert overflow(page) <= 0
    harmless(watched)


@pytest.mark.parametrize("letter", ["x", "<b> ", "“م” "])
def test_strings_of_100_000_characters(letter: str, opened: Opened, written: Written) -> None:
    poison = letter * (100_000 // len(letter))
    summary = callable_summary([poison, *(f"column {i}" for i in range(5))])
    summary["config"]["command"] = summary["notes"] = [poison]
    summary["config"]["command"] = poison
    summary["subject"]["name"] = summary["targets"][0]["target"] = poison
    watched = opened(written(html.render(summary)), width=380)
    assert overflow(watched.page) <= 0
    used(watched)
    assert overflow(watched.page) <= 0


def test_in_every_text_of_many_inputs(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    content = gallery.run("many inputs").to_dict()
    content = poisoned(copy.deepcopy(content), ALL)
    path = collection.write(content, tmp_path / "many.html")
    watched = opened(path)
    harmless(watched)
    assert overflow(watched.page) <= 0
    watched.page.locator("#index").get_by_role("link").first.click()
    used(watched)
