"""What the package promises as a whole: its names, its weight, its dependencies."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import interplay as ip

REPOSITORY = Path(__file__).parent.parent


def test_public_names() -> None:
    assert sorted(ip.__all__) == ip.__all__
    for name in ip.__all__:
        assert getattr(ip, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ip.nothing


def test_importing_is_light() -> None:
    program = "import sys, interplay; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {
        "torch", "transformers", "sklearn", "matplotlib", "pandas", "jinja2", "rich", "cyclopts",
        "safetensors", "tokenizers", "pyarrow", "lightgbm", "ray", "aiohttp", "PIL",
    }  # fmt: skip
    assert heavy.isdisjoint(run.stdout.split())


def test_every_dependency_has_its_reason() -> None:
    """A new one is a decision: add it here, with its reason in pyproject.toml."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    names = {line.split(">")[0] for line in project["dependencies"]}
    assert names == {
        "numpy", "scipy", "scikit-learn", "threadpoolctl", "rich", "jinja2", "cyclopts",
    }  # fmt: skip
    assert set(project["optional-dependencies"]) == {
        "hf", "image", "tabular", "plots", "parquet", "lightgbm", "api", "ray", "view",
        "interop", "dev", "all",
    }  # fmt: skip
    start = text.index("dependencies = [")
    block = text[start : text.index("\n]", start)].splitlines()[1:]
    assert all("#" in line for line in block)


def test_pickle_is_nowhere() -> None:
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path


@pytest.mark.parametrize(
    ("extra", "absent", "model"),
    [("hf", ("transformers", "torch"), "model_path()"), ("api", ("aiohttp",), "'openai:anything'")],
)
def test_a_missing_extra_says_what_to_install(
    extra: str, absent: tuple[str, ...], model: str
) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "import interplay as ip\nfrom interplay.demo import model_path\n"
        f"try:\n    ip.text('a good film', model={model})\n"
        "except ip.MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f'pip install "interplay[{extra}]"' in run.stdout, run.stderr
