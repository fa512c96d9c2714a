"""``interplay demo``: the main job on what the package carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.cli.output import check_writable, command, progress

if TYPE_CHECKING:
    from rich.console import Console

PHRASE_BUDGET, SHORT_BUDGET, LONG_BUDGET = 512, 1000, 2000


def demo(
    *,
    short: Annotated[bool, Parameter(negative="")] = False,
    seed: int = 0,
    store: Path = Path("runs.db"),
    report: Path = Path("report.html"),
) -> None:
    """Explain the embedded classifier on two phrases and two reviews.

    The reports are overwritten if they exist.

    Parameters
    ----------
    short
        Leave out the review of 400 words, which takes the longest.
    seed
        Of every random choice.
    store
        SQLite file that keeps every evaluation; a second demo evaluates nothing.
    report
        HTML report of the short review; the long one's stands beside it, with "-long" in its name.
    """
    from rich.console import Console
    from rich.rule import Rule

    from interplay.demo import PHRASES, long_review, short_review
    from interplay.report import terminal

    reviews = [(short_review(), SHORT_BUDGET, report)]
    if not short:
        beside = report.with_stem(f"{report.stem}-long")
        reviews.insert(0, (long_review(), LONG_BUDGET, beside))
    for _, _, path in reviews:
        check_writable(path, force=True)
    console = Console(highlight=False, markup=False)
    console.print(
        "A small sentiment classifier comes with this package. Here it reads two phrases and "
        f"{'a review' if short else 'two reviews'}; words are masked, the model is asked again, "
        "and what each word and each combination of words does is read off."
    )
    for phrase in PHRASES:
        _phrase(phrase, _explain(phrase, PHRASE_BUDGET, seed, store), console)
    for text, budget, path in reviews:
        console.print()
        console.print(Rule(f"A review of {len(text.split())} words", align="left"))
        explanation = _explain(text, budget, seed, store)
        terminal.show(explanation.to_dict(), console)
        explanation.report(path)
        print(f"wrote {path}")


def _explain(text: str, budget: int, seed: int, store: Path) -> ip.Explanation:
    from interplay.demo import model_path

    with progress(store) as (on_event, stop):
        value_function = ip.text(text, model=str(model_path()), target="logit:positive")
        explanation = ip.explain(
            value_function, budget=budget, seed=seed, store=store, stop=stop, on_event=on_event
        )
    if stop.signal is not None:  # the other reviews are not wanted any more
        raise KeyboardInterrupt
    return replace(explanation, config={**explanation.config, "command": command()})


def _phrase(phrase: str, explanation: ip.Explanation, console: Console) -> None:
    """A phrase is so short that every mask is evaluated: the interactions behind it, exactly."""
    from rich.rule import Rule

    from interplay.report import terminal
    from interplay.report.reading import Reading

    run = Reading(explanation.to_dict())
    console.print()
    console.print(Rule(f"The interactions behind “{phrase}”", align="left"))
    console.print(f"{run.sentence} {run.ends}.")
    console.print()
    console.print(terminal.interactions(run, run.rows[:8]))
