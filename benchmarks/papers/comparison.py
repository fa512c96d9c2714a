"""The papers' figures beside ours, and what could not be reproduced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.papers import removal, shapley, sparsity, supporting
from benchmarks.papers.faithfulness import PAPER, PAPER_BITS, at
from benchmarks.papers.intervals import Interval
from benchmarks.sections import Results
from benchmarks.table import markdown

Details = Sequence[Mapping[str, Any]]

FALLS_SHORT = """## What falls short

- **On the longest texts `auto` is no better than `lasso`**: with about a call a word there is
  nothing else to be found than single words, and its weights say so. At half of that it is ahead.
- **Which words to remove from a long text** is as well said by `lasso`. Both fit masks that keep
  half of the words, and removing up to eight is not among those. In the median review the
  choices of `auto` change the value by {gap:+.3f} of its standard deviations more.
- **With one and a half calls a feature the stack of `auto` is weighed by a dozen held-out values**
  and can lose to its own members: supporting sentences, and the shortest texts, at alpha = 0.5."""

NOT_REPRODUCED = """## What could not be reproduced, and why

- **The papers' models.** A fine-tuned DistilBERT, Llama 3.1 and 3.2, LLaVA-NeXT, CLIP and
  GPT-4o mini do not run on the machine that measured this page: one core, no GPU, no key. Their
  place is taken by the two small models of the package.
  `python -m benchmarks.papers.originals` runs each experiment with the paper's own model, given
  its weights or a key; it is tested on tiny networks of the same architectures.
- **DROP, HotpotQA, MS-COCO, visual questions, the altered riddles.** The models at hand cannot
  answer them, so there is nothing to explain. HotpotQA's human-labelled sentences are replaced by
  questions whose needed facts are known; the failure rate of the trolley problem has no substitute.
- **Budgets.** The papers go to 8 n log2 n calls and b = 8 (some 30,000 calls a text) for texts of
  any length. Here long texts get less than n log2 n calls and b = 4. What SPEX reaches with ten
  times as many calls is not in the curves: ratios of calls are of the range that was measured.
- **Numbers of inputs.** Two to five reviews of an octave, not 20, and none above 1,023 words;
  two reviews and five games, not the papers' sets, for Shapley values. The intervals say what that
  leaves open; of two inputs they say next to nothing.
- **Shapley-Taylor and Faith-Shap of order 3 and 4 by shapiq** at the papers' budgets take minutes
  to hours a fit; they are not here."""


def closing(results: Results) -> str:
    """Return the table of the papers' figures beside ours, and what is missing."""
    details = {
        section: [row["detail"] for row in found["rows"]] for section, found in results.items()
    }
    table = [
        [what, paper, ours(details[section]), differs]
        for section, what, paper, ours, differs in FIGURES
        if section in details
    ]
    gap = _gap_of_removal(details["removal"]) if len(details.get("removal", [])) > 1 else None
    short = "" if gap is None else FALLS_SHORT.format(gap=gap) + "\n"
    return f"""## The papers' figures beside ours

{markdown(["figure", "the paper's", "ours", "what differs"], table)}

{short}
{NOT_REPRODUCED}"""


def _gap_of_removal(details: Details) -> float:
    """Return by how much `auto` changes long reviews more than `lasso`, in spreads of values."""
    changes = [(one["changes"], one["spread"]) for one in details[1]["reviews"]]
    return float(
        np.median([np.mean(np.subtract(c["auto"], c["lasso"])) / spread for c, spread in changes])
    )


def _reviews(details: Details, low: int) -> list[dict[str, Any]]:
    """Return the reviews of an octave."""
    return [review for one in details if one.get("low") == low for review in one["reviews"]]


def _spex(low: int, bits: int) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        r2 = [
            one["curves"]["spex"][one["bits"].index(bits)][1]
            for one in _reviews(details, low)
            if bits in one["bits"]
        ]
        return f"R² {Interval.of(r2).said(3)}, {len(r2)} reviews" if r2 else ""

    return said


def _gain(low: int, alpha: float, method: str) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        gains = [
            at(one["curves"][method], calls) / at(one["curves"]["lasso"], calls) - 1
            for one in _reviews(details, low)
            for calls in [one["curves"]["auto"][one["alphas"].index(alpha)][0]]
        ]
        return f"{100 * np.mean(gains):+.0f} % ({method}, reviews: {len(gains)})" if gains else ""

    return said


def _ratio(slower: str, faster: str) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        (found,) = (one for one in details if one.get("pair") == [slower, faster])
        means = [float(np.exp(np.mean(np.log(r)))) for r in found["by_review"].values()]
        return f"{Interval.of_ratios(means).said(1)}, {len(means)} reviews" if means else "no cell"

    return said


def _removal(ours: str, theirs: str, group: int) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        reviews = details[group]["reviews"]
        here = [one for one in reviews if 8 in one["sizes"]]
        place = removal.REMOVED.index(8)
        ratios = [one["changes"][ours][place] / one["changes"][theirs][place] for one in here]
        return f"{Interval.of_ratios(ratios).said()}, {len(ratios)} reviews" if ratios else ""

    return said


def _supporting(details: Details) -> str:
    items = details[0]["items"]
    means = {
        method: 100 * np.mean([one["recalls"][method][0][0] for one in items])
        for method in ("auto", "parity-gp", "faith-banzhaf-2")
    }
    return ", ".join(f"{method} {mean:.0f} %" for method, mean in means.items())


def _shapley(figure: str) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        parts = []
        for detail in details:
            for alpha in detail["inputs"][0]["found"]["proxyspex"]:
                ours, theirs = (
                    np.mean(shapley.each(detail["inputs"], method, alpha, figure))
                    for method in ("proxyspex", "shapiq KernelSHAP")
                )
                parts.append(f"{detail['kind']}, alpha {alpha}: {ours:.2f} against {theirs:.2f}")
        return "; ".join(parts)

    return said


def _sparsity(details: Details) -> str:
    place = sparsity.SIZES.index(sparsity.PAPER_SIZE)
    return ", ".join(
        f"{one['method']} {np.mean([r['relative'][place] for r in one['reviews']]):.3f}"
        for one in details
        if one["method"] in ("auto", "proxyspex")
    )


def _hierarchy(rate: str) -> Callable[[Details], str]:
    def said(details: Details) -> str:
        spectra = details[0]["spectra"]
        means = [
            np.mean([one[rate][i] for one in spectra if one[rate][i] is not None])
            for i in range(len(spectra[0][rate]))
        ]
        return f"{min(means):.2f} to {max(means):.2f}, exact spectra"

    return said


FIGURES: tuple[tuple[str, str, str, Callable[[Details], str], str], ...] = (
    *(
        (
            "faithfulness",
            f"SPEX, sentiment, {low} to {2 * low - 1} words, b = {bits}",
            f"R² {PAPER[low][PAPER_BITS.index(bits)]:.3f}",
            _spex(low, bits),
            "model; fewer reviews",
        )
        for low, bits in ((16, 4), (32, 4), (64, 4), (128, 4), (256, 4), (512, 4))
    ),
    (
        "faithfulness",
        "calls(SPEX) / calls(ProxySPEX) at equal R²",
        "about 10",
        _ratio("spex", "proxyspex"),
        "model; fewer calls; R² up to what both reach",
    ),
    (
        "faithfulness",
        "the same for auto",
        "",
        _ratio("spex", "auto"),
        "",
    ),
    (
        "faithfulness",
        "ProxySPEX over LASSO, sentiment, 256 to 511 words, alpha = 2",
        "+28 % of R²",
        _gain(256, 0.5, "proxyspex"),
        "ours at alpha = .5; model",
    ),
    (
        "faithfulness",
        "the same, 32 to 63 words, alpha = 2",
        "",
        _gain(32, 2.0, "proxyspex"),
        "length; model",
    ),
    (
        "removal",
        "SPEX over first-order ridge, sentiment, long texts, r = 8",
        "Rem .227 over .206: 1.10",
        _removal("spex", "lasso", -1),
        "ratio of our `spex` over `lasso`; model; fewer calls",
    ),
    (
        "removal",
        "the same for auto",
        "",
        _removal("auto", "lasso", -1),
        "",
    ),
    (
        "supporting",
        "supporting sentences found",
        supporting.PAPER,
        _supporting,
        "other questions and model; 8 sentences, 12 calls; top interaction only",
    ),
    (
        "shapley",
        "recall@10 of ProxySPEX against KernelSHAP",
        "higher at small alpha, overtaken as alpha grows",
        _shapley("recall"),
        "recall@5 of games; `proxyspex` is our repaired one",
    ),
    (
        "shapley",
        "squared error of the same",
        "lower at every alpha <= 1",
        _shapley("squared_error"),
        "relative to the squared length",
    ),
    (
        "sparsity",
        "share of R² that 200 terms have",
        "about all of it; of sentiment less",
        _sparsity,
        "model",
    ),
    (
        "hierarchy",
        "DSR, k = 8 to 256",
        "> .80",
        _hierarchy("dsr"),
        "spectra of all recorded games, exact, sparse or not",
    ),
    (
        "hierarchy",
        "SCR, k = 8 to 256",
        "about 1",
        _hierarchy("scr"),
        "likewise",
    ),
    (
        "hierarchy",
        "SHR, k = 8 to 256",
        "high, falling with k",
        _hierarchy("shr"),
        "likewise",
    ),
)
"""Section, figure, what a paper says, what we measured, and what differs between the two."""
