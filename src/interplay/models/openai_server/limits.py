"""How fast requests may go: token buckets, bounded concurrency, slowing down when told to."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping

from interplay.errors import BadInput

# From this share of refusals for rate on, they are about the client, not about one request.
CROWDED = 1 / 8
# A server that asks for so many seconds means everybody.
LONG = 1.0


class TokenBucket:
    """At most ``per_minute`` of something in any minute, most of a tenth of it at once.

    Times are seconds of any one clock.

    >>> bucket = TokenBucket(600)
    >>> bucket.take(60, now=0.0)
    >>> round(bucket.wait(9, now=0.0), 6)
    1.0
    """

    def __init__(self, per_minute: float) -> None:
        self._most = per_minute / 10
        self._rate = (per_minute - self._most) / 60
        self._level = self._most
        self._at = -math.inf

    def _fill(self, now: float) -> None:
        if now > self._at:
            if math.isfinite(self._at):
                self._level = min(self._most, self._level + (now - self._at) * self._rate)
            self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until ``amount`` may be taken."""
        self._fill(now)
        # what is more than the bucket holds is let through when it is full, and leaves a debt
        missing = min(amount, self._most) - self._level
        return max(missing / self._rate, 0.0) if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take it out; a negative ``amount`` gives back what was not needed."""
        self._fill(now)
        self._level = min(self._level - amount, self._most)


class Pace:
    """What one client may send now.

    A refusal for rate (429) that stands alone delays nothing but its own request. From one in
    eight on, or where the server asks for a second and more, the whole client pauses for as long
    as was asked, and half as many requests are in flight afterwards; each answer lets one more in
    per round.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.limit: float = concurrency
        self.active = 0
        self.paused_until = -math.inf
        self._requests = _bucket("requests_per_minute", requests_per_minute)
        self._tokens = _bucket("tokens_per_minute", tokens_per_minute)
        self._recent: deque[bool] = deque(maxlen=max(16, concurrency))
        self._halved = -math.inf

    @property
    def full(self) -> bool:
        """Whether as many requests are in flight as may be."""
        return self.active >= max(int(self.limit), 1)

    def wait(self, tokens: float, now: float) -> float:
        """Return the seconds until a request of so many tokens may go."""
        times = [self.paused_until - now]
        if self._requests is not None:
            times.append(self._requests.wait(1, now))
        if self._tokens is not None:
            times.append(self._tokens.wait(tokens, now))
        return max(*times, 0.0)

    def take(self, tokens: float, now: float) -> None:
        """Count a request that goes now."""
        self.active += 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)

    def done(self, excess: float, now: float) -> None:
        """Count a request that is over; it was expected to take ``excess`` more tokens."""
        self.active -= 1
        if self._tokens is not None:
            self._tokens.take(-excess, now)

    def answered(self) -> None:
        """Count an answer: a slowed client becomes a little faster."""
        self._recent.append(False)
        self.limit = min(self.limit + 1 / max(self.limit, 1), self.concurrency)

    def refused(self, seconds: float, now: float) -> None:
        """Count a refusal for rate, with the seconds that the server asks for."""
        self._recent.append(True)
        crowded = sum(self._recent) > CROWDED * len(self._recent) and len(self._recent) >= 8
        if not crowded and seconds < LONG and self.concurrency > 1:
            return
        self.paused_until = max(self.paused_until, now + seconds)
        if now >= self._halved:  # those in flight were sent before it slowed down
            self.limit = max(self.limit / 2, 1.0)
            self._halved = self.paused_until + 0.05

    def read(self, headers: Mapping[str, str], now: float) -> None:
        """Pause where a server says that nothing is left of its own limits."""
        for what in ("requests", "tokens"):
            left = headers.get(f"x-ratelimit-remaining-{what}", "").strip()
            reset = duration(headers.get(f"x-ratelimit-reset-{what}", ""))
            if left == "0" and reset is not None:
                self.paused_until = max(self.paused_until, now + reset)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "": 1.0}


def duration(text: str) -> float | None:
    """Return the seconds of ``"6m0s"``, ``"20ms"`` or ``"1.5"``; None if it is no duration.

    >>> duration("1m30s"), duration("20ms"), duration("soon")
    (90.0, 0.02, None)
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|m|s|)", text.strip())
    if not parts or "".join(a + b for a, b in parts) != text.strip():
        return None
    return sum(float(amount) * _UNITS[unit] for amount, unit in parts)


def _bucket(name: str, per_minute: float | None) -> TokenBucket | None:
    if per_minute is None:
        return None
    if isinstance(per_minute, bool) or not (math.isfinite(per_minute) and per_minute > 0):
        raise BadInput(f"{name} must be a number above 0, or None; got {per_minute!r}")
    return TokenBucket(per_minute)
