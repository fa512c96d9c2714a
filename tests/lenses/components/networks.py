"""Networks of each family with random weights, and ablation by surgery on their matrices.

What is here knows nothing of hooks: to ablate a head, its columns of the output projection of a
copied network are set to 0.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

WORDS = 60
COMMON = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# family: (class of the network, of the configuration, options, layers, projection, MLP's last)
FAMILIES: dict[str, tuple[str, str, dict[str, Any], str, str, str]] = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", {"num_key_value_heads": 2},
              "model.layers", "self_attn.o_proj", "mlp.down_proj"),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", {"num_key_value_heads": 2},
              "model.layers", "self_attn.o_proj", "mlp.down_proj"),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {"num_key_value_heads": 1, "head_dim": 16},
              "model.layers", "self_attn.o_proj", "mlp.down_proj"),
    "mistral": ("MistralForCausalLM", "MistralConfig",
                {"num_key_value_heads": 2, "sliding_window": 4},
                "model.layers", "self_attn.o_proj", "mlp.down_proj"),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", {"num_key_value_heads": 1, "head_dim": 8},
              "model.layers", "self_attn.o_proj", "mlp.down_proj"),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {},
             "transformer.h", "attn.c_proj", "mlp.c_proj"),
    "neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", {},
             "gpt_neox.layers", "attention.dense", "mlp.dense_4h_to_h"),
    "bert": ("BertForSequenceClassification", "BertConfig", {"num_labels": 3},
             "bert.encoder.layer", "attention.output.dense", "output.dense"),
    "modernbert": ("ModernBertForSequenceClassification", "ModernBertConfig",
                   {"num_labels": 3, "cls_token_id": 1, "sep_token_id": 2, "local_attention": 4,
                    "global_attn_every_n_layers": 2, "initializer_cutoff_factor": 2.0},
                   "model.layers", "attn.Wo", "mlp.Wo"),
    "vit": ("ViTForImageClassification", "ViTConfig",
            {"num_labels": 3, "image_size": 16, "patch_size": 4},
            "vit.layers", "attention.o_proj", "mlp.fc2"),
}  # fmt: skip


def network(family: str, seed: int = 0) -> Any:
    """A network of a family, with random weights and biases, in evaluation mode."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    kind, configuration, options, *_ = FAMILIES[family]
    given = dict(COMMON)
    if family == "gpt2":
        given = {"vocab_size": WORDS, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64,
                 "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
    if family == "vit":
        for name in ("vocab_size", "max_position_embeddings"):
            del given[name]
    made = getattr(transformers, kind)(getattr(transformers, configuration)(**given, **options))
    with torch.no_grad():  # biases begin with 0, and would hide that they are left alone
        for name, weight in made.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.2)
    return made.eval()


def module(made: Any, family: str, layer: int, what: str) -> Any:
    """The output projection or the last matrix of the MLP of a layer."""
    _, _, _, layers, projection, mlp = FAMILIES[family]
    return made.get_submodule(f"{layers}.{layer}.{projection if what == 'head' else mlp}")


def without(
    made: Any, family: str, mask: np.ndarray, *, rescale: bool = False, heads: int = 4
) -> Any:
    """A copy without the heads that ``mask``, bool (layers, heads), leaves out."""
    import torch

    copied = copy.deepcopy(made)
    with torch.no_grad():
        for layer, kept in enumerate(mask):
            weight = module(copied, family, layer, "head").weight
            if type(module(copied, family, layer, "head")).__name__ == "Conv1D":
                weight = weight.T  # a view: (out, in), as everywhere else
            width = weight.shape[1] // heads
            for head in range(heads):
                columns = weight[:, head * width : (head + 1) * width]
                if not kept[head]:
                    columns.zero_()
                elif rescale:
                    columns.mul_(heads / kept.sum())
    return copied


def without_mlps(made: Any, family: str, kept: np.ndarray) -> Any:
    """A copy without the MLPs that are not kept."""
    import torch

    copied = copy.deepcopy(made)
    with torch.no_grad():
        for layer in np.flatnonzero(~kept):
            last = module(copied, family, int(layer), "mlp")
            last.weight.zero_()
            if getattr(last, "bias", None) is not None:
                last.bias.zero_()
    return copied


def prompts(family: str, count: int = 6, seed: int = 0) -> list[Any]:
    """Token ids of several lengths, or pixels."""
    rng = np.random.default_rng(seed)
    if family == "vit":
        return [rng.standard_normal((3, 16, 16)).astype(np.float32) for _ in range(count)]
    return [rng.integers(3, WORDS, size=int(rng.integers(7, 11))).tolist() for _ in range(count)]


def logits(made: Any, one: Any) -> np.ndarray:
    """The network's logits of one prompt, as it gives them by itself."""
    import torch

    with torch.inference_mode():
        if isinstance(one, np.ndarray):
            found = made(pixel_values=torch.from_numpy(one)[None])
        else:
            ids = torch.tensor([one])
            found = made(input_ids=ids, attention_mask=torch.ones_like(ids))
    return found.logits[0].double().numpy()
