"""``ip.flip``: the fewest features whose removal changes a decision, verified by real calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from interplay.actions.explained import Explained, limits, shown_of, store_of
from interplay.actions.flip.decision import Decide, Rule
from interplay.actions.flip.flipped import Alternative, Flip
from interplay.actions.flip.inputs import Inputs, Transfer, check_inputs, totals
from interplay.actions.flip.probe import Probe, Removed, masks_without
from interplay.actions.flip.rates import Rate, rate_of
from interplay.actions.flip.search import Search
from interplay.actions.flip.start import known_values, noun_of, predictions, value_function_for
from interplay.errors import BadInput, BudgetExceeded, check_whole
from interplay.evaluate import Budget, Executor, Meter, OnEvent, Stop
from interplay.groups import Grouped
from interplay.value_function import FloatArray, bare

AT_MOST: Final = 20
"""Features that a flip has at most, where nobody says."""

CONFIRMED: Final = 8
"""Sets that are sampled repeatedly before the search gives up."""

EDITS: Final = 6
"""Edits that are tried on the other inputs."""

SHOWN: Final = 20
"""Alternatives that are kept."""


def flip(
    explanation: Explained,
    value_function: Callable[..., Any] | None = None,
    *,
    threshold: float | None = None,
    drop: str | float | None = None,
    decision: Decide | None = None,
    target: str | None = None,
    at_most: int | None = None,
    budget: int | str | Budget = 200,
    replacements: Mapping[str, str] | None = None,
    repeats: int = 1,
    inputs: Mapping[str, Callable[..., Any]] | Iterable[Callable[..., Any]] | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    fingerprint: str | None = None,
    stop: Stop | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
) -> Flip:
    """Find the smallest set of features whose removal changes a decision, verified by real calls.

    The decision is the side of ``threshold`` that the target's value is on, or what ``decision``
    says. Candidates come from the explanation's spectrum, by growing size (all of them where there
    are few, else by integer programming); each is evaluated for real, the likeliest first, and
    where that shows the spectrum to be wrong its predictions are set right. What is found is made
    smaller as long as trying smaller sets helps. What "removal" means is the value function's own
    affair: deleting, masking, ...

    Parameters
    ----------
    explanation
        an :class:`interplay.Explanation` of the value function.
    value_function
        that was explained. By default it is made again from what the run says; a plain callable
        must be given.
    threshold
        default: 0.5 for probabilities, ``prob`` and ``prob:X``; else 0, as for margins and logits.
        A log-probability of a response and an accuracy have no default. A value above it is one
        side, a value at it or below the other.
    drop
        instead of a threshold, how far the value must fall: ``"50%"``. Of a log-probability the
        probability falls by that share; of other targets than probabilities the value goes that
        part of the way to the value with no feature kept.
    decision
        instead of both, a callable: values ``(k,)`` of the target, or ``(k, q)`` if there are q > 1
        and ``target`` is not given -> k decisions, anything that can be compared.
    target
        which of the explanation's targets; default: the one that it shows.
    at_most
        features to remove at most; default 20.
    budget
        for all that is evaluated: calls, or a text as for :func:`interplay.explain`. Values that
        the explanation holds cost nothing.
    replacements
        texts that named features are replaced by, instead of being removed; no other feature is
        touched. For texts, and value functions with a method ``replaced(texts)``, which takes them
        by name and returns the value function that ablates in this way.
    repeats
        samples of the full input and of what is found, for values that are noisy. The search itself
        asks once; what does not flip most samples is no flip.
    inputs
        value functions of other inputs that share words, or a template, with this one: the edit
        that leaves the fewest of them decided as this one was is preferred, and the rates before
        and after are measured.
    store
        SQLite file of evaluations; default: that of the explanation.
    seed
        of the solver's local searches.
    fingerprint
        as in :func:`interplay.explain`, where one was given there.
    stop, on_event, executor
        as in :func:`interplay.explain`.

    Raises
    ------
    BadInput
        an argument cannot be used, or there is no value function.
    BudgetExceeded
        the budget is too small for the full input.

    Notes
    -----
    :attr:`Flip.minimal` is True only where every smaller set was tried. How the search goes:
    docs/flip.md.

    Examples
    --------
    >>> import interplay as ip
    >>> def game(masks):
    ...     return 1.0 - 2.0 * (~masks[:, 1] & ~masks[:, 2])
    >>> found = ip.flip(ip.explain(game, ["so", "not", "bad"], store=None), game)
    >>> found.names, found.minimal
    (('not', 'bad'), True)
    >>> found.sentence
    'Removing 2 of 3 features, “not” and “bad”, changes the decision: value goes from 1 to −1 (threshold 0).'
    """  # noqa: E501
    shown = shown_of(explanation, target)
    rule = Rule.of(
        explanation.targets, shown.target_name, threshold, drop, decision, every=target is None
    )
    spend = limits(budget, "flip")
    repeats = check_whole("repeats", repeats, 1)
    at_most = check_whole("at_most", AT_MOST if at_most is None else at_most, 1)
    function, free = value_function_for(explanation, value_function, replacements)
    others = check_inputs(inputs) if inputs is not None else {}
    if others and drop is not None and not shown.target_name.startswith(("prob", "logprob")):
        raise BadInput("drop is of no use on other inputs but for probabilities: give threshold=")
    if fingerprint is not None and isinstance(function, Grouped):
        fingerprint = function.under(fingerprint)
    with store_of(explanation, store) as opened:
        probe = Probe(
            function, len(explanation.features), rule.columns, opened, fingerprint, Meter(spend),
            stop, on_event, executor=executor,
        )  # fmt: skip
        full = probe.samples([()], repeats)
        if not full.shape[1]:
            raise BudgetExceeded(
                f"budget={str(spend)!r} is too small: {probe.stopped} before the full input was "
                f"evaluated {repeats} times"
            )
        made = rule.decision(full[:, 0].mean(axis=0), shown.empty)
        compared = Inputs(
            others, function, explanation.features, probe, repeats, made, rule.decision
        )
        search = Search(
            decision=made,
            nearby=predictions(explanation, rule.columns),
            probe=probe,
            free=free,
            at_most=min(at_most, len(free)),
            reserve=repeats * (repeats > 1) + compared.cost(),
            known=known_values(explanation, function, rule.columns, fingerprint, replacements),
            seed=seed,
        )
        search.tried[()] = made.full
        search.nearby.learn(masks_without([()], search.nearby.n), made.full[None])
        best, after = _confirmed(search, repeats)
        transfers: list[Transfer] = []
        if best is not None and others:
            best, after, transfers = _for_inputs(search, compared, best, after, repeats)
        return _result(
            explanation, search, rule, best, full[:, 0], after, transfers, spend, replacements
        )


def _confirmed(search: Search, repeats: int) -> tuple[Removed | None, FloatArray]:
    """Search until what is found flips most of its samples too."""
    nothing = np.empty((0, len(search.decision.columns)))
    for _ in range(CONFIRMED):
        found = search.run()
        if found is None:
            break
        samples = _sampled(search, found, repeats)
        if 2 * rate_of(search.decision, samples).count < len(samples):
            return found, samples
        search.rejected.add(found)
        if len(samples) < repeats:
            break
    return None, nothing


def _sampled(search: Search, removed: Removed, repeats: int) -> FloatArray:
    """Repeated values of a set, ``(repeats, columns)``, from the store or the model."""
    samples = search.probe.samples([removed], repeats)
    if samples.shape[1]:
        found: FloatArray = samples[:, 0]
        return found
    if repeats == 1 and removed in search.tried:  # the budget is spent, but this one was measured
        return search.tried[removed][None]
    return np.empty((0, len(search.decision.columns)))


def _for_inputs(
    search: Search,
    compared: Inputs,
    best: Removed,
    after: FloatArray,
    repeats: int,
) -> tuple[Removed, FloatArray, list[Transfer]]:
    """Choose among what flips the edit that leaves the fewest other inputs as they were.

    Where none changes them all, edits are put together as long as that helps.
    """
    flips = [best, *(one for one in search.flips() if one != best and len(one) <= len(best) + 1)]
    tried: dict[Removed, list[Transfer]] = {}

    def rate(removed: Removed) -> tuple[float, int, int]:
        if removed not in tried:
            tried[removed] = compared.after(removed)
        rate_after = totals(tried[removed])[1]
        left = rate_after.value if rate_after.total else 1.0
        lacking = sum(not one.names for one in tried[removed])
        return left, lacking, len(removed)

    def affordable() -> bool:
        cost = compared.cost() // 2
        return not search.probe.stopped and search.probe.left() >= cost

    chosen, least = best, rate(best)
    for one in flips[1:EDITS]:
        if (least[0] == 0 and least[1] == 0) or not affordable():
            break
        if rate(one) < least:
            chosen, least = one, rate(one)
    for one in flips[1:EDITS]:
        union = tuple(sorted({*chosen, *one}))
        if least[0] == 0 or not affordable() or not len(chosen) < len(union) <= search.at_most:
            continue
        samples = _sampled(search, union, repeats)
        if not len(samples) or not search.decision.flipped(samples.mean(axis=0)[None])[0]:
            continue
        if rate(union)[0] < least[0]:
            chosen, least = union, rate(union)
    if chosen != best:
        samples = _sampled(search, chosen, repeats)
        if not len(samples) or 2 * rate_of(search.decision, samples).count >= len(samples):
            chosen = best
        else:
            after = samples
            search.tried.setdefault(chosen, samples.mean(axis=0))
    return chosen, after, tried[chosen]


def _result(
    explanation: Explained,
    search: Search,
    rule: Rule,
    best: Removed | None,
    full: FloatArray,
    after: FloatArray,
    transfers: Sequence[Transfer],
    spend: Budget,
    replacements: Mapping[str, str] | None,
) -> Flip:
    decision, probe = search.decision, search.probe
    shown = best if best is not None else search.closest()
    removed: Removed = shown or ()
    value = None
    if shown is not None:
        value = float(after[:, 0].mean()) if best is not None else float(search.tried[shown][0])
    tried, exist = search.counted(len(removed) if best is not None else search.at_most + 1)
    around = [tuple(sorted(set(removed) - {i})) for i in removed]
    noisy = after.shape[0] > 1 or bool(getattr(probe.value_function, "noisy", False))
    others = [
        one
        for one in search.flips()
        if one != best and (best is None or len(one) <= len(removed) + 1)
    ]
    paid = probe.paid
    masked = getattr(probe.value_function, "masked_text", None)
    masks = masks_without([removed], search.nearby.n)
    names = tuple(explanation.features[i] for i in removed)
    return Flip(
        found=best is not None,
        features=removed,
        names=names,
        n=search.nearby.n,
        noun=noun_of(explanation.subject),
        verb="removed" if replacements is None else "replaced",
        target=rule.name,
        threshold=decision.threshold,
        before=float(full[:, 0].mean()),
        after=value,
        predicted=float(search.nearby.base(masks)[0, 0]) if removed else None,
        rate_before=rate_of(decision, full),
        rate_after=rate_of(decision, after) if best is not None else Rate(0, 0),
        minimal=best is not None and not noisy and tried == exist,
        tried=tried,
        smaller=exist,
        at_most=search.at_most,
        irreducible=best is not None and all(one in search.tried for one in around),
        alternatives=tuple(
            Alternative(
                one,
                tuple(explanation.features[i] for i in one),
                float(search.tried[one][0]),
            )
            for one in others[:SHOWN]
        ),
        inputs=tuple(transfers),
        text=masked(masks[0]) if masked is not None and best is not None else None,
        calls=paid.calls,
        reused=paid.reused,
        seconds=paid.seconds,
        tokens=paid.tokens,
        usd=paid.usd,
        budget=str(spend),
        stopped=probe.stopped,
        fingerprint=paid.fingerprint,
        explained=explanation.config.get("fingerprint"),
        replaced_by=_texts(names, replacements) if replacements is not None else (),
    )


def _texts(names: Sequence[str], replacements: Mapping[str, str]) -> tuple[str, ...]:
    """What stands in the place of each of these features."""
    return tuple(replacements.get(name, replacements.get(bare(name), "")) for name in names)
