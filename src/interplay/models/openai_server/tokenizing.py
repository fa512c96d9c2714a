"""Prompts as token ids, by the model's own tokenizer, where it is given."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from interplay.errors import BadInput
from interplay.models.language import Prompt


def load(tokenizer: Any) -> Any:
    """Return a tokenizer of transformers, loaded where a folder or ``hf:OWNER/NAME`` is named."""
    if tokenizer is None or callable(tokenizer):
        return tokenizer
    from interplay.models.hf_loading import load_tokenizer

    return load_tokenizer(str(tokenizer))


def digest(tokenizer: Any) -> str | None:
    """Return what identifies a tokenizer with its chat template."""
    if tokenizer is None:
        return None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    told = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab())
    template = getattr(tokenizer, "chat_template", None)
    return hashlib.sha256(f"{told} {template}".encode()).hexdigest()[:32]


def ids_of(tokenizer: Any, prompt: Prompt) -> list[int]:
    """Return a prompt's token ids; a chat is put into one text by the tokenizer's template.

    Raises
    ------
    BadInput
        A chat, and there is no template.
    """
    if not prompt.chat:
        return list(tokenizer(prompt.text, verbose=False)["input_ids"])
    if not getattr(tokenizer, "chat_template", None):
        raise BadInput("the tokenizer has no chat template, and the prompt is a chat")
    messages = [{"role": role, "content": text} for role, text in prompt.messages]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
