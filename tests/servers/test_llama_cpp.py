"""llama.cpp's server, in an environment of its own, scores as the model itself does."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BackendError, BadInput
from interplay.models.hf_causal import HFCausalLM
from interplay.models.language import Prompt
from interplay.models.openai_server import OpenAIServer

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-servers" / "bin" / "python"
EMBEDDED = Path(ip.__file__).parent / "demo" / "facts"
PROMPTS = [
    "Once upon a time there was a little girl named Lily.",
    "Once upon a time there was a dog. His name was Max, and he was",
    "Zoë sah ein 🐶 und",
    "Anna is in the kitchen. Ben has the map.\nQuestion: Where is Anna?\nAnswer:",
]
# which of them the model goes on with, and a word that is one of its tokens
GOES_ON = {"stories260k": 1, "facts": 3}
WORD = {"stories260k": "time", "facts": "kitchen"}
RESPONSES = [" She loved to play outside.", " happy", " é 🐶!"]


def folders(assets: Path) -> dict[str, Path]:
    found = {"stories": assets / "models" / "stories260k"}
    if (EMBEDDED / "config.json").is_file():
        found["facts"] = EMBEDDED
    return found


@contextmanager
def serving(folder: Path, scratch: Path, *options: str) -> Iterator[str]:
    """Convert a model, serve it, give the address."""
    if (
        not PYTHON.exists()
        or subprocess.run(
            [PYTHON, "-c", "import llama_cpp, gguf, uvicorn"], capture_output=True
        ).returncode
    ):
        pytest.skip("llama.cpp's server could not be built here: make servers says why")
    file = scratch / "model.gguf"
    subprocess.run([PYTHON, HERE / "to_gguf.py", folder, file, *options], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = {
        "model": file, "model_alias": "tiny", "host": "127.0.0.1", "port": port, "n_ctx": 512,
        "n_threads": 1, "n_threads_batch": 1, "logits_all": "true",
        "type_k": 0, "type_v": 0,  # float32: a cache of float16 changes the third digit
    }  # fmt: skip
    words = [str(word) for name, value in arguments.items() for word in (f"--{name}", value)]
    with (scratch / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [PYTHON, "-m", "llama_cpp.server", *words], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}/v1"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/models", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise AssertionError((scratch / "log.txt").read_text()[-3000:]) from None
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module", params=["stories", "facts"])
def served(
    request: pytest.FixtureRequest, assets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    found = folders(assets)
    if request.param not in found:
        pytest.skip(f"no model {request.param!r} here")
    folder = found[request.param]
    with serving(folder, tmp_path_factory.mktemp("gguf")) as url:
        yield url, folder


def connect(url: str, **more: Any) -> OpenAIServer:
    return OpenAIServer.connect("tiny", base_url=url, **more)


def test_scores_are_the_models_own(served: tuple[str, Path]) -> None:
    url, folder = served
    local = HFCausalLM.load(folder)
    prompts = [Prompt.plain(text) for text in PROMPTS]
    with connect(url) as server:
        assert server.mode == "echo"
        # how other prompts than the first are tokenised is the server's business: each its own
        for prompt in prompts:
            (query,) = local.read([prompt])
            responses = [local.fix(query, text) for text in RESPONSES]
            there = [server.fix(prompt, text) for text in RESPONSES]
            assert [one.spans for one in there] == [one.spans for one in responses]
            scored = server.score([prompt], there)
            assert scored.failure is None
            for one, other in zip(
                local.score([query], responses).logprobs, scored.logprobs, strict=True
            ):
                np.testing.assert_allclose(other, one, atol=1e-4)
        assert server.ledger.estimated == 0


def test_many_at_once_and_in_any_order(served: tuple[str, Path]) -> None:
    url, _ = served
    prompts = [Prompt.plain(f"{PROMPTS[i % 2]} {'very ' * (i % 5)}big") for i in range(24)]
    with connect(url) as server:
        responses = [server.fix(prompts[0], " dog.")]
        one = server.score(prompts, responses)
        other = server.score(prompts[::-1], responses)
    np.testing.assert_allclose(one.logprobs[0], other.logprobs[0][::-1], atol=1e-4)


def test_its_own_response_is_the_models(served: tuple[str, Path]) -> None:
    url, folder = served
    local = HFCausalLM.load(folder)
    prompt = Prompt.plain(PROMPTS[GOES_ON[folder.name]])
    (query,) = local.read([prompt])
    with connect(url) as server:
        found = server.respond(prompt, max_tokens=8)
        assert found.text == local.respond(query, max_tokens=8).text
        assert server.generate([prompt], max_tokens=8).texts == [found.text]


def test_a_lens_gives_the_values_of_the_local_model(served: tuple[str, Path]) -> None:
    url, folder = served
    masks = np.random.default_rng(0).random((40, 6)) < 0.6
    # where nothing is left, SentencePiece puts a space of its own before the response
    masks = masks[masks.any(axis=1)]
    values = []
    for model, more in ((str(folder), {}), ("openai:tiny", {"base_url": url})):
        value = ip.text(
            "One day, Lily met a dog.", model=model, target="logprob: They played.", **more
        )
        assert len(value.features) == 6
        values.append(value(masks))
    value.model.close()
    np.testing.assert_allclose(values[0], values[1], atol=2e-4)  # sums of four tokens


def test_the_most_likely_tokens_are_the_models(served: tuple[str, Path]) -> None:
    url, folder = served
    if folder.name == "facts":
        pytest.skip("it ends after most texts, and llama.cpp then tells of no token")
    local = HFCausalLM.load(folder)
    prompt = Prompt.plain(PROMPTS[1])
    (query,) = local.read([prompt])
    word = local.respond(query, max_tokens=1).text
    with connect(url, mode="labels") as server:
        label = server.fix(prompt, word)
        (found,) = server.score([prompt], [label]).logprobs[0][0]
    (exact,) = local.score([query], [local.fix(query, word)]).logprobs[0][0]
    assert found == pytest.approx(exact, abs=1e-4)


def test_what_is_refused(served: tuple[str, Path]) -> None:
    url, folder = served
    with pytest.raises(BadInput, match="has no model 'other'; it lists tiny"):
        OpenAIServer.connect("other", base_url=url)
    with pytest.raises(BackendError, match="has no prompt_logprobs"):
        connect(url, mode="prompt_logprobs")
    with connect(url) as server:
        word = WORD[folder.name]
        with pytest.raises(BadInput, match="share a token"):
            server.fix(Prompt.plain(f"Once upon a {word[:-2]}"), word[-2:])
        response = server.fix(Prompt.plain(PROMPTS[0]), " dog.")
        scored = server.score([Prompt.plain("dog " * 600)], [response])
        assert scored.failure is not None
        assert np.isnan(scored.logprobs[0]).all()


def test_a_model_with_nothing_before_a_text_is_refused(assets: Path, tmp_path: Path) -> None:
    """Its server then leaves the last token out, and gives each the value that it has after itself;
    the pieces are right."""
    with (
        serving(folders(assets)["stories"], tmp_path, "--no-bos") as url,
        pytest.raises(BackendError, match="not for the text that was sent"),
    ):
        connect(url)
