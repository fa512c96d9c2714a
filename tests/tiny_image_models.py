"""Small image models in ordinary folders: made from a config, two of them trained on CIFAR-10.

The architectures, the files and the code that loads them are the real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

CLASSES = ("airplane", "frog")
"""Two classes that a tiny network tells apart after seconds."""
CAPTIONS = tuple(f"a photo of a {name}" for name in CLASSES)
WORDS = (
    "a an the photo picture painting drawing of in on what is this shown image airplane frog cat "
    "dog white cars color how many are there yes no red green ? ."
)


def cifar(assets: Path, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images uint8 (m, 32, 32, 3) and labels (m,), 0 and 1, of the two classes."""
    with np.load(assets / "cifar10" / name, allow_pickle=False) as file:
        names = [str(one) for one in file["class_names"]]
        wanted = [names.index(one) for one in CLASSES]
        labels = file["labels"]
        rows = np.isin(labels, wanted)
        return file["images"][rows], (labels[rows] == wanted[1]).astype(int)


def save_vit(folder: Path, *, labels: tuple[str, ...] = CLASSES) -> Path:
    """A ViT classifier of 32 x 32 pixels with random weights."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    image_processor().save_pretrained(folder)
    return folder


def save_clip(folder: Path) -> Path:
    """A CLIP model of 32 x 32 pixels and the words of ``WORDS``, with random weights."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    common = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 96,
    }
    config = transformers.CLIPConfig(
        vision_config={**common, "image_size": 32, "patch_size": 8},
        text_config={
            **common,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 12,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=32,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(image_processor("CLIP"), tokenizer).save_pretrained(folder)
    return folder


def save_llava(folder: Path, *, template: str | None = None) -> Path:
    """A LLaVA model, CLIP's eyes before a Llama, with random weights."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(3)
    tokenizer = word_tokenizer(extra=["<image>"], close=False)
    common = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "initializer_range": 0.3,
    }
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**common, image_size=32, patch_size=8),
        text_config=transformers.LlamaConfig(
            **common,
            vocab_size=len(tokenizer),
            num_key_value_heads=2,
            max_position_embeddings=96,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
    )
    transformers.LlavaForConditionalGeneration(config).save_pretrained(folder)
    transformers.LlavaProcessor(
        image_processor("CLIP"),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    ).save_pretrained(folder)
    return folder


def train_vit(folder: Path, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> None:
    """Train the classifier of a folder in place: 3 epochs, some seconds."""
    import torch
    import transformers

    model = transformers.ViTForImageClassification.from_pretrained(folder)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        return model(pixel_values=pixels[rows], labels=wanted[rows]).loss

    pixels, wanted = _tensors(images, labels)
    _descend(model, loss, len(images))
    model.save_pretrained(folder)


def train_clip(folder: Path, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> None:
    """Train the contrastive model of a folder in place, on the captions of the two classes."""
    import torch
    import transformers

    model = transformers.CLIPModel.from_pretrained(folder)
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        list(CAPTIONS), return_tensors="pt", padding=True
    )

    def loss(rows: torch.Tensor) -> torch.Tensor:
        fits = model(pixel_values=pixels[rows], **tokens).logits_per_image
        return torch.nn.functional.cross_entropy(fits, wanted[rows])

    pixels, wanted = _tensors(images, labels)
    _descend(model, loss, len(images))
    model.save_pretrained(folder)


def _tensors(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    import torch

    pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    return pixels, torch.from_numpy(labels).long()


def _descend(model: Any, loss: Any, count: int) -> None:
    import torch

    model.train()
    rate = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        for rows in torch.randperm(count, generator=generator).split(50):
            rate.zero_grad()
            loss(rows).backward()
            rate.step()


def image_processor(kind: str = "ViT") -> Any:
    """What resizes to 32 x 32 and maps 0 ... 255 to -1 ... 1."""
    import transformers

    made = getattr(transformers, f"{kind}ImageProcessorPil")
    half, size = [0.5, 0.5, 0.5], {"height": 32, "width": 32}
    more = {"do_center_crop": False} if kind == "CLIP" else {}
    return made(size=size, image_mean=half, image_std=half, **more)


def word_tokenizer(extra: list[str] | None = None, *, close: bool = True) -> Any:
    """A tokenizer of whole words, each with the space before it lost, as CLIP's."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, processors

    special = ["<pad>", "<unk>", "<s>", "</s>", *(extra or [])]
    vocabulary = {word: i for i, word in enumerate([*special, *dict.fromkeys(WORDS.split())])}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if close else "<s> $A", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=extra or [],
        model_max_length=96,
        model_input_names=["input_ids", "attention_mask"],
    )


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> Path:
    """A folder with a ViT that tells airplanes from frogs."""
    folder = save_vit(tmp_path_factory.mktemp("vit"))
    train_vit(folder, *cifar(assets, "cifar10_train_10k.npz"))
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> Path:
    """A folder with a CLIP model that tells airplanes from frogs by caption."""
    folder = save_clip(tmp_path_factory.mktemp("clip"))
    train_clip(folder, *cifar(assets, "cifar10_train_10k.npz"))
    return folder


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a LLaVA model with random weights."""
    return save_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def plain_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ViT with random weights: no assets are needed."""
    return save_vit(tmp_path_factory.mktemp("plain_vit"))


@pytest.fixture(scope="session")
def plain_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CLIP model with random weights."""
    return save_clip(tmp_path_factory.mktemp("plain_clip"))
