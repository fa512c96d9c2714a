"""``interplay demo``: the main job on what the package carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import interplay as ip
from interplay.cli.output import command, progress
from interplay.report import terminal
from interplay.report.reading import Reading

if TYPE_CHECKING:
    from rich.console import Console

SHORT_BUDGET, LONG_BUDGET = 1000, 2000


def demo(
    *,
    seed: int = 0,
    store: Path = Path("runs.db"),
    report: Path = Path("report.html"),
) -> None:
    """Explain the embedded classifier on two phrases and two reviews.

    The two reports are overwritten if they exist.

    Parameters
    ----------
    seed
        Of every random choice.
    store
        SQLite file that keeps every evaluation; a second demo evaluates nothing.
    report
        HTML report of the short review; the long one's stands beside it, with "-long" in its name.
    """
    from rich.console import Console

    from interplay.demo import PHRASES, long_review, short_review

    console = Console(highlight=False)
    console.print(
        "A small sentiment classifier that comes with this package reads two phrases, then two\n"
        "reviews. Words are masked, the model is asked again, and what the words do is read off.",
    )
    for phrase in PHRASES:
        console.rule(phrase, align="left")
        _phrase(run_on(phrase, 512, seed, store), console)
    for text, budget, path in (
        (long_review(), LONG_BUDGET, report.with_stem(f"{report.stem}-long")),
        (short_review(), SHORT_BUDGET, report),
    ):
        console.print()
        console.rule(f"A review of {len(text.split())} words", align="left")
        explanation = run_on(text, budget, seed, store)
        terminal.show(explanation.to_dict(), console)
        explanation.report(path)
        console.print(f"wrote {path}", soft_wrap=True)


def run_on(text: str, budget: int, seed: int, store: Path) -> ip.Explanation:
    """Explain one text with the embedded model."""
    from interplay.demo import model_path

    value_function = ip.text(text, model=str(model_path()), target="logit:positive")
    with progress() as on_event:
        explanation = ip.explain(
            value_function, budget=budget, seed=seed, store=store, on_event=on_event
        )
    return replace(explanation, config={**explanation.config, "command": command()})


def _phrase(explanation: ip.Explanation, console: Console) -> None:
    """A phrase is short enough for every mask: what its words do alone, and what together."""
    run = Reading(explanation.to_dict())
    words = [
        f"{name} {run.scale.signed(effect)}"
        for name, effect in zip(run.features, run.main_effects, strict=True)
    ]
    console.print(f"{explanation.faithfulness.sentence} {run.ends}.", soft_wrap=False)
    console.print("Each word: " + ", ".join(words))
    console.print(terminal.interactions(run, run.together[:3], "Together, beyond their sum"))
