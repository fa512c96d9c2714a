"""The papers' experiments with their own models: every configuration, on tiny random weights.

Networks are of the same architectures, made here; data in the published layouts are made here as
well, and those of the assets are read where there are any.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.papers.originals import inputs
from benchmarks.papers.originals.__main__ import listed, main
from benchmarks.papers.originals.configurations import CONFIGURATIONS
from benchmarks.papers.originals.contrastive import contrastive
from openai_server import Server, Style, WordModel
from scipy.special import log_softmax
from tiny_image_models import word_tokenizer
from tiny_models import save_bert, save_causal

from interplay.models.hf_contrastive import HFContrastive

TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}</s>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
SHORT = ("--tests", "30", "--limit", "1")
UNIFORM = ("--budgets", "0.5", "--methods", "lasso", "proxyspex")
CODED = ("--budgets", "1", "--methods", "lasso", "spex")


def run(name: str, tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """Run an experiment and return what it writes."""
    target = tmp_path / "found.json"
    main([name, *arguments, "--store", str(tmp_path / "values.db"), "--json", str(target)])
    found: dict[str, Any] = json.loads(target.read_text("utf-8"))
    assert found["experiment"] == name
    return found


# --- models


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers

    folder = save_bert(tmp_path_factory.mktemp("distilbert"))
    config = transformers.DistilBertConfig(
        vocab_size=len(transformers.AutoTokenizer.from_pretrained(folder)),
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=64,
        max_position_embeddings=128,
        initializer_range=0.5,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )
    torch.manual_seed(0)
    transformers.DistilBertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_causal(tmp_path_factory.mktemp("llama"), "llama", template=TEMPLATE, positions=1024)


@pytest.fixture(scope="module")
def llava_next(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LLaVA-NeXT: CLIP's eyes on a picture and its tiles before a Mistral."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("llava_next")
    torch.manual_seed(3)
    tokenizer = word_tokenizer(extra=["<image>"], close=False)
    tokenizer.model_max_length = 512
    common = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "initializer_range": 0.3,
    }
    grids = [[32, 64], [64, 32]]
    config = transformers.LlavaNextConfig(
        vision_config=transformers.CLIPVisionConfig(**common, image_size=32, patch_size=8),
        text_config=transformers.MistralConfig(
            **common,
            vocab_size=len(tokenizer),
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grids,
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
    )
    transformers.LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    pixels = transformers.LlavaNextImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        image_grid_pinpoints=grids,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    transformers.LlavaNextProcessor(
        pixels,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


# --- data


def write_reviews(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["review", "source", "n", "sentiment"])
        table.writerow(["The film is bad", "made", 4, "negative"])
        table.writerow(
            ["The film is not bad at all, a joy from start to finish.", "made", 12, "positive"]
        )
    return path


def write_hotpot(path: Path) -> Path:
    """HotpotQA's own layout."""
    context = [
        [f"Town {i}", [f"The film {i} is not bad. ", f" It is a joy {i}.", f"A plot {i}."]]
        for i in range(4)
    ]
    item = {
        "_id": "a",
        "question": "Which film is a joy?",
        "answer": "2",
        "context": context,
        "supporting_facts": [["Town 2", 1], ["Town 3", 0]],
    }
    path.write_text(json.dumps([item]), "utf-8")
    return path


def write_drop(path: Path) -> Path:
    """DROP's own layout."""
    passage = "The film is not bad at all; the plot makes no sense and the cast is a joy to see."
    item = {
        "passage": passage,
        "qa_pairs": [{"question": "Is the film bad?", "query_id": "q"}],
    }
    path.write_text(json.dumps({"history_1": item}), "utf-8")
    return path


def write_pictures(folder: Path) -> Path:
    """COCO's layout, its pictures in a folder beside the file."""
    from PIL import Image

    (folder / "val2017").mkdir()
    rng = np.random.default_rng(0)
    captions = ["a photo of a cat", "a painting of white cars", "a frog in a picture"]
    for i in range(3):
        pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "val2017" / f"{i}.png")
    content = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(3)],
        "annotations": [{"image_id": i, "caption": f"{one} \n"} for i, one in enumerate(captions)],
    }
    path = folder / "captions_val2017.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def write_choices(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "A", "B", "C", "D", "answer"])
        for i in range(8):
            table.writerow([f"Film {i}?", "a joy", "dull", "long", "funny", "ABCD"[i % 4]])
    return path


# --- the experiments


def test_sentiment(distilbert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(write_reviews(tmp_path / "reviews.csv"))
    given = ("--model", str(distilbert), "--data", data, *SHORT)
    (one,) = run("spex/sentiment", tmp_path, *given, *CODED)["inputs"]
    assert (one["input"], one["n"]) == ("review 1", 13)  # the other one has too few words
    assert set(one["r2"]) == {"lasso", "spex"}
    assert len(one["removal"]["spex"]) == 8
    assert "R² at 1, 1 inputs: lasso" in capsys.readouterr().out
    (again,) = run("spex/sentiment", tmp_path, *given, *CODED)["inputs"]
    assert again == one  # out of the store
    (other,) = run("proxyspex/sentiment", tmp_path, *given, *UNIFORM, "--sizes", "8", "20")[
        "inputs"
    ]
    assert other["calls"] == [round(0.5 * 13 * np.log2(13))]


@pytest.mark.parametrize("paper", ["spex", "proxyspex"])
def test_questions_about_texts(paper: str, llama: Path, tmp_path: Path) -> None:
    budget = CODED if paper == "spex" else UNIFORM
    data = write_hotpot(tmp_path / "hotpot.json")
    given = ("--model", str(llama), *SHORT, *budget, "--sizes", "8", "40")
    (one,) = run(f"{paper}/hotpotqa", tmp_path, "--data", str(data), *given)["inputs"]
    assert one["n"] == 12
    assert 0 <= one["supporting"]["lasso"] <= 1
    data = write_drop(tmp_path / "drop.json")
    (one,) = run(f"{paper}/drop", tmp_path, "--data", str(data), *given)["inputs"]
    assert (one["input"], one["n"]) == ("q", 20)


class Puzzled(WordModel):
    """Its first words are the labels."""

    VOCABULARY = ("True", "False", " the", " town")


def test_puzzles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "puzzles.csv"
    data.write_text(
        "context,question,human_answer,correct_answer\n"
        "A trolley is heading away from five people near a lever.,True or False: pull it.,no,0\n",
        "utf-8",
    )
    name = "gpt-4o-mini-2024-07-18"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    with Server(Puzzled(), Style.chat_only(), name=name, key="sk-of-a-test") as server:
        given = ("--model", f"openai:{name}", "--base-url", server.url, "--data", str(data))
        (one,) = run("spex/puzzles", tmp_path, *given, *SHORT, *CODED)["inputs"]
        asked = server.calls[-1].body["messages"]
    assert one["n"] == 11
    assert "trolley" in asked[-1]["content"] or "[UNK]" in asked[-1]["content"]
    assert asked[-1]["content"].endswith("Query: True or False: pull it.")


def test_visual_questions(llava_next: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path)
    item = {"question": "what color is this ?", "target_output": "the white cars", "nx": 4,
            "ny": 3, "image": "val2017/0.png"}  # fmt: skip
    data = pictures.parent / "visualqa.json"
    data.write_text(json.dumps([item]), "utf-8")
    given = ("--model", str(llava_next), "--data", str(data), *SHORT, *CODED)
    (one,) = run("spex/visualqa", tmp_path, *given)["inputs"]
    assert one["n"] == 12


def test_captions(plain_clip: Path, tmp_path: Path) -> None:
    data = write_pictures(tmp_path)
    given = ("--model", str(plain_clip), "--data", str(data), *SHORT[:2], "--limit", "2")
    more = ("--units", "patches:2x3+word", "--sizes", "8", "20", *UNIFORM)
    found = run("proxyspex/coco", tmp_path, *given, *more)["inputs"]
    assert [one["n"] for one in found] == [11, 11]


def test_contrastive_is_the_loss(plain_clip: Path) -> None:
    model = HFContrastive.load(plain_clip)
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)]
    captions = ["a photo of a cat", "white cars", "a frog"]
    value = contrastive(pictures, captions, model=model, units="patches:2x2+word", mask="mean")
    logits = model.scores(
        model.embed_pictures(pictures)[:, None], model.embed_captions(captions)[None]
    )
    expected = (log_softmax(logits[0])[0] + log_softmax(logits[:, 0])[0]) / 2
    full = np.ones((1, len(value.features)), dtype=bool)
    assert value(full)[0] == pytest.approx(expected, abs=1e-5)
    masks = rng.random((5, len(value.features))) < 0.5
    np.testing.assert_allclose(value(masks)[2], value(masks[2:3])[0], atol=1e-4)
    others = contrastive(
        [*pictures[:2], pictures[0]], captions, model=model, units="patches:2x2+word", mask="mean"
    )
    assert others.fingerprint != value.fingerprint


@pytest.fixture(scope="module")
def deep_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many layers as the paper's network."""
    return save_causal(tmp_path_factory.mktemp("deep"), "llama", layers=32)


@pytest.mark.parametrize("group", ["L1-3", "L14-16", "L30-32"])
def test_heads(group: str, deep_llama: Path, tmp_path: Path) -> None:
    data = str(write_choices(tmp_path / "test.csv"))
    given = ("--model", str(deep_llama), "--data", data, "--budgets", "40",
             "--methods", "random", "lasso", "proxyspex")  # fmt: skip
    found = run(f"proxyspex/heads-{group}", tmp_path, *given)["inputs"]
    assert [one["input"][:7] for one in found] == ["6 of 12", "8 of 12", "10 of 1", "energy"]
    assert set(found[0]["test"]) == {"random", "lasso", "proxyspex", "all"}
    assert sum(found[-1]["energy"].values()) == pytest.approx(1)


def test_archive(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "archive"
    folder.mkdir()
    masks = rng.random((400, 20)) < 0.5
    values = np.stack([masks[:, 0] + 2.0 * masks[:, 1], masks[:, 2] & masks[:, 3]], axis=1)
    np.save(folder / "masks.npy", masks)
    np.save(folder / "margins.npy", values.astype(np.float32))
    given = ("--data", str(folder), "--limit", "3", "--methods", "lasso", "auto")
    found = run("proxyspex/cifar10", tmp_path, *given, "--budgets", "2")["inputs"]
    assert len(found) == 2
    assert found[1]["r2"]["auto"]["all"] > 0.9 > found[1]["r2"]["lasso"]["all"]
    assert found[0]["lds"]["lasso"] > 0.99


def test_without_a_name_it_lists(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out.strip() == listed()
    assert len(listed().splitlines()) == len(CONFIGURATIONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["spex/nothing"], "there is no experiment 'spex/nothing'; there are: spex/sentiment"),
        (["spex/sentiment"], "give --model, a folder with its weights, or hf:lyrisha/distilbert"),
        (["spex/drop", "--model", "nowhere"], "there are no weights at 'nowhere'"),
        (["spex/puzzles"], "give --model, openai:gpt-4o-mini-2024-07-18"),
        (["spex/puzzles", "--model", "openai:gpt"], "there is no key: set OPENAI_API_KEY"),
        (["spex/drop", "--model", "."], "needs --data: DROP, drop_dataset_dev.json"),
        (["proxyspex/cifar10"], "needs --data: datamodels of CIFAR-10"),
        (["spex/drop", "--model", ".", "--data", "no.json"], "there is no file 'no.json'"),
        (["spex/drop", "--model", ".", "--base-url", "http://a"], "--base-url is of a server"),
        (["proxyspex/coco", "--model", "openai:clip"], "--model wants its weights, not a server"),
        (["spex/drop", "--limit", "0"], "--limit must be 1 or more"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("INTERPLAY_ASSETS", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in told
    assert told.count("\n") == 1


def test_data_of_another_kind(
    distilbert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_drop(tmp_path / "drop.json")
    with pytest.raises(SystemExit):
        main(["spex/sentiment", "--model", str(distilbert), "--data", str(data)])
    assert "is no table with the columns review" in capsys.readouterr().err
    data = write_reviews(tmp_path / "reviews.csv")
    given = ["--model", str(distilbert), "--data", str(data), "--sizes", "50", "60"]
    with pytest.raises(SystemExit):
        main(["spex/sentiment", *given])
    assert "no input of" in capsys.readouterr().err


def test_the_files_at_hand_are_read(assets: Path) -> None:
    hotpot = list(inputs.hotpot(assets / "qa" / "hotpotqa_dev_200.jsonl"))
    assert len(hotpot) == 200
    raw = json.loads((assets / "qa" / "hotpotqa_dev_200.jsonl").read_text("utf-8").split("\n")[0])
    sentences = [one.strip() for paragraph in raw["context"] for one in paragraph["sentences"]]
    first = hotpot[0]
    seen = [first.text[a:b] for a, b in first.spans]
    assert seen == [one for one in sentences if one]
    needed = [sentences[place] for place in raw["supporting_sentences"]]
    assert [seen[place] for place in first.supporting] == needed
    assert len(list(inputs.drop(assets / "qa" / "drop_dev_500.jsonl"))) == 500
    assert len(list(inputs.puzzles(assets / "qa" / "puzzles.csv"))) == 5
    assert len(list(inputs.reviews(assets / "text" / "long_reviews.csv"))) == 160
    asked = list(inputs.visual(assets / "qa" / "visualqa.json"))
    assert len(asked) == 6
    assert all(one.picture is not None and one.picture.is_file() for one in asked)
    tables = [assets / "qa" / f"mmlu_us_history_{part}.csv" for part in ("dev", "val", "test")]
    assert len(inputs.choices(tables)) == 231


def test_a_real_file_end_to_end(assets: Path, llama: Path, tmp_path: Path) -> None:
    given = ("--model", str(llama), *SHORT, *UNIFORM, "--sizes", "30", "70")
    data = ("--data", str(assets / "qa" / "drop_dev_500.jsonl"))
    (one,) = run("proxyspex/drop", tmp_path, *given, *data)["inputs"]
    assert 30 <= one["n"] <= 70
