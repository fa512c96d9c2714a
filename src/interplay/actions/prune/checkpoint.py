"""A pruned network as an ordinary Hugging Face checkpoint, compared with the masked one."""

from __future__ import annotations

import json
import shutil
import tempfile
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from interplay.actions.prune.folding import fold, parameters_of
from interplay.actions.prune.removal import (
    Layout,
    attentions,
    layouts,
    resized,
    take_out,
    take_out_layers,
)
from interplay.errors import BackendError, BadInput
from interplay.value_function import BoolArray, check_masks

TOLERANCE: Final = 1e-5
"""Largest difference of logits from the masked network's; of coarser formats in proportion."""
READINGS: Final = 4
"""Prompts that a checkpoint is compared on."""
TIMED_ROWS: Final = 4
REPEATS: Final = 7
BESIDE: Final = ("preprocessor_config.json", "processor_config.json", "image_processor_config.json")
"""Files of a model folder that neither network nor tokenizer writes."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was written, and how it compares with the network before.

    Attributes
    ----------
    folder : Path
    kept, dropped : tuple of str
        Parts.
    removed : int
        Heads and layers that are not in the weights any more; the other dropped parts are zeroed.
    how : str
        What was removed and what was zeroed, in a sentence.
    difference : float
        Largest difference of its logits, loaded again, from those of the masked network.
    parameters, bytes : (int, int)
        Before and after.
    seconds : (float, float)
        Of one forward pass before and after: the fastest of several, over the longest prompt.
    """

    folder: Path
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    removed: int
    how: str
    difference: float
    parameters: tuple[int, int]
    bytes: tuple[int, int]
    seconds: tuple[float, float]

    @property
    def sentence(self) -> str:
        """What was written, in a sentence."""
        (before, after), (slow, fast) = self.parameters, self.seconds
        return (
            f"{self.how} Parameters {before:,} to {after:,}, a forward pass "
            f"{1000 * slow:.3g} to {1000 * fast:.3g} ms; largest difference of logits from the "
            f"masked network {self.difference:.1g}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return asdict(self) | {
            "folder": str(self.folder),
            "kept": list(self.kept),
            "dropped": list(self.dropped),
            "sentence": self.sentence,
        }


def save_pruned(
    value_function: Any,
    mask: BoolArray,
    folder: str | Path,
    *,
    remove: bool = True,
    force: bool = False,
    max_shard_size: str = "5GB",
) -> Checkpoint:
    """Write the network with some of its parts ablated, as an ordinary checkpoint.

    It loads with transformers alone and gives the logits of the masked network. Ablated parts are
    zeroed in the output projection, their mean is folded into its bias, rescaling into its weights;
    where the configuration can say so, heads and layers are taken out.

    Parameters
    ----------
    value_function
        of :func:`interplay.components`; its ablation is what is written.
    mask
        bool ``(n,)``, True = part kept.
    folder
        to write to.
    remove
        False to zero only.
    force
        write into a folder that exists; weights that lie there are replaced.
    max_shard_size
        of one file of weights.

    Raises
    ------
    BadInput
        the ablation cannot be written into weights, the folder exists, ...
    BackendError
        the checkpoint, loaded again, gives other logits; nothing is left behind.

    Notes
    -----
    Heads are taken out in every layer alike, as many as the fullest layer can spare: choose with
    ``even=True`` for that.
    """
    target = Path(folder)
    mask = _checked(value_function, mask)
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not force)):
        raise BadInput(f"{target} exists; name another folder, or use force to write into it")
    if not target.parent.is_dir():
        raise BadInput(f"no such folder: {target.parent}; make it first")
    tries = _tries(value_function, mask, remove)
    reference = _reference(value_function, mask)
    with tempfile.TemporaryDirectory(prefix=".pruned-", dir=target.parent) as made:
        place = Path(made) / "checkpoint"
        worst = np.inf
        for layout in tries:
            network, removed, how = _pruned(value_function, mask, layout, remove)
            shutil.rmtree(place, ignore_errors=True)
            _write(network, value_function, place, max_shard_size)
            del network
            loaded = _loaded(value_function, place)
            worst = min(worst, difference := _difference(value_function, loaded, reference))
            if difference <= _tolerance(value_function, reference):
                break
        else:
            raise BackendError(
                f"the checkpoint gives other logits than the masked network (difference "
                f"{worst:.2g}), so it was not kept: {value_function.network.name!r} has parts that "
                "interplay does not know how to write into weights"
            )
        before = parameters_of(value_function.network.module)
        after = parameters_of(loaded)
        names = value_function.features
        found = Checkpoint(
            folder=target,
            kept=tuple(names[i] for i in np.flatnonzero(mask)),
            dropped=tuple(names[i] for i in np.flatnonzero(~mask)),
            removed=removed,
            how=how,
            difference=difference,
            parameters=(before[0], after[0]),
            bytes=(before[1], after[1]),
            seconds=_seconds(value_function, loaded),
        )
        told = {"format": "interplay.checkpoint", "version": 1, **found.to_dict()}
        (place / "interplay.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        _move(place, target)
    return found


def _checked(value_function: Any, mask: BoolArray) -> BoolArray:
    lacking = [one for one in ("network", "engine", "sites") if not hasattr(value_function, one)]
    if lacking:
        raise BadInput("only networks of interplay.components(...) can be saved as checkpoints")
    network = value_function.network.module
    if not hasattr(network, "save_pretrained") or not hasattr(network, "config"):
        raise BadInput(
            f"{type(network).__name__} is no model of transformers, so that it has no checkpoint "
            "of that kind; pass a Hugging Face model"
        )
    row: BoolArray = check_masks(np.atleast_2d(mask), n=len(value_function.features))[0]
    return row


def _tries(value_function: Any, mask: BoolArray, remove: bool) -> list[Layout | None]:
    """What to try, smallest first; None takes no heads out."""
    found = attentions(value_function.network.module, value_function, mask) if remove else ""
    if isinstance(found, str):
        return [None]
    config, width = value_function.network.module.config, found[0].width
    fitting = [one for one in layouts(found) if resized(config, one, width) is not None]
    return [*fitting[:2], None]


def _pruned(
    value_function: Any, mask: BoolArray, layout: Layout | None, remove: bool
) -> tuple[Any, int, str]:
    """Return a pruned copy, how many parts are out of its weights, and what was done in words."""
    network = deepcopy(value_function.network.module)
    anatomy = value_function.anatomy
    gone = fold(network, value_function.engine.ablation, mask, anatomy)
    dropped, told, removed = int((~mask).sum()), [], 0
    if gone and len(gone) == len(anatomy.layers):
        raise BadInput("no layer would be left; keep one at least")
    if layout is not None:
        found = attentions(network, value_function, mask)
        assert not isinstance(found, str)
        network.config = resized(network.config, layout, found[0].width)
        each = found[0].kept.size
        removed = take_out(found, layout)
        told.append(
            f"{removed} of {len(found) * each} heads are taken out, {each - layout.heads} of "
            f"{each} in every layer"
        )
    if gone:
        take_out_layers(network, anatomy, gone)
        told.append(f"{len(gone)} of {len(anatomy.layers)} layers are taken out")
        removed += len(gone)
    left = dropped - removed
    if left:
        why = attentions(value_function.network.module, value_function, mask) if remove else None
        reason = f" ({why})" if isinstance(why, str) else ""
        if why is not None and not isinstance(why, str) and layout is None:
            reason = (
                " (its configuration takes none of the numbers of heads that would do)"
                if any(layouts(why))
                else " (some layer, or group that shares keys and values, keeps all of its heads)"
            )
        what = "dropped parts are" if left > 1 else "dropped part is"
        told.append(f"{left} {'other ' if told else ''}{what} zeroed only{reason}")
    sentence = "; ".join(told) if told else "nothing is dropped"
    return network, removed, f"{sentence[0].upper()}{sentence[1:]}."


def _write(network: Any, value_function: Any, place: Path, max_shard_size: str) -> None:
    from interplay.models.hf_loading import quiet

    with quiet():
        network.save_pretrained(place, max_shard_size=max_shard_size)
        tokenizer = value_function.tokenizer
        if tokenizer is not None and hasattr(tokenizer, "save_pretrained"):
            tokenizer.save_pretrained(place)
    source = Path(value_function.network.name)
    for name in BESIDE:
        if (source / name).is_file() and not (place / name).exists():
            shutil.copyfile(source / name, place / name)


def _loaded(value_function: Any, place: Path) -> Any:
    from interplay.models.hf_loading import quiet

    own = value_function.network
    dtype = next(p.dtype for p in own.module.parameters() if p.is_floating_point())
    implementation = getattr(own.module.config, "_attn_implementation", None)
    with quiet():
        loaded = type(own.module).from_pretrained(
            place, dtype=dtype, attn_implementation=implementation
        )
    return loaded.to(own.device).eval()


def _readings(value_function: Any) -> list[int]:
    """The readings that are compared: of test prompts, where there are any."""
    test = value_function.task.prompts("test").tolist()
    found: list[int] = value_function.questions.of(test)[:READINGS]
    return found


def _reference(value_function: Any, mask: BoolArray) -> list[Any]:
    return [
        value_function.engine.outputs(mask[None], reading, plain=True)[0].ravel()
        for reading in _readings(value_function)
    ]


def _difference(value_function: Any, loaded: Any, reference: list[Any]) -> float:
    import torch

    passes = _passes(value_function, loaded)
    found = 0.0
    with torch.inference_mode():
        for reading, expected in zip(_readings(value_function), reference, strict=True):
            logits = passes([reading], narrow=False).double().cpu().numpy().ravel()
            if logits.shape != expected.shape or not np.isfinite(logits).all():
                return float("inf")
            found = max(found, float(np.abs(logits - expected).max()))
    return found


def _passes(value_function: Any, module: Any) -> Any:
    from interplay.lenses.components.passes import Passes

    network = replace(value_function.network, module=module)
    return Passes(network, value_function.questions.readings)


def _tolerance(value_function: Any, reference: list[Any]) -> float:
    import torch

    floats = (p.dtype for p in value_function.network.module.parameters() if p.is_floating_point())
    scale = max(1.0, *(float(np.abs(one).max()) for one in reference))
    return max(TOLERANCE, 16 * float(torch.finfo(next(floats)).eps) * scale)


def _seconds(value_function: Any, loaded: Any) -> tuple[float, float]:
    """Seconds of a forward pass before and after: one and the other in turn."""
    import torch

    own = value_function.network
    lengths = [one.length for one in value_function.questions.readings]
    batch = [int(np.argmax(lengths))] * TIMED_ROWS
    both = [_passes(value_function, own.module), _passes(value_function, loaded)]
    spent: list[list[float]] = [[], []]
    with own.evaluating(), torch.inference_mode():
        for repeat in range(REPEATS + 1):
            for place, passes in enumerate(both):
                started = perf_counter()
                passes(batch, narrow=False)
                if str(own.device).startswith("cuda"):
                    torch.cuda.synchronize()
                if repeat:  # the first one warms up
                    spent[place].append(perf_counter() - started)
    return min(spent[0]), min(spent[1])


def _move(place: Path, target: Path) -> None:
    """Put the checkpoint where it belongs; of one that lies there only the weights are removed."""
    target.mkdir(exist_ok=True)
    for old in [*target.glob("*.safetensors"), *target.glob("*.safetensors.index.json")]:
        old.unlink()
    for one in place.iterdir():
        one.replace(target / one.name)
