"""The HTML report of a large run: time to write it, its size, and how quick it is in a browser.

    python -m benchmarks.report

Times in the page are by performance.now() inside of it: from before the event is sent to the task
after the next frame (what a reader waits for), and to the end of the event's handlers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import interplay as ip
from benchmarks.browser import launched
from benchmarks.table import machine, markdown, write
from interplay.demo import long_review
from interplay.explanation import Cost, Explanation, Finding, Sample
from interplay.metrics import Estimate
from interplay.surrogates.draws import COUNT, Draws
from interplay.value_function import bare

if TYPE_CHECKING:
    from playwright.sync_api import Page

WORDS = [bare(word) for word in long_review().split()]
SIZES = ((500, 200), (500, 500), (1000, 500))
"""Words and terms; the last is the one that the bars are for."""

REPEATS = 20
WIDTH = 1280


def run_of(words: int, terms: int, seed: int = 0) -> Explanation:
    """A run of a text: half of the terms are single words, the rest pairs and triples."""
    rng = np.random.default_rng(seed)
    names = [str(rng.choice(WORDS)) for _ in range(words)]
    members: set[tuple[int, ...]] = set()
    for order, count in ((1, terms // 2), (2, terms * 4 // 5), (3, terms)):
        while len(members) < count:
            members.add(tuple(sorted(rng.choice(words, order, replace=False).tolist())))
    every: list[tuple[int, ...]] = [(), *sorted(members)]
    coefficients = {term: float(rng.normal(0, 0.1)) for term in every}
    errors = {term: float(rng.uniform(0.01, 0.04)) for term in every}
    spectrum = ip.Spectrum(coefficients, n=words, features=names, errors=errors)
    steps = rng.normal(0, 32, (COUNT, len(every))).clip(-127, 127).astype(np.int8)
    starts = np.cumsum([0, *(len(name) + 1 for name in names[:-1])]).tolist()
    finding = Finding(
        target="logit:positive",
        spectrum=spectrum,
        faithfulness=Estimate(0.93, 0.91, 0.95, "uniform"),
        full=float(spectrum.predict(np.ones((1, words), bool))[0]),
        empty=float(spectrum.predict(np.zeros((1, words), bool))[0]),
        noise_var=None,
        fitted="proxyspex",
        notes=(),
        draws=Draws(COUNT, steps.tobytes()),
    )
    return Explanation(
        findings=(finding,),
        cost=Cost(4 * words, 0, 60.0, 5.0),
        sample=Sample(4 * words, 1, "uniform", "none", None),
        config={"seed": seed, "method": "proxyspex", "budget": str(4 * words)},
        subject={
            "kind": "text",
            "text": " ".join(names),
            "spans": [[at, at + len(name)] for at, name in zip(starts, names, strict=True)],
            "units": "word",
            "mask": "[MASK]",
            "model": "made by benchmarks/report.py",
        },
        run_notes=(),
        created="2026-01-01T00:00:00+00:00",
        versions={"interplay": ip.__version__},
    )


MEASURE = """async ([act, repeats, opens]) => {
  const root = document.querySelector('.interplay-report').shadowRoot;
  const partners = {};
  for (const [f] of JSON.parse(root.querySelector('.data').textContent)[0].terms) {
    if (f.length > 1) for (const i of f) partners[i] = (partners[i] ?? 0) + 1;
  }
  const units = [...root.querySelectorAll('main [role=option]')]
    .sort((a, b) => (partners[b.dataset.i] ?? 0) - (partners[a.dataset.i] ?? 0));
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  if (opens) [...root.querySelectorAll('button')].find((b) => b.textContent.startsWith(opens)).click();
  const number = () => root.querySelector('[data-value]')?.dataset.value;
  const times = [];
  for (let k = 0; k < repeats + 1; k += 1) { // the first one warms up
    const unit = units[k];
    unit.scrollIntoView({ block: 'center' });
    await frame();
    await frame();
    const before = number();
    const start = performance.now();
    unit.dispatchEvent(new (act === 'click' ? MouseEvent : PointerEvent)(act, { bubbles: true, composed: true }));
    const handled = performance.now() - start;
    const after = number();
    await frame();
    if (k) times.push([handled, performance.now() - start, act === 'click' && before === after ? 0 : 1]);
  }
  return times;
}"""  # noqa: E501


@dataclass(frozen=True)
class Times:
    """In milliseconds ``(repeats,)``: until the handlers were done, until after the next frame."""

    handled: np.ndarray
    seen: np.ndarray

    def words(self) -> list[str]:
        return [f"{np.median(t):.1f} ({t.max():.1f})" for t in (self.handled, self.seen)]


def measured(page: Page, act: str, opens: str | None = None) -> Times:
    found = np.array(page.evaluate(MEASURE, [act, REPEATS, opens]))
    if act == "click" and not found[:, 2].any():
        raise SystemExit("what-if did not change its number: the page has other hooks now")
    return Times(found[:, 0], found[:, 1])


def written(run: Explanation, path: Path) -> list[float]:
    """Seconds of so many writes."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run.report(path)
        times.append(time.perf_counter() - began)
    return times


def page(folder: Path) -> str:
    sizes, interactions = [], []
    first, before = None, os.getloadavg()[0]
    with launched() as browser:
        for words, terms in SIZES:
            run, path = run_of(words, terms), folder / f"{words}-{terms}.html"
            began = time.perf_counter()
            run.report(path)
            first = first or time.perf_counter() - began
            times = written(run, path)
            tab = browser.new_page(viewport={"width": WIDTH, "height": 900})
            tab.goto(path.as_uri())
            opened = tab.evaluate(
                "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
            )
            name = f"{words:,} words, {terms} terms"
            sizes.append(
                [
                    name,
                    f"{np.median(times):.3f} ({max(times):.3f})",
                    f"{path.stat().st_size / 1000:.0f}",
                    f"{opened:.0f}",
                ]
            )
            hover = measured(tab, "pointerover")
            tab.reload()
            click = measured(tab, "click", "What if")
            tab.reload()
            interactions += [
                [name, "pointing at a word", *hover.words()],
                [name, "what if: a word switched", *click.words()],
            ]
            tab.close()
        version = browser.version
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    return "\n".join(
        [
            "# The report of a large run",
            "",
            f"Written by `python -m benchmarks.report`. {machine(threads=threads)} Chromium "
            f"{version}, without a window, {WIDTH} pixels wide. Load before and after, of all that "
            f"ran on the machine: {before:.1f} and {os.getloadavg()[0]:.1f}.",
            "",
            "Runs made by hand: a text, a series of half single words, a third pairs, the rest "
            f"triples, with standard errors and {COUNT} draws of its coefficients. Medians of "
            f"{REPEATS}, the worst in brackets. The first report of a process, which also imports "
            f"and compiles the templates, took {first:.2f} s.",
            "",
            markdown(["run", "written, s", "size, kB", "page ready, ms"], sizes),
            "",
            "In the page, in milliseconds: until the handlers of the event were done (the new "
            "number of *what if* stands then), and until the task after the next frame, for which "
            "a screen of 60 Hz makes one wait 17 ms at most. The words are those with most "
            "partners.",
            "",
            markdown(["run", "what", "handled", "seen"], interactions),
            "",
            "The bars: written in 1 s, seen in 100 ms (pointing) for 1,000 words and 500 terms, "
            "*what if* in 20 ms, and less than 400 kB for 500 words.",
        ]
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(Path(folder))
    print(text)
    print(write("report", text))


if __name__ == "__main__":
    main()
