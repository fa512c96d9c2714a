"""Hugging Face models of the LLaVA kind: a picture and a question in, a response out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from interplay.errors import BackendError, BadInput
from interplay.models.batching import out_of_memory
from interplay.models.hf_loading import LoadedImages
from interplay.models.hf_pictures import HFPictureModel, Picture
from interplay.models.language import Response
from interplay.models.responses import decoded, fixed
from interplay.value_function import FloatArray


@dataclass(frozen=True, eq=False)
class Answered:
    """Log-probabilities of responses to a question about each of m pictures.

    Attributes
    ----------
    logprobs : list of float64 (m, tokens)
        One array per response: the natural log-probability of each of its tokens.
    tokens : float64 (m,)
        How many tokens the model read for each picture, those of the picture included.
    """

    logprobs: list[FloatArray]
    tokens: FloatArray


class HFImageText(HFPictureModel):
    """A language model that looks at pictures, in Hugging Face format, with its processor.

    Made by :meth:`load`. Questions go through the model's own chat template where it has one;
    otherwise the prompt is the model's token for a picture, a line break, and the question.

    Attributes
    ----------
    name : str
        What was asked for: the folder, or ``hf:ID``.
    fingerprint : str
        Digest of weights, configuration, tokenizer, the processor's settings and chat template,
        and number format.
    max_tokens : int or None
        The longest prompt and response together; None where nobody says.
    """

    auto = "AutoModelForImageTextToText"
    kinds = ("ForConditionalGeneration", "ForCausalLM", "ForVision2Seq")
    what = "vision-language model"

    def __init__(self, loaded: LoadedImages) -> None:
        if not hasattr(loaded.processor, "tokenizer"):
            raise BadInput(
                f"{loaded.name!r} has no processor for pictures and text together; save it beside "
                "the model with processor.save_pretrained()"
            )
        if getattr(loaded.network.config, "is_encoder_decoder", False):
            raise BadInput(
                f"{loaded.name!r} has an encoder and a decoder, which interplay does not ask about "
                "pictures; use a model of the LLaVA kind, whose prompt and response are one text"
            )
        super().__init__(loaded)
        self.tokenizer = self.processor.tokenizer
        positions = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        self.max_tokens = positions if isinstance(positions, int) and positions > 0 else None
        self._keeps = "logits_to_keep" in signature(self.model.forward).parameters

    def prompt(self, question: str) -> str:
        """Return the text in which the question is put to the model, the picture's place in it."""
        if getattr(self.processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": question}]
            messages = [{"role": "user", "content": content}]
            try:
                text: str = self.processor.apply_chat_template(messages, add_generation_prompt=True)
            except Exception as error:  # a template is a program of its own
                raise BadInput(
                    f"the chat template of {self.name!r} cannot hold a picture and a question: "
                    f"{error}"
                ) from error
            return text
        return f"{getattr(self.processor, 'image_token', '<image>')}\n{question}"

    def fix(self, question: str, text: str) -> Response:
        """Return ``text`` as the tokens that follow the question.

        Raises
        ------
        BadInput
            If it has no tokens of its own there, or characters that the tokenizer does not know.
        """
        prompt = self.prompt(question)
        return fixed(self.tokenizer, self._ids(prompt), text, name=self.name, prompt=prompt)

    def respond(self, picture: Picture, question: str, *, max_tokens: int = 64) -> Response:
        """Return the model's own most likely response, token by token, without its end token.

        Raises
        ------
        BadInput
            If the response is empty.
        """
        import torch

        prompt = self.prompt(question)
        inputs = self._inputs(picture, prompt)
        length = inputs["input_ids"].shape[1]
        self._check_length(length, max_tokens)
        ends = self._ends()
        ids: list[int] = []
        with torch.inference_mode():
            out = self._run(
                self.model.generate,
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=max_tokens,
                pad_token_id=min(ends) if ends else 0,
                suppress_tokens=self._image_tokens(),
            )
        for token in out[0, length:].tolist():
            if token in ends:
                break
            ids.append(int(token))
        if not ids:
            raise BadInput(
                f"{self.name!r} gives an empty response to {question!r}; give the response that "
                "shall be explained"
            )
        return decoded(self.tokenizer, self._ids(prompt), ids)

    def score(
        self,
        pictures: Iterable[Picture],
        question: str,
        responses: Sequence[Response],
        *,
        batch_size: int = 8,
    ) -> Answered:
        """Return the log-probabilities of each response after the question about each picture.

        All pictures have one size. Prompts have the same tokens then, and nothing is padded; each
        picture is processed once, whatever the number of responses.

        Raises
        ------
        BadInput
            If prompt and response are longer than the model reads.
        BackendError
            If the processor or the model fails.
        """
        prompt = self.prompt(question)
        count, first = 0, None

        def work(batch: list[dict[str, Any]]) -> list[FloatArray]:
            inputs = _together(batch)
            return [self._score(inputs, response.ids) for response in responses]

        def processed() -> Iterator[dict[str, Any]]:
            nonlocal count, first
            for picture in pictures:
                inputs = self._inputs(picture, prompt)
                ids = inputs["input_ids"]
                if first is None:
                    first = ids
                    for response in responses:
                        self._check_length(ids.shape[1], len(response.ids))
                elif ids.tolist() != first.tolist():
                    raise BackendError(
                        f"the processor of {self.name!r} makes other prompts of other pictures of "
                        "the same size, which cannot be compared"
                    )
                count += 1
                yield inputs

        found = self._batches.run(processed(), batch_size, work)
        read = 0 if first is None else sum(first.shape[1] + len(one.ids) for one in responses)
        logprobs = [
            np.concatenate([np.empty((0, len(response.ids))), *(part[place] for part in found)])
            for place, response in enumerate(responses)
        ]
        return Answered(logprobs, np.full(count, float(read)))

    def _score(self, inputs: dict[str, Any], response: Sequence[int]) -> FloatArray:
        import torch

        r = len(response)
        extended = _extended(inputs, response)
        more = {"logits_to_keep": r + 1} if self._keeps else {}
        with torch.inference_mode():
            logits = self._run(self.model, **extended, **more).logits
            # the logits at a token are of the one after it
            logits = logits[:, -(r + 1) : -1].float().log_softmax(dim=-1)
            wanted = torch.tensor(response, device=logits.device).expand(len(logits), r)
            logprobs = logits.gather(2, wanted[:, :, None])[:, :, 0]
        result: FloatArray = logprobs.double().cpu().numpy()
        return result

    def _inputs(self, picture: Picture, prompt: str) -> dict[str, Any]:
        """Return what the processor makes of one picture and the prompt, as tensors."""
        import torch
        from PIL import Image

        try:
            made = self.processor(
                images=[[Image.fromarray(picture)]], text=[prompt], return_tensors="pt"
            )
        except Exception as error:  # whatever a processor raises is about its settings
            raise BackendError(
                f"the processor of {self.name!r} failed on a picture of shape {picture.shape}: "
                f"{error}"
            ) from error
        return {
            name: value.to(self.device, self.model.dtype)
            if torch.is_floating_point(value)
            else value.to(self.device)
            for name, value in made.items()
            if isinstance(value, torch.Tensor)
        }

    def _run(self, function: Any, **inputs: Any) -> Any:
        try:
            return function(**inputs)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if out_of_memory(error):
                raise
            raise BackendError(
                f"{self.name!r} failed on a picture and a question: {error}. Check that processor "
                "and model belong together (the number of tokens that stand for a picture)"
            ) from error

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, verbose=False)["input_ids"]
        return ids

    def _ends(self) -> set[int]:
        config = getattr(self.model, "generation_config", None)
        told = [getattr(config, "eos_token_id", None), self.tokenizer.eos_token_id]
        ends: set[int] = set()
        for one in told:
            ends |= set(one) if isinstance(one, list | tuple) else set() if one is None else {one}
        return ends

    def _image_tokens(self) -> list[int] | None:
        """The token that stands for a piece of the picture: none may be generated."""
        config = self.model.config
        found = getattr(config, "image_token_id", getattr(config, "image_token_index", None))
        return None if found is None else [int(found)]

    def _check_length(self, prompt: int, response: int) -> None:
        if self.max_tokens is not None and prompt + response > self.max_tokens:
            raise BadInput(
                f"picture, question and response have {prompt + response} tokens, but "
                f"{self.name!r} reads at most {self.max_tokens}, and interplay never truncates; "
                "shorten the question or the response"
            )


def _together(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import torch

    return {name: torch.cat([one[name] for one in batch]) for name in batch[0]}


def _extended(inputs: dict[str, Any], response: Sequence[int]) -> dict[str, Any]:
    """The inputs with the response behind every prompt, whatever goes along with the tokens."""
    import torch

    ids = inputs["input_ids"]
    tail = torch.tensor(response, device=ids.device).expand(len(ids), len(response))
    out = dict(inputs)
    for name, value in inputs.items():
        if value.shape[:2] != ids.shape:
            continue  # of the picture
        if name == "input_ids":
            more = tail
        elif name == "attention_mask":
            more = torch.ones_like(tail)
        elif value.ndim == 2:  # kinds of tokens: 0 is text
            more = torch.zeros_like(tail).to(value.dtype)
        else:  # which pictures each token sees: as the last one of the prompt
            more = value[:, -1:].expand(-1, len(response), *value.shape[2:])
        out[name] = torch.cat([value, more.to(value.dtype)], dim=1)
    return out
