"""Hugging Face models of the CLIP and SigLIP kind: how well a caption fits a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.models.hf_loading import LoadedImages
from interplay.models.hf_pictures import HFPictureModel, Picture, pixels_of
from interplay.value_function import FloatArray


class HFContrastive(HFPictureModel):
    """A contrastive model of pictures and texts in Hugging Face format, with its processor.

    Made by :meth:`load`. The score of a picture and a caption is the scaled cosine of their
    embeddings (and, SigLIP's way, plus a bias): the model's own ``logits_per_image``. Pictures and
    captions are embedded apart, so that each is embedded once.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    fingerprint : str
        Digest of weights, configuration, tokenizer, the processor's settings and number format.
    multi_label : bool
        True for models of the SigLIP kind, to which each caption is a yes or no of its own.
    max_tokens : int
        The longest caption, special tokens included.
    """

    auto = "AutoModelForZeroShotImageClassification"
    kinds = ("Model",)
    what = "contrastive model of pictures and captions"

    def __init__(self, loaded: LoadedImages) -> None:
        super().__init__(loaded)
        self.multi_label = hasattr(self.model, "logit_bias")
        if not hasattr(self.model, "logit_scale"):
            raise BadInput(
                f"{self.name!r} cannot be used: its score is not a scaled product of two "
                "embeddings; use a model of the CLIP or SigLIP kind"
            )
        positions = int(self.model.config.get_text_config().max_position_embeddings)
        self.max_tokens = min(positions, int(self.processor.tokenizer.model_max_length))
        self._check()

    def embed_pictures(self, pictures: Iterable[Picture], *, batch_size: int = 32) -> FloatArray:
        """Return the embeddings of pictures, float64 ``(m, d)``, each of length 1."""
        import torch

        def work(batch: list[Any]) -> FloatArray:
            stacked = torch.cat(batch).to(self.device, self.model.dtype)
            with torch.inference_mode():
                return _lengths_one(self.model.get_image_features(pixel_values=stacked))

        processor = self.processor.image_processor
        pixels = (pixels_of(processor, one, self.name) for one in pictures)
        return np.concatenate(self._batches.run(pixels, batch_size, work))

    def embed_captions(self, captions: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the embeddings of captions, float64 ``(c, d)``, each of length 1.

        Raises
        ------
        BadInput
            If a caption has more tokens than the model reads; nothing is truncated.
        """
        import torch

        def work(batch: list[str]) -> FloatArray:
            inputs = self._tokens(batch)
            with torch.inference_mode():
                return _lengths_one(self.model.get_text_features(**inputs))

        return np.concatenate(self._batches.run(captions, batch_size, work))

    def count_tokens(self, captions: Sequence[str]) -> list[int]:
        """Return how many tokens each caption has, special tokens included."""
        ids = self.processor.tokenizer(list(captions), verbose=False)["input_ids"]
        return [len(one) for one in ids]

    def scores(self, pictures: FloatArray, captions: FloatArray) -> FloatArray:
        """Return ``logits_per_image`` of paired embeddings, both ``(..., d)``; they broadcast."""
        scale = float(self.model.logit_scale.detach().double().exp())
        bias = float(self.model.logit_bias.detach().double()) if self.multi_label else 0.0
        cosine: FloatArray = (pictures * captions).sum(axis=-1)
        return scale * cosine + bias

    def _tokens(self, captions: Sequence[str]) -> dict[str, Any]:
        lengths = self.count_tokens(captions)
        longest = int(np.argmax(lengths))
        if lengths[longest] > self.max_tokens:
            raise BadInput(
                f"the caption {captions[longest]!r} has {lengths[longest]} tokens, but "
                f"{self.name!r} reads at most {self.max_tokens}, and interplay never truncates; "
                "shorten it"
            )
        # SigLIP was trained on, and reads, padding up to its full length; CLIP takes no notice
        padding = "max_length" if self.multi_label else "longest"
        encoded = self.processor.tokenizer(
            list(captions),
            padding=padding,
            max_length=self.max_tokens if self.multi_label else None,
            return_tensors="pt",
            verbose=False,
        )
        return {
            name: encoded[name].to(self.device)
            for name in ("input_ids", "attention_mask")
            if name in encoded
        }

    def _check(self) -> None:
        """Refuse a model whose own score is another than that of :meth:`scores`."""
        import torch

        picture = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        pixels = pixels_of(self.processor.image_processor, picture, self.name)
        inputs = self._tokens(["a"])
        with torch.inference_mode():
            own = self.model(
                pixel_values=pixels.to(self.device, self.model.dtype), **inputs
            ).logits_per_image
        ours = self.scores(self.embed_pictures([picture]), self.embed_captions(["a"]))
        tolerance = max(1e-3, 8 * float(torch.finfo(self.model.dtype).eps)) * max(1.0, abs(ours[0]))
        if abs(float(own) - ours[0]) > tolerance:
            raise BadInput(
                f"{self.name!r} cannot be used: its score of a picture and a caption is "
                f"{float(own):g} and not the scaled product of their embeddings, {ours[0]:g}; use "
                "a model of the CLIP or SigLIP kind"
            )


def _lengths_one(features: Any) -> FloatArray:
    # transformers 4 returns the embeddings themselves
    pooled = getattr(features, "pooler_output", features).double().cpu().numpy()
    unit: FloatArray = pooled / np.linalg.norm(pooled, axis=-1, keepdims=True)
    return unit
