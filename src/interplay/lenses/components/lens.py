"""``ip.components``: a network and a task become a value function over the network's parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interplay.errors import BadInput, check_whole
from interplay.lenses.components.engine import Engine
from interplay.lenses.components.network import open_network
from interplay.lenses.components.parts import Part, parse_parts
from interplay.lenses.components.sites import Anatomy, Site, anatomy, check_sites
from interplay.lenses.components.task import Task
from interplay.lenses.components.value import ComponentValueFunction, check_drawn


def components(
    model: Any,
    tokenizer: Any = None,
    *,
    task: Task,
    parts: str | Sequence[Any] = "heads",
    ablation: str = "zero",
    rescale: bool = False,
    prompts_per_mask: int | None = None,
    seed: int = 0,
    projection: str | None = None,
    heads: int | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> ComponentValueFunction:
    """Make a value function of a network: its heads, MLPs or layers are ablated, on a task.

    Parameters
    ----------
    model : str, Path, or torch.nn.Module
        A folder in Hugging Face format, ``hf:OWNER/NAME``, or a network that is loaded already.
        Decoders and encoders with standard attention are known (Llama, Qwen, Mistral, Gemma,
        GPT-2, GPT-NeoX, BERT, ModernBERT, ViT, and others whose modules have the same names).
    tokenizer : optional
        Of a loaded network.
    task : Task
        What it is judged by: :meth:`Task.response`, :meth:`Task.multiple_choice`,
        :meth:`Task.classification`, :meth:`Task.perplexity`, :meth:`Task.callable`. Values are
        means over the prompts of the train split; ``.on("test")`` is the same over the others.
    parts : str or sequence
        ``"heads"``, ``"mlps"``, ``"layers"``, of some layers (``"heads:1-3"``, ``"heads:0,4"``), or
        several (``"heads+mlps"``); a list of names (``["L2.H5", "L3.MLP"]``); or of
        :class:`Site`, for anything that a module takes or gives. Of grouped queries the parts are
        the query heads.
    ablation : str
        What an ablated part gives: ``"zero"``, nothing; ``"mean"``, its mean over the positions of
        the train prompts; ``"resample"``, what it gives on another train prompt. A head's is what
        goes into the output projection; of an MLP and a layer, what it adds to the residual
        stream.
    rescale : bool
        Scale what is left of a layer up, by the number of its heads over that of the kept ones.
    prompts_per_mask : int, optional
        Ask so many of the train prompts under each mask, drawn by the mask's bits and the seed:
        the variance that this gives to the means is told to the fit. Default: all.
    seed : int
        Of what is drawn.
    projection, heads : str and int, optional
        For a network whose modules have other names: what the output projections of the attention
        are called, with ``{layer}`` for the number (``"blocks.{layer}.attn.proj"``), and how many
        heads a layer has.
    batch_size : int, optional
        At most so many rows (a prompt under a mask) in one forward pass; default: by tokens. A
        pass that runs out of memory is tried again with half.
    device, dtype : str, optional
        Where and in which format to load the model; default: CUDA where there is any.

    Raises
    ------
    BadInput
        For a network without the projections (the message lists what there is), parts that do not
        exist, tasks that cannot be split or read, or hooks that do not reach the parts.
    BackendError
        If the network fails, or memory does not suffice for one prompt.
    MissingExtra
        If torch or transformers is not installed.

    Notes
    -----
    A network that was left in training mode is evaluated without dropout, and put back after.
    Equal masks are evaluated once; what lies below the first ablated layer, once for each prompt.

    Examples
    --------
    >>> from interplay.lenses.components import Task
    >>> task = Task.multiple_choice("mmlu_us_history_test.csv")  # doctest: +SKIP
    >>> value = components("folder", task=task, parts="heads:1-3")  # doctest: +SKIP
    >>> value.features[:2], value.targets  # doctest: +SKIP
    (('L1.H0', 'L1.H1'), ('accuracy', 'margin'))
    """
    if not isinstance(task, Task):
        raise BadInput(f"task must be a Task, such as Task.response(...); got {task!r}")
    batch_size = None if batch_size is None else check_whole("batch_size", batch_size, 1)
    heads = None if heads is None else check_whole("heads", heads, 1)
    check_whole("seed", seed, 0)
    network = open_network(model, tokenizer, device=device, dtype=dtype)
    known, chosen, sites = _parts(network.module, parts, projection, heads)
    if len(chosen) < 2:
        raise BadInput(
            f"parts {parts!r} are {len(chosen)} part, and there is nothing to combine; ask for two"
        )
    if rescale and any(part.kind != "head" for part in chosen):
        raise BadInput("rescale is for heads; ask for parts='heads', or leave it out")
    check_sites(network.module, sites)
    questions = task.questions(network)
    count = len(task.prompts("train"))
    drawn = check_drawn(prompts_per_mask, count)
    engine = Engine(
        network,
        known,
        sites,
        questions,
        ablation=ablation,
        rescale=rescale,
        stand_ins=task.prompts("train").tolist(),
        seed=int(seed),
        rows=batch_size,
    )
    arguments = None
    if network.opened and task.arguments is not None and not any(p.kind == "unit" for p in chosen):
        arguments = {
            "task": {"kind": task.kind, **task.arguments},
            "parts": [part.name for part in chosen],
            "ablation": ablation,
            "rescale": rescale,
            "prompts_per_mask": prompts_per_mask,
            "seed": int(seed),
            "projection": projection,
            "heads": heads,
            "dtype": dtype,
        }
    return ComponentValueFunction(
        network,
        known,
        chosen,
        sites,
        task,
        questions,
        engine,
        prompts_per_mask=drawn,
        seed=int(seed),
        arguments=arguments,
    )


def _parts(
    module: Any, parts: Any, projection: str | None, heads: int | None
) -> tuple[Anatomy | None, tuple[Part, ...], tuple[Site, ...]]:
    """Return the anatomy, where it is known, the parts, and where they are."""
    several = isinstance(parts, Sequence) and not isinstance(parts, str) and len(parts) > 0
    if several and all(isinstance(one, Site) for one in parts):
        try:
            known = anatomy(module, projection=projection, heads=heads)
        except BadInput:
            known = None
        sites = tuple(_placed(site, known) for site in parts)
        units = (Part("unit", site.layer, i, site.name) for i, site in enumerate(sites))
        return known, tuple(units), sites
    known = anatomy(module, projection=projection, heads=heads)
    chosen = parse_parts(parts, known.heads)
    return known, chosen, tuple(known.site(part) for part in chosen)


def _placed(site: Site, known: Anatomy | None) -> Site:
    """A site with the layer that its module lies in, where that can be seen."""
    if site.layer >= 0 or known is None:
        return site
    layer = next(
        (i for i, name in enumerate(known.layers) if f"{site.module}.".startswith(f"{name}.")), -1
    )
    return replace(site, layer=layer)


def remade(
    subject: Mapping[str, Any], targets: Sequence[str], **changes: Any
) -> ComponentValueFunction:
    """Make the value function of a run again from the ``subject`` in the run's file.

    ``changes`` are arguments of :func:`components` that shall be others than the run's.

    Raises
    ------
    BadInput
        If the network was loaded by the caller, or the task not made from a file.
    """
    from interplay.lenses.components.files import task_of

    given = subject.get("arguments")
    if given is None:
        raise BadInput(
            "the network or the task of this run was made in Python, and neither is in the file: "
            "pass the value function"
        )
    arguments = {"model": str(subject["model"]), **given}
    task = arguments.pop("task")
    made = components(**{**arguments, "task": task_of(task), **changes})
    split = str(subject.get("split", "train"))
    value = made if split == "train" else made.on(split)
    if tuple(targets) != value.targets:
        raise BadInput(
            f"the run's targets {', '.join(targets)} are not the task's, {', '.join(value.targets)}"
        )
    return value
