"""Training: the answers, and helper targets at the words of facts and questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from . import world
from .batches import IGNORED, Batch, Difficulty, Packer
from .forward import forward
from .model import architecture

ROWS = 8
RATES = (4e-3, 1.5e-3)  # of learning: for the first steps, and for the others
FIRST = 1_250
WARM_UP = 100  # steps
EASY = 800  # steps with few facts
DECAY = 0.3  # share of the steps, the last ones
HELPER_WEIGHT = 0.3  # until the decay; then it fades out
EVERY = 100  # steps between two lines of the log
KEPT = 250  # steps between two checkpoints


class Helpers(torch.nn.Module):
    """Linear readings of inner layers, thrown away after training.

    They tell early layers what is worth knowing: after the first, at the second word of a fact, its
    first; after the second, at a name in a question, where that person is; and so on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        entities = len(world.NAMES) + len(world.PLACES) + len(world.OBJECTS)
        self.bound = torch.nn.Linear(width, entities)
        self.holder = torch.nn.Linear(width, len(world.NAMES) + 1)
        self.place = torch.nn.Linear(width, len(world.PLACES) + 1)
        self.far = torch.nn.Linear(width, len(world.PLACES) + 1)
        self.truth = torch.nn.Linear(width, 9)

    def loss(self, layers: list[torch.Tensor], batch: Batch) -> torch.Tensor:
        """Sum of the cross-entropies of all readings."""
        readings = [
            (self.bound, layers[0], batch.bound),
            (self.holder, layers[1], batch.parts["holder"]),
            (self.place, layers[1], batch.parts["place"]),
            (self.far, layers[2], batch.parts["far"]),
            (self.truth, layers[2], batch.parts["truth"]),
        ]
        losses = [_loss(f(states[t != IGNORED]), t[t != IGNORED]) for f, states, t in readings]
        return torch.stack(losses).sum()


def _loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, targets)


def rate_at(step: int, steps: int) -> float:
    """The learning rate: linear up, constant, a lower constant, and linear down to nothing."""
    return RATES[step >= FIRST] * min(1.0, (step + 1) / WARM_UP, (steps - step) / (DECAY * steps))


def difficulty_at(step: int) -> Difficulty:
    """Few facts first."""
    return Difficulty(facts=(2, 5), thinned=0.0, hidden=0.0) if step < EASY else Difficulty()


class Trainer:
    """A model in training; a run that goes on from its state is the same run."""

    def __init__(self, tokenizer: Tokenizer, seed: int, width: int, layers: int) -> None:
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.model = LlamaForCausalLM(architecture(tokenizer.get_vocab_size(), width, layers))
        self.helpers = Helpers(width)
        self.packer = Packer(tokenizer)
        self.step = 0
        self.learned = [*self.model.parameters(), *self.helpers.parameters()]
        # Muon (torch 2.9 or later) is for the matrices between layers, not for embeddings.
        inner = [p for p in self.model.model.layers.parameters() if p.ndim == 2]
        others = [p for p in self.learned if all(p is not q for q in inner)]
        self.optimizers = [
            torch.optim.Muon(inner, lr=0.0, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
        ]

    def run(
        self,
        steps: int,
        log: Callable[[str], None] = print,
        checkpoint: Callable[[Trainer], None] = lambda trainer: None,
    ) -> LlamaForCausalLM:
        """Train up to ``steps`` steps in all, and return the model."""
        start, sums = time.monotonic(), dict[str, list[float]]()
        self.model.train()
        while self.step < steps:
            rate = rate_at(self.step, steps)
            for optimizer in self.optimizers:
                optimizer.param_groups[0]["lr"] = rate
            fading = min(1.0, (steps - self.step) / (DECAY * steps))
            self._learn(HELPER_WEIGHT * fading, sums)
            self.step += 1
            if self.step % EVERY == 0:
                minutes = (time.monotonic() - start) / 60
                told = " ".join(f"{key} {np.mean(values):.3f}" for key, values in sums.items())
                log(f"{self.step}/{steps} {minutes:.1f} min {told}")
                sums.clear()
            if self.step % KEPT == 0:
                checkpoint(self)
        return self.model.eval()

    def _learn(self, helper_weight: float, sums: dict[str, list[float]]) -> None:
        packer = self.packer
        batch = packer.draw(ROWS, self.rng, difficulty_at(self.step))
        read = torch.from_numpy(np.sort(np.r_[packer.asking, packer.ending]))
        states, logits = forward(self.model, batch, packer.segments, read)
        targets = batch.targets[:, read]
        loss = _loss(logits[targets != IGNORED], targets[targets != IGNORED])
        helper = self.helpers.loss(states, batch)
        (loss + helper_weight * helper).backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if self.step % 5:
            return
        sums.setdefault("loss", []).append(loss.item())
        sums.setdefault("helper", []).append(helper.item())
        right = (logits.argmax(2) == targets).float()
        right[targets == IGNORED] = float("nan")
        for kind in dict.fromkeys(packer.slots):
            columns = [i for i, at in enumerate(read.tolist()) if self._kinds.get(at) == kind]
            sums.setdefault(kind, []).append(float(torch.nanmean(right[:, columns])))

    @property
    def _kinds(self) -> dict[int, str]:
        return dict(zip(self.packer.asking.tolist(), self.packer.slots, strict=True))

    def state(self) -> dict[str, object]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "helpers": self.helpers.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "rng": self.rng.bit_generator.state,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a ``state()``."""
        self.model.load_state_dict(state["model"])
        self.helpers.load_state_dict(state["helpers"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step = state["step"]
        self.rng.bit_generator.state = state["rng"]
