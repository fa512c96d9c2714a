"""First-order attribution patching: what a gate on each part would change, by one backward pass.

The derivative of the task's score by the gate of every part, where all are open (Nanda's
attribution patching; Michel et al. 2019 rank heads by it). One forward and one backward pass for a
prompt; what ablated parts give instead takes the second forward pass, where it is not nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interplay.value_function import FloatArray

OPEN = 1 - 2.0**-16
"""A gate that is as good as open: at 1 nothing would be hooked at all."""


def gate_gradients(value_function: Any, target: str) -> FloatArray | None:
    """Return the derivative of a target by the gate of each part ``(n,)``, mean over the prompts.

    Of an accuracy, which has none, that of the margin. None where the task is a callable, which is
    not known to torch.
    """
    kind = getattr(getattr(value_function, "task", None), "kind", None)
    if kind not in ("response", "perplexity", "multiple_choice", "classification"):
        return None
    import torch

    from interplay.lenses.components.passes import Passes

    engine, task = value_function.engine, value_function.task
    network, readings = value_function.network, value_function.questions.readings
    passes = Passes(network, readings)  # those of the engine hold tensors without gradients
    places: dict[int, list[int]] = {}
    for i, reading in enumerate(readings):
        places.setdefault(reading.prompt, []).append(i)
    weights = [one for one in network.module.parameters() if one.requires_grad]
    total = np.zeros(len(value_function.features))
    dtype = next((p.dtype for p in network.module.parameters() if p.is_floating_point()), None)
    for one in weights:
        one.requires_grad_(False)
    for group in engine.ablation.groups:  # these too, made in inference mode, are made anew
        group._cover = group._directions = group._passed = None
    try:
        with network.evaluating(), torch.enable_grad():
            for prompt in value_function.prompts.tolist():
                gates = torch.full(
                    (1, len(total)), OPEN, dtype=dtype, device=network.device, requires_grad=True
                )
                outputs = []
                for i in places[prompt]:
                    donors = engine._donors([i])
                    own = None if donors is None else _cloned(donors)
                    with engine.ablation.applied(gates, own):
                        outputs.append(passes([i], narrow=False))
                score = _score(task, prompt, [readings[i] for i in places[prompt]], outputs, target)
                (gradient,) = torch.autograd.grad(score, gates)
                total += gradient[0].double().cpu().numpy()
    finally:
        for one in weights:
            one.requires_grad_(True)
    return total / len(value_function.prompts)


def _cloned(donors: Any) -> Any:
    return lambda group: donors(group).clone()


def _score(task: Any, prompt: int, readings: list[Any], outputs: list[Any], target: str) -> Any:
    """The score of a prompt as torch knows it."""
    import torch

    if task.kind == "classification":
        return _margin(outputs[0].flatten(), int(readings[0].wanted[0]))
    if task.kind == "multiple_choice" and task.score in ("letter", "token"):
        item = task.items[prompt]
        letters = torch.from_numpy(readings[0].wanted).to(outputs[0].device)
        return _margin(outputs[0][0, letters][: len(item.choices)], item.right)
    sums = []
    for reading, logits in zip(readings, outputs, strict=True):
        wanted = torch.from_numpy(reading.wanted).to(logits.device)
        chosen = torch.log_softmax(logits.float(), dim=-1).gather(1, wanted[:, None])
        per_token = task.kind == "perplexity" or target.endswith(":mean")
        per_token = per_token or getattr(task, "score", "").endswith(":mean")
        sums.append(chosen.mean() if per_token else chosen.sum())
    if task.kind != "multiple_choice":
        return sums[0]
    return _margin(torch.stack(sums), task.items[prompt].right)


def _margin(scores: Any, right: int) -> Any:
    import torch

    others = torch.cat([scores[:right], scores[right + 1 :]])
    return scores[right] - others.max()
