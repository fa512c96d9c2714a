"""The demo model on long reviews: faithfulness, and seconds in the model beside seconds in the fit.

    python -m benchmarks.long_reviews [--quick] [--model DIR]

20 reviews of 32 to 400 words from ``text/long_reviews.csv``, spread evenly over their lengths;
words are masked; 8 calls per word. The evaluations are made once, all methods are fitted to them.
"""

from __future__ import annotations

import argparse
import csv
import time
from typing import Any

import numpy as np
import torch

import interplay as ip
from benchmarks.table import assets, machine, markdown, write
from interplay import masks as designs
from interplay.demo import model_path
from interplay.evaluate import evaluate
from interplay.metrics import r_squared

INPUTS = 20
CALLS_PER_WORD = 8
TEST_MASKS = 500
WORDS = (32, 400)
NEAR = (224, 288)
"""Word counts that "n ~ 256" speaks of."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 reviews, 4 calls per word")
    parser.add_argument("--model", default=str(model_path()), help="a sequence classifier's folder")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as the fit: shares of time are compared like for like
    count = 5 if options.quick else INPUTS
    rows = []
    for text in reviews(count):
        rows.append(measure(text, options.model, 4 if options.quick else CALLS_PER_WORD))
        print(rows[-1], flush=True)
    text = report(rows)
    print(text if options.quick else write("long_reviews", text))


def reviews(count: int) -> list[str]:
    """Return reviews whose numbers of words are spread evenly (on a log scale) over WORDS."""
    path = assets() / "text" / "long_reviews.csv"
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["review"] for row in csv.DictReader(file)]
    sized = sorted((len(text.split()), text) for text in texts)
    sized = [pair for pair in sized if WORDS[0] <= pair[0] <= WORDS[1]]
    chosen: list[tuple[int, str]] = []
    for wanted in np.geomspace(*WORDS, count):
        free = [pair for pair in sized if pair not in chosen]
        chosen.append(min(free, key=lambda pair: abs(np.log(pair[0] / wanted))))
    return [text for _, text in sorted(chosen)]


def measure(text: str, model: str, calls_per_word: int) -> dict[str, Any]:
    value_function = ip.text(text, model=model)
    n = len(value_function.features)
    calls = calls_per_word * n
    ends = np.array([np.ones(n), np.zeros(n)], dtype=bool)
    drawn = designs.uniform(n, calls - 2, np.random.default_rng(0))
    masks = np.concatenate([ends, drawn])
    test = designs.uniform(n, TEST_MASKS, np.random.default_rng(1), exclude=drawn)
    evaluation = evaluate(value_function, masks)
    truth = evaluate(value_function, test).values[:, 0]
    row: dict[str, Any] = {"n": n, "calls": calls, "model": evaluation.seconds}
    for method in ("lasso", "proxyspex", "auto"):
        started = time.perf_counter()
        surrogate = ip.fit(masks, evaluation.values, method=method)
        row[f"{method}_seconds"] = time.perf_counter() - started
        row[method] = r_squared(truth, surrogate.predict(test))
        row[f"{method}_own"] = surrogate.faithfulness.value
    return row


def report(rows: list[dict[str, Any]]) -> str:
    header = ["n", "calls", "lasso R²", "proxyspex R²", "auto R²", "auto's own estimate"]
    header += ["model, s", "lasso fit, s", "proxyspex fit, s", "auto fit, s", "auto fit / model"]
    table = [
        [
            row["n"],
            row["calls"],
            f"{row['lasso']:.3f}",
            f"{row['proxyspex']:.3f}",
            f"{row['auto']:.3f}",
            f"{row['auto_own']:.3f}",
            f"{row['model']:.1f}",
            f"{row['lasso_seconds']:.2f}",
            f"{row['proxyspex_seconds']:.2f}",
            f"{row['auto_seconds']:.2f}",
            f"{100 * row['auto_seconds'] / row['model']:.0f} %",
        ]
        for row in rows
    ]
    near = [row for row in rows if NEAR[0] <= row["n"] <= NEAR[1]]
    shares = {
        method: [100 * row[f"{method}_seconds"] / row["model"] for row in near]
        for method in ("proxyspex", "auto")
    }
    verdict = "; ".join(
        f"{method} {min(share):.1f} to {max(share):.1f} %"
        for method, share in shares.items()
        if share
    )
    means = ", ".join(
        f"{method} {np.mean([row[method] for row in rows]):.3f}"
        for method in ("lasso", "proxyspex", "auto")
    )
    return f"""# The demo model on long reviews

{len(rows)} reviews of {WORDS[0]} to {WORDS[1]} words, words replaced by [MASK], target: the
logit of the predicted class, {rows[0]["calls"] // rows[0]["n"]} calls per word. R² on
{TEST_MASKS} further uniform masks that no fit saw. "fit" is all of `ip.fit`,
its evidence included; "model" is the time inside the value function (tokenization and forward
passes). Both in one thread.

Mean R²: {means}. Share of the fit in the model's time at n = {NEAR[0]} to {NEAR[1]}: {verdict}.

{markdown(header, table)}

{machine(threads=1)} Seed 0. Written by `python -m benchmarks.long_reviews`.
"""


if __name__ == "__main__":
    main()
