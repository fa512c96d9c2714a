"""The image lens: regions, what stands in for them, values against slow loops, bad input."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from scipy.special import log_softmax
from tiny_image_models import CAPTIONS, cifar, save_vit

import interplay as ip
from interplay.errors import BadInput
from interplay.lenses.image.picture import preview, read_picture
from interplay.lenses.image.regions import cut, outlines, parse_units
from interplay.lenses.image.superpixels import superpixels
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText
from interplay.models.hf_vision import HFVisionClassifier

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (24, 40, 3), dtype=np.uint8)


def masks_of(n: int, m: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    masks = np.random.default_rng(seed).random((m, n)) < 0.5
    masks[0], masks[1] = True, False
    return masks


# ---- pictures


def scene() -> Image.Image:
    return Image.fromarray(NOISE)


def test_every_mode_becomes_rgb() -> None:
    picture = scene()
    np.testing.assert_array_equal(read_picture(picture), NOISE)
    grey = np.array(picture.convert("L"))
    for one in (picture.convert("L"), grey, grey[:, :, None]):
        np.testing.assert_array_equal(read_picture(one), np.repeat(grey[:, :, None], 3, 2))
    palette = picture.quantize(16)
    np.testing.assert_array_equal(read_picture(palette), np.array(palette.convert("RGB")))
    bits = picture.convert("1")
    assert set(np.unique(read_picture(bits))) <= {0, 255}
    for mode in ("CMYK", "YCbCr", "HSV"):
        one = picture.convert(mode)
        np.testing.assert_array_equal(read_picture(one), np.array(one.convert("RGB")))


def test_what_is_transparent_is_laid_on_white() -> None:
    rgba = np.zeros((2, 2, 4), dtype=np.uint8)
    rgba[0, 0] = [255, 0, 0, 255]
    rgba[0, 1] = [0, 0, 255, 128]
    expected = [[255, 0, 0], [127, 127, 255], [255, 255, 255], [255, 255, 255]]
    for one in (rgba, Image.fromarray(rgba)):
        np.testing.assert_array_equal(read_picture(one).reshape(-1, 3), expected)
    grey = Image.fromarray(rgba).convert("LA")
    assert read_picture(grey)[1, 1].tolist() == [255, 255, 255]


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn to the right
    scene().save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png"), np.rot90(NOISE, -1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("nothing.png", "cannot read the image nothing.png: No such file"),
        (".", "cannot read the image .: Is a directory"),
        (Image.fromarray(np.zeros((4, 4), dtype=np.int32)), "the image has mode 'I', more than 8"),
        (Image.new("F", (4, 4)), "has mode 'F', more than 8 bits a channel, and nobody says"),
        (Image.new("I;16", (4, 4)), "has mode 'I;16', more than 8 bits a channel"),
        (Image.new("RGB", (0, 4)), r"the image has no pixels: its size is \(0, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"the image has no pixels: its size is \(4, 0\)"),
        (np.zeros((0, 4, 4), np.uint8), r"the image has no pixels: its size is \(4, 0\)"),
        (np.zeros((4, 4)), r"must be uint8, 0 ... 255; got float64 \(4, 4\). Scale it"),
        (np.full((4, 4), np.nan), r"got float64 \(4, 4\), with values that are not finite"),
        (np.zeros((3, 4, 5), np.uint8), r"got uint8 \(3, 4, 5\). Put the channels last"),
        (np.zeros(4, np.uint8), r"must be \(h, w\), \(h, w, 3\) or \(h, w, 4\); got uint8 \(4,\)"),
        (None, "image must be a path, a PIL image or a uint8 array; got NoneType"),
        ([[1, 2], [3]], "image must be a path, a PIL image or a uint8 array"),
    ],
)
def test_what_is_no_picture_is_refused(image: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ip.image(image, model="anywhere")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture", encoding="utf-8")
    with pytest.raises(BadInput, match=r"text.png is not an image that pillow can read"):
        read_picture(tmp_path / "text.png")
    buffer = io.BytesIO()
    scene().save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:600])
    with pytest.raises(BadInput, match=r"cannot read the image .*cut.png: .*truncated"):
        read_picture(tmp_path / "cut.png")
    scene().save(tmp_path / "two.gif", save_all=True, append_images=[scene().rotate(90)])
    with pytest.raises(BadInput, match=r"two.gif has 2 pictures in it \(an animation"):
        read_picture(tmp_path / "two.gif")


def test_the_copy_for_reports_is_small() -> None:
    large = np.tile(RNG.integers(0, 256, (300, 300, 3), dtype=np.uint8), (5, 8, 1))
    address, size = preview(large)
    assert size == (560, 350)
    assert len(address) < 300_000
    address, size = preview(NOISE)
    assert address.startswith("data:image/png;base64,")
    assert size == (40, 24)


# ---- regions


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (4, "units must be a string; got int"),
        ("words", "unknown units 'words' of an image; valid: patches:ROWSxCOLUMNS, superpixels"),
        ("patches:4", "unknown units 'patches:4'"),
        ("patches:0x4", "units 'patches:0x4' leave nothing to compare"),
        ("patches:1x1", "needs at least two regions"),
        ("superpixels:1", "needs at least two regions"),
        ("patches:25x2", "an image of 40 x 24 pixels is too small for 25 rows and 2 columns"),
        ("patches:2x41", "too small for 2 rows and 41 columns of patches; ask for fewer"),
        ("superpixels:961", "an image of 40 x 24 pixels is too small for 961 superpixels"),
        ("patches:2x2+word", r"need a caption whose words are features, captions=\['...'\]"),
    ],
)
def test_bad_units_are_said(units: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ip.image(NOISE, model="anywhere", units=units)


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(1, 6))
def test_patches_share_the_picture_out(height: int, width: int, rows: int, columns: int) -> None:
    if rows * columns < 2 or rows > height or columns > width:
        return
    picture = np.zeros((height, width, 3), np.uint8)
    regions = cut(picture, parse_units(f"patches:{rows}x{columns}"))
    assert sorted(np.unique(regions.labels)) == list(range(rows * columns))
    sizes = np.bincount(regions.labels.ravel())
    assert sizes.min() >= (height // rows) * (width // columns)
    assert sizes.max() <= -(-height // rows) * -(-width // columns)
    assert regions.names[0] == "row 1, column 1"
    assert regions.labels[0, 0] == 0
    for region, shape in enumerate(outlines(regions, (width, height))):
        assert len(shape) == 1, "a rectangle"
        assert len(shape[0]) == 8
        assert area(shape) == sizes[region]


def area(shape: list[list[int]]) -> float:
    """The area within loops, holes taken out (shoelace formula)."""
    total = 0.0
    for loop in shape:
        x, y = np.array(loop[::2]), np.array(loop[1::2])
        total += (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    return abs(total)


def test_superpixels_follow_edges_and_are_whole(assets: Path) -> None:
    halves = np.zeros((60, 60, 3), np.uint8)
    halves[:, 27:] = [250, 30, 30]
    labels = superpixels(halves, 16)
    for region in range(labels.max() + 1):
        assert len(np.unique(halves[labels == region], axis=0)) == 1, "none crosses the edge"
    photograph = read_picture(assets / "qa" / "images" / "dog.png")
    regions = cut(photograph, parse_units("superpixels:40"))
    n = len(regions.names)
    assert 30 <= n <= 50
    small = superpixels(photograph[::4, ::4], 40)
    for region in range(small.max() + 1):
        assert ndimage.label(small == region)[1] == 1, "in one piece"
    np.testing.assert_array_equal(cut(photograph, parse_units("superpixels:40")).labels,
                                  regions.labels)  # fmt: skip
    drawn = outlines(regions, (560, 314))
    assert sum(area(shape) for shape in drawn) == 560 * 314


def test_outlines_of_any_shape_enclose_it() -> None:
    blobs = ndimage.zoom(RNG.random((6, 9)), 4, order=1) > 0.5
    labels, found = ndimage.label(blobs)
    everything = type(cut(NOISE, parse_units("patches:2x2")))(
        labels.astype(np.int64), tuple(map(str, range(found + 1)))
    )
    for region, shape in enumerate(outlines(everything, (labels.shape[1], labels.shape[0]))):
        assert area(shape) == (labels == region).sum()


# ---- what stands in for a region


@pytest.fixture(scope="module")
def classifier(plain_vit: Path) -> HFVisionClassifier:
    return HFVisionClassifier.load(plain_vit)


@pytest.mark.parametrize(
    ("mask", "colour"),
    [
        ("grey", [128, 128, 128]),
        ("gray", [128, 128, 128]),
        ("mean", NOISE.mean(axis=(0, 1)).round().tolist()),
        ("#0a141e", [10, 20, 30]),
        ("red", [255, 0, 0]),
        ((1, 2, 3), [1, 2, 3]),
    ],
)
def test_plain_colours(classifier: HFVisionClassifier, mask: Any, colour: list[int]) -> None:
    value = ip.image(NOISE, model=classifier, units="patches:2x2", mask=mask)
    picture = value.masked_picture(np.array([True, False, False, True]))
    np.testing.assert_array_equal(picture[:12, :20], NOISE[:12, :20])
    np.testing.assert_array_equal(picture[12:, 20:], NOISE[12:, 20:])
    assert (picture[:12, 20:] == colour).all()
    assert (picture[12:, :20] == colour).all()
    assert picture.dtype == np.uint8


def test_blur_leaves_nothing_to_be_told(classifier: HFVisionClassifier, assets: Path) -> None:
    photograph = read_picture(assets / "qa" / "images" / "dog.png")
    value = ip.image(photograph, model=classifier, units="patches:2x2")
    blurred = value.masked_picture(np.zeros(4, bool)).astype(float)
    assert value.subject["mask"] == "blur"
    detail = np.abs(np.diff(blurred, axis=1)).mean()
    assert detail < 0.03 * np.abs(np.diff(photograph.astype(float), axis=1)).mean()


@pytest.mark.parametrize("mask", ["fog", "#12", (1, 2), (1, 2, 300), (0.5, 1, 1), 7])
def test_unknown_masks_are_said(classifier: HFVisionClassifier, mask: Any) -> None:
    with pytest.raises(BadInput, match=r"unknown mask .* of an image; valid: blur, mean, grey"):
        ip.image(NOISE, model=classifier, mask=mask)


# ---- classifiers


def slow_logits(model: HFVisionClassifier, picture: np.ndarray[Any, Any]) -> Any:
    """Processor and network by hand, one picture."""
    import torch

    inputs = model.processor(images=Image.fromarray(picture), return_tensors="pt")
    with torch.inference_mode():
        return model.model(**inputs).logits[0].double().numpy()


def test_values_are_those_of_a_slow_loop(classifier: HFVisionClassifier) -> None:
    targets = ["logit:frog", "prob:airplane", "margin:frog|airplane"]
    value = ip.image(NOISE, model=classifier, units="patches:3x4", target=targets, mask="grey")
    masks = masks_of(12, 21)
    found = value(masks)
    labels = np.arange(24)[:, None] * 3 // 24 * 4 + np.arange(40) * 4 // 40
    for row, mask in enumerate(masks):
        picture = NOISE.copy()
        for y, x in itertools.product(range(24), range(40)):
            if not mask[labels[y, x]]:
                picture[y, x] = 128
        logits = slow_logits(classifier, picture)
        prob = np.exp(log_softmax(logits))
        np.testing.assert_allclose(found[row], [logits[1], prob[0], logits[1] - logits[0]],
                                   atol=1e-5)  # fmt: skip


def test_values_do_not_depend_on_batches_and_order(classifier: HFVisionClassifier) -> None:
    values = [
        ip.image(NOISE, model=classifier, units="superpixels:9", batch_size=size)
        for size in (1, 5, 32)
    ]
    masks = masks_of(len(values[0].features), 23)
    expected = values[0](masks)
    order = np.random.default_rng(1).permutation(23)
    for value in values[1:]:
        np.testing.assert_allclose(value(masks), expected, atol=1e-4)
        np.testing.assert_allclose(value(masks[order]), expected[order], atol=1e-4)
        assert value.fingerprint == values[0].fingerprint
    np.testing.assert_array_equal(value(masks[[0, 0, 3, 0]]), value(masks[[0, 0, 3, 0]]))
    assert values[0](masks[:0].reshape(0, masks.shape[1])).shape == (0,)


def test_a_trained_classifier_is_explained(vit: Path, assets: Path) -> None:
    images, labels = cifar(assets, "cifar10_test_2k.npz")
    model = HFVisionClassifier.load(vit)
    logits = model.logits(images)
    assert (logits.argmax(axis=1) == labels).mean() > 0.8, "better than chance, .5"
    sure = int(logits[:, 1].argmax())
    value = ip.image(images[sure], model=model, units="patches:3x3", mask="mean")
    assert value.targets == ("logit:frog",)
    assert value(np.ones((1, 9), bool))[0] == pytest.approx(logits[sure, 1], abs=1e-4)
    explanation = ip.explain(value, budget=512, store=None)
    assert explanation.faithfulness.distribution == "exact"
    assert explanation.subject["units"] == "patches:3x3"


def test_what_changes_a_value_changes_the_fingerprint(
    classifier: HFVisionClassifier, tmp_path: Path
) -> None:
    other = NOISE.copy()
    other[0, 0, 0] ^= 1
    made = [
        ip.image(NOISE, model=classifier),
        ip.image(other, model=classifier),
        ip.image(NOISE, model=classifier, mask="grey"),
        ip.image(NOISE, model=classifier, units="patches:4x5"),
        ip.image(NOISE, model=classifier, target="prob:frog"),
    ]
    made.append(ip.image(NOISE, model=save_vit(tmp_path / "other", labels=("a", "b"))))
    assert len({one.fingerprint for one in made}) == len(made)
    scene().save(tmp_path / "scene.png")
    from_file = ip.image(tmp_path / "scene.png", model=classifier)
    assert from_file.fingerprint == made[0].fingerprint, "of the pixels, not of the file"


# ---- captions


def test_captions_against_the_models_own_scores(plain_clip: Path) -> None:
    import torch
    import transformers

    targets = [f"logit:{CAPTIONS[1]}", f"logprob:{CAPTIONS[0]}", f"margin:{'|'.join(CAPTIONS)}"]
    value = ip.image(NOISE, model=plain_clip, units="patches:2x3+word", captions=CAPTIONS,
                     target=targets, mask="mean")  # fmt: skip
    assert value.features[6:] == ("a", "photo", "of", "a", "airplane")
    masks = masks_of(11, 13)
    found = value(masks)
    model = transformers.CLIPModel.from_pretrained(plain_clip).eval()
    processor = transformers.AutoProcessor.from_pretrained(plain_clip)
    words = CAPTIONS[0].split()
    for row, mask in enumerate(masks):
        left = " ".join(word for word, kept in zip(words, mask[6:], strict=True) if kept)
        assert value.masked_caption(mask) == left
        inputs = processor(
            images=Image.fromarray(value.masked_picture(mask)),
            text=[left, CAPTIONS[1]],
            return_tensors="pt",
            padding=True,
        )
        with torch.inference_mode():
            fits = model(**inputs).logits_per_image[0].double().numpy()
        expected = [fits[1], log_softmax(fits)[0], fits[0] - fits[1]]
        np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_defaults_of_captions(plain_clip: Path) -> None:
    model = HFContrastive.load(plain_clip)
    one = ip.image(NOISE, model=model, captions="a photo of a cat")
    assert one.targets == ("logit:a photo of a cat",)
    assert len(one.features) == 16
    two = ip.image(NOISE, model=model, captions=["a cat", "a dog"])
    assert two.targets == ("logprob:a cat",)
    words = ip.image(NOISE, model=model, units="patches:1x1+word", captions="a cat")
    assert words.features == ("row 1, column 1", "a", "cat")
    assert words.fingerprint != one.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"captions": []}, r"captions must be texts that are not empty; got \[\]"),
        ({"captions": ["a", " "]}, "captions must be texts that are not empty"),
        ({"captions": ["a cat", "a cat"]}, "captions hold the same caption twice"),
        ({"captions": "a " * 20}, "has 22 tokens, but .* reads at most 12, and interplay never"),
        ({"captions": "a cat", "target": "logprob:a cat"}, "is always 0: there is one caption"),
        ({"captions": "a cat", "target": "logit:a dog"}, "unknown label 'a dog'; valid: a cat"),
        ({"captions": "a cat", "question": "what?"}, "give either a question or captions, not"),
        ({}, "the model is a HFContrastive. A question wants a model of the LLaVA kind, captions"),
        ({"captions": "a cat", "device": "cpu"}, "device and dtype are fixed by a model"),
    ],
)
def test_bad_captions_are_said(plain_clip: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ip.image(NOISE, model=HFContrastive.load(plain_clip), **arguments)


def test_a_trained_clip_model_is_explained(clip: Path, assets: Path) -> None:
    images, labels = cifar(assets, "cifar10_test_2k.npz")
    model = HFContrastive.load(clip)
    fits = model.scores(model.embed_pictures(images)[:, None], model.embed_captions(CAPTIONS))
    assert (fits.argmax(axis=1) == labels).mean() > 0.8, "better than chance, .5"
    sure = int((fits[:, 0] - fits[:, 1]).argmax())
    value = ip.image(images[sure], model=model, units="patches:2x3+word", captions=CAPTIONS)
    explanation = ip.explain(value, budget=300, store=None, method="proxyspex")
    word = max(explanation.top(8), key=lambda term: abs(term.value))
    assert "airplane" in {name for term in explanation.top(8) for name in term.names}, word


# ---- responses


def test_responses_against_the_models_own_logits(llava: Path) -> None:
    import torch

    model = HFImageText.load(llava)
    question, answer = "what is this ?", "a white cat"
    value = ip.image(
        NOISE, model=model, units="patches:2x2", question=question, response=answer, mask="mean",
        target=["logprob", "logprob:mean", "prob", "margin: yes| no", "logprob[cat]"],
    )  # fmt: skip
    masks = masks_of(4, 9)
    found = value.measure(masks)

    def logprobs(picture: Any, text: str) -> Any:
        inputs = model.processor(
            images=Image.fromarray(picture), text=f"<image>\n{question}{text}", return_tensors="pt"
        )
        before = model.processor(
            images=Image.fromarray(picture), text=f"<image>\n{question}", return_tensors="pt"
        )["input_ids"].shape[1]
        with torch.inference_mode():
            each = model.model(**inputs).logits[0].log_softmax(-1).double().numpy()
        ids = inputs["input_ids"][0].tolist()
        return np.array([each[i - 1, ids[i]] for i in range(before, len(ids))])

    for row, mask in enumerate(masks):
        picture = value.masked_picture(mask)
        given = logprobs(picture, f" {answer}")
        margin = logprobs(picture, " yes").sum() - logprobs(picture, " no").sum()
        expected = [given.sum(), given.mean(), np.exp(given.sum()), margin, given[-1]]
        np.testing.assert_allclose(np.asarray(found.values)[row], expected, atol=1e-4)
    assert found.tokens is not None
    assert value.subject["question"] == question


def test_batches_and_the_models_own_response(llava: Path) -> None:
    model = HFImageText.load(llava)
    make = {"model": model, "question": "is this a dog ?", "max_new_tokens": 5}
    values = [ip.image(NOISE, **make, batch_size=size) for size in (1, 8)]
    masks = masks_of(16, 11)
    np.testing.assert_allclose(values[0](masks), values[1](masks), atol=1e-4)
    assert values[0].subject["response"] == values[1].subject["response"]
    assert values[0].fingerprint == values[1].fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"question": " "}, "question is empty; ask something about the image"),
        ({"question": "q", "response": " "}, "response is empty; leave it out"),
        ({"response": "a cat"}, "a response needs the question that it answers"),
        ({"question": "what", "target": "similarity"}, "the image lens does not judge"),
        ({"question": "what", "target": "logit:cat"}, "unknown target 'logit:cat' of a language"),
        ({"question": "what", "response": "a cat", "target": "margin:yes|no"}, "is not used: no"),
        ({"question": "what " * 80, "response": "a cat"}, "tokens, but .* reads at most 96"),
        ({"question": "what", "max_new_tokens": 0}, "max_new_tokens must be a whole number of at"),
        (
            {"question": "what", "batch_size": True},
            "batch_size must be a whole number of at",
        ),
        ({"question": "what", "target": 3}, "target must be a string, or several|not iterable"),
    ],
)
def test_bad_questions_are_said(llava: Path, arguments: dict[str, Any], message: str) -> None:
    model = HFImageText.load(llava)
    with pytest.raises(BadInput, match=message):
        ip.image(NOISE, model=model, **arguments)(np.ones((1, 16), bool))


# ---- the photographs and questions of the paper


def test_the_papers_photographs_go_through(assets: Path, llava: Path, plain_vit: Path) -> None:
    import json

    folder = assets / "qa"
    items = json.loads((folder / "visualqa.json").read_text("utf-8"))
    model, classifier = HFImageText.load(llava), HFVisionClassifier.load(plain_vit)
    for item in (items[0], items[-1]):
        units = f"patches:{item['ny']}x{item['nx']}"
        value = ip.image(folder / item["image"], model=model, units=units,
                         question=item["question"], response="yes", mask="blur")  # fmt: skip
        assert len(value.features) == item["nx"] * item["ny"]
        assert np.isfinite(value(masks_of(len(value.features), 3))).all()
        plain = ip.image(folder / item["image"], model=classifier, units="superpixels:30")
        assert np.isfinite(plain(masks_of(len(plain.features), 3))).all()


def test_a_run_can_be_remade_from_what_it_says(
    classifier: HFVisionClassifier, tmp_path: Path
) -> None:
    from interplay.lenses.image import remade

    scene().save(tmp_path / "scene.png")
    value = ip.image(tmp_path / "scene.png", model=classifier, units="superpixels:8", mask="red")
    again = remade(value.subject, value.targets)
    assert again.fingerprint == value.fingerprint
    assert remade(value.subject, value.targets, mask="grey").fingerprint != value.fingerprint
    with pytest.raises(BadInput, match="the image of this run was no file"):
        remade(ip.image(NOISE, model=classifier).subject, value.targets)
