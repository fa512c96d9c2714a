"""The key of an account: sent with every request, and shown nowhere."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import quote

from interplay.errors import BadInput

HIDDEN = "[key]"
# A server may quote a part of a key; shorter parts are in ordinary words too.
PART = 8
# Shorter ones ("x", "EMPTY") are for servers without keys: no secret.
LEAST = 4
# User and password in an address, such as that of a proxy.
_USER = re.compile(r"//[^/\s@'\"]+@")


class Key:
    """A key that is read from the environment and never printed.

    >>> Key("sk-0123456789abcdef").redact("Incorrect key: sk-0123456789abcdef")
    'Incorrect key: [key]'
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @classmethod
    def from_environment(cls, variable: str) -> Key:
        """Return the key in an environment variable; none where it is not set or has no name.

        Raises
        ------
        BadInput
            it could not be sent in a header. The message does not show it.
        """
        if not variable:
            return cls("")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
            raise BadInput(
                "api_key_env must be the name of an environment variable that holds the key, such "
                "as OPENAI_API_KEY; what was given is no such name (and is not shown, in case it "
                "is the key itself)"
            )
        key = cls(os.environ.get(variable, "").strip())  # no variable of this frame shows it
        if any(not "!" <= letter <= "~" for letter in key._secret):
            raise BadInput(
                f"the environment variable {variable} holds characters that no key has (white "
                "space inside, or letters beyond ASCII): copy the key into it again"
            )
        return key

    def __bool__(self) -> bool:
        return bool(self._secret)

    def __repr__(self) -> str:
        return "Key(hidden)" if self else "Key(none)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not written to files")

    def header(self) -> dict[str, str]:
        """Return the header that carries it."""
        return {"Authorization": f"Bearer {self._secret}"} if self else {}

    def redact(self, text: str) -> str:
        """Return ``text`` without the key, however it is written there, and without parts of it.

        User and password in addresses are taken out, too.

        >>> Key("").redact("cannot reach http://ann:pass@proxy:8080/")
        'cannot reach http://[key]@proxy:8080/'
        """
        text = _USER.sub(f"//{HIDDEN}@", text)
        secret = self._secret
        if len(secret) < LEAST:
            return text
        for spelling in self._spellings():
            text = text.replace(spelling, HIDDEN)
        parts = {secret[i : i + PART] for i in range(len(secret) - PART + 1)}
        shown = [False] * len(text)
        for i in range(len(text) - PART + 1):
            if text[i : i + PART] in parts:
                shown[i : i + PART] = [True] * PART
        out: list[str] = []
        for letter, hide in zip(text, shown, strict=True):
            if not hide:
                out.append(letter)
            elif not out or out[-1] != HIDDEN:
                out.append(HIDDEN)
        return "".join(out)

    def take_out(self, octets: bytes) -> bytes:
        """Return what a server answers without the whole key, which it may echo; fast."""
        if len(self._secret) >= PART:
            for spelling in self._spellings():
                octets = octets.replace(spelling.encode(), HIDDEN.encode())
        return octets

    def _spellings(self) -> tuple[str, ...]:
        secret = self._secret
        return tuple(dict.fromkeys((secret, quote(secret, safe=""), json.dumps(secret)[1:-1])))
