"""Networks and tokenizers from folders in Hugging Face format, or from the hub."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from interplay.errors import BadInput, required, unknown
from interplay.models.hf_files import check_weights, content, source_of

DTYPES = ("float32", "float64", "float16", "bfloat16")
# Tokenizers that know no limit say so with a huge number.
NO_LIMIT = 10**9


@dataclass(frozen=True)
class Loaded:
    """A network in evaluation mode, its tokenizer, and what identifies them.

    Attributes
    ----------
    network, tokenizer : transformers objects
    name : str
        What was asked for: the folder, or ``hf:ID``.
    fingerprint : str
        Digest of the contents of the weight, configuration and tokenizer files (for ``hf:ID``, of
        the commit) and of the number format. The folder's name and the device are not in it.
    device : str
    max_tokens : int or None
        The longest sequence the network reads, special tokens included.
    """

    network: Any
    tokenizer: Any
    name: str
    fingerprint: str
    device: str
    max_tokens: int | None


@dataclass(frozen=True)
class LoadedImages:
    """A network that reads images, in evaluation mode, its processor, and what identifies them.

    Attributes
    ----------
    network, processor : transformers objects
    name, fingerprint, device
        As in :class:`Loaded`; the fingerprint covers the processor's settings and its kind.
    """

    network: Any
    processor: Any
    name: str
    fingerprint: str
    device: str


def load(
    name: str,
    *,
    auto: str,
    kinds: tuple[str, ...],
    what: str,
    device: str | None,
    dtype: str | None,
    dtype_on_gpu: str = "float32",
) -> Loaded:
    """Load a network and its tokenizer, silently, or raise an error that says what is wrong.

    Parameters
    ----------
    name : str
        A folder with ``config.json``, weights and tokenizer files, or ``hf:OWNER/NAME``.
    auto : str
        The class of transformers that loads it.
    kinds : tuple of str
        How the names of architectures that were trained for this end; any other would get a head
        with random weights.
    what : str
        What to call such a network in messages.
    device, dtype : str, optional
        Default: ``"cuda"`` where there is one, else ``"cpu"``; float32.
    dtype_on_gpu : str
        What ``dtype`` is by default on CUDA devices.

    Raises
    ------
    BadInput, MissingExtra
    """
    if dtype is None and _is_gpu(device):
        dtype = dtype_on_gpu
    network, source, options, where = _network(name, auto, kinds, what, device, dtype)
    tokenizer = _read_tokenizer(name, source, options)
    digest = hashlib.sha256(f"{content(source)} {dtype or 'float32'}".encode()).hexdigest()
    return Loaded(
        network=network.to(where).eval(),
        tokenizer=tokenizer,
        name=name,
        fingerprint=digest[:32],
        device=where,
        max_tokens=_token_limit(network, tokenizer),
    )


def load_tokenizer(name: str) -> Any:
    """Load the tokenizer of a model without its network.

    Raises
    ------
    BadInput, MissingExtra
    """
    source, local = source_of(name)
    return _read_tokenizer(name, source, {"local_files_only": local, "trust_remote_code": False})


def _read_tokenizer(name: str, source: str, options: dict[str, Any]) -> Any:
    transformers = required("transformers", "hf")
    try:
        with quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:
        if _wants_code(error):
            raise BadInput(_CODE.format(f"the tokenizer of {name!r}")) from error
        raise BadInput(
            f"cannot load the tokenizer of {name!r}: {_first_line(error)}. Save it beside the "
            "model with tokenizer.save_pretrained()"
        ) from error
    if len(tokenizer) <= len(set(tokenizer.all_special_tokens)):
        # What transformers makes of a folder with a model and no tokenizer at all.
        raise BadInput(
            f"the tokenizer of {name!r} knows nothing but special tokens: its vocabulary file "
            "is missing. Save it beside the model with tokenizer.save_pretrained()"
        )
    return tokenizer


def load_images(
    name: str,
    *,
    auto: str,
    kinds: tuple[str, ...],
    what: str,
    processor: str,
    device: str | None,
    dtype: str | None,
) -> LoadedImages:
    """Load a network that reads images, and its processor; otherwise as :func:`load`.

    Parameters
    ----------
    kinds : tuple of str
        How the names of architectures that were trained for this end.
    processor : str
        The class of transformers that loads the processor.
    """
    required("PIL", "image", "pillow")
    network, source, options, where = _network(name, auto, kinds, what, device, dtype)
    import transformers

    try:
        with quiet():
            found = getattr(transformers, processor).from_pretrained(source, **options)
        # "...Pil" and "...Fast" resize by other code, and give other pixels
        told = f"{type(getattr(found, 'image_processor', found)).__name__} {found.to_json_string()}"
    except Exception as error:
        if _wants_code(error):
            raise BadInput(_CODE.format(f"the image processor of {name!r}")) from error
        raise BadInput(
            f"cannot load the image processor of {name!r}: {_first_line(error)}. Save it beside "
            "the model with processor.save_pretrained() (preprocessor_config.json)"
        ) from error
    settings = f"{told} {getattr(found, 'chat_template', None)}"
    digest = hashlib.sha256(f"{content(source)} {dtype or 'float32'} {settings}".encode())
    return LoadedImages(network.to(where).eval(), found, name, digest.hexdigest()[:32], where)


def _network(
    name: str,
    auto: str,
    kinds: tuple[str, ...],
    what: str,
    device: str | None,
    dtype: str | None,
) -> tuple[Any, str, dict[str, Any], str]:
    """Return the network, where its other files are, how to load them, and the device."""
    torch = required("torch", "hf")
    transformers = required("transformers", "hf")
    if dtype is not None and dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES)
    where = device_named(device)
    source, local = source_of(name)
    options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(source, **options)
            _check_architecture(config, name, kinds, what)
            if local:
                check_weights(Path(source), name)
            network, info = getattr(transformers, auto).from_pretrained(
                source,
                config=config,
                dtype=getattr(torch, dtype or "float32"),
                output_loading_info=True,
                use_safetensors=True,
                **options,
            )
    except BadInput:
        raise
    except Exception as error:
        # transformers raises OSError, ValueError, RuntimeError and safetensors' own error here
        if _wants_code(error):
            raise BadInput(_CODE.format(repr(name))) from error
        way_out = (
            f"It must have been saved with save_pretrained() by a ...{kinds[0]} model"
            if local
            else "Check the name and the connection; offline, only models that the cache of the "
            "Hugging Face Hub holds can be loaded"
        )
        raise BadInput(f"cannot load {name!r} as a {what}: {_first_line(error)}. {way_out}") from (
            error
        )
    missing = sorted(info["missing_keys"]) + sorted(key for key, *_ in info["mismatched_keys"])
    if missing:
        raise BadInput(
            f"{name!r} is not a trained {what}: its files have no (or misshapen) weights "
            f"for {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}, which would "
            f"be random. Use a model saved by a ...{kinds[0]} class after training"
        )
    return network, source, options, where


def architectures(name: str) -> list[str]:
    """Return the architectures that the configuration of a model names.

    Raises
    ------
    BadInput
        there is no such model, or its config.json cannot be read.
    MissingExtra
        transformers is not installed.
    """
    source, local = source_of(name)
    transformers = required("transformers", "hf")
    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(
                source, local_files_only=local, trust_remote_code=False
            )
    except Exception as error:
        if _wants_code(error):
            raise BadInput(_CODE.format(repr(name))) from error
        raise BadInput(
            f"cannot read the configuration of {name!r}: {_first_line(error)}. Check the name; "
            "offline, only models that the cache of the Hugging Face Hub holds can be loaded"
        ) from error
    return list(getattr(config, "architectures", None) or [])


_CODE = (
    "{} comes with code of its own, which is never run here: whoever made it could do anything on "
    "this machine. Where you trust it, load the model yourself, and explain a function of your own "
    "that calls it: interplay.explain(masks -> values)"
)


def _wants_code(error: Exception) -> bool:
    """Whether transformers asks for leave to run a model's own code."""
    return "trust_remote_code" in str(error) or "custom code" in str(error)


def _check_architecture(config: Any, name: str, kinds: tuple[str, ...], what: str) -> None:
    architectures = list(getattr(config, "architectures", None) or [])
    if architectures and not any(a.endswith(kinds) for a in architectures):
        raise BadInput(
            f"{name!r} is not a {what}: its config.json names the architecture "
            f"{', '.join(architectures)}, so a {what} made of it would have a random head. "
            f"Use a model saved by a ...{kinds[0]} class"
        )


def _token_limit(model: Any, tokenizer: Any) -> int | None:
    """The least of what tokenizer, configuration and position table allow."""
    limits = [int(min(tokenizer.model_max_length, NO_LIMIT))]
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions)
    for name, module in model.named_modules():
        # RoBERTa and its kin count positions from padding_idx + 1: 514 rows hold 512 tokens.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None):
            limits.append(module.num_embeddings - module.padding_idx - 1)
    limit = min(limits)
    return limit if limit < NO_LIMIT else None


def _is_gpu(device: str | None) -> bool:
    try:
        import torch
    except ImportError:  # said with its remedy where the network is loaded
        return False
    return torch.cuda.is_available() if device is None else device.startswith("cuda")


def device_named(device: str | None) -> str:
    """Return the torch device that is meant: by default CUDA where there is one, else the CPU."""
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except Exception as error:
        raise BadInput(
            f"device {device!r} cannot be used: {_first_line(error)}. Leave it out, or use 'cpu'"
        ) from error
    return device


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' bars and log lines for one load, and put everything back."""
    hub: Any = import_module("huggingface_hub.utils")
    from transformers.utils import logging as hf_logging

    logger = logging.getLogger("transformers")
    level = logger.level
    bars = hf_logging.is_progress_bar_enabled()
    hub_bars = not hub.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if bars:
        hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            hf_logging.enable_progress_bar()
            if not hub_bars:
                hub.disable_progress_bars()
