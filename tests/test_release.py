"""What a release states in several places agrees: version, date, Pythons, forms, workflows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

import interplay as ip

REPOSITORY = Path(__file__).parent.parent
HEADING = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\] - (?P<date>\S+)$", re.MULTILINE)
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def _changelog() -> str:
    return (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


def _yaml(path: str) -> Any:
    return yaml.safe_load((REPOSITORY / path).read_text("utf-8"))


def test_the_version_is_one() -> None:
    newest = HEADING.search(_changelog())
    assert newest is not None
    assert newest["version"] == ip.__version__ == version("interplay")
    assert _yaml("CITATION.cff")["version"] == ip.__version__
    told = subprocess.run(
        [sys.executable, "-m", "interplay", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == ip.__version__


def test_the_changelog_is_in_order() -> None:
    """The form of keepachangelog.com: newest first, each with a date, sections of known names."""
    text = _changelog()
    releases = list(HEADING.finditer(text))
    headings = re.findall(r"^## .+$", text, re.MULTILINE)
    assert [found[0] for found in releases] == [
        head for head in headings if "Unreleased" not in head
    ]
    assert "## [Unreleased]" not in headings[1:]
    numbers = [tuple(map(int, found["version"].split("."))) for found in releases]
    dates = [date.fromisoformat(found["date"]) for found in releases]
    assert numbers == sorted(numbers, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= SECTIONS


def test_the_citation_has_what_its_schema_asks_for() -> None:
    """Checked once with cffconvert 2.0.0; here only what edits break."""
    citation = _yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "MIT"
    assert {"message", "title", "authors"} <= set(citation)
    released = HEADING.search(_changelog())
    assert released is not None
    assert citation["date-released"] == date.fromisoformat(released["date"])
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(paper)
    assert [paper["title"].split(":")[0] for paper in citation["references"]] == [
        "SPEX",
        "ProxySPEX",
    ]


def test_python_versions_agree() -> None:
    """What is promised, what is listed and what public CI runs: first and last."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    listed = [
        line.removeprefix(prefix) for line in project["classifiers"] if line.startswith(prefix)
    ]
    assert project["requires-python"] == f">=3.{listed[0]}"
    matrix = _yaml(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == [f"3.{listed[0]}", f"3.{listed[-1]}"]


@pytest.mark.parametrize("name", ["bug", "feature", "question"])
def test_issue_forms_have_the_shape_that_github_reads(name: str) -> None:
    form = _yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    identifiers = [field["id"] for field in fields]
    assert len(set(identifiers)) == len(identifiers)
    assert all(field["attributes"]["label"] for field in fields)
    if name != "feature":
        assert {"trust", "version"} <= set(identifiers)
        assert "run.json" in str(form)


def test_ci_calls_targets_that_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    called = []
    for job in _yaml(".github/workflows/ci.yml")["jobs"].values():
        called += [step["run"] for step in job["steps"] if "run" in step]
    called += re.findall(r"^make .+$", (REPOSITORY / ".ci/run").read_text("utf-8"), re.MULTILINE)
    for line in called:
        for target in line.removeprefix("make ").split():
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), line
