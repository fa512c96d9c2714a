"""What is handed out: the wheel and the sdist carry what is needed, and nothing that is not ours.

``make test-wheel`` (tests/wheel) installs both in empty environments and runs the demo there.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
MEGABYTES = {"wheel": 6, "sdist": 9}
"""At most; they were 4.9 and 6.9 on 2026-11-29, of which the embedded models are 4.3."""
LEFT_BEHIND = (
    ".db", ".db-wal", ".db-shm", ".pyc", ".env", ".key", ".log", "report.html", ".whl", ".gz",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


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
    """Return what git keeps under src/, as the wheel names it."""
    listed = subprocess.run(
        ["git", "ls-files", "src"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return {line.removeprefix("src/") for line in listed.stdout.splitlines()}


def _stray(names: Iterable[str]) -> list[str]:
    return [
        name
        for name in names
        if name.endswith(LEFT_BEHIND) or "cache" in name or "_build" in name or ".venv" in name
    ]


def test_the_wheel_runs_and_renders(wheel_names: set[str], built: dict[str, Path]) -> None:
    assert {
        "interplay/py.typed",
        "interplay/demo/short_review.txt",
        "interplay/demo/long_review.txt",
        "interplay/demo/questions.jsonl",
        *(
            f"interplay/demo/{model}/{name}"
            for model in ("sentiment", "facts")
            for name in ("config.json", "model.safetensors", "tokenizer.json")
        ),
        *(
            f"interplay/{path.relative_to(REPOSITORY / 'src/interplay').as_posix()}"
            for path in (REPOSITORY / "src/interplay").rglob("templates/*")
        ),
    } <= wheel_names
    with zipfile.ZipFile(built["wheel"]) as archive:
        (entry,) = [name for name in wheel_names if name.endswith("entry_points.txt")]
        assert "interplay = interplay.cli:main" in archive.read(entry).decode()


def test_the_wheel_is_the_package_and_its_licence(wheel_names: set[str]) -> None:
    package = {name for name in wheel_names if ".dist-info/" not in name}
    if (REPOSITORY / ".git").exists():
        assert _source() <= package
    assert all(name.startswith("interplay/") for name in package)
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
