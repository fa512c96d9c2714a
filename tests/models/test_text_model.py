"""Which class reads a text: what the folder's configuration says, or the name."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai_server import Server, WordModel
from tiny_models import save_causal, save_seq2seq

from interplay.errors import BackendError, BadInput
from interplay.models.hf_causal import HFCausalLM
from interplay.models.hf_classifier import HFClassifier
from interplay.models.hf_seq2seq import HFSeq2SeqLM
from interplay.models.openai_server import OpenAIServer
from interplay.models.text_model import SERVER_OPTIONS, open_text_model


def test_the_architecture_chooses(bert: Path, tmp_path: Path) -> None:
    llama, t5 = tmp_path / "llama", tmp_path / "t5"
    save_causal(llama, "llama")
    save_seq2seq(t5, "t5")
    assert type(open_text_model(bert)) is HFClassifier
    assert type(open_text_model(str(llama))) is HFCausalLM
    assert type(open_text_model(t5, device="cpu", dtype="float64")) is HFSeq2SeqLM


def test_a_name_of_a_server() -> None:
    with Server(WordModel()) as server:
        options = dict.fromkeys(SERVER_OPTIONS) | {"base_url": server.url, "concurrency": 2}
        model = open_text_model("openai:words", **options)
        assert isinstance(model, OpenAIServer)
        assert model.name == "openai:words"
        model.close()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("no/folder", {}, "model folder 'no/folder' does not exist"),
        ("bert", {"base_url": "http://x"}, "base_url: only for servers, model='openai:NAME'"),
        ("openai:x", {"device": "cpu"}, "device and dtype are for local models"),
    ],
)
def test_what_does_not_go_together(
    model: str, options: dict[str, str], message: str, bert: Path
) -> None:
    with pytest.raises(BadInput, match=message):
        open_text_model(str(bert) if model == "bert" else model, **options)


def test_a_model_of_another_kind_is_refused(plain_vit: Path) -> None:
    with pytest.raises(BadInput, match="is not a sequence classifier"):
        open_text_model(plain_vit)


def test_no_server() -> None:
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9"):
        open_text_model("openai:x", base_url="http://127.0.0.1:9/v1", max_attempts=1)
