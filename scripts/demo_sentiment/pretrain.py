"""Masked-word pre-training of the encoder on all allowed texts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import ModernBertConfig, ModernBertForMaskedLM

from .model import CLS, MASK, SEP, SPECIAL_TOKENS

WINDOW = 128
BATCH = 32
MASKED_SHARE = 0.2


def one_cycle(progress: float, warm_up: float = 0.06) -> float:
    """Share of the peak learning rate: linear up, then a cosine down to 2 %."""
    if progress < warm_up:
        return progress / warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def optimizer_for(model: torch.nn.Module, rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW which decays matrices only."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def pretrain(
    config: ModernBertConfig,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    epochs: int,
    seed: int,
    log: Callable[[str], None] = print,
) -> ModernBertForMaskedLM:
    """Train a masked language model on windows of 128 tokens drawn from the shuffled texts."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model = ModernBertForMaskedLM(config)
    encoded = [np.array(e.ids[1:]) for e in tokenizer.encode_batch(list(texts))]  # keeps [SEP]
    steps = epochs * (sum(map(len, encoded)) // (BATCH * (WINDOW - 1)))
    optimizer = optimizer_for(model, rate=2e-3, decay=0.05)
    model.train()
    start, step, losses = time.monotonic(), 0, []
    while step < steps:
        for batch in _windows(encoded, rng):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * one_cycle(step / steps)
            ids, labels = _mask(batch, config.vocab_size, rng)
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            step += 1
            if step % 200 == 0:
                minutes = (time.monotonic() - start) / 60
                log(f"pre-train {step}/{steps} loss {np.mean(losses[-200:]):.3f} {minutes:.1f} min")
            if step == steps:
                break
    return model


def _windows(encoded: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """All texts in random order, cut into windows that start with [CLS], as batches."""
    stream = np.concatenate([encoded[i] for i in rng.permutation(len(encoded))])
    stream = stream[rng.integers(WINDOW) :]
    rows = stream[: len(stream) // (WINDOW - 1) * (WINDOW - 1)].reshape(-1, WINDOW - 1)
    rows = np.concatenate([np.full((len(rows), 1), CLS), rows], axis=1)[rng.permutation(len(rows))]
    return [rows[i : i + BATCH] for i in range(0, len(rows) - BATCH + 1, BATCH)]


def _mask(
    batch: np.ndarray, vocabulary: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """BERT's corruption: of the chosen tokens 80 % become [MASK], 10 % another token, 10 % stay."""
    chosen = (rng.random(batch.shape) < MASKED_SHARE) & (batch != CLS) & (batch != SEP)
    labels = np.where(chosen, batch, -100)
    kind = rng.random(batch.shape)
    ids = np.where(chosen & (kind < 0.8), MASK, batch)
    other = rng.integers(len(SPECIAL_TOKENS), vocabulary, batch.shape)
    ids = np.where(chosen & (kind >= 0.9), other, ids)
    return torch.from_numpy(ids), torch.from_numpy(labels)
