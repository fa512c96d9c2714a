"""What all Hugging Face models that read text share: token ids, limits, the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from interplay.errors import BadInput
from interplay.models.hf_loading import Loaded, load


class HFModel:
    """A network with its tokenizer; texts become lists of token ids, never truncated.

    Made by :meth:`load`; a kind of model says what it is loaded as.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    max_tokens : int or None
        The longest sequence it reads, special tokens included; None where there is no limit.
    fingerprint : str
        Digest of the contents of the weight, configuration and tokenizer files (for ``hf:ID``, of
        the commit) and of the number format. The folder's name and the device are not in it.
    """

    auto: ClassVar[str]
    """The class of transformers that loads it."""

    kinds: ClassVar[tuple[str, ...]]
    """How the names of architectures that were trained for this end."""

    what: ClassVar[str]
    """What such a network is called in messages."""

    dtype_on_gpu: ClassVar[str] = "float32"

    def __init__(self, loaded: Loaded) -> None:
        self.name = loaded.name
        self.fingerprint = loaded.fingerprint
        self.device = loaded.device
        self.tokenizer = loaded.tokenizer
        self.model = loaded.network
        self.max_tokens = loaded.max_tokens

    @classmethod
    def load(
        cls, model: str | Path, *, device: str | None = None, dtype: str | None = None
    ) -> Self:
        """Load a model from a folder, or ``hf:ID`` from the Hugging Face Hub (or its cache).

        Parameters
        ----------
        model : str or Path
            A folder with ``config.json``, weights and tokenizer files, or ``hf:OWNER/NAME``.
        device : str, optional
            A torch device; default: ``"cuda"`` where there is one, else ``"cpu"``.
        dtype : str, optional
            One of ``float32``, ``float64``, ``float16``, ``bfloat16``. Default: ``float32``, but
            ``bfloat16`` for language models on CUDA devices.

        Raises
        ------
        BadInput
            If the folder is missing, is no model of this kind, lacks weights, or if device or
            dtype are unknown. Code that comes with a model is never run.
        MissingExtra
            If torch or transformers is not installed.
        """
        loaded = load(
            str(model),
            auto=cls.auto,
            kinds=cls.kinds,
            what=cls.what,
            device=device,
            dtype=dtype,
            dtype_on_gpu=cls.dtype_on_gpu,
        )
        return cls(loaded)

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

    def check_vocabulary(self, ids: Iterable[int]) -> int:
        """Return how many tokens the network knows; raise BadInput if one of ``ids`` is none."""
        rows = int(self.model.get_input_embeddings().num_embeddings)
        largest = max(ids, default=-1)
        if largest >= rows:
            raise BadInput(
                f"the tokenizer of {self.name!r} makes token id {largest}, but the model knows "
                f"{rows} tokens; the folder's tokenizer belongs to another model"
            )
        return rows
