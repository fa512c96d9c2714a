"""What the package promises as a whole: its names and its weight."""

from __future__ import annotations

import subprocess
import sys
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
    program = (
        "import sys, interplay; assert {*interplay.__all__} <= {*dir(interplay)}; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {
        "torch", "transformers", "sklearn", "matplotlib", "pandas", "jinja2", "rich", "cyclopts",
        "safetensors", "tokenizers", "pyarrow", "lightgbm", "ray", "aiohttp", "PIL",
    }  # fmt: skip
    assert heavy.isdisjoint(run.stdout.split())


def test_pickle_is_nowhere() -> None:
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path
