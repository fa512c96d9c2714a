"""Image classifiers from folders: logits, batches, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_image_models import CLASSES

from interplay.errors import BackendError, BadInput
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText
from interplay.models.hf_pictures import PictureBatches
from interplay.models.hf_vision import HFVisionClassifier

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (20 + 7 * i, 30, 3), dtype=np.uint8) for i in range(7)]


def test_logits_are_the_networks_own(plain_vit: Path) -> None:
    import torch
    import transformers

    model = HFVisionClassifier.load(plain_vit)
    assert model.labels == CLASSES
    assert not model.multi_label
    network = transformers.ViTForImageClassification.from_pretrained(plain_vit).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(plain_vit)
    expected = []
    for picture in PICTURES:
        with torch.inference_mode():
            inputs = processor(images=Image.fromarray(picture), return_tensors="pt")
            expected.append(network(**inputs).logits[0].numpy())
    found = [model.logits(PICTURES, batch_size=size) for size in (1, 3, 32)]
    for logits in found:
        assert logits.dtype == np.float64
        np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(model.logits(iter(PICTURES)), found[2], atol=0)
    assert model.logits([]).shape == (0, 2)


def test_formats_and_what_names_a_model(plain_vit: Path, tmp_path: Path) -> None:
    model = HFVisionClassifier.load(plain_vit)
    double = HFVisionClassifier.load(plain_vit, dtype="float64")
    np.testing.assert_allclose(double.logits(PICTURES), model.logits(PICTURES), atol=1e-5)
    assert double.fingerprint != model.fingerprint
    copy = shutil.copytree(plain_vit, tmp_path / "copy")
    assert HFVisionClassifier.load(copy).fingerprint == model.fingerprint
    settings = copy / "preprocessor_config.json"
    settings.write_text(settings.read_text("utf-8").replace("0.5", "0.4"), encoding="utf-8")
    assert HFVisionClassifier.load(copy).fingerprint != model.fingerprint


def test_what_is_no_classifier_is_refused(
    plain_vit: Path, plain_clip: Path, llava: Path, bert: Path, tmp_path: Path
) -> None:
    for folder, name in ((plain_clip, "CLIPModel"), (bert, "BertForSequenceClassification")):
        with pytest.raises(BadInput, match=f"is not a picture classifier: .* architecture {name}"):
            HFVisionClassifier.load(folder)
    with pytest.raises(BadInput, match="is not a contrastive model of pictures and captions"):
        HFContrastive.load(plain_vit)
    with pytest.raises(BadInput, match="is not a vision-language model"):
        HFImageText.load(plain_vit)
    with pytest.raises(BadInput, match="model folder 'nowhere' does not exist"):
        HFVisionClassifier.load("nowhere")
    bare = shutil.copytree(plain_vit, tmp_path / "bare")
    (bare / "preprocessor_config.json").unlink()
    with pytest.raises(BadInput, match=r"cannot load the image processor of .*processor.save_pret"):
        HFVisionClassifier.load(bare)
    with pytest.raises(BadInput, match="unknown dtype 'float8'; valid: float32"):
        HFVisionClassifier.load(plain_vit, dtype="float8")


def test_a_processor_that_fails_says_on_what(plain_vit: Path) -> None:
    model = HFVisionClassifier.load(plain_vit)

    def fails(**options: object) -> None:
        raise ValueError("no size")

    model.processor = fails
    with pytest.raises(BackendError, match=r"failed on a picture of shape \(20, 30, 3\): no size"):
        model.logits(PICTURES)


@pytest.mark.parametrize(("module", "extra"), [("PIL", "image"), ("torch", "hf")])
def test_a_missing_extra_says_what_to_install(module: str, extra: str, plain_vit: Path) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "import numpy as np, interplay as ip\n"
        f"try:\n    ip.image(np.zeros((8, 8, 3), np.uint8), model={str(plain_vit)!r})\n"
        "except ip.MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f'pip install "interplay[{extra}]"' in run.stdout, run.stderr


def test_batches_shrink_where_memory_runs_out() -> None:
    asked: list[int] = []

    def work(batch: list[int]) -> list[int]:
        asked.append(len(batch))
        if len(batch) > 3:
            raise RuntimeError("CUDA out of memory")
        return batch

    batches = PictureBatches("a model")
    found = batches.run(iter(range(20)), 10, work)
    assert [one for batch in found for one in batch] == list(range(20))
    assert batches.limit == 2
    assert asked == [10, 5, *[2] * 10], "what did not fit is not tried again"

    def never(batch: list[int]) -> None:
        raise MemoryError

    with pytest.raises(BackendError, match="'a model' ran out of memory on a single picture"):
        batches.run([1, 2, 3], 10, never)

    def wrong(batch: list[int]) -> None:
        raise RuntimeError("another fault")

    with pytest.raises(RuntimeError, match="another fault"):
        batches.run([1, 2, 3], 10, wrong)
