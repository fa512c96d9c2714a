"""``--workers`` and its like: what is refused, and what is said where Ray is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interplay.cli import run as command
from interplay.evaluate import RayExecutor


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", "0"), "--workers must be a whole number of at least 1; got 0"),
        (("--ray-address", "auto"), "--ray-address needs --workers N, how many"),
        (("--gpus-per-worker", "1"), "--gpus-per-worker needs --workers N, how many"),
        (("--workers", "2", "--cpus-per-worker", "0"), "--cpus-per-worker more; got 0 and 0"),
        (("--workers", "2", "--gpus-per-worker", "-1"), "must be 0 or more"),
    ],
)
def test_what_is_refused(
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["training-data", "--examples", "4", "--budget", "40", *options]) == 2
    assert message in capsys.readouterr().err


def test_without_ray_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert command(["training-data", "--examples", "4", "--budget", "40", "--workers", "2"]) == 1
    assert 'pip install "interplay[ray]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be a whole number of at least 1; got 0"),
        ({"num_cpus": 0}, "num_cpus must be a number of more than 0; got 0"),
        ({"num_gpus": -1}, "num_gpus must be a number of at least 0; got -1"),
        ({"num_cpus": float("nan")}, "num_cpus must be a number"),
        ({"make": "model"}, "make must be a function that returns the value function"),
    ],
)
def test_executors_refuse_the_same(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RayExecutor(**options)  # type: ignore[arg-type]
