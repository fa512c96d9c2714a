"""``interplay explain``: a text and a model in, what acts together out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.cli.output import Output, progress
from interplay.errors import BadInput


def explain(
    text: str | None = None,
    /,
    *,
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    model: str,
    units: str = "word",
    mask: str | None = None,
    target: Annotated[list[str] | None, Parameter(negative="")] = None,
    budget: str = "500",
    method: str = "auto",
    seed: int = 0,
    store: Path = Path("runs.db"),
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> int:
    """Explain a classifier's output on a text.

    Parameters
    ----------
    text
        The text itself; or give --file.
    file
        Read the text from this file (UTF-8); - is standard input.
    model
        Folder of a Hugging Face sequence classifier, or hf:ID.
    units
        What is masked at a time: word, sentence or token.
    mask
        What stands for a masked unit: "[MASK]", "[UNK]", "delete", or any text such as "...".
    target
        logit:LABEL, prob:LABEL or margin:A|B; by default the logit of the predicted label. Given
        several times, all are explained from the same evaluations.
    budget
        What the evaluations may cost: calls (500), tokens (2e6tok), seconds (90s, or min, h), or
        several, comma-joined; "auto,2000" stops before 2,000 calls when more would change little.
    method
        auto, proxyspex, lasso or exact.
    seed
        Of every random choice.
    store
        SQLite file that keeps every evaluation: an interrupted run goes on where it was.
    """
    output.check()
    content = _read(text, file)
    with progress(store) as (on_event, stop):
        value_function = ip.text(content, model=model, units=units, mask=mask, target=target)
        explanation = ip.explain(
            value_function,
            budget=budget,
            method=method,
            seed=seed,
            store=store,
            stop=stop,
            on_event=on_event,
        )
    output.present(explanation)
    return stop.exit_code


def _read(text: str | None, file: Path | None) -> str:
    if text is not None and file is None:
        return text
    if file is None or text is not None:
        raise BadInput("give either a text or --file FILE")
    try:
        content = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8 text: {error}; convert it first") from error
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
