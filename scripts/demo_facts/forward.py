"""The forward pass of a Llama over packed rows, several times cheaper than the general one.

It uses the weights of a ``LlamaForCausalLM``, and computes what that computes with the same mask;
but the attention of a question is computed over the context and the questions of its group only,
matrices are multiplied in bfloat16, and the last layer is computed only where something is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu
from transformers import LlamaForCausalLM

from .batches import Batch


def forward(
    model: LlamaForCausalLM,
    batch: Batch,
    segments: Sequence[tuple[int, int]],
    read: Tensor,
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[list[Tensor], Tensor]:
    """Run the model.

    Parameters
    ----------
    segments : sequence of (start, end)
        Columns of the context, then of groups of questions; together all columns, in order.
    read : Tensor of int, shape (answers,)
        Columns of questions of which the logits are wanted, ascending.

    Returns
    -------
    tuple of (list of Tensor, Tensor)
        The states after each layer but the last (rows x tokens x width), and the logits
        (rows x answers x vocabulary).
    """
    inner, config = model.model, model.config
    width, epsilon = config.hidden_size, config.rms_norm_eps
    size = width // config.num_attention_heads
    # Llama turns the first half of a head's dimensions against the second. Side by side, each pair
    # is one complex number; queries and keys are reordered alike, so their products stay the same.
    order = torch.arange(width).view(-1, 2, size // 2).transpose(1, 2).flatten()
    angles = batch.positions[:, :, None, None] * inner.rotary_emb.inv_freq
    turn = torch.polar(torch.ones_like(angles), angles)

    (_, start), *groups = segments
    sees = batch.attention
    masks = [sees[:, :, :start, :start]]
    masks += [torch.cat([sees[:, :, a:b, :start], sees[:, :, a:b, a:b]], dim=3) for a, b in groups]
    masks = [torch.zeros(m.shape).masked_fill_(~m, float("-inf")) for m in masks]
    sizes = [b - a for a, b in segments]
    reads = [read[(read >= a) & (read < b)] - a for a, b in segments]

    x = inner.embed_tokens(batch.ids)
    states: list[Tensor] = []
    for layer in inner.layers:
        is_last = layer is inner.layers[-1]
        own, mlp = layer.self_attn, layer.mlp
        norm = rms_norm(x, (width,), layer.input_layernorm.weight, epsilon).to(dtype)
        matrix = [own.q_proj.weight[order], own.k_proj.weight[order], own.v_proj.weight]
        # Attention itself stays in float32: torch has no fast bfloat16 kernel for its gradient.
        heads = linear(norm, torch.cat(matrix).to(dtype)).float().unflatten(2, (-1, size))
        turned, values = heads.split([2 * width // size, width // size], dim=2)
        complex_pairs = torch.view_as_complex(turned.unflatten(3, (-1, 2)))
        turned = torch.view_as_real(complex_pairs * turn).flatten(3)
        parts = []
        together = torch.cat([turned, values], dim=2).transpose(1, 2)
        _, k0, v0 = together[:, :, :start].chunk(3, dim=1)
        for i, piece in enumerate(together.split(sizes, dim=2)):
            q, k, v = piece.chunk(3, dim=1)
            mask = masks[i]
            if i > 0:
                k, v = torch.cat([k0, k], dim=2), torch.cat([v0, v], dim=2)
            if is_last:
                if not len(reads[i]):
                    continue
                q, mask = q[:, :, reads[i]], mask[:, :, reads[i]]
            parts.append(scaled_dot_product_attention(q, k, v, attn_mask=mask))
        mixed = torch.cat(parts, dim=2).transpose(1, 2).flatten(2).to(dtype)
        if is_last:
            x = x[:, read]
        x = x + linear(mixed, own.o_proj.weight.to(dtype))
        norm = rms_norm(x, (width,), layer.post_attention_layernorm.weight, epsilon).to(dtype)
        matrix = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).to(dtype)
        gate, raised = linear(norm, matrix).chunk(2, dim=2)
        x = x + linear(silu(gate) * raised, mlp.down_proj.weight.to(dtype))
        if not is_last:
            states.append(x)
    return states, model.lm_head(rms_norm(x, (width,), inner.norm.weight, epsilon))
