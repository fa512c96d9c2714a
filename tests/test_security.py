"""What SECURITY.md promises of code and of files from strangers; of keys: test_secrets.py."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pickle
import re
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai_server import Server, WordModel
from tiny_models import save_bert

import interplay as ip
from interplay.cli import run as command
from interplay.demo import model_path
from interplay.errors import BadInput
from interplay.models.hf_classifier import HFClassifier
from interplay.models.text_model import open_text_model

SOURCE = Path(__file__).parent.parent / "src"

# ---- no file is unpickled or run


NEVER = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "cloudpickle",
}
CALLS = {"eval", "exec", "compile", "execfile", "__import__"}
LOADS = {("torch", "load"), ("pd", "read_pickle"), ("pandas", "read_pickle"), ("os", "system")}

RAY = "interplay/evaluate/ray_worker.py"
"""Ray sends everything by cloudpickle, between processes of one user that trust each other."""


def faults_of(tree: ast.AST) -> Iterator[str]:
    """What runs, or can be made to run, what is in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.split(".")[0] in NEVER)
        elif isinstance(node, ast.ImportFrom):
            names = {a.name for a in node.names} | {(node.module or "").split(".")[0]}
            yield from (f"import {name}" for name in names & NEVER)
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in CALLS:
                yield f"{function.id}()"
            if isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                if (owner, function.attr) in LOADS:
                    yield f"{owner}.{function.attr}()"
            told = {keyword.arg: keyword.value for keyword in node.keywords}
            for name in ("allow_pickle", "trust_remote_code", "shell"):
                value = told.get(name)
                if value is not None and not (
                    isinstance(value, ast.Constant) and value.value is False
                ):
                    yield f"{name}={ast.unparse(value)}"
            if isinstance(function, ast.Attribute) and ast.unparse(function) == "np.load":
                value = told.get("allow_pickle")
                if value is None:
                    yield "np.load() without allow_pickle=False"
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                named = isinstance(key, ast.Constant) and key.value == "trust_remote_code"
                if named and ast.unparse(value) != "False":
                    yield f"trust_remote_code: {ast.unparse(value)}"


def test_nothing_is_unpickled_or_run() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): set(faults_of(ast.parse(path.read_text("utf-8"))))
        for path in SOURCE.rglob("*.py")
    }
    assert found.pop(RAY) == {"import cloudpickle"}
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_the_walk_finds_what_it_looks_for() -> None:
    text = """
import pickle, os
from ray import cloudpickle
import yaml.loader
eval("1"); np.load(f); np.load(f, allow_pickle=True); torch.load(f); os.system("x")
f(trust_remote_code=asked); {"trust_remote_code": True}; run("x", shell=True)
"""
    assert set(faults_of(ast.parse(text))) == {
        *("import pickle", "import cloudpickle", "import yaml.loader", "eval()", "os.system()"),
        *("np.load() without allow_pickle=False", "allow_pickle=True", "torch.load()"),
        *("trust_remote_code=asked", "trust_remote_code: True", "shell=True"),
    }


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_pickles_under_any_name_are_refused(tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    payload = pickle.dumps(Bomb(struck))
    for name in ("a.npz", "a.csv", "a.jsonl", "a.json", "a.parquet", "masks.npy", "a.pkl"):
        (tmp_path / name).write_bytes(payload)
        with pytest.raises(BadInput, match="pickle"):
            ip.read_recording(tmp_path / name, values="v.npy" if name == "masks.npy" else None)
    for read in (ip.load, ip.Spectrum.load, ip.Explanations.load):
        with pytest.raises(BadInput, match=r"a\.json"):
            read(tmp_path / "a.json")
    np.save(tmp_path / "masks.npy", np.array([Bomb(struck)], dtype=object))
    with pytest.raises(BadInput, match="never unpickled"):
        ip.read_recording(tmp_path / "masks.npy", values=tmp_path / "masks.npy")
    np.savez(tmp_path / "a.npz", masks=np.array([Bomb(struck)], dtype=object))
    with pytest.raises(BadInput, match="never unpickled"):
        ip.read_recording(tmp_path / "a.npz")
    assert not struck.exists()
    pickle.loads(payload)  # it would have
    assert struck.exists()


# ---- model folders from strangers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_bert(tmp_path / "model")


def change(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_code_of_a_model_is_never_run(folder: Path, tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    for name in ("configuration_evil", "modeling_evil", "tokenization_evil"):
        (folder / f"{name}.py").write_text(
            f"import pathlib; pathlib.Path({str(struck)!r}).touch()\n"
            "from transformers import *\nclass Evil(BertConfig): pass\n"
        )
    code = {
        "AutoConfig": "configuration_evil.Evil",
        "AutoModelForSequenceClassification": "modeling_evil.Evil",
        "AutoTokenizer": ["tokenization_evil.Evil", None],
    }
    change(folder / "config.json", auto_map=code)
    change(folder / "tokenizer_config.json", auto_map=code, tokenizer_class="Evil")
    with contextlib.suppress(BadInput):  # transformers has classes of its own for this one
        open_text_model(folder)
    change(folder / "config.json", model_type="evil")
    with pytest.raises(BadInput, match="comes with code of its own, which is never run here"):
        open_text_model(folder)
    with pytest.raises(BadInput, match="comes with code of its own, which is never run here"):
        HFClassifier.load(folder)
    assert not struck.exists()
    assert not any("evil" in name for name in sys.modules)


def test_weights_are_read_from_safetensors_alone(folder: Path, tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(struck)))
    HFClassifier.load(folder)  # which are preferred
    (folder / "model.safetensors").unlink()
    with pytest.raises(
        BadInput,
        match=r"has no model\.safetensors, and pytorch_model\.bin is a pickle, which is never read"
        r".*save_pretrained\(\) writes safetensors",
    ):
        HFClassifier.load(folder)
    assert not struck.exists()


@pytest.mark.parametrize(
    "index",
    [
        {"weight_map": {"bert.a": "../other/model.safetensors"}},
        {"weight_map": {"bert.a": "/etc/passwd"}},
        {"weight_map": {"bert.a": 5}},
        {"weight_map": []},
        [],
    ],
)
def test_shards_lie_beside_their_index(folder: Path, index: Any) -> None:
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        BadInput, match=r"index\.json is damaged: its weight_map must name files of"
    ):
        HFClassifier.load(folder)


def test_adapters_are_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    with pytest.raises(BadInput, match="holds an adapter"):
        HFClassifier.load(folder)


def test_configurations_are_bounded(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(BadInput, match=r"config\.json is too large to be read"):
        HFClassifier.load(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(BadInput, match="nested 100,000 deep"):
        HFClassifier.load(folder)


# ---- run files from strangers


def save_run(path: Path, **subject: Any) -> Path:
    found = ip.explain(lambda masks: masks.sum(axis=1) * 1.0, 3, store=None)
    found.save(path)
    content = json.loads(path.read_text())
    content["subject"] = {"kind": "text", "text": "the old town", "spans": [], **subject}
    path.write_text(json.dumps(content))
    path.with_suffix(".npz").unlink()
    return path


def test_a_run_file_decides_neither_which_key_is_sent_nor_where_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-account-1234")
    monkeypatch.setenv("AWS_SECRET", "aws-secret-of-the-account")
    sent = []

    class Listening(Server):
        async def _answer(self, method: str, path: str, auth: str, body: Any) -> bytes | None:
            sent.append(auth)
            return await super()._answer(method, path, auth, body)

    for secret in ("OPENAI_API_KEY", "AWS_SECRET"):
        with Listening(WordModel(), key=os.environ[secret]) as evil:
            arguments = {"base_url": evil.url, "api_key_env": secret, "response": " lies"}
            path = save_run(tmp_path / "run.json", model="openai:words", arguments=arguments)
            for words in (["replay", "run.json", "--fresh"], ["flip", "run.json"]):
                assert command(words) == 2
                told = capfd.readouterr().err
                assert "No key was sent, for base_url and api_key_env came from the file" in told
                assert "--base-url http://127.0.0.1" in told
            with pytest.raises(BadInput, match=r"\(401\)"):
                ip.replay(path, fresh=True)
            assert command(["flip", "run.json", "--model", "openai:words"]) == 2
            assert command(["flip", "run.json", "--base-url", evil.url]) == 2
            assert {*sent} == {""}
            # who names both has said what is trusted
            for words in (["replay", "run.json", "--fresh"], ["flip", "run.json"]):
                command([*words, "--base-url", evil.url, "--api-key-env", secret])
            assert {*sent} == {"", f"Bearer {os.environ[secret]}"}
            sent.clear()


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "table", "model": "py:os:getcwd", "arguments": {}},
        {"kind": "callable", "name": "py:os:getcwd"},
        {"kind": "training_data", "arguments": {"trainer": "py:os:getcwd"}},
        {"kind": "text", "model": "py:os:getcwd"},
        {"kind": "os", "model": "system"},
        {"kind": "text", "model": "nowhere", "arguments": {"no_such_option": 1}},
        {"kind": "text", "model": "nowhere", "arguments": [1]},
        {"kind": "text", "model": None, "arguments": {"units": 5}},
        {"kind": "training_data", "arguments": {"no_such_option": 1}},
        {"kind": "components", "arguments": {"task": 5}},
        {"kind": "image", "arguments": {"image": 5}},
        {"kind": []},
    ],
    ids=str,
)
def test_what_a_run_file_names_is_never_run(
    subject: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save_run(tmp_path / "run.json", **subject)
    before = path.read_bytes()
    for words in (["replay", str(path), "--fresh"], ["flip", str(path)]):
        assert command(words) == 2
        told = capfd.readouterr().err
        assert told.startswith("error: ")
        assert "error: unexpected" not in told
    assert path.read_bytes() == before


# ---- what a page shows of a stranger's run


EVIL = (
    """</script></style></textarea><!--"'><img src=x onerror=evil()><a href="javascript:evil()">x"""
)


class Shape(HTMLParser):
    """How many elements of each kind a page has, and what could run or load in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.alarming: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attributes:
            own = (value or "").startswith(("#", "data:image/"))
            if name.startswith("on") or (name in ("src", "href", "action", "srcdoc") and not own):
                self.alarming.append(f"<{tag} {name}={value!r:.60}>")


def poisoned(content: Any, path: str = "") -> Any:
    """A run with something evil after every text of it that no reader holds against a list."""
    held = re.compile(r"(^|\.)(format|kind|units|created|store|data|distribution|design|verdict)$")
    if isinstance(content, str) and not held.search(path):
        return content + EVIL
    if isinstance(content, list):
        return [poisoned(one, path) for one in content]
    if isinstance(content, dict):
        return {name: poisoned(one, f"{path}.{name}") for name, one in content.items()}
    return content


def test_every_text_of_a_run_is_a_text_in_its_report(tmp_path: Path) -> None:
    value = ip.text("not bad at all, it is", model=model_path(), units="word")
    found = ip.explain(value, budget=64, store=None, method="lasso")
    found = found.with_action(ip.flip(found, value, store=None))
    sound, evil = found.to_dict(), poisoned(found.to_dict())
    (tmp_path / "evil.json").write_text(json.dumps(evil))
    (tmp_path / "sound.json").write_text(json.dumps(sound))
    pages = {}
    for name in ("sound", "evil"):
        run = ip.load(tmp_path / f"{name}.json")
        both = ip.Explanations({"a": run, f"b{EVIL * (name == 'evil')}": run})
        pages[name] = [
            run.report(tmp_path / f"{name}.html").read_text("utf-8"),
            both.report(tmp_path / f"{name}.many.html").read_text("utf-8"),
            ip.compare(run, run).report(tmp_path / f"{name}.compared.html").read_text("utf-8"),
        ]
    for sound_page, evil_page in zip(pages["sound"], pages["evil"], strict=True):
        assert "onerror" in evil_page
        before, after = Shape(sound_page), Shape(evil_page)
        assert after.alarming == before.alarming == []
        for tag in ("script", "style", "img", "a", "iframe", "link", "form", "object", "template"):
            assert after.elements[tag] == before.elements[tag], tag
