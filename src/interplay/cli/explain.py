"""``interplay explain``: a text and a model in, what acts together out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.inputs import explain_inputs
from interplay.cli.output import Output, progress
from interplay.errors import BadInput


def explain(
    text: str | None = None,
    /,
    *,
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    inputs: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    template: str | None = None,
    model: str,
    units: str = "word",
    mask: str | None = None,
    target: Annotated[list[str] | None, Parameter(negative="")] = None,
    budget: str = "500",
    method: str = "auto",
    design: str | None = None,
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
    inputs
        Explain many texts: a file of JSON lines, {"text": ..., "id": ...} each, and show what they
        have in common.
    template
        Make each text of --inputs from the fields of its line: "Answer {question} from {context}".
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
        auto, parity-gp, proxyspex, spex, lasso, exact, or a baseline.
    design
        Which masks: uniform, paired, near_full, coded (of method spex), mixed, adaptive.
    seed
        Of every random choice.
    store
        SQLite file that keeps every evaluation: an interrupted run goes on where it was.
    """
    settings: dict[str, Any] = {"units": units, "mask": mask, "target": target}
    run: dict[str, Any] = {
        "budget": budget,
        "method": method,
        "design": design,
        "seed": seed,
        "store": store,
    }
    if inputs is not None:
        if text is not None or file is not None:
            raise BadInput("give either --inputs or one text, not both")
        return explain_inputs(inputs, template, model=model, output=output, **settings, **run)
    if template is not None:
        raise BadInput("--template is for --inputs FILE.jsonl, whose fields it takes")
    output.check()
    content = _read(text, file)
    with progress(store) as (on_event, stop):
        value_function = ip.text(content, model=model, **settings)
        explanation = ip.explain(value_function, stop=stop, on_event=on_event, **run)
    output.present(explanation)
    return stop.exit_code


def _read(text: str | None, file: Path | None) -> str:
    if text is not None and file is None:
        return text
    if file is None or text is not None:
        raise BadInput("give either a text or --file FILE (or --inputs FILE.jsonl)")
    try:
        content = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8 text: {error}; convert it first") from error
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
