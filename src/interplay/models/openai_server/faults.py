"""What went wrong with one request: in words, whether to try again, whether it may be billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from interplay.errors import BackendError, BadInput, InterplayError
from interplay.json_text import parse_json
from interplay.models.openai_server.key import Key
from interplay.models.openai_server.limits import duration

AGAIN = frozenset({408, 409, 425, 429})
QUOTED = 300  # characters of a server's own words


@dataclass(frozen=True)
class Fault:
    """Why a request has no usable answer.

    ``wait`` is how long the server asks to wait, None where it does not say; ``crowded`` that it
    refused for rate; ``billed`` that it may have been worked on, and paid.
    """

    error: InterplayError
    again: bool
    billed: bool = False
    wait: float | None = None
    crowded: bool = False
    status: int = 0
    words: str = ""


def from_status(
    status: int, headers: Mapping[str, str], body: str, *, where: str, model: str, key: Key
) -> Fault:
    """Return what an HTTP status other than 200 means."""
    told, code = _words(body)
    words = key.redact(told)
    quoted = f': "{words}"' if words else ""

    def fault(error: InterplayError, again: bool = False, **more: Any) -> Fault:
        return Fault(error, again, status=status, words=words, **more)

    if status == 401:
        sent = "the key that was sent is not valid there" if key else "it wants a key"
        return fault(
            BadInput(
                f"{where} refuses the key (401): {sent}. Set the environment variable that "
                "api_key_env names (default OPENAI_API_KEY) to a key of that server"
            )
        )
    if status == 403:
        return fault(
            BadInput(
                f"{where} does not allow this (403): the key has no right to use {model!r} there. "
                "Ask for access, or use another model"
            )
        )
    if status in (404, 405):
        return fault(
            BadInput(
                f"{where} knows no such address, or no model {model!r} ({status}){quoted}. "
                "base_url is what comes before /completions, most often it ends in /v1; the name "
                "must be one that GET base_url/models lists"
            )
        )
    if 300 <= status < 400:
        return fault(
            BadInput(
                f"{where} sends on to {key.redact(headers.get('location', 'elsewhere'))!r} "
                f"({status}), and a key is not sent to another address: give that one as base_url"
            )
        )
    if code == "insufficient_quota":
        return fault(
            BackendError(
                f"{where} says that the account has no credit left (insufficient_quota). Add "
                "credit; the same run then goes on"
            )
        )
    if status in AGAIN or status >= 500:
        crowded = status == 429
        return fault(
            BackendError(f"{where} answered {status}{quoted}"),
            True,
            billed=not crowded,
            wait=retry_after(headers),
            crowded=crowded,
        )
    if "context" in words.lower() and any(w in words.lower() for w in ("length", "window", "long")):
        return fault(
            BadInput(
                f"prompt and response are longer than the model {model!r} reads{quoted}. Shorten "
                "the text, or use a model with a longer context"
            )
        )
    return fault(BadInput(f"{where} refuses the request ({status}){quoted}"))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, stated as seconds or as a date.

    >>> retry_after({"retry-after": "1.5"}), retry_after({"retry-after-ms": "250"})
    (1.5, 0.25)
    >>> date = "Wed, 21 Oct 2026 07:28:00 GMT"
    >>> retry_after({"retry-after": "Wed, 21 Oct 2026 07:28:09 GMT", "date": date})
    9.0
    """
    milliseconds = duration(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after", "").strip()
    seconds = duration(told)
    if seconds is not None or not told:
        return seconds
    try:
        # by the server's clock, which may not be ours
        then, now = parsedate_to_datetime(told), parsedate_to_datetime(headers["date"])
        return max((then - now).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None


def _words(body: str) -> tuple[str, str]:
    """The message and the code of an error of OpenAI's shape; else the start of the body."""
    try:
        data = parse_json(body, strict=False)
    except ValueError:
        data = body
    code = ""
    if isinstance(data, dict):
        error = data.get("error", data)
        if isinstance(error, dict):
            code = str(error.get("code") or error.get("type") or "")
            data = error.get("message") or error.get("detail") or error
        else:
            data = error
    text = " ".join(str(data).split())
    return (text if len(text) <= QUOTED else text[:QUOTED] + " [...]"), code
