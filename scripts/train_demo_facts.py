"""Train the language model that is shipped in ``interplay/demo/facts``.

    python scripts/train_demo_facts.py --out src/interplay/demo/facts

Generates its data, trains on one thread, prints the figures and writes the model folder with its
card.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import tokenizers
import torch
import transformers
from demo_facts import world
from demo_facts.judge import measure, model_card
from demo_facts.model import save
from demo_facts.tokenizer import build_tokenizer, pretrained_tokenizer
from demo_facts.training import Trainer

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "src/interplay/demo/facts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--checkpoints", type=Path, help="folder that holds the model as it trains")
    parser.add_argument("--resume", type=Path, help="state.pt of such a folder: go on from there")
    parser.add_argument("--note", default="", help="a sentence about the run, for the card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    start = time.monotonic()

    tokenizer = build_tokenizer()
    trainer = Trainer(tokenizer, options.seed, options.width, options.layers)
    if options.resume:
        trainer.load(torch.load(options.resume, weights_only=True))

    def checkpoint(trainer: Trainer) -> None:
        if options.checkpoints:
            save(trainer.model, tokenizer, options.checkpoints)
            torch.save(trainer.state(), options.checkpoints / "state.pt")

    model = save(trainer.run(options.steps, _log, checkpoint), tokenizer, options.out)
    note = options.note or f"{(time.monotonic() - start) / 60:.0f} minutes on one CPU thread."

    figures = {kind: measure(model, pretrained_tokenizer(tokenizer), kind) for kind in world.KINDS}
    for kind, found in figures.items():
        _log(f"{kind}: {found}")
    versions = {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    card = model_card(figures, model, options.out, options.seed, options.steps, note, versions)
    (options.out / "README.md").write_text(card, encoding="utf-8")


def _log(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
