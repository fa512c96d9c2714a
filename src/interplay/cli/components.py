"""``interplay components``: a network and a task in, which of its parts act together out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.asked import Asked
from interplay.cli.output import Output, progress
from interplay.cli.workers import Workers
from interplay.errors import BadInput


def components(
    *,
    model: str | None = None,
    task: str | None = None,
    parts: str = "heads",
    ablation: str = "zero",
    rescale: Annotated[bool, Parameter(negative="")] = False,
    metric: Annotated[list[str] | None, Parameter(negative="")] = None,
    prompts_per_mask: int | None = None,
    share: float = 0.5,
    examples: Path | None = None,
    window: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    asked: Asked = Asked(),  # noqa: B008
    workers: Workers = Workers(),  # noqa: B008
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> int:
    """Explain which heads, MLPs or layers of a network act together on a task.

    With no --model and no --task an embedded language model answers its own questions.

    Parameters
    ----------
    model
        Folder of a Hugging Face model, or hf:ID.
    task
        mmlu:FILE.csv (questions with choices), classification:FILE.tsv (label, tab, text a line),
        perplexity:FILE.txt, or response:FILE.jsonl ({"prompt": ..., "response": ...} a line).
    parts
        heads, mlps, layers; of some layers, counted from 0 (heads:1-3); or several (heads+mlps).
    ablation
        What an ablated part gives: zero, its mean over the train prompts, or resample (what it
        gives on another prompt).
    rescale
        Scale the heads that are left of a layer up.
    metric
        Of choices and classes: accuracy or margin; by default both, from the same passes.
    prompts_per_mask
        Draw so many of the prompts for each mask; by default all are asked.
    share
        The part of the prompts that the fit sees; `interplay prune` tests on the others.
    examples
        File of questions that are told before each question of --task mmlu:FILE.
    window
        Tokens in a piece of the text of --task perplexity:FILE; by default 128.
    device
        Where the network runs; by default a CUDA device where there is one.
    dtype
        float32, float16, bfloat16 or float64.
    """
    output.check()
    with progress(asked.store) as (on_event, stop), workers.executor() as executor:
        value_function = value_function_of_components(
            model,
            task,
            metric=metric,
            share=share,
            seed=asked.seed,
            examples=examples,
            window=window,
            parts=parts,
            ablation=ablation,
            rescale=rescale,
            prompts_per_mask=prompts_per_mask,
            device=device,
            dtype=dtype,
        )
        explanation = ip.explain(
            value_function,
            **asked.arguments,
            stop=stop,
            on_event=on_event,
            executor=executor,
        )
    output.present(explanation)
    return stop.exit_code


def value_function_of_components(
    model: str | None,
    task: str | None,
    *,
    metric: list[str] | None = None,
    share: float = 0.5,
    seed: int = 0,
    examples: Path | None = None,
    window: int | None = None,
    **options: Any,
) -> Any:
    """Return the value function of a model and a task, or of the embedded ones."""
    from interplay.lenses.components.files import FORMS, parse_task

    given: dict[str, Any] = {"metric": metric, "share": share, "seed": seed}
    if task is None:
        if model is not None:
            raise BadInput(f"--model needs --task, what it is judged by: {', '.join(FORMS)}")
        from interplay.demo import language_model_path, questions

        model = str(language_model_path())
        task = f"mmlu:{questions()}"
        given |= {"score": "token", "template": "{question}"}
    elif model is None:
        raise BadInput("--task needs --model, a folder in Hugging Face format or hf:ID")
    kind = task.partition(":")[0]
    for name, value, owner in (("examples", examples, "mmlu"), ("window", window, "perplexity")):
        if value is None:
            continue
        if kind != owner:
            raise BadInput(f"--{name} is for --task {owner}:FILE")
        given[name] = str(value) if isinstance(value, Path) else value
    return ip.components(model, task=parse_task(task, **given), seed=seed, **options)
