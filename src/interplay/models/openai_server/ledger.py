"""What requests may cost, what they have cost, and the cap that they never pass."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field

from interplay.errors import BadInput, BudgetExceeded


@dataclass(frozen=True)
class Prices:
    """USD per million tokens of prompts and of completions.

    >>> Prices(2.0, 6.0).usd(1000, 10)
    0.00206
    """

    prompt: float
    completion: float

    @classmethod
    def of(cls, usd_per_million: object) -> Prices | None:
        """Check ``(prompt, completion)``; None stays None.

        Raises
        ------
        BadInput
            not two finite numbers of at least 0.
        """
        if usd_per_million is None:
            return None
        try:
            prompt, completion = (float(price) for price in usd_per_million)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            prompt = completion = math.nan
        if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
            raise BadInput(
                "usd_per_million must be two prices, (prompt, completion), in USD per million "
                f"tokens; got {usd_per_million!r}"
            )
        return cls(prompt, completion)

    def usd(self, prompt: float, completion: float) -> float:
        """Return what so many tokens cost."""
        return (prompt * self.prompt + completion * self.completion) / 1e6


def most_tokens(text: str) -> int:
    """Return a number of tokens that no tokenizer passes for this text.

    A token stands for one byte at least. Some tokenizers first spell a character out (NFKC).

    >>> most_tokens("hello"), most_tokens("\ufb03")
    (6, 4)
    """
    if text.isascii():
        return len(text) + 1  # some put a space before the text
    spelled = unicodedata.normalize("NFKC", text)
    return 1 + max(len(one.encode("utf-8", "surrogatepass")) for one in (text, spelled))


@dataclass
class Ledger:
    """What all requests of one connection have cost so far.

    Attributes
    ----------
    answered : int
        Requests with a usable answer.
    attempts, retries : int
        Requests sent, and those among them that were sent again.
    prompt_tokens, completion_tokens : int
        As the server counts them; where it does not, at most.
    uncertain_tokens : int
        Of attempts without a usable answer, which may have been billed: at most.
    estimated : int
        Answers without a count of tokens: counted at the most that they may have been.
    bounded : int
        Labels that were not among the most likely tokens: their log-probabilities are bounds.
    density : (float, float)
        The least and the largest share that prompts took of the most that they could have taken.
    """

    prices: Prices | None = None
    answered: int = 0
    attempts: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncertain_tokens: int = 0
    estimated: int = 0
    bounded: int = 0
    density: tuple[float, float] = (1.0, 0.0)
    _uncertain_usd: float = field(default=0.0, repr=False)

    @property
    def tokens(self) -> int:
        """All tokens that were billed, or may have been."""
        return self.prompt_tokens + self.completion_tokens + self.uncertain_tokens

    @property
    def usd(self) -> float | None:
        """What was billed, or may have been; None without prices."""
        if self.prices is None:
            return None
        return self.prices.usd(self.prompt_tokens, self.completion_tokens) + self._uncertain_usd

    @property
    def sentence(self) -> str:
        """The ledger in words.

        >>> Ledger(Prices(1.0, 2.0), answered=9, attempts=10, retries=1, prompt_tokens=900).sentence
        '9 answers to 10 requests (1 sent again), 900 tokens, 0.0009 USD.'
        """
        parts = [f"{self.answered:,} answers to {self.attempts:,} requests"]
        if self.retries:
            parts[0] += f" ({self.retries:,} sent again)"
        parts.append(f"{self.tokens:,} tokens")
        if self.uncertain_tokens:
            parts[-1] += f" (up to {self.uncertain_tokens:,} of them for requests that failed)"
        if self.usd is not None:
            parts.append(f"{self.usd:.4g} USD")
        told = ", ".join(parts) + "."
        if self.estimated:
            told += (
                f" {self.estimated:,} answers did not say how many tokens they took: these are "
                "counted at one per byte, the most that they can be."
            )
        if self.bounded:
            told += (
                f" {self.bounded:,} labels were not among the most likely tokens: their "
                "log-probabilities are those of the least likely one that was told."
            )
        return told

    def answer(self, prompt: int, completion: int, *, told: bool) -> None:
        """Count an answer."""
        self.answered += 1
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.estimated += not told

    def learn(self, prompt: int, most: int) -> None:
        """Note how many tokens a prompt took, of so many at most."""
        share = prompt / most
        self.density = min(self.density[0], share), max(self.density[1], share)

    def doubt(self, prompt: int, completion: int) -> None:
        """Count an attempt that may have been billed."""
        self.uncertain_tokens += prompt + completion
        if self.prices is not None:
            self._uncertain_usd += self.prices.usd(prompt, completion)


class Cap:
    """The most that a connection may spend; requests in flight count at their worst case."""

    def __init__(self, ledger: Ledger, usd: float | None = None) -> None:
        self._ledger = ledger
        self._always = usd
        self._usd: float | None = None
        self._tokens: float | None = None
        self.flying_tokens = 0
        self.flying_usd = 0.0

    def allow(self, usd: float | None, tokens: float | None) -> None:
        """Allow so much more from now on; None is no limit.

        Raises
        ------
        BadInput
            USD without prices.
        """
        spent = self._ledger.usd
        if usd is not None and spent is None:
            raise BadInput(
                "a limit in USD needs prices: pass usd_per_million=(prompt, completion), or limit "
                "tokens"
            )
        self._usd = None if usd is None or spent is None else spent + max(usd, 0.0)
        self._tokens = None if tokens is None else self._ledger.tokens + max(tokens, 0.0)

    def fits(self, prompt: int, completion: int) -> bool:
        """Whether a request may go that takes so many tokens at most."""
        if self._tokens is not None:
            worst = self._ledger.tokens + self.flying_tokens + prompt + completion
            if worst > self._tokens:
                return False
        limits = [limit for limit in (self._usd, self._always) if limit is not None]
        prices, spent = self._ledger.prices, self._ledger.usd
        if limits and prices is not None and spent is not None:
            # what is left of a limit is a difference of sums: a billionth is rounding
            worst_usd = spent + self.flying_usd + prices.usd(prompt, completion)
            return worst_usd <= min(limits) * (1 + 1e-12)
        return True

    def send(self, prompt: int, completion: int) -> None:
        """Reserve what a request may take."""
        self._fly(prompt, completion, 1)

    def settle(self, prompt: int, completion: int) -> None:
        """Give back what was reserved: the ledger has what was paid."""
        self._fly(prompt, completion, -1)

    def _fly(self, prompt: int, completion: int, sign: int) -> None:
        self.flying_tokens += sign * (prompt + completion)
        if self._ledger.prices is not None:
            self.flying_usd += sign * self._ledger.prices.usd(prompt, completion)
        if self.flying_tokens == 0:
            self.flying_usd = 0.0  # no rounding stays behind

    def spent(self) -> BudgetExceeded:
        """Return the error for a request that does not fit."""
        told = f"{self._ledger.tokens:,} tokens"
        if self._ledger.usd is not None:
            told += f", {self._ledger.usd:.4g} USD"
        return BudgetExceeded(
            f"the budget is spent: the next request could pass it ({told} so far). Nothing that "
            "was received is lost; raise the budget to go on"
        )
