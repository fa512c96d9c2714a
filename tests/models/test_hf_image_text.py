"""Models of pictures and texts, contrastive and generating, against plain passes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_image_models import save_llava, word_tokenizer

from interplay.errors import BackendError, BadInput
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8) for _ in range(5)]
QUESTION = "what color is the cat ?"


def by_hand(model: HFImageText, picture: Any, text: str, tail: tuple[int, ...]) -> Any:
    """Log-probabilities of tokens after a text, one plain pass."""
    import torch

    inputs = dict(model.processor(images=Image.fromarray(picture), text=text, return_tensors="pt"))
    length = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([tail])], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    with torch.inference_mode():
        each = model.model(**inputs).logits[0].log_softmax(-1).double().numpy()
    return [each[length - 1 + i, token] for i, token in enumerate(tail)]


def test_scores_are_those_of_plain_passes(llava: Path) -> None:
    model = HFImageText.load(llava)
    responses = [model.fix(QUESTION, text) for text in (" white", " a red dog")]
    assert responses[1].text == " a red dog"
    assert len(responses[1].ids) == 3
    assert responses[1].spans[-1][1] == len(" a red dog")
    for size in (1, 2, 8):
        found = model.score(PICTURES, QUESTION, responses, batch_size=size)
        for response, logprobs in zip(responses, found.logprobs, strict=True):
            assert logprobs.shape == (5, len(response.ids))
            expected = [
                by_hand(model, one, f"<image>\n{QUESTION}", response.ids) for one in PICTURES
            ]
            np.testing.assert_allclose(logprobs, expected, atol=1e-4)
    prompt = model.processor(images=Image.fromarray(PICTURES[0]), text=f"<image>\n{QUESTION}")
    length = len(prompt["input_ids"][0])
    assert found.tokens.tolist() == [2 * length + 1 + 3] * 5
    assert model.score([], QUESTION, responses).logprobs[1].shape == (0, 3)


def test_its_own_response_is_the_most_likely_token_by_token(llava: Path) -> None:
    import torch

    model = HFImageText.load(llava)
    response = model.respond(PICTURES[0], QUESTION, max_tokens=6)
    assert 1 <= len(response.ids) <= 6
    inputs = model._inputs(PICTURES[0], model.prompt(QUESTION))
    ids = inputs["input_ids"]
    for token in response.ids:
        with torch.inference_mode():
            given = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
            logits = model.model(**given).logits[0, -1].numpy().copy()
        logits[model._image_tokens()] = -np.inf
        assert int(logits.argmax()) == token
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    assert model.respond(PICTURES[0], QUESTION, max_tokens=6) == response


def test_a_chat_template_is_used(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{% for c in m.content %}{% if c.type == 'image' %}<image>"
        "{% else %} this : {{ c.text }}{% endif %}{% endfor %}{% endfor %} what :"
    )
    model = HFImageText.load(save_llava(tmp_path / "chat", template=template))
    assert model.prompt("is this a dog ?") == "<image> this : is this a dog ? what :"
    response = model.fix("is this a dog ?", " yes")
    found = model.score(PICTURES[:2], "is this a dog ?", [response]).logprobs[0]
    expected = [by_hand(model, one, model.prompt("is this a dog ?"), response.ids)
                for one in PICTURES[:2]]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=1e-4)
    plain = HFImageText.load(save_llava(tmp_path / "plain"))
    assert plain.fingerprint != model.fingerprint
    broken = HFImageText.load(
        save_llava(tmp_path / "broken", template="{{ raise_exception('x') }}")
    )
    with pytest.raises(BadInput, match="cannot hold a picture and a question: x"):
        broken.prompt("is this a dog ?")


def test_what_cannot_be_asked_is_said(llava: Path, bert: Path, tmp_path: Path) -> None:
    model = HFImageText.load(llava)
    with pytest.raises(BadInput, match=r"tokens, but .* reads at most 96, and interplay never"):
        model.score(PICTURES, "what " * 90, [model.fix(QUESTION, " a")])
    with pytest.raises(BadInput, match="reads at most 96"):
        model.respond(PICTURES[0], QUESTION, max_tokens=90)
    with pytest.raises(BadInput, match="zebra"):  # not in the vocabulary
        model.fix(QUESTION, " zebra")
    with pytest.raises(BadInput, match="is not a vision-language model"):
        HFImageText.load(bert)
    wrong = shutil.copytree(llava, tmp_path / "wrong")
    settings = wrong / "processor_config.json"
    text = settings.read_text("utf-8").replace('"num_additional_image_tokens": 1',
                                               '"num_additional_image_tokens": 3')  # fmt: skip
    settings.write_text(text, encoding="utf-8")
    other = HFImageText.load(wrong)
    with pytest.raises(BackendError, match="Check that processor and model belong together"):
        other.score(PICTURES, QUESTION, [other.fix(QUESTION, " a")])


# ---- contrastive


def test_contrastive_scores_are_the_models_own(plain_clip: Path) -> None:
    import torch
    import transformers

    model = HFContrastive.load(plain_clip)
    captions = ["a cat", "a photo of a white dog", ""]
    found = model.scores(
        model.embed_pictures(PICTURES, batch_size=2)[:, None],
        model.embed_captions(captions, batch_size=2)[None],
    )
    network = transformers.CLIPModel.from_pretrained(plain_clip).eval()
    processor = transformers.AutoProcessor.from_pretrained(plain_clip)
    inputs = processor(
        images=[Image.fromarray(one) for one in PICTURES], text=captions, return_tensors="pt",
        padding=True,
    )  # fmt: skip
    with torch.inference_mode():
        expected = network(**inputs).logits_per_image.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert model.count_tokens(captions) == [4, 8, 2]
    assert model.max_tokens == 12
    assert not model.multi_label


def test_siglip_has_a_bias_and_reads_its_padding(tmp_path: Path) -> None:
    import torch
    import transformers
    from tiny_image_models import image_processor

    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    tokenizer.model_max_length = 10
    common = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
              "intermediate_size": 48}  # fmt: skip
    config = transformers.SiglipConfig(
        vision_config={**common, "image_size": 32, "patch_size": 8},
        text_config={**common, "vocab_size": len(tokenizer), "max_position_embeddings": 10,
                     "projection_size": 32},
    )  # fmt: skip
    network = transformers.SiglipModel(config).eval()
    with torch.no_grad():
        network.logit_bias.fill_(-2.5)
    network.save_pretrained(tmp_path)
    transformers.CLIPProcessor(image_processor("CLIP"), tokenizer).save_pretrained(tmp_path)
    model = HFContrastive.load(tmp_path)
    assert model.multi_label
    found = model.scores(
        model.embed_pictures(PICTURES)[:, None], model.embed_captions(["a cat", "a white dog"])
    )
    text = tokenizer(["a cat", "a white dog"], padding="max_length", max_length=10,
                     return_tensors="pt")  # fmt: skip
    pixels = torch.cat(
        [image_processor("CLIP")(Image.fromarray(one), return_tensors="pt")["pixel_values"]
         for one in PICTURES]
    )  # fmt: skip
    with torch.inference_mode():
        expected = network(pixel_values=pixels, **text).logits_per_image.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_another_kind_of_score_is_refused(plain_clip: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HFContrastive, "scores", lambda self, a, b: (a * b).sum(axis=-1) - 3)
    with pytest.raises(BadInput, match=r"is .* and not the scaled product of their embeddings"):
        HFContrastive.load(plain_clip)
