"""What is handed out: the wheel and the sdist carry what is needed, and nothing that is not ours.

``make test-wheel`` (tests/wheel) installs both in empty environments and runs the demo there.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
MEGABYTES = {"wheel": 6, "sdist": 9}
"""At most; they were 4.9 and 6.9 on 2026-11-29, of which the embedded models are 4.3."""
LEFT_BEHIND = re.compile(
    r"\.(db|db-wal|db-shm|pyc|env|key|log|whl|gz)$|(^|/)(__pycache__|\.\w+_cache|\.venv.*|_build|dist)/"
)


@pytest.fixture(scope="module")
def wheel_names(built: dict[str, Path]) -> set[str]:
    with zipfile.ZipFile(built["wheel"]) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist_names(built: dict[str, Path]) -> set[str]:
    """Without the folder of name and version that everything is in."""
    with tarfile.open(built["sdist"]) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def _source() -> set[str]:
    """Return the files of the package as the wheel names them."""
    package = REPOSITORY / "src" / "interplay"
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _stray(names: Iterable[str]) -> list[str]:
    """Return what is no source: databases, caches, keys, builds."""
    return [name for name in names if LEFT_BEHIND.search(name)]


def test_the_wheel_runs_and_renders(wheel_names: set[str], built: dict[str, Path]) -> None:
    assert {
        "interplay/py.typed",
        "interplay/demo/long_review.txt",
        "interplay/demo/sentiment/model.safetensors",
        "interplay/demo/facts/tokenizer.json",
        "interplay/report/templates/report.css",
        "interplay/report/templates/js/what_if.js",
    } <= wheel_names
    with zipfile.ZipFile(built["wheel"]) as archive:
        (entry,) = [name for name in wheel_names if name.endswith("entry_points.txt")]
        assert "interplay = interplay.cli:main" in archive.read(entry).decode()


def test_the_wheel_is_the_package_and_its_licence(wheel_names: set[str]) -> None:
    assert {name for name in wheel_names if ".dist-info/" not in name} == _source()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)
    assert not _stray(wheel_names)


def test_the_sdist_can_be_tested_and_built(sdist_names: set[str]) -> None:
    wanted = {
        *("pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "README.md", "PKG-INFO"),
        *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "SECURITY.md"),
        *("tests/conftest.py", "tests/test_wheel.py", "benchmarks/table.py", "scripts/audit.py"),
        *("src/interplay/py.typed", "src/interplay/demo/sentiment/model.safetensors"),
        *(".github/workflows/ci.yml", ".ci/run"),  # their tests are in it, too
    }
    assert wanted <= sdist_names
    assert not _stray(sdist_names)


@pytest.mark.parametrize("kind", list(MEGABYTES))
def test_their_sizes(kind: str, built: dict[str, Path]) -> None:
    assert built[kind].stat().st_size < MEGABYTES[kind] * 1_000_000


def test_the_metadata(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(path).decode().partition("\n\n")[0].splitlines()
    assert "License-Expression: MIT" in lines
    assert "Requires-Python: >=3.11" in lines
    assert "Description-Content-Type: text/markdown" in lines
