"""What a store knows about each value function beside its evaluations."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any, Self

from interplay.errors import BadInput
from interplay.json_text import parse_json


@dataclass(frozen=True)
class Identity:
    """What tells two value functions under one fingerprint apart; None where nobody said.

    Attributes
    ----------
    targets, features
        names of the q targets and of the n features.
    subject
        what is explained; JSON-able.
    witness
        digest of the code of a value function whose fingerprint was given by hand.
    """

    targets: Sequence[str] | None = None
    features: Sequence[str] | None = None
    subject: Mapping[str, Any] | None = None
    witness: str | None = None


@dataclass(frozen=True)
class Function:
    """A value function in a store, and what its evaluations cost.

    Attributes
    ----------
    replicates
        how many different replicates have evaluations.
    seconds
        spent in the value function.
    tokens, usd
        the sum of what is known; None where nothing is.
    created, updated
        when it was first and last added to, in UTC.
    """

    fingerprint: str
    n: int
    q: int
    identity: Identity
    evaluations: int
    replicates: int
    seconds: float
    tokens: float | None
    usd: float | None
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Row:
    """A row of the table of functions: its names are JSON, and it has a checksum."""

    fingerprint: str
    n: int
    q: int
    targets: str | None
    features: str | None
    subject: str | None
    witness: str | None
    created: str

    @classmethod
    def of(cls, fingerprint: str, n: int, q: int, identity: Identity, created: str) -> Self:
        """Return the row of a function that is new to a store."""
        subject = identity.subject
        for what, names, number in (
            ("targets", identity.targets, q),
            ("features", identity.features, n),
        ):
            if names is not None and len(names) != number:
                raise BadInput(
                    f"the value function names {len(names)} {what}, but has {number} of them"
                )
        return cls(
            fingerprint,
            n,
            q,
            _names(identity.targets),
            _names(identity.features),
            None if subject is None else json.dumps(dict(subject), sort_keys=True, default=str),
            identity.witness,
            created,
        )

    @property
    def identity(self) -> Identity:
        targets, features, subject = (
            # our own writing, under a checksum: what is odd in it came from the value function
            None if text is None else parse_json(text, strict=False)
            for text in (self.targets, self.features, self.subject)
        )
        return Identity(targets, features, subject, self.witness)

    def checksum(self) -> int:
        return checksum(*astuple(self))

    def joined(self, other: Row, path: object) -> Row:
        """Return this row with what only the other knows, and with the other's witness.

        Raises :class:`BadInput` where they cannot be the same function.
        """
        for here, there in (
            (f"{self.n} features", f"{other.n} features"),
            (f"{self.q} values per mask", f"{other.q} values per mask"),
            _difference("target", self.targets, other.targets),
            _difference("feature", self.features, other.features),
        ):
            if here != there:
                raise BadInput(
                    f"two different value functions under one fingerprint: {path} holds {here} "
                    f"under {self.fingerprint}, and this one has {there}. A value function that "
                    f"changes needs another fingerprint, or another store"
                )
        return replace(
            self,
            targets=self.targets or other.targets,
            features=self.features or other.features,
            subject=self.subject or other.subject,
            witness=other.witness or self.witness,
        )


def _names(names: Sequence[str] | None) -> str | None:
    return None if names is None else json.dumps([str(name) for name in names])


def _difference(what: str, one: str | None, other: str | None) -> tuple[str, str]:
    """Return what differs between two lists of names, in words; two empty texts if nothing."""
    if one is None or other is None or one == other:
        return "", ""
    lists = parse_json(one, strict=False), parse_json(other, strict=False)
    if len(lists[0]) != len(lists[1]):
        return f"{len(lists[0])} {what}s", f"{len(lists[1])} {what}s"
    differ = [k for k, pair in enumerate(zip(*lists, strict=True)) if pair[0] != pair[1]]
    if not differ:  # but for halves of characters
        return "", ""
    k = differ[0]
    here, there = (f"{what} {k + 1} named {names[k]!r}" for names in lists)
    return here, there


def checksum(*columns: Any) -> int:
    """CRC-32 of the columns of a :class:`Row`, whatever a damaged file has in them."""
    return zlib.crc32(json.dumps(columns, default=repr).encode())
