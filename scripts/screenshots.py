"""Take the pictures of reports that README and docs show, from what the package carries.

    python -m scripts.screenshots [NAME ...]

Runs are made by the command line in a temporary folder: the embedded models, our own texts, the
digits of scikit-learn. A browser is needed (see benchmarks/browser.py).
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.browser import launched

from interplay.demo import model_path, short_review

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCS = Path(__file__).parent.parent / "docs"
WIDTH = 1000
LARGEST = 250_000
"""Bytes of a picture."""

CLASSES = (3, 8)


def interplay(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "interplay", *arguments]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def reviews(folder: Path) -> None:
    """The short review, and the same without "never"."""
    shutil.copytree(model_path(), folder / "sentiment")
    for name, text in (
        ("review", short_review()),
        ("edited", short_review().replace("never ", "")),
    ):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        interplay(
            folder,
            *("explain", "--file", f"{name}.txt", "--model", "sentiment"),
            *("--target", "logit:positive", "--budget", "1000"),
            *("--save", f"{name}.json", "--report", f"{name}.html"),
        )


def compared(folder: Path) -> None:
    interplay(folder, "compare", "review.json", "edited.json", "--report", "compared.html")


def heads(folder: Path) -> None:
    interplay(folder, "components", "--report", "heads.html")


def digits(folder: Path) -> None:
    interplay(folder, "training-data", "--counterfactuals", "5", "--report", "digits.html")


def digit(folder: Path) -> None:
    """A small ViT that tells threes from eights, pixels of them missing, and a three."""
    import torch
    import transformers
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.isin(data.target, CLASSES)
    labels = torch.from_numpy((data.target[rows] == CLASSES[1]).astype(int))
    small = (data.images[rows] * 15.9375).astype(np.uint8)
    images = np.repeat(np.kron(small, np.ones((1, 4, 4), np.uint8))[..., None], 3, axis=3)
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(
        transformers.ViTConfig(
            image_size=32,
            patch_size=8,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            id2label=dict(enumerate(("three", "eight"))),
            label2id={"three": 0, "eight": 1},
        )
    )
    model.train()
    pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    rate = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        for batch in torch.randperm(len(labels) - 1).add(1).split(50):  # the first is the picture
            rate.zero_grad()
            kept = (torch.rand(len(batch), 1, 8, 8) < torch.rand(len(batch), 1, 1, 1)).float()
            seen = pixels[batch] * torch.nn.functional.interpolate(kept, scale_factor=4)
            model(pixel_values=seen, labels=labels[batch]).loss.backward()
            rate.step()
    model.eval().save_pretrained(folder / "vit")
    half = [0.5, 0.5, 0.5]
    size = {"height": 32, "width": 32}
    processor = transformers.ViTImageProcessorPil(size=size, image_mean=half, image_std=half)
    processor.save_pretrained(folder / "vit")
    Image.fromarray(images[0]).save(folder / "digit.png")
    interplay(
        folder,
        *("explain", "--image", "digit.png", "--model", "vit", "--units", "patches:8x8"),
        *("--target", "margin:three|eight", "--mask", "grey", "--budget", "1000"),
        *("--report", "digit.html"),
    )


def words(page: Page, *wanted: str) -> None:
    for word in wanted:
        page.get_by_role("option").get_by_text(word, exact=True).first.click()


def start(page: Page) -> None:
    page.get_by_role("slider", name="combinations").fill("40")  # the strongest sixth
    words(page, "bad")
    page.mouse.move(0, 0)


def what_if(page: Page) -> None:
    page.get_by_role("button", name="What if").click()
    words(page, "never", "bad")
    page.mouse.move(0, 0)


def network(page: Page) -> None:
    page.get_by_role("tab", name="Network").click()


def strongest(page: Page) -> None:
    """Pin the first feature of the strongest combination."""
    first = page.locator("main tr[data-f]").first.get_attribute("data-f") or "0"
    page.locator(f"main [role=option][data-i='{first.split()[0]}']").first.click()
    page.mouse.move(0, 0)


@dataclass(frozen=True)
class Shot:
    """A picture: of which report, what is done first, from which heading on, how high."""

    report: str
    height: int
    act: Callable[[Page], None] | None = None
    heading: str | None = None


SHOTS = {
    "report": Shot("review", 900, start),
    "report-what-if": Shot("review", 470, what_if, "What each word does by itself"),
    "report-network": Shot("review", 900, network, "What acts together"),
    "report-compare": Shot("compared", 900),
    "report-heads": Shot("heads", 900, strongest, "What each head does by itself"),
    "report-digits": Shot("digits", 900, strongest, "What each example does by itself"),
    "report-image": Shot("digit", 640, strongest, "What each region does by itself"),
}
MAKERS = {
    "review": reviews,
    "compared": compared,
    "heads": heads,
    "digits": digits,
    "digit": digit,
}


def smaller(png: bytes) -> bytes:
    """The picture with a palette, where it is too large without."""
    from PIL import Image

    if len(png) <= LARGEST:
        return png
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(out, "PNG", optimize=True)
    return out.getvalue()


def take(page: Page, shot: Shot) -> bytes:
    if shot.act is not None:
        shot.act(page)
    if shot.heading is not None:
        heading = page.get_by_role("heading", name=shot.heading)
        heading.evaluate("one => window.scrollBy(0, one.getBoundingClientRect().top - 24)")
    page.wait_for_timeout(300)
    return smaller(page.screenshot())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SHOTS))
    names = parser.parse_args().names or list(SHOTS)
    if unknown := set(names) - set(SHOTS):
        parser.error(f"unknown names: {', '.join(sorted(unknown))}; valid: {', '.join(SHOTS)}")
    needed = {SHOTS[name].report for name in names}
    if "compared" in needed:
        needed.add("review")
    with tempfile.TemporaryDirectory() as made, launched() as browser:
        folder = Path(made)
        for report, make in MAKERS.items():
            if report in needed:
                make(folder)
        for name in names:
            shot = SHOTS[name]
            page = browser.new_page(
                viewport={"width": WIDTH, "height": shot.height}, color_scheme="light"
            )
            page.goto((folder / f"{shot.report}.html").as_uri())
            path = DOCS / f"{name}.png"
            path.write_bytes(take(page, shot))
            print(path, path.stat().st_size)
            page.close()


if __name__ == "__main__":
    main()
