"""The network whose parts are ablated, with its tokenizer: from a folder, the hub, or loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, required
from interplay.models.hf_causal import HFCausalLM
from interplay.models.hf_loading import Loaded, architectures, load, load_images
from interplay.models.hf_model import HFModel

CAUSAL = ("ForCausalLM", "LMHeadModel")
KINDS = {
    "AutoModelForCausalLM": (CAUSAL, "causal language model"),
    "AutoModelForSequenceClassification": (("ForSequenceClassification",), "sequence classifier"),
    "AutoModelForImageClassification": (("ForImageClassification",), "picture classifier"),
}


@dataclass(frozen=True, eq=False)
class Network:
    """A network, and what reads texts for it.

    Attributes
    ----------
    module : torch.nn.Module
    name : str
        What was asked for: the folder, ``hf:ID``, or the class of a loaded network.
    fingerprint : str
        Of the weights, the configuration, and of a folder's tokenizer.
    device : str
    reader : HFModel, optional
        What makes token ids of texts; None where there is no tokenizer.
    opened : bool
        Whether it was loaded here from a folder or the hub, so that a run file can name it.
    """

    module: Any
    name: str
    fingerprint: str
    device: str
    reader: HFModel | None = None
    opened: bool = False

    @property
    def causal(self) -> bool:
        """Whether it predicts the next token."""
        return isinstance(self.reader, HFCausalLM) or type(self.module).__name__.endswith(CAUSAL)

    def texts(self) -> HFModel:
        """Return what makes token ids of texts, or say that there is nothing."""
        if self.reader is None:
            raise BadInput(
                f"the task has texts, and there is no tokenizer to read them for {self.name!r}: "
                "pass tokenizer=, or give token ids"
            )
        return self.reader

    def language_model(self) -> HFCausalLM:
        """Return what reads prompts and responses, or say that the network predicts no tokens."""
        reader = self.texts()
        if not isinstance(reader, HFCausalLM):
            raise BadInput(
                f"this task scores what a causal language model says next; {self.name!r} is a "
                f"{type(self.module).__name__}. Use Task.classification or Task.callable"
            )
        return reader

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Switch dropout and the like off inside, and put every module back as it was after."""
        training = [one for one in self.module.modules() if one.training]
        for one in training:
            one.training = False
        try:
            yield
        finally:
            for one in training:
                one.training = True


def open_network(
    model: Any, tokenizer: Any = None, *, device: str | None = None, dtype: str | None = None
) -> Network:
    """Return a network with its tokenizer.

    Parameters
    ----------
    model : str, Path, or torch.nn.Module
        A folder in Hugging Face format, ``hf:OWNER/NAME``, or a network that is loaded already.
    tokenizer : optional
        Of a loaded network; a folder has its own.
    device, dtype : str, optional
        Of a network that is loaded here.

    Raises
    ------
    BadInput
        If there is no such model, or it is of a kind that cannot be scored.
    MissingExtra
        If torch or transformers is not installed.
    """
    torch = required("torch", "hf")
    if isinstance(model, Network):
        return model
    if isinstance(model, str | Path):
        if tokenizer is not None:
            raise BadInput("a model folder has its own tokenizer; leave tokenizer= out")
        return _opened(str(model), device, dtype)
    if not isinstance(model, torch.nn.Module):
        raise BadInput(
            "model must be a folder in Hugging Face format, hf:OWNER/NAME, or a torch module; got "
            f"{type(model).__name__}"
        )
    if device is not None or dtype is not None:
        raise BadInput("device and dtype are fixed by a model that is loaded already")
    places = {one.device for one in model.parameters()}
    if len(places) > 1:
        raise BadInput(
            f"the network is spread over {', '.join(sorted(map(str, places)))}, which interplay "
            "does not follow; load it on one device"
        )
    if any(place.type == "meta" for place in places):
        raise BadInput("the network has no weights (device 'meta'); load them first")
    place = str(next(iter(places))) if places else "cpu"
    name, digest = type(model).__name__, _digest(model)
    reader = None
    if tokenizer is not None:
        loaded = Loaded(model, tokenizer, name, digest, place, _limit(model, tokenizer))
        reader = HFCausalLM(loaded) if name.endswith(CAUSAL) else HFModel(loaded)
    return Network(model, name, digest, place, reader)


def _opened(name: str, device: str | None, dtype: str | None) -> Network:
    named = architectures(name)
    auto = next(
        (
            auto
            for auto, (ends, _) in KINDS.items()
            if any(architecture.endswith(ends) for architecture in named)
        ),
        None,
    )
    if auto is None:
        raise BadInput(
            f"{name!r} names the architecture {', '.join(named) or 'of none'}; give a causal "
            "language model (...ForCausalLM), a sequence classifier or an image classifier, or "
            "load it and pass the network itself with a Task.callable"
        )
    ends, what = KINDS[auto]
    if auto == "AutoModelForImageClassification":
        found = load_images(
            name,
            auto=auto,
            kinds=ends,
            what=what,
            processor="AutoImageProcessor",
            device=device,
            dtype=dtype,
        )
        return Network(found.network, name, found.fingerprint, found.device, None, opened=True)
    loaded = load(
        name,
        auto=auto,
        kinds=ends,
        what=what,
        device=device,
        dtype=dtype,
        dtype_on_gpu="bfloat16" if ends == CAUSAL else "float32",
    )
    reader = HFCausalLM(loaded) if ends == CAUSAL else HFModel(loaded)
    return Network(loaded.network, name, loaded.fingerprint, loaded.device, reader, opened=True)


def _limit(network: Any, tokenizer: Any) -> int | None:
    config = getattr(network, "config", None)
    limits = [getattr(tokenizer, "model_max_length", None)]
    if config is not None:
        limits.append(getattr(config, "max_position_embeddings", None))
    known = [int(one) for one in limits if isinstance(one, int | float) and 0 < one < 10**9]
    return min(known, default=None)


def _digest(network: Any) -> str:
    """What a loaded network is: its class, its configuration, and every weight."""
    import torch

    digest = hashlib.sha256(type(network).__qualname__.encode())
    config = getattr(network, "config", None)
    if config is not None and hasattr(config, "to_dict"):
        told = {name: str(one) for name, one in config.to_dict().items() if name[:1] != "_"}
        digest.update(json.dumps(told, sort_keys=True).encode())
    with torch.no_grad():
        for name, one in sorted(network.state_dict().items()):
            if not isinstance(one, torch.Tensor):
                continue
            digest.update(f"{name} {tuple(one.shape)} {one.dtype} ".encode())
            octets = one.detach().contiguous().cpu().reshape(-1).view(torch.uint8)
            digest.update(np.ascontiguousarray(octets.numpy()).data)
    return digest.hexdigest()[:32]
