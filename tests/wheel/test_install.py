"""Wheel and sdist, each in an empty environment: installed from the index, then the demo."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

import interplay as ip

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_empty_environment_runs_the_demo(
    kind: str, built: dict[str, Path], tmp_path: Path
) -> None:
    environment = tmp_path / "empty"
    venv.create(environment, with_pip=True)
    program = environment / "bin" / "interplay"

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(word) for word in command], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pins = REPOSITORY / "constraints.txt"
    wanted = f"interplay[hf] @ {built[kind].as_uri()}"
    run(environment / "bin" / "python", "-m", "pip", "install", "-q", "-c", pins, wanted)
    assert run(program, "--version").strip() == ip.__version__
    told = run(program, "demo", "--short")
    assert "Trust this explanation: it is exact, every mask was evaluated." in told
    assert "never fails" in told
    assert "<!doctype html" in (tmp_path / "report.html").read_text("utf-8")[:100].lower()
