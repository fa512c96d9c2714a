"""Tutorials, how-to pages and the README: their code runs, and prints what they show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai_server import FolderModel, Server
from pages import REPOSITORY, Page

from interplay.demo import language_model_path, model_path

DOCS = REPOSITORY / "docs"
PAGES = [
    REPOSITORY / "README.md",
    *sorted((DOCS / "tutorials").glob("*.md")),
    *sorted((DOCS / "howto").glob("*.md")),
]
ADDRESS = "http://127.0.0.1:8000/v1"


@contextlib.contextmanager
def what_a_reader_has(page: Path) -> Iterator[dict[str, str]]:
    """What stands on pages for a model or a server of the reader's, and one that is here."""
    stands_for = {
        "path/to/classifier": str(model_path()),
        "my_model(masked_input(mask))": "float(mask[0] and mask[1])",
    }
    if ADDRESS not in page.read_text("utf-8"):
        yield stands_for
        return
    with Server(FolderModel(language_model_path()), name="facts") as server:
        yield {**stands_for, ADDRESS: server.url}


@pytest.mark.timeout(600)  # seconds where nothing else runs; minutes on a busy machine
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_code_of_a_page_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with what_a_reader_has(path) as stands_for:
        page = Page(path, stands_for)
        page.run()
    if page.left_out:
        pytest.skip(f"all of it ran but the blocks of {', '.join(sorted(page.left_out))}")


@pytest.mark.parametrize("folder", ["tutorials", "howto"])
def test_the_index_has_every_page(folder: str) -> None:
    index = (DOCS / folder / "index.md").read_text("utf-8")
    for page in (DOCS / folder).glob("*.md"):
        if page.name != "index.md":
            assert f"({page.name})" in index, page
            assert f"\n{page.stem}\n" in index, f"{page} is not in the toctree"
