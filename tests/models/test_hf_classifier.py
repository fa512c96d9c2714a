"""Loading and scoring of real Hugging Face folders with small random networks."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled
from tiny_models import LINES, save_bert, save_gpt2
from transformers.utils import logging as hf_logging

from interplay.errors import BadInput, MissingExtra
from interplay.models import hf_files
from interplay.models.hf_classifier import HFClassifier
from interplay.models.hf_files import folder_digest

FOLDERS = ["bert", "roberta", "gpt2"]


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def reference(folder: Path, ids: list[list[int]]) -> np.ndarray:
    """Logits by the plainest code: one sequence, one forward pass, no padding."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return np.concatenate(
            [model(input_ids=torch.tensor([row])).logits.double().numpy() for row in ids]
        )


def ragged(model: HFClassifier, m: int = 40, seed: int = 0) -> list[list[int]]:
    """Sequences of real words of many lengths."""
    rng = np.random.default_rng(seed)
    words = " ".join(LINES).split()
    return model.encode([" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(m)])


def test_logits_equal_single_passes_whatever_the_batch_and_order(folder: Path) -> None:
    model = HFClassifier.load(folder)
    sequences = ragged(model)
    expected = reference(folder, sequences)
    assert np.ptp(expected, axis=0).min() > 0.05  # so that 1e-4 says something
    for batch_size in (1, 3, 16, 100):
        got = model.logits(sequences, batch_size=batch_size)
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, atol=1e-4)
    order = np.random.default_rng(1).permutation(len(sequences))
    shuffled = model.logits([sequences[i] for i in order], batch_size=7)
    np.testing.assert_allclose(shuffled, expected[order], atol=1e-4)


def test_pads_right_where_that_is_harmless(folder: Path) -> None:
    model = HFClassifier.load(folder)
    model.logits(ragged(model))
    assert model._side == "right"


def test_pads_left_where_only_that_is_harmless(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = HFClassifier.load(bert)
    right = model._forward

    def reads_the_last_token(batch, pad, side, *hidden):  # type: ignore[no-untyped-def]
        if side == "right":
            return right([list(ids) + [pad] * (30 - len(ids)) for ids in batch], pad, side) + 1
        return right(batch, pad, side and "right")

    monkeypatch.setattr(model, "_forward", reads_the_last_token)
    model.logits(ragged(model))
    assert model._side == "left"


def test_batches_equal_lengths_only_where_padding_changes_logits(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFClassifier.load(bert)
    sequences = ragged(model)
    expected = reference(bert, sequences)
    plain = model._forward

    def disturbed_by_padding(batch, pad, side, *hidden):  # type: ignore[no-untyped-def]
        padded = np.array([len(ids) < max(map(len, batch)) for ids in batch])
        return plain(batch, pad, side) + padded[:, None]

    monkeypatch.setattr(model, "_forward", disturbed_by_padding)
    np.testing.assert_allclose(model.logits(sequences), expected, atol=1e-4)
    assert model._side == ""


def test_decoder_without_a_padding_token_uses_every_id(gpt2: Path) -> None:
    model = HFClassifier.load(gpt2)
    rows = model.model.get_input_embeddings().num_embeddings
    everything = list(range(rows))  # no id is left to pad with
    sequences = [everything[i : i + 50] for i in range(0, rows, 50)] + [[5, 6], [7, 0]]
    np.testing.assert_allclose(model.logits(sequences), reference(gpt2, sequences), atol=1e-4)


def test_decoder_that_pads_with_its_end_token(tmp_path: Path) -> None:
    folder = save_gpt2(tmp_path, pad=True)
    model = HFClassifier.load(folder)
    sequences = [[9, 8, 7, 0], [9, 8, 7], [5, 0, 6, 7, 8, 0, 0], [4]]
    np.testing.assert_allclose(model.logits(sequences), reference(folder, sequences), atol=1e-4)


def test_token_types_are_passed_where_tokenizer_and_model_know_them(
    bert: Path, gpt2: Path, tmp_path: Path
) -> None:
    assert not HFClassifier.load(gpt2)._types
    folder = shutil.copytree(gpt2, tmp_path / "typed")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    model = HFClassifier.load(folder)
    encoded = model.tokenizer("a film", return_tensors="pt")
    assert not encoded["token_type_ids"].any()
    with torch.inference_mode():
        expected = model.model(**encoded).logits.double().numpy()
    ids = model.encode(["a film"])
    np.testing.assert_allclose(model.logits(ids), expected, atol=1e-4)
    assert np.abs(expected - reference(gpt2, ids)).max() > 0.01  # GPT-2 reads type 0 as token 0


def test_several_token_types_in_one_text_are_refused(bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bert, tmp_path / "types")
    for name, change in {
        "tokenizer_config.json": {"model_input_names": ["input_ids", "token_type_ids"]},
        "tokenizer.json": {},
    }.items():
        content = json.loads((folder / name).read_text()) | change
        if name == "tokenizer.json":
            content["post_processor"]["single"][0]["SpecialToken"]["type_id"] = 2
        (folder / name).write_text(json.dumps(content))
    with pytest.raises(BadInput, match="gives the tokens of one text several token_type_ids"):
        HFClassifier.load(folder)


def test_no_sequences_and_one(bert: Path) -> None:
    model = HFClassifier.load(bert)
    assert model.logits([]).shape == (0, 3)
    assert model.logits(model.encode(["film"])).shape == (1, 3)


def test_labels_and_limit(bert: Path, roberta: Path, gpt2: Path) -> None:
    assert HFClassifier.load(bert).labels == ("negative", "neutral", "Positive")
    assert HFClassifier.load(bert).max_tokens == 128
    assert HFClassifier.load(gpt2).max_tokens == 128
    # 130 positions, the first two of which RoBERTa never uses
    model = HFClassifier.load(roberta)
    assert model.max_tokens == 128
    model.logits([[5] * 128])
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        model.logits([[5] * 129])


def test_a_tokenizer_that_knows_less_than_the_model_decides(tmp_path: Path) -> None:
    save_bert(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 20}))
    model = HFClassifier.load(tmp_path)
    assert model.max_tokens == 20
    model.check_lengths([20], what="text", way_out="shorten it")
    with pytest.raises(BadInput, match=r"text has 21 tokens, but .* at most 20.*; shorten it"):
        model.check_lengths([3, 21], what="text", way_out="shorten it")


def test_encodes_without_truncation_warning_or_special_tokens(
    bert: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = HFClassifier.load(bert)
    with caplog.at_level(logging.INFO):
        assert len(model.encode(["film " * 500])[0]) == 502
    assert not caplog.records
    assert capfd.readouterr().err == ""
    assert model.encode(["film"], special=False)[0] == model.encode(["film"])[0][1:-1]
    assert model.encode([]) == []


def test_an_empty_text_is_read_as_one_token(gpt2: Path, bert: Path) -> None:
    assert HFClassifier.load(bert).encode([""]) == [[2, 3]]
    model = HFClassifier.load(gpt2)
    assert model.encode([""]) == [[model.tokenizer.bos_token_id]]
    assert model.encode([""], special=False) == [[]]
    model.tokenizer.bos_token = model.tokenizer.eos_token = None
    with pytest.raises(BadInput, match="no token of an empty text, and has no BOS, EOS or padding"):
        model.encode([""])


def test_byte_tokenizer_without_limit_or_offsets(tmp_path: Path) -> None:
    transformers.ByT5Tokenizer().save_pretrained(tmp_path)
    config = transformers.T5Config(
        vocab_size=384,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        num_labels=2,
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    transformers.T5ForSequenceClassification(config).save_pretrained(tmp_path)
    model = HFClassifier.load(tmp_path)
    assert model.max_tokens is None
    model.check_lengths([10**6], what="text", way_out="")
    sequences = ragged(model, 6)
    np.testing.assert_allclose(model.logits(sequences), reference(tmp_path, sequences), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_other_number_formats(bert: Path, dtype: str) -> None:
    model, plain = HFClassifier.load(bert, dtype=dtype), HFClassifier.load(bert)
    assert model.model.dtype == getattr(torch, dtype)
    assert model.fingerprint != plain.fingerprint
    sequences = ragged(model, 6)
    loose = 1e-4 if dtype == "float64" else 1.5
    np.testing.assert_allclose(model.logits(sequences), plain.logits(sequences), atol=loose)


# --- fingerprints


def test_fingerprint_follows_content_not_name_or_readme(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "elsewhere")
    (copy / "README.md").write_text("a note")
    (copy / "run.json").write_text("{}")
    original = HFClassifier.load(bert).fingerprint
    assert HFClassifier.load(copy).fingerprint == original
    assert HFClassifier.load(str(copy) + "/").fingerprint == original


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_fingerprint_changes_with_each_file(bert: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    before = folder_digest(copy)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    assert folder_digest(copy) != before


def test_digest_is_cached_by_path_time_and_size(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    before = folder_digest(copy)
    read = []
    real = hf_files.hashlib.file_digest
    monkeypatch.setattr(
        hf_files.hashlib, "file_digest", lambda f, kind: read.append(f.name) or real(f, kind)
    )
    assert folder_digest(copy) == before
    assert read == []
    status = (copy / "config.json").stat()
    os.utime(copy / "config.json", ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert folder_digest(copy) == before
    assert [Path(name).name for name in read] == ["config.json"]


# --- the hub


@pytest.fixture
def hub_cache(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache on disk with one model in it, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    # transformers 4 keeps a copy of the path
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path), raising=False)
    repository = tmp_path / "models--somebody--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c" * 40)
    shutil.copytree(bert, repository / "snapshots" / ("c" * 40))
    return repository


def test_loads_from_the_hub_by_id(hub_cache: Path, bert: Path) -> None:
    model = HFClassifier.load("hf:somebody/tiny")
    assert model.name == "hf:somebody/tiny"
    sequences = ragged(model, 5)
    np.testing.assert_allclose(model.logits(sequences), reference(bert, sequences), atol=1e-4)


def test_fingerprint_of_a_hub_model_is_its_commit(hub_cache: Path) -> None:
    first = HFClassifier.load("hf:somebody/tiny").fingerprint
    (hub_cache / "snapshots" / ("c" * 40)).rename(hub_cache / "snapshots" / ("d" * 40))
    (hub_cache / "refs" / "main").write_text("d" * 40)
    assert HFClassifier.load("hf:somebody/tiny").fingerprint != first


def test_unknown_hub_model(hub_cache: Path) -> None:
    with pytest.raises(
        BadInput, match=r"cannot load 'hf:nobody/nothing' .* the connection; offline"
    ):
        HFClassifier.load("hf:nobody/nothing")


# --- silence


def test_loading_is_silent_and_leaves_logging_as_it_was(
    bert: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("transformers")
    before = (
        logger.level,
        hf_logging.get_verbosity(),
        hf_logging.is_progress_bar_enabled(),
        are_progress_bars_disabled(),
    )
    HFClassifier.load(bert)
    with pytest.raises(BadInput):
        HFClassifier.load(bert.parent)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert before == (
        logger.level,
        hf_logging.get_verbosity(),
        hf_logging.is_progress_bar_enabled(),
        are_progress_bars_disabled(),
    )


def test_progress_bars_switched_off_stay_off(bert: Path) -> None:
    hf_logging.disable_progress_bar()
    try:
        HFClassifier.load(bert)
        assert not hf_logging.is_progress_bar_enabled()
        assert are_progress_bars_disabled()
    finally:
        hf_logging.enable_progress_bar()


# --- folders that are no classifier


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model folder '.*nowhere' does not exist; .*hf:OWNER/NAME"):
        HFClassifier.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"model folder '.*file' is a file, not a folder"):
        HFClassifier.load(tmp_path / "file")


def test_folder_without_or_with_broken_config(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"has no config\.json; give the folder that save_pretrained"
    ):
        HFClassifier.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadInput, match=r"config\.json of model folder .* is not JSON"):
        HFClassifier.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "imaginary"}')
    with pytest.raises(BadInput, match=r"cannot load .* as a sequence classifier: .*imaginary"):
        HFClassifier.load(tmp_path)


def test_causal_language_model_is_not_a_classifier(assets: Path) -> None:
    with pytest.raises(BadInput, match=r"not a sequence classifier: .* LlamaForCausalLM.*random"):
        HFClassifier.load(assets / "models" / "stories260k")


def test_masked_language_model_is_not_a_classifier(tmp_path: Path) -> None:
    save_bert(tmp_path, architecture="BertForMaskedLM")
    with pytest.raises(BadInput, match=r"not a sequence classifier: .* BertForMaskedLM"):
        HFClassifier.load(tmp_path)


def test_random_head_is_an_error_even_where_the_config_does_not_tell(tmp_path: Path) -> None:
    save_bert(tmp_path, architecture="BertModel")
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["architectures"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(
        BadInput, match=r"not a trained sequence classifier: .* classifier\.bias.*random"
    ):
        HFClassifier.load(tmp_path)


def test_weights_of_another_shape(tmp_path: Path) -> None:
    save_bert(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["id2label"] = {"0": "one", "1": "two"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BadInput, match=r"classifier"):
        HFClassifier.load(tmp_path)


def test_missing_damaged_and_foreign_files(tmp_path: Path) -> None:
    save_bert(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:1000])
    with pytest.raises(BadInput, match=r"cannot load .* as a sequence classifier"):
        HFClassifier.load(tmp_path)
    weights.unlink()
    with pytest.raises(BadInput, match=r"model folder .* has no model\.safetensors; give"):
        HFClassifier.load(tmp_path)
    weights.write_bytes(content)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match=r"cannot load the tokenizer of .* Save it beside the model"):
        HFClassifier.load(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(
        BadInput, match=r"tokenizer of .* (knows nothing but special tokens|Save it)"
    ):
        HFClassifier.load(tmp_path)


def test_tokenizer_of_another_model(bert: Path) -> None:
    model = HFClassifier.load(bert)
    with pytest.raises(BadInput, match=r"makes token id 5000, but the model knows \d+ tokens"):
        model.logits([[2, 5000, 3]])


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    save_bert(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["model_type"] = "own"
    settings["auto_map"] = {"AutoConfig": "code.Config"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "code.py").write_text("raise SystemExit('was run')")
    with pytest.raises(BadInput, match="code of its own, which is never run"):
        HFClassifier.load(tmp_path)


def test_unknown_device_and_dtype(bert: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown dtype 'int4'; valid: float32, float64"):
        HFClassifier.load(bert, dtype="int4")
    with pytest.raises(BadInput, match=r"device 'abacus' cannot be used: .* use 'cpu'"):
        HFClassifier.load(bert, device="abacus")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_extra(bert: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf'"{package}".*pip install "interplay\[hf\]"'):
        HFClassifier.load(bert)
