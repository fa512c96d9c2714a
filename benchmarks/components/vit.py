"""A small vision transformer trained on CIFAR-10 pictures: ``python -m benchmarks.components.vit``.

5 layers with 8 heads, 4 x 4 pixels in a patch. It is trained on one thread at its first use, in
some minutes, from a fixed seed, and kept in a folder that git ignores: remove that to train anew.
"""

from __future__ import annotations

import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import REPOSITORY, assets
from interplay.lenses.components import Task

FOLDER = REPOSITORY / "build" / "cifar10-vit"
SIDE, PATCH, WIDTH, LAYERS, HEADS = 32, 4, 64, 5, 8
EPOCHS, BATCH, RATE, DECAY, SHIFT = 24, 50, 2e-3, 0.05, 3
"""Of the training; pictures are mirrored and moved by up to ``SHIFT`` pixels at random."""


def vit() -> Path:
    """Return the folder of the trained network, trained where there is none yet."""
    if not (FOLDER / "config.json").exists():
        FOLDER.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER.parent) as made:
            place = Path(made) / "network"
            trained().save_pretrained(place)
            _processor().save_pretrained(place)
            place.replace(FOLDER)
    return FOLDER


@lru_cache(maxsize=2)
def pictures(split: str) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """Return pixels ``(m, 3, 32, 32)`` in -1 to 1, classes and their names; ``train`` or ``test``.

    Classes alternate, so that the first tens of pictures are balanced.
    """
    name = {"train": "cifar10_train_10k", "test": "cifar10_test_2k"}[split]
    with np.load(assets() / "cifar10" / f"{name}.npz", allow_pickle=False) as held:
        pixels = held["images"].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        return pixels, held["labels"].astype(np.int64), [str(one) for one in held["class_names"]]


def recognise(count: int) -> Task:
    """Return the task of naming what is on the first test pictures."""
    pixels, labels, _ = pictures("test")
    return Task.classification(pixels[:count], labels[:count].tolist())


def trained() -> Any:
    """Train the network, and print its loss by epoch."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels, labels, names = pictures("train")
    config = ViTConfig(
        image_size=SIDE,
        patch_size=PATCH,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    network = ViTForImageClassification(config).train()
    x, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    started = time.monotonic()
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(x))[: len(x) // BATCH * BATCH].view(-1, BATCH):
            loss = network(pixel_values=_moved(x[rows]), labels=y[rows]).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        spent = time.monotonic() - started
        print(f"vit: epoch {epoch + 1}, loss {total / len(x):.3f}, {spent:.0f} s", flush=True)
    torch.set_num_threads(threads)
    return network.eval()


def _processor() -> Any:
    """What makes of pictures the pixels that the network is trained on."""
    from transformers import ViTImageProcessorPil

    half = [0.5, 0.5, 0.5]
    size = {"height": SIDE, "width": SIDE}
    return ViTImageProcessorPil(size=size, image_mean=half, image_std=half)


def _moved(x: Any) -> Any:
    """Pictures mirrored and moved at random, each in its own way."""
    import torch

    count = len(x)
    x = torch.where(torch.rand(count, 1, 1, 1) < 0.5, x.flip(3), x)
    x = torch.nn.functional.pad(x, [SHIFT] * 4)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, count, 1))
    rows, columns = torch.arange(SIDE) + down, torch.arange(SIDE) + right
    return x[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None]].permute(
        0, 3, 1, 2
    )


def accuracy() -> float:
    """Return the share of all test pictures that the network names rightly."""
    import torch
    from transformers import ViTForImageClassification

    network = ViTForImageClassification.from_pretrained(vit()).eval()
    pixels, labels, _ = pictures("test")
    with torch.inference_mode():
        found = [
            network(pixel_values=torch.from_numpy(some)).logits.argmax(1).numpy()
            for some in np.array_split(pixels, 20)
        ]
    return float((np.concatenate(found) == labels).mean())


if __name__ == "__main__":
    print(f"{vit()}: {accuracy():.1%} of the test pictures")
