"""Runs the code blocks of a page from top to bottom, as its reader would.

==================  ====================================================================
the fence says      the block is
==================  ====================================================================
``python``          run, in the page's namespace
``bash``            run by bash in the page's folder; it must succeed
``python PEER``     run where the package PEER is; otherwise left out, and what it shows too
``text``            what the block before it printed
anything else       to be read
==================  ====================================================================

With INTERPLAY_UPDATE_DOCS=1 what is shown is written anew, save where it has ``...``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

from shown import difference
from sybil import Document, Example
from sybil.evaluators.python import pad
from sybil.parsers.markdown import CodeBlockParser

REPOSITORY = Path(__file__).parents[2]
PEERS = ("shapiq", "spectralexplain", "captum", "context_cite")
PEERS_PYTHON = REPOSITORY / ".venv-peers" / "bin" / "python"  # of ``make peers``


class Page:
    """A page, and the folder that its code runs in: the current one.

    ``stands_for`` has what stands on the page for what only a reader has, and what it is here: the
    path of a model, the address of a server.
    """

    def __init__(self, path: Path, stands_for: dict[str, str]) -> None:
        self.stands_for = stands_for
        self.printed: str | None = None  # by the last block, None where that was left out
        self.left_out: set[str] = set()
        self._anew: list[tuple[int, int, str]] = []  # stretches of the page, and what they become
        parsers = [
            CodeBlockParser("python", self._python),
            CodeBlockParser("bash", self._bash),
            CodeBlockParser("text", self._shown),
            *(CodeBlockParser(f"python {name}", self._peer) for name in PEERS),
        ]
        self.document = Document.parse(str(path), *parsers)
        self.document.namespace["__name__"] = "__main__"

    def run(self) -> None:
        for example in self.document:
            example.evaluate()
        text = self.document.text
        for start, end, block in reversed(self._anew):
            text = text[:start] + block + text[end:]
        if self._anew:
            Path(self.document.path).write_text(text, "utf-8")

    def _source(self, example: Example) -> str:
        source = str(example.parsed)
        for words, meant in self.stands_for.items():
            source = source.replace(words, meant)
        return source

    def _python(self, example: Example) -> None:
        code = pad(self._source(example), example.line + example.parsed.line_offset)
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile(code, example.path, "exec", dont_inherit=True), example.namespace)
        self.printed = told.getvalue()

    def _bash(self, example: Example) -> str | None:
        command = ["bash", "-euo", "pipefail", "-c", self._source(example)]
        return self._command(command, errors=subprocess.STDOUT)

    def _command(self, command: list[str], errors: int) -> str | None:
        plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        beside = Path(sys.executable).parent
        done = subprocess.run(
            command,
            env={
                **plain,
                "PATH": f"{beside}{os.pathsep}{plain['PATH']}",
                "COLUMNS": "80",
                "PYTHONUNBUFFERED": "1",  # both streams in the order in which they are written
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            timeout=400,
        )
        self.printed = done.stdout
        if done.returncode:
            return f"exit {done.returncode}:\n{done.stdout}{done.stderr or ''}"
        return None

    def _peer(self, example: Example) -> str | None:
        name = example.region.lexemes["arguments"].split()[1]
        if importlib.util.find_spec(name):
            self._python(example)
            return None
        asked = [str(PEERS_PYTHON), "-c", f"import {name}"]
        if PEERS_PYTHON.exists() and subprocess.run(asked, capture_output=True).returncode == 0:
            command = [str(PEERS_PYTHON), "-c", self._source(example)]
            return self._command(command, errors=subprocess.PIPE)  # their warnings and bars
        self.left_out.add(name)
        self.printed = None
        return None

    def _shown(self, example: Example) -> str | None:
        if self.printed is None:
            return None
        shown = str(example.parsed)
        if os.environ.get("INTERPLAY_UPDATE_DOCS") == "1" and "..." not in shown:
            lines = "\n".join(line.rstrip() for line in self.printed.strip("\n").splitlines())
            self._anew.append((example.start, example.end, f"```text\n{lines}\n```"))
            return None
        return difference(shown, self.printed)
