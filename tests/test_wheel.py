"""The wheel carries what the demo and the report need, and nothing that is not ours to give."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "build", "--wheel", "--no-isolation",
            "--outdir", str(tmp_path), str(REPOSITORY),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "interplay = interplay.cli:main" in archive.read(entry).decode()
    assert {
        "interplay/py.typed",
        "interplay/demo/short_review.txt",
        "interplay/demo/long_review.txt",
        "interplay/demo/sentiment/config.json",
        "interplay/demo/sentiment/model.safetensors",
        "interplay/demo/sentiment/tokenizer.json",
        "interplay/report/templates/report.css",
    } <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "scripts"))]
    assert wheel.stat().st_size < 8_000_000
