"""The benchmark of the input lens: its frame, and each section once, small."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import sections
from benchmarks.inputs import long, octaves, pairs
from benchmarks.inputs.__main__ import PAGE
from benchmarks.inputs.octaves import OCTAVES, Subject, chosen, octave
from benchmarks.sections import Page, main, read, source
from scripts.demo_facts import world
from scripts.demo_facts.items import held_out_items

from interplay.models.language import Prompt, Query, Response, Scored

MAIN = """
import sys
from pathlib import Path
from benchmarks.sections import Page, main
main(Page("tiny.bench", {"one": 1, "two": 2}, "Tiny", "Intro.", "The end.", Path(sys.argv[1])),
     None, sys.argv[2:])
"""
SECTION = """
import os
import numpy as np
from benchmarks.ground.row import Row
def rows(quick):
    print("on the way")
    threads = os.environ["OMP_NUM_THREADS"]
    return [Row(f"{threads} threads", "<= 1", "quick" if quick else "whole", np.bool_(quick), {})]
"""
REPORT = """
def report(rows):
    return f"## Two\\n\\n{len(rows)} row"
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A benchmark of two sections, importable here and in processes that are started."""
    package = tmp_path / "tiny" / "bench"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    out = tmp_path / "out"
    out.mkdir()
    (package / "__main__.py").write_text(
        MAIN.replace("sys.argv[1]", f'"{out}"').replace("[2:]", "[1:]")
    )
    (package / "one.py").write_text(SECTION)
    (package / "two.py").write_text(SECTION + REPORT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Page("tiny.bench", {"one": 1, "two": 2}, "Tiny", "Intro.", "The end.", out)


def test_sections_run_in_their_own_processes_and_are_merged(
    tiny: Page, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "source", lambda: "commit 1")
    main(tiny, None, ["two"])
    assert list(read(tiny)) == ["two"]
    main(tiny, None, ["one"])
    found = json.loads((tiny.folder / "bench.json").read_text("utf-8"))
    assert list(found) == ["one", "two"]
    assert found["two"]["rows"][0]["what"] == "2 threads"
    assert found["two"]["rows"][0]["met"] is False
    assert "(2 used)" in found["two"]["machine"]
    assert found["two"]["source"] == "commit 1"
    said = capsys.readouterr().out
    assert "on the way" in said
    assert "one: 1 threads | <= 1 | whole | **no**" in said
    page = (tiny.folder / "bench.md").read_text("utf-8")
    assert page.startswith("# Tiny\n\n`python -m tiny.bench`. Intro.\n\n| what |")
    assert "| 1 threads | <= 1 | whole | **no** |" in page
    assert "## Two\n\n1 row\n\nThe end.\n\n- one: " in page


def test_a_quick_run_writes_nothing_and_a_report_measures_nothing(tiny: Page) -> None:
    main(tiny, None, ["--quick"])
    assert not list(tiny.folder.iterdir())
    rows = [
        {"what": "a", "bar": bar, "measured": "c", "met": True, "detail": {}}
        for bar in ("b", "(reported)")
    ]
    known = {"one": {"machine": "M.", "source": "commit 1", "rows": rows}}
    (tiny.folder / "bench.json").write_text(json.dumps(known))
    main(tiny, None, ["--report"])
    page = (tiny.folder / "bench.md").read_text("utf-8")
    assert "| a | b | c | yes |\n| a | (reported) | c | reported |" in page
    assert page.endswith("- one: M. Source: commit 1.\n")


def test_a_section_that_fails_and_one_that_is_unknown_end_with_a_message(
    tiny: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.folder.parent / "tiny" / "bench" / "one.py").write_text("raise ValueError('no')")
    with pytest.raises(SystemExit, match=r"section one failed \(exit status 1\)"):
        main(tiny, None, ["one"])
    with pytest.raises(SystemExit):
        main(tiny, None, ["three"])
    assert "unknown sections: three; valid: one, two" in capsys.readouterr().err


def test_the_state_of_the_source_is_told_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "REPOSITORY", tmp_path)
    assert source() == "not in a git repository"


def test_committed_figures_make_the_committed_page() -> None:
    results = read(PAGE)
    if not results:
        pytest.skip("nothing was measured yet")
    page = (PAGE.folder / "inputs.md").read_text("utf-8")
    assert page == sections.rendered(PAGE, results) + "\n"


def test_reviews_are_spread_over_an_octave() -> None:
    texts = ["word " * n for n in range(40)]
    assert chosen(texts, 8, 15) == [8, 10, 12, 13, 15]
    assert chosen(texts, 16, 31, 2) == [20, 28]


@pytest.mark.parametrize(("low", "high"), OCTAVES)
def test_calls_are_equal_and_test_masks_are_new(low: int, high: int) -> None:
    for n in (low, high):
        subject = Subject(3, "word " * n)
        coded, uniform, test = (
            {row.tobytes() for row in masks}
            for masks in (subject.coded, subject.uniform, subject.test)
        )
        assert len(coded) == len(uniform) == len(subject.coded) == len(subject.uniform)
        assert len(coded) <= octaves.MOST_CALLS
        assert not test & (coded | uniform)
        assert len(test) == min(subject.tests, 2**n - len(coded | uniform))
        assert subject.coded[:2].sum(axis=1).tolist() == [n, 0]
        assert 2 <= len(coded) / n <= 12


def test_an_octave_is_judged_by_its_means() -> None:
    figures = [
        {"index": 4, "n": 9, "bits": 1, "calls": 80, "tests": 9}
        | {"auto": 0.9, "proxyspex": 0.95, "spex": 0.5, "lasso": 0.1},
        {"index": 7, "n": 9, "bits": 1, "calls": 90, "tests": 9}
        | {"auto": 0.9, "proxyspex": 0.8, "spex": 0.5, "lasso": 0.1},
    ]
    row = octave(8, 15, figures)
    assert row.met
    assert row.detail["beaten"] == [4]
    assert "80 to 90 calls" in row.what
    assert "auto 0.900, proxyspex 0.875, spex 0.500" in row.measured
    assert "1 of 2 (smallest lead -0.0500)" in row.measured
    figures[0]["spex"] = 1.4
    assert not octave(8, 15, figures).met
    assert "| 9 | 80 | 9 | 0.9000 | 0.9500 | 1.4000 | 0.1000 |  |" in octaves.report([row])


def test_octaves_end_to_end(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octaves, "folder", lambda: tmp_path)
    monkeypatch.setattr(octaves, "PUBLISHED_WORDS", 0)
    monkeypatch.setattr(octaves, "QUICK_EACH", 1)
    (row,) = octaves.rows(quick=True)
    assert [review["n"] for review in row.detail["reviews"]] == [11]
    assert row.detail["means"]["auto"] > 0.9
    monkeypatch.setattr(octaves, "fitted", pytest.fail)  # all is there: nothing is fitted again
    assert octaves.rows(quick=True) == [row]


def test_a_long_run_is_split(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(long, "QUICK_CALLS", 60)
    before = torch.get_num_threads()
    try:
        (row,) = long.rows(quick=True)
    finally:
        torch.set_num_threads(before)
    spent = row.detail
    parts = [spent[name] for name in ("model", "fit", "tokens", "rest")]
    assert sum(parts) == pytest.approx(spent["total"])
    assert min(parts) > 0
    assert spent["calls"] == 60
    assert f"of {spent['total']:.0f} s" in row.measured
    assert "| total |" in long.report([row])


class Reasoner:
    """A model that reads the facts and answers by the rules: what is true has 90 %."""

    name = fingerprint = "reasoner"
    batch_size, max_tokens = 64, None

    def read(self, prompts: Sequence[Prompt]) -> list[Query]:
        return list(prompts)

    def fix(self, query: Query, text: str) -> Response:
        return Response(text, (), ())

    def respond(self, query: Query, *, max_tokens: int) -> Response:
        return Response(f" {self.answer(query.text)}", (), ())

    def score(self, queries: Sequence[Query], responses: Sequence[Response]) -> Scored:
        (response,) = responses
        right = [self.answer(query.text) == response.text.strip() for query in queries]
        return Scored([np.log(np.where(right, 0.9, 0.05))[:, None]])

    def forecast(
        self, queries: Sequence[Query], responses: Sequence[Response]
    ) -> dict[str, tuple[float, float]]:
        return {}

    @staticmethod
    def answer(text: str) -> str:
        told, question = text.split("Question: ")
        place = dict(re.findall(r"(\w+) (?:is in|went to) the (\w+)\.", told))
        holder = {thing: who for who, thing in re.findall(r"(\w+) has the (\w+)\.", told)}
        holder |= dict(re.findall(r"The (\w+) is with (\w+)\.", told))
        if found := re.match(r"Where is the (\w+)\?", question):
            return place.get(holder.get(found[1], ""), world.UNKNOWN)
        a, how, b, where = re.match(
            r"(?:Are|Is) (\w+) (and|or|but not) (\w+) in the (\w+)\?", question
        ).groups()
        kind = {"and": "conjunction", "or": "either", "but not": "negation"}[how]
        values = (world.OPEN if who not in place else int(place[who] != where) for who in (a, b))
        return world.ANSWERS[world.kleene(kind, *values)]


@pytest.mark.parametrize("kind", pairs.KINDS)
def test_the_pair_of_a_model_that_reasons_is_found(kind: str) -> None:
    sizes = (5, 8) if kind == "negation" else (5,)
    drawn = held_out_items(kind, 40, 1)
    items = [next(one for one in drawn if len(one.sentences) == n) for n in sizes]
    measured = [pairs.measure(item, Reasoner(), published=False) for item in items]
    assert [one["calls"] for one in measured] == [{5: 32, 8: 192}[n] for n in sizes]
    assert [one["pair"] for one in measured] == [pairs.said(one.supporting) for one in items]
    assert all(one["right"] and one["auto"] == one["pair"] for one in measured)
    assert all(one["full"] == pytest.approx(0.9) for one in measured)
    assert not any(one["lasso"] for one in measured)
    assert ["spex" in one for one in measured] == [n == 8 for n in sizes]
    row = pairs.judged(kind, measured)
    assert row.met
    assert row.detail["shares"]["auto"] == (1.0, len(sizes))
    assert "the model answers 100 % right" in row.measured
    assert f"| {kind} | 100 % | 100 % of {len(sizes)} |" in pairs.report([row])


def test_pairs_are_compared_on_the_items_that_a_method_has() -> None:
    names = ("auto", "proxyspex", "parity-gp", "lasso")
    many = [{"pair": "0+1", "right": True} | dict.fromkeys(names, "0+1")] * 39
    few = [{"pair": "0+1", "right": True} | dict.fromkeys(names, "0+2") | {"spex": "1"}]
    assert pairs.judged("either", many + few).met
    few[0]["spex"] = "0+1"
    assert not pairs.judged("either", many + few).met
