"""The terminal view: trust first, 80 columns, nothing lost without colours."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console
from run_summaries import callable_summary, text_summary

from interplay.report import terminal


def printed(run: dict[str, Any], width: int = 80, top: int = 10, **options: Any) -> str:
    out = io.StringIO()
    terminal.show(run, Console(file=out, width=width, highlight=False, **options), top=top)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", ["short_run", "long_run", "plain_run"])
def test_it_fits(name: str, width: int, request: pytest.FixtureRequest) -> None:
    told = printed(request.getfixturevalue(name), width)
    assert max(len(line.rstrip()) for line in told.splitlines()) <= width
    assert "\x1b" not in told


def test_trust_comes_first_then_what_it_cost(short_run: dict[str, Any]) -> None:
    lines = printed(short_run, 200).splitlines()
    assert lines[0] == "✓ " + short_run["targets"][0]["trust"]["sentence"]
    assert lines[1].startswith("380 calls, 120 stored evaluations reused: 12.3 s in the model")
    assert lines[2].startswith("logit:positive is 2.31 with every word")


def test_without_colours_signs_say_it(short_run: dict[str, Any]) -> None:
    told = " ".join(printed(short_run).split())
    assert re.search(r"words that raise logit:positive: \w+₁? \+1\.\d\d,", told)
    assert re.search(r"words that lower logit:positive: \w+₁? −1\.\d\d,", told)
    assert short_run["subject"]["text"][:40] not in told


def test_colours_come_with_a_second_sign(short_run: dict[str, Any]) -> None:
    told = printed(short_run, force_terminal=True, color_system="256")
    effects = short_run["targets"][0]["main_effects"]
    worst = short_run["features"][effects.index(min(effects))]
    best = short_run["features"][effects.index(max(effects))]
    assert re.search(rf"\x1b\[4;38;5;16;48;5;69m{worst}\x1b", told), "blue ground and underlined"
    assert re.search(rf"\x1b\[38;5;16;48;5;208m{best}\x1b", told), "orange ground, black letters"


def test_no_color_keeps_to_words(short_run: dict[str, Any]) -> None:
    told = printed(short_run, force_terminal=True, color_system="256", no_color=True)
    assert not re.search(r"\x1b\[[\d;]*[34]8;5", told)
    assert "words that raise" in told


def test_a_long_text_is_not_repeated(long_run: dict[str, Any]) -> None:
    told = printed(long_run, force_terminal=True, color_system="256")
    assert "telling me about this film" not in " ".join(re.sub(r"\x1b\[[\d;]*m", "", told).split())


def test_as_many_interactions_as_asked(short_run: dict[str, Any]) -> None:
    top = short_run["targets"][0]["top"]
    count = sum(len(term["features"]) > 1 and round(term["value"], 2) != 0 for term in top)
    told = printed(short_run, top=3)
    assert f"and {count - 3} weaker ones" in told
    assert "weaker" not in printed(short_run, top=count)


def test_long_names_keep_their_ends() -> None:
    names = ["A sentence that goes on for very much longer than a line has room for it, the end."]
    run = callable_summary(names * 4)
    told = printed(run)
    assert max(len(line) for line in told.splitlines()) <= 80
    assert "the end." in told
    assert "A sentence" in told


def test_nothing_found_is_said(plain_run: dict[str, Any]) -> None:
    plain_run["targets"][0]["top"] = []
    assert "No combination was found: the effects of the features add up" in printed(plain_run)


def test_a_text_cannot_steer_the_terminal() -> None:
    run = text_summary("not\x1b[2J bad [bold]at[/bold] all")
    run["features"][0] = "not\x1b[2J"
    run["targets"][0]["main_effects"] = [1.0] * len(run["features"])
    for told in (printed(run), printed(run, force_terminal=True, color_system="256")):
        assert "\x1b[2J" not in told
    assert "[bold]at[/bold]" in re.sub(r"\x1b\[[\d;]*m", "", told), "markup is not obeyed either"
