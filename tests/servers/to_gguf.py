"""A Llama in Hugging Face format as a GGUF file of float32: ``python to_gguf.py FOLDER FILE``.

Runs where ``gguf`` and ``safetensors`` are installed; reads the tokenizer as JSON. Byte-level BPE
with GPT-2's expression and SentencePiece-like BPE with byte fallback are known.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file


def permuted(weight: Any, heads: int) -> Any:
    """Rows of a query or key matrix as llama.cpp pairs them: neighbours, not halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def write_tensors(writer: gguf.GGUFWriter, weights: dict[str, Any], config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    key_heads = config.get("num_key_value_heads") or heads
    names = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    for name, weight in weights.items():
        weight = weight.astype(np.float32)
        if name.startswith("model.layers."):
            _, _, layer, rest = name.split(".", 3)
            part = rest.removesuffix(".weight")
            if part in ("self_attn.q_proj", "self_attn.k_proj"):
                weight = permuted(weight, heads if part.endswith("q_proj") else key_heads)
            writer.add_tensor(f"blk.{layer}.{names[part]}.weight", weight)
        elif name == "model.embed_tokens.weight":
            writer.add_tensor("token_embd.weight", weight)
        elif name == "model.norm.weight":
            writer.add_tensor("output_norm.weight", weight)
        elif name == "lm_head.weight":
            if not config.get("tie_word_embeddings"):
                writer.add_tensor("output.weight", weight)
        else:
            raise SystemExit(f"unknown tensor {name}")


def write_config(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads, width = config["num_attention_heads"], config["hidden_size"]
    size = config.get("head_dim") or width // heads
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(theta)
    writer.add_rope_dimension_count(size)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def write_tokenizer(
    writer: gguf.GGUFWriter, data: dict[str, Any], config: dict[str, Any], bos: bool
) -> None:
    model = data["model"]
    tokens = [f"<unused {i}>" for i in range(config["vocab_size"])]
    for piece, number in model["vocab"].items():
        tokens[number] = piece
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    for one in data["added_tokens"]:
        tokens[one["id"]] = one["content"]
        unknown = one["content"] == model.get("unk_token")
        kinds[one["id"]] = gguf.TokenType.UNKNOWN if unknown else gguf.TokenType.CONTROL
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    if model.get("byte_fallback"):
        ranks = {
            "".join(merge.split(" ")): -float(i) for i, merge in reversed([*enumerate(merges)])
        }
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([ranks.get(piece, -1e6) for piece in tokens])
        for number, piece in enumerate(tokens):
            if len(piece) == 6 and piece.startswith("<0x"):
                kinds[number] = gguf.TokenType.BYTE
        writer.add_add_space_prefix(True)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(config["bos_token_id"])
    ends = config["eos_token_id"]
    writer.add_eos_token_id(ends[0] if isinstance(ends, list) else ends)
    writer.add_add_bos_token(bos)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--no-bos", action="store_true", help="put no token before a text")
    given = parser.parse_args()
    config = json.loads((given.folder / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(given.file, "llama")
    write_config(writer, config)
    data = json.loads((given.folder / "tokenizer.json").read_text("utf-8"))
    write_tokenizer(writer, data, config, bos=not given.no_bos)
    write_tensors(writer, load_file(given.folder / "model.safetensors"), config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
