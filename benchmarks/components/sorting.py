"""minGPT's sorting network, by its own weights: a module that transformers does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

WIDTH, HEADS, LAYERS, LETTERS, LONGEST = 48, 3, 3, 3, 11


class Attention(nn.Module):
    """Causal attention; heads lie side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        b, t, _ = x.shape
        q, k, v = (one.view(b, t, HEADS, -1).transpose(1, 2) for one in self.c_attn(x).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(b, t, WIDTH))


class MLP(nn.Module):
    """GELU between two matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        return self.c_proj(nn.functional.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """A layer."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn, self.mlp = Attention(), MLP()

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Sorter(nn.Module):
    """Reads symbols, gives the logits of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(LETTERS, WIDTH), nn.Embedding(LONGEST, WIDTH)
        self.h = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, LETTERS, bias=False)

    def forward(self, idx: Any) -> Any:
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x)), None


def sorter(folder: Path) -> Sorter:
    """Return the network of a folder."""
    from safetensors.torch import load_file

    made = Sorter()
    weights = load_file(str(folder / "model.safetensors"))
    made.load_state_dict({name.removeprefix("transformer."): w for name, w in weights.items()})
    return made.eval()
