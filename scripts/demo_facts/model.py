"""The architecture, and the folder that holds weights and tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from .tokenizer import BOS, EOS, LONGEST, PAD, pretrained_tokenizer


def architecture(vocabulary: int, width: int = 128, layers: int = 4) -> LlamaConfig:
    """A small Llama: rotary positions, tied embeddings."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        attn_implementation="sdpa",
    )


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> LlamaForCausalLM:
    """Write the folder with float16 weights, and return the model as read back from it.

    The configuration says float32, so that a plain ``from_pretrained`` computes in float32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = LlamaForCausalLM(model.config)
    stored.load_state_dict(model.state_dict())
    stored.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    pretrained_tokenizer(tokenizer).save_pretrained(folder)
    for name, changes in (
        ("config.json", {"dtype": "float32"}),
        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    ):
        path = folder / name
        settings = json.loads(path.read_text(encoding="utf-8")) | changes
        path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    model.config.dtype = torch.float32
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
