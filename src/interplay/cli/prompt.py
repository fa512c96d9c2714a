"""The parts of a prompt, and the server that answers it, as flags and as files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from interplay import files
from interplay.errors import BadInput
from interplay.json_text import parse_json

AFile = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]


@Parameter(name="*", group="Prompts, for language models")
@dataclass(frozen=True)
class Prompt:
    """What stands around the text, and what is scored after it.

    Parameters
    ----------
    context
        The text that --question is about; the same as the text itself.
    question
        A question about the text; it is never masked. With no --model the embedded language
        model answers, which knows who is where and who has what.
    template
        Where the text and the question stand: "{text}\\nQuestion: {question}\\nAnswer:". With
        --inputs, the text made of the fields of each line: "Answer {question} from {context}".
    chunks
        JSON file with a list of texts, such as retrieved passages, in place of the text.
    messages
        JSON file with the messages of a chat, {"role": ..., "content": ...} each (and
        "fixed": true for those never masked), in place of the text.
    examples
        JSON file with a list of few-shot examples, texts or [input, output], before the text.
    system
        A system message, which makes the prompt a chat; it is never masked.
    fixed
        A stretch of the text that is never masked; may be given several times.
    response
        What the log-probabilities are of; by default the model's own answer.
    max_new_tokens
        The longest answer that is generated.
    """

    context: str | None = None
    question: str | None = None
    template: str | None = None
    chunks: AFile = None
    messages: AFile = None
    examples: AFile = None
    system: str | None = None
    fixed: Annotated[list[str] | None, Parameter(negative="")] = None
    response: str | None = None
    max_new_tokens: int = 64

    def text(self, text: str | None, file: Path | None) -> str | list[Any]:
        """Return the text, the chunks or the messages, whichever of them was given."""
        given = {
            "a text": text,
            "--file": file,
            "--context": self.context,
            "--chunks": self.chunks,
            "--messages": self.messages,
        }
        names = [name for name, one in given.items() if one is not None]
        if len(names) != 1:
            told = f"got {' and '.join(names)}" if names else "got none"
            raise BadInput(
                "give either a text or --file FILE (or --context, --chunks, --messages or "
                f"--inputs FILE.jsonl), one of them; {told}"
            )
        if self.chunks is not None or self.messages is not None:
            return read_list(self.chunks or self.messages)  # type: ignore[arg-type]
        plain = text if text is not None else self.context
        return read_text(file) if plain is None else plain  # type: ignore[arg-type]

    def options(self) -> dict[str, Any]:
        """Return what :func:`interplay.text` takes beside the text."""
        options: dict[str, Any] = {
            "question": self.question,
            "template": self.template,
            "system": self.system,
            "response": self.response,
            "max_new_tokens": self.max_new_tokens,
        }
        if self.examples is not None:
            options["examples"] = read_list(self.examples)
        if self.fixed:
            options["fixed"] = self.fixed
        return options


@Parameter(name="*", group="Servers, for --model openai:NAME")
@dataclass(frozen=True)
class Server:
    """Where a model named openai:NAME is, and what it may be asked.

    Parameters
    ----------
    base_url
        Address of the OpenAI-compatible server of --model openai:NAME, such as
        http://127.0.0.1:8000/v1.
    api_key_env
        The environment variable that holds its key; by default OPENAI_API_KEY.
    usd_per_million
        Its price in USD for a million tokens read and generated: 0.15,0.60. A budget in usd needs
        it.
    concurrency
        Requests in flight at the same time; by default 32.
    requests_per_minute
        No more requests than that.
    tokens_per_minute
        No more tokens than that.
    """

    base_url: str | None = None
    api_key_env: str | None = None
    usd_per_million: str | None = None
    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def options(self) -> dict[str, Any]:
        """Return what was given, as the server class takes it."""
        options: dict[str, Any] = {
            "base_url": self.base_url,
            "api_key_env": self.api_key_env,
            "concurrency": self.concurrency,
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_minute": self.tokens_per_minute,
        }
        if self.usd_per_million is not None:
            parts = self.usd_per_million.split(",")
            try:
                read, generated = (float(part) for part in parts)
            except ValueError:
                raise BadInput(
                    "--usd-per-million takes two prices, of tokens read and generated, such as "
                    f"0.15,0.60; got {self.usd_per_million!r}"
                ) from None
            options["usd_per_million"] = (read, generated)
        return {name: value for name, value in options.items() if value is not None}


def read_text(file: Path) -> str:
    """Return the text of a file, or of standard input for ``-``."""
    if file == Path("-"):
        octets = sys.stdin.buffer.read(files.MOST_TEXT + 1)
        files.check_size(file, len(octets), files.MOST_TEXT)
        return files.decoded(octets, file)
    return files.read_text(file)


def read_list(file: Path) -> list[Any]:
    """Return the list that a JSON file holds."""
    try:
        content = parse_json(read_text(file))
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"{file} is not JSON: {error}; give a list") from error
    if not isinstance(content, list) or not content:
        raise BadInput(f"{file} must hold a JSON list with something in it")
    return content
