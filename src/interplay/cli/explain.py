"""``interplay explain``: a text, prompt, image or row and a model in, what acts together out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.cli.asked import Asked
from interplay.cli.explain_image import Pictures, explain_image
from interplay.cli.explain_table import Tables, explain_table
from interplay.cli.inputs import explain_inputs
from interplay.cli.output import Output, progress
from interplay.cli.prompt import Prompt, Server
from interplay.cli.workers import Workers
from interplay.errors import BadInput


def explain(
    text: str | None = None,
    /,
    *,
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    inputs: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    prompt: Prompt = Prompt(),  # noqa: B008
    pictures: Pictures = Pictures(),  # noqa: B008
    tables: Tables = Tables(),  # noqa: B008
    model: str | None = None,
    server: Server = Server(),  # noqa: B008
    units: str | None = None,
    mask: str | None = None,
    target: Annotated[list[str] | None, Parameter(negative="")] = None,
    asked: Asked = Asked(),  # noqa: B008
    workers: Workers = Workers(),  # noqa: B008
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> int:
    """Explain a model's output on a text or prompt, an image or a row of a table.

    Parameters
    ----------
    text
        The text itself; or give --file.
    file
        Read the text from this file (UTF-8); - is standard input.
    inputs
        Explain many texts: a file of JSON lines, {"text": ..., "id": ...} each, and show what they
        have in common; for language models also "question" and "response".
    model
        Folder of a Hugging Face model, hf:ID, openai:NAME for a server, or py:MODULE:NAME for a
        table.
    units
        What is masked at a time: word, sentence, paragraph, token; chunk, message, example, field
        (of JSON); or sentence+word, which finds the sentences first. [default: word]
    mask
        What stands for a masked unit: "delete", "attention", "[MASK]", "[UNK]", or any text such as
        "...".
    target
        Of classifiers logit:LABEL, prob:LABEL or margin:A|B; by default the logit of the predicted
        label. Of language models logprob, logprob:mean, prob, of a part of the answer
        logprob[word], of any answer prob:ANSWER, margin:A|B, or similarity. Given several times,
        all are explained from the same evaluations.
    """
    settings: dict[str, Any] = {"units": units or "word", "mask": mask, "target": target}
    output.check()
    if model is None:
        model = _embedded(prompt, of_text=not (pictures.given or tables.given))
    settings |= {**prompt.options(), **server.options()}
    if inputs is not None:
        if text is not None or file is not None:
            raise BadInput("give either --inputs or one text, not both")
        template = settings.pop("template")
        return explain_inputs(
            inputs, template, model=model, asked=asked, workers=workers, output=output, **settings
        )
    text_given = not (pictures.given or tables.given)
    if text_given:
        content = prompt.text(text, file)
    else:
        _check_alone(text, file, prompt, pictures, tables)
    with progress(asked.store) as (on_event, stop), workers.executor() as executor:
        value_function: Any
        if text_given:
            value_function = ip.text(content, model=model, **settings)
        elif tables.given:
            value_function = explain_table(tables, model, mask, target, asked.seed)
        else:
            value_function = explain_image(
                pictures,
                model,
                units,
                mask,
                target,
                prompt.question,
                prompt.response,
                prompt.max_new_tokens,
            )
        explanation = ip.explain(
            value_function, **asked.arguments, stop=stop, on_event=on_event, executor=executor
        )
    output.present(explanation)
    return stop.exit_code


def _check_alone(
    text: str | None, file: Path | None, prompt: Prompt, pictures: Pictures, tables: Tables
) -> None:
    """Refuse an image or a row beside another thing to explain."""
    given = {
        "a text": text is not None,
        "--file": file is not None,
        "--context": prompt.context is not None,
        "--chunks": prompt.chunks is not None,
        "--messages": prompt.messages is not None,
        "--image": pictures.given,
        "--table": tables.given,
    }
    names = [name for name, one in given.items() if one]
    if len(names) > 1:
        raise BadInput(f"give one thing to explain; got {' and '.join(names)}")


def _embedded(prompt: Prompt, *, of_text: bool) -> str:
    """The language model that comes with the package, for questions about texts."""
    if prompt.question is None or not of_text:
        raise BadInput(
            "--model is missing: give a folder in Hugging Face format, hf:ID or openai:NAME "
            "(questions, --question, have an embedded model; `interplay demo` shows another)"
        )
    from interplay.demo import language_model_path

    return str(language_model_path())
