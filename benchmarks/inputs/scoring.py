"""The scoring engine beside bare forward passes and beside the best simple loop.

64 prompts with one fixed response, tokenised in advance for everybody: of different contexts, and
of one context that all begin with. Everybody is timed in turn, again and again; CPU seconds of one
thread where the machine is a CPU (what else runs there takes wall time only), else wall time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scripts.demo_facts.items import held_out_items

from benchmarks.ground.row import Row
from benchmarks.table import assets, markdown
from interplay.demo import FOLDER
from interplay.models.hf_causal import HFCausalLM
from interplay.models.language import Prompt, Response, Tokens
from interplay.value_function import FloatArray

SENTENCES, REPEATS, QUICK_REPEATS = 64, 21, 3
BATCHES = (4, 8, 16, 32, 64)
BUDGETS = (1, 100, 700, 3000, 100_000)
"""Tokens in a batch, where only values are compared."""
BARE, SHARED, LOOP, EQUAL = 1.2, 1.0, 1.2, 1e-4
SEED = 700


def rows(quick: bool = False) -> list[Row]:
    """Return the rows of times and of differences, for the CPU and for a GPU where there is one."""
    import torch

    torch.set_num_threads(1)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    return [row for device in devices for row in _measured(device, quick)]


def folder() -> Path:
    """Return the folder of the embedded language model, or of a small one in the assets."""
    embedded = FOLDER / "facts"
    return embedded if embedded.is_dir() else assets() / "models" / "stories260k"


def prompts() -> dict[str, list[Prompt]]:
    """Return prompts of different contexts, and of one context with many questions."""
    items = held_out_items("conjunction", 2 * SENTENCES, SEED)
    longest = max(items, key=lambda item: len(item.context))
    about_one = dict.fromkeys(longest.asked(item.question).prompt for item in items)
    return {
        "": [Prompt.plain(item.prompt) for item in items[:SENTENCES]],
        ", prefix shared": [Prompt.plain(text) for text in about_one][:SENTENCES],
    }


def report(rows: Sequence[Row]) -> str:
    """Return the table of everybody's times."""
    measured = [row for row in rows if row.what.startswith("scoring over bare")]
    names = list(measured[0].detail["milliseconds"])
    cells = [
        [name, *(f"{row.detail['milliseconds'][name]:.0f}" for row in measured)] for name in names
    ]
    tokens = ", ".join(f"{row.detail['tokens']:,}" for row in measured)
    header = ["milliseconds", *(row.what.removeprefix("scoring over ") for row in measured)]
    return f"""## Scoring

`{measured[0].detail["model"]}` in float32; {SENTENCES} prompts and a response of
{measured[0].detail["response"]} tokens, {tokens} tokens in all. On CPUs seconds of processor time
of one thread, so that other work of the host counts only through the caches that it shares; on GPUs
wall time. Everybody takes a turn, {REPEATS} times; ratios are taken within a turn, medians and
ranges over turns. "Bare" is nothing but `network(input_ids)` (with or without an attention mask)
on padded tensors that are ready, the longest first, without a cache: the best batch size counts.
"Loop" is one prompt at a time with `logits_to_keep`, `log_softmax` and `gather`. "Ours" is
`HFCausalLM.score` with nothing left of a call before; it pads on the right only.

{markdown(header, cells)}"""


def _measured(device: str, quick: bool) -> list[Row]:
    import torch

    # in float32 also on a GPU, so that values can be compared
    model = HFCausalLM.load(folder(), device=device, dtype="float32")
    found, differences = [], []
    for name, texts in prompts().items():
        queries = list(dict.fromkeys(one for one in model.read(texts) if isinstance(one, Tokens)))
        responses = [model.fix(queries[0], text) for text in (" yes", " no")]
        with torch.inference_mode():
            times = _times(model, queries, responses, QUICK_REPEATS if quick else REPEATS)
            differences.append(_difference(model, queries, responses))
        told = {
            "model": Path(model.name).name,
            "prompts": len(queries),
            "response": len(responses[0].ids),
            "tokens": sum(len(query.ids) + len(responses[0].ids) for query in queries),
            "milliseconds": _medians(times),
        }
        found += _rows(name, times, told, device)
    worst = max(differences)
    what = f"scores against the loop ({device})"
    said = (
        f"{worst:.1e}, batches of 1 to {max(BUDGETS):,} tokens, two orders, one and two responses"
    )
    return [*found, Row(what, f"<= {EQUAL:g}", said, worst <= EQUAL, {"differences": differences})]


def _rows(
    name: str, times: dict[str, list[float]], detail: dict[str, Any], device: str
) -> list[Row]:
    bare = min((key for key in times if key.startswith("bare")), key=lambda k: np.median(times[k]))
    ours, two = np.array(times["ours"]), np.array(times["two responses"])
    against = ours / np.array(times[bare])
    faster = np.array(times["loop"]) / ours
    doubled = two / ours
    best = f"{1e3 * np.median(times[bare]):.0f} ms, {bare.removeprefix('bare, ')}"
    where = f"{name} ({detail['prompts']} prompts, {device})"
    limit = SHARED if name else BARE
    return [
        Row(
            f"scoring over bare forward passes{where}",
            f"< {limit:g}" if name else f"<= {limit:g}",
            f"{_spread(against)}; bare: {best}",
            bool(np.median(against) < limit if name else np.median(against) <= limit),
            {**detail, "ratios": against.tolist()},
        ),
        Row(
            f"the best simple loop over scoring{where}",
            f">= {LOOP:g}" if device == "cpu" else "(reported)",
            _spread(faster),
            bool(np.median(faster) >= LOOP) or device != "cpu",
            {**detail, "ratios": faster.tolist()},
        ),
        Row(
            f"scoring two responses over scoring one{where}",
            "(reported)",
            _spread(doubled),
            True,
            {**detail, "ratios": doubled.tolist()},
        ),
    ]


def _times(
    model: HFCausalLM, queries: Sequence[Tokens], responses: Sequence[Response], repeats: int
) -> dict[str, list[float]]:
    """Return seconds of everybody, in turn; the first turn, which warms up, is left out."""
    one = responses[:1]

    def ours(some: Sequence[Response]) -> None:
        model._last = None  # nothing is left of the call before
        model.score(queries, some)

    ids = [[*query.ids, *one[0].ids[:-1]] for query in queries]
    runs: dict[str, Callable[[], object]] = {
        "ours": lambda: ours(one),
        "two responses": lambda: ours(responses),
        "loop": _loop(model, queries, one[0]),
    }
    for size in BATCHES:
        for masked in (True, False):
            what = f"bare, batches of {size}{' with attention masks' if masked else ''}"
            runs[what] = _bare(model, ids, size, masked)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            spent = _seconds(run, model.device)
            if turn:
                seconds[name].append(spent)
    return seconds


def _loop(model: HFCausalLM, queries: Sequence[Tokens], response: Response) -> Callable[[], Any]:
    """One prompt at a time, target logits only: what anybody would write, at its best."""
    import torch

    network, k = model.model, len(response.ids)
    inputs = [
        torch.tensor([[*query.ids, *response.ids[:-1]]], device=model.device) for query in queries
    ]
    wanted = torch.tensor(response.ids, device=model.device)[:, None]

    def run() -> FloatArray:
        out = []
        for ids in inputs:
            logits = network(input_ids=ids, logits_to_keep=k, use_cache=False).logits[0]
            out.append(logits.log_softmax(dim=-1).gather(1, wanted)[:, 0])
        values: FloatArray = torch.stack(out).double().cpu().numpy()
        return values

    return run


def _bare(
    model: HFCausalLM, sequences: Sequence[Sequence[int]], size: int, masked: bool
) -> Callable[[], None]:
    """Forward passes over padded tensors that are ready: sorted by length, nothing else is done."""
    import torch

    network = model.model
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    batches = []
    for start in range(0, len(order), size):
        batch = [sequences[i] for i in order[start : start + size]]
        ids = torch.zeros((len(batch), len(batch[0])), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(batch):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask} if masked else {"input_ids": ids}
        batches.append({name: value.to(model.device) for name, value in inputs.items()})

    def run() -> None:
        for inputs in batches:
            network(**inputs, use_cache=False)

    return run


def _difference(
    model: HFCausalLM, queries: Sequence[Tokens], responses: Sequence[Response]
) -> float:
    """The largest difference from the loop, over batch sizes, orders and numbers of responses."""
    expected = [_loop(model, queries, response)() for response in responses]
    order = np.random.default_rng(SEED).permutation(len(queries))
    usual, worst = model._batches.tokens, 0.0
    for budget in BUDGETS:
        model._batches.tokens = budget
        for some in (responses, responses[:1], responses[1:]):
            wanted = expected[responses.index(some[0]) :]
            for places in (np.arange(len(queries)), order):
                found = model.score([queries[i] for i in places], some).logprobs
                for values, truth in zip(found, wanted, strict=False):
                    worst = max(worst, float(np.abs(values - truth[places]).max()))
    model._batches.tokens = usual
    return worst


def _seconds(run: Callable[[], object], device: str) -> float:
    import torch

    if device == "cpu":
        start = time.process_time()
        run()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(1e3 * float(np.median(spent)), 2) for name, spent in times.items()}


def _spread(ratios: FloatArray) -> str:
    return f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
