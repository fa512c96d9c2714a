"""Hugging Face sequence classifiers: token ids in, logits out."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput, MissingExtra
from interplay.value_function import FloatArray

HUB = "hf:"
DTYPES = ("float32", "float64", "float16", "bfloat16")
# What decides the logits. A README, a training log or a report beside them does not.
MODEL_FILES = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
)
# Tokenizers that know no limit say so with a huge number.
NO_LIMIT = 10**9


class HFClassifier:
    """A sequence classifier in Hugging Face format, with its tokenizer.

    Made by :meth:`load`. Texts go in as lists of token ids (:meth:`encode` makes them), so that
    whoever masks them decides where tokenisation happens.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    labels : tuple of str
        The model's classes, in the order of the logits.
    max_tokens : int or None
        The longest sequence it reads, special tokens included; None where there is no limit.
    fingerprint : str
        Digest of the contents of the weight, configuration and tokenizer files (for ``hf:ID``, of
        the commit) and of the number format. The folder's name and the device are not in it.
    multi_label : bool
        True where each label is a yes or no of its own (a sigmoid, not a softmax).
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, name: str, fingerprint: str, device: str
    ) -> None:
        import torch

        self.name = name
        self.fingerprint = fingerprint
        self.device = device
        self.tokenizer = tokenizer
        self.model = model
        config = model.config
        self.labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self.multi_label = config.problem_type == "multi_label_classification"
        self.max_tokens = _token_limit(model, tokenizer)
        self._text_config = config.get_text_config()
        self._pad_id: int | None = self._text_config.pad_token_id
        self._side: str | None = None  # of the padding; found out at the first batch
        self._epsilon = float(torch.finfo(model.dtype).eps)

    @classmethod
    def load(
        cls, model: str | Path, *, device: str | None = None, dtype: str | None = None
    ) -> HFClassifier:
        """Load a classifier from a folder, or ``hf:ID`` from the Hugging Face Hub (or its cache).

        Parameters
        ----------
        model : str or Path
            A folder with ``config.json``, weights and tokenizer files, or ``hf:OWNER/NAME``.
        device : str, optional
            A torch device; default: ``"cuda"`` where there is one, else ``"cpu"``.
        dtype : str, optional
            One of ``float32`` (default), ``float64``, ``float16``, ``bfloat16``.

        Raises
        ------
        BadInput
            If the folder is missing, is not a sequence classifier, lacks weights, or if device or
            dtype are unknown. Code that comes with a model is never run.
        MissingExtra
            If torch or transformers is not installed.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingExtra("torch", "hf") from error
        try:
            import transformers
        except ImportError as error:
            raise MissingExtra("transformers", "hf") from error
        name = str(model)
        if dtype is not None and dtype not in DTYPES:
            raise BadInput(f"unknown dtype {dtype!r}; valid: {', '.join(DTYPES)}")
        where = _device(device)
        source, local = _source(name)
        options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
        try:
            with _quiet():
                config = transformers.AutoConfig.from_pretrained(source, **options)
                _check_architecture(config, name)
                network, info = transformers.AutoModelForSequenceClassification.from_pretrained(
                    source,
                    config=config,
                    dtype=getattr(torch, dtype or "float32"),
                    output_loading_info=True,
                    **options,
                )
        except BadInput:
            raise
        except Exception as error:
            # transformers raises OSError, ValueError, RuntimeError and safetensors' own error here
            raise BadInput(
                f"cannot load {name!r} as a sequence classifier: {_first_line(error)}. "
                "It must have been saved with save_pretrained() by a ...ForSequenceClassification "
                "model"
            ) from error
        missing = sorted(info["missing_keys"]) + sorted(key for key, *_ in info["mismatched_keys"])
        if missing:
            raise BadInput(
                f"{name!r} is not a trained classifier: its files have no (or misshapen) weights "
                f"for {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}, which would "
                "be random. Use a model that was fine-tuned for sequence classification"
            )
        try:
            with _quiet():
                tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        except Exception as error:
            raise BadInput(
                f"cannot load the tokenizer of {name!r}: {_first_line(error)}. Save it beside the "
                "model with tokenizer.save_pretrained()"
            ) from error
        content = f"{source}@{config._commit_hash}" if not local else folder_digest(source)
        digest = hashlib.sha256(f"{content} {dtype or 'float32'}".encode()).hexdigest()[:32]
        network = network.to(where).eval()
        return cls(network, tokenizer, name=name, fingerprint=digest, device=where)

    def encode(self, texts: Sequence[str], *, special: bool = True) -> list[list[int]]:
        """Return the token ids of each text, never truncated.

        With ``special`` (the default) the tokenizer's own special tokens stand around the text, and
        a text without any token is read as the tokenizer's first of BOS, EOS and padding, because
        no model reads nothing.
        """
        if not texts:
            return []
        encoded: list[list[int]] = self.tokenizer(
            list(texts),
            add_special_tokens=special,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return [self.not_empty(ids) for ids in encoded] if special else encoded

    def not_empty(self, ids: list[int]) -> list[int]:
        """Return ``ids``, or the one token that stands for a text of which nothing is left."""
        if ids:
            return ids
        tokenizer = self.tokenizer
        for stand_in in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
            if stand_in is not None:
                return [stand_in]
        raise BadInput(
            f"the tokenizer of {self.name!r} makes no token of an empty text, and has no BOS, EOS "
            "or padding token to stand for it; use a mask that leaves something, such as mask='...'"
        )

    def check_lengths(self, lengths: Sequence[int], *, what: str, way_out: str) -> None:
        """Raise BadInput if a sequence is longer than the model reads."""
        longest = max(lengths, default=0)
        if self.max_tokens is not None and longest > self.max_tokens:
            raise BadInput(
                f"{what} has {longest} tokens, but {self.name!r} reads at most {self.max_tokens}, "
                f"and interplay never truncates; {way_out}"
            )

    def logits(self, sequences: Sequence[Sequence[int]], *, batch_size: int = 32) -> FloatArray:
        """Return the logits of token-id sequences, float64 ``(m, labels)``, in the given order.

        Sequences are scored in batches of similar length, the longest first, each padded to its
        own longest. The result does not depend on order or batch size beyond rounding (1e-4): that
        padding does not change this model's logits is tried once, and where it does, only
        sequences of equal length share a batch.

        Raises
        ------
        BadInput
            If a token id is outside the model's vocabulary.
        """
        used = set().union(*sequences)
        rows = self.model.get_input_embeddings().num_embeddings
        if used and max(used) >= rows:
            raise BadInput(
                f"the tokenizer of {self.name!r} makes token id {max(used)}, but the model knows "
                f"{rows} tokens; the folder's tokenizer belongs to another model"
            )
        pad = self._pad_id
        if pad is None:
            # Decoders take the logits at the last token that is not padding, and refuse batches
            # without a padding token. Any id that occurs nowhere will do; -1 is never read.
            pad = next((i for i in range(rows) if i not in used), -1)
            self._text_config.pad_token_id = pad
        side = self._padding_side(sequences, pad) if pad >= 0 else ""
        out = np.empty((len(sequences), len(self.labels)))
        for batch in _batches([len(ids) for ids in sequences], batch_size, equal=not side):
            out[batch] = self._forward([sequences[i] for i in batch], pad, side)
        return out

    def _padding_side(self, sequences: Sequence[Sequence[int]], pad: int) -> str:
        """Return ``"right"``, ``"left"`` or, where padding changes logits, ``""``."""
        if self._side is None:
            pair = [min(sequences, key=len), max(sequences, key=len)] if sequences else []
            if len({len(ids) for ids in pair}) < 2:
                return ""
            alone = np.concatenate([self._forward([ids], pad, "") for ids in pair])
            tolerance = max(1e-4, 4 * self._epsilon) * max(1.0, float(np.abs(alone).max()))
            sides = ("right", "left")
            agrees = [
                np.allclose(self._forward(pair, pad, side), alone, rtol=0, atol=tolerance)
                for side in sides
            ]
            self._side = next((s for s, ok in zip(sides, agrees, strict=True) if ok), "")
        return self._side

    def _forward(self, batch: Sequence[Sequence[int]], pad: int, side: str) -> FloatArray:
        import torch

        width = max(map(len, batch))
        ids = np.full((len(batch), width), max(pad, 0), dtype=np.int64)
        attention = np.zeros((len(batch), width), dtype=np.int64)
        for row, sequence in enumerate(batch):
            start = width - len(sequence) if side == "left" else 0
            where = slice(start, start + len(sequence))
            ids[row, where] = sequence
            attention[row, where] = 1
        with torch.inference_mode():
            result = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(attention).to(self.device),
            )
        logits: FloatArray = result.logits.double().cpu().numpy()
        return logits


def _batches(lengths: Sequence[int], batch_size: int, *, equal: bool) -> Iterator[list[int]]:
    """Rows in batches, the longest first; with ``equal``, of one length each."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batch: list[int] = []
    for row in order:
        if len(batch) == batch_size or (equal and batch and lengths[row] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def folder_digest(folder: str | Path) -> str:
    """Return the SHA-256 over names and contents of a model folder's files (``MODEL_FILES``)."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in MODEL_FILES):
            status = path.stat()
            digest.update(f"{path.name} ".encode())
            digest.update(_file_digest(str(path.resolve()), status.st_mtime_ns, status.st_size))
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: str, mtime_ns: int, size: int) -> bytes:
    """Digest of one file; the arguments beside the path make a changed file another entry."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _source(name: str) -> tuple[str, bool]:
    """Return what from_pretrained takes, and whether it is a folder on this machine."""
    if name.startswith(HUB):
        return name[len(HUB) :], False
    folder = Path(name).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise BadInput(
            f"model folder {name!r} {what}; give a folder in Hugging Face format, or "
            f"{HUB}OWNER/NAME for a model of the Hugging Face Hub"
        )
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"model folder {name!r} has no config.json; give the folder that "
            "save_pretrained() wrote"
        )
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"config.json of model folder {name!r} is not JSON: {error}") from error
    return str(folder), True


def _check_architecture(config: Any, name: str) -> None:
    architectures = list(getattr(config, "architectures", None) or [])
    if architectures and not any(a.endswith("ForSequenceClassification") for a in architectures):
        raise BadInput(
            f"{name!r} is not a sequence classifier: its config.json names the architecture "
            f"{', '.join(architectures)}, so a classifier made of it would have a random head. "
            "Use a model saved by a ...ForSequenceClassification class"
        )


def _token_limit(model: Any, tokenizer: Any) -> int | None:
    """The least of what tokenizer, configuration and position table allow."""
    limits = [int(tokenizer.model_max_length)]
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions)
    for name, module in model.named_modules():
        # RoBERTa and its kin count positions from padding_idx + 1: 514 rows hold 512 tokens.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None):
            limits.append(module.num_embeddings - module.padding_idx - 1)
    limit = min(limits)
    return limit if limit < NO_LIMIT else None


def _device(device: str | None) -> str:
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
def _quiet() -> Iterator[None]:
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
