"""How a server is talked to, checked before anything is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import urlsplit

from interplay.errors import BadInput
from interplay.models.openai_server.key import Key

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Options:
    """How a server is talked to; times in seconds."""

    base_url: str
    model: str
    key: Key
    connect_timeout: float
    read_timeout: float
    max_attempts: int
    seed: int

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"the server at {self.base_url}"


def model_name(name: object) -> str:
    model = str(name).removeprefix("openai:").strip()
    if not model:
        raise BadInput(f"the name of a model is missing: model='openai:NAME'; got {name!r}")
    return model


def address(base_url: object) -> str:
    """Check an address; the message shows no part that may hold a secret."""
    text = str(base_url).strip().rstrip("/")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise BadInput(f"base_url is no address: {_shown(text)}") from None
    if url.username or url.password or url.query or url.fragment:
        raise BadInput(
            "base_url must hold no user, password or query (they would be shown in reports): put "
            "the key in the environment variable that api_key_env names"
        )
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise BadInput(
            f"base_url must be an address such as {OPENAI} or http://127.0.0.1:8000/v1; got "
            f"{_shown(text)}"
        )
    for end in ("/chat/completions", "/completions"):
        if text.endswith(end):
            raise BadInput(
                f"base_url is what comes before {end}: {text.removesuffix(end)!r}; got {text!r}"
            )
    return text


def _shown(text: str) -> str:
    """An address that cannot be used, unless a secret may be in it."""
    plain = "://" in text and not set("@?#") & set(text)
    return repr(text) if plain else "what is not shown, in case a password or a key is in it"


def positive(name: str, given: object) -> float:
    good = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not good or not (math.isfinite(given) and given > 0):  # type: ignore[arg-type,operator]
        raise BadInput(f"{name} must be a number above 0; got {given!r}")
    return float(given)  # type: ignore[arg-type]
