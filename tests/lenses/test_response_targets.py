"""Targets of language models: which responses, which of their tokens, what number."""

from __future__ import annotations

import numpy as np
import pytest

from interplay.errors import BadInput
from interplay.lenses.text.response_targets import ResponseTarget, response_target, similarity
from interplay.models.language import Response

#           " in the old garden"
TOKENS = Response(
    " in the old garden", (5, 6, 7, 8, 9), ((0, 3), (3, 7), (7, 11), (11, 15), (15, 18))
)
LOGPROBS = np.log(np.array([[0.5, 0.5, 0.5, 0.5, 0.5], [0.1, 0.2, 0.5, 1.0, 0.4]]))


def value(target: str) -> list[float]:
    made = response_target(target)
    assert isinstance(made, ResponseTarget)
    return made([LOGPROBS], [made.tokens(TOKENS)]).tolist()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("logprob", [5 * np.log(0.5), np.log(0.004)]),
        ("logprob:mean", [np.log(0.5), np.log(0.004) / 5]),
        ("prob", [0.5**5, 0.004]),
        ("logprob[old]", [np.log(0.5), np.log(0.5)]),
        ("prob[garden]", [0.25, 0.4]),
        ("prob[0:2]", [0.5, 0.1]),
        ("logprob:mean[11:17]", [np.log(0.5), np.log(0.4) / 2]),
    ],
)
def test_values(target: str, expected: list[float]) -> None:
    assert value(target) == pytest.approx(expected)
    assert response_target(target).name == target


def test_a_margin_is_the_difference_of_two_responses() -> None:
    made = response_target("margin:yes|no")
    assert isinstance(made, ResponseTarget)
    assert made.responses == ("yes", "no")
    yes, no = np.array([[-1.0, -2.0]]), np.array([[-0.5]])
    assert made([yes, no], [slice(None), slice(None)]).tolist() == [-2.5]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("logit:yes", "unknown target 'logit:yes' of a language model; valid: logprob, logprob:m"),
        ("perplexity", "unknown target 'perplexity'"),
        ("prob:", "unknown target 'prob:'"),
        ("margin:yes", r"must name two answers, margin:A\|B"),
        ("margin:yes|no|maybe", "must name two answers"),
        ("margin:yes|yes", "is always 0: it names 'yes' twice"),
    ],
)
def test_unknown_targets(target: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        response_target(target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("logprob[attic]", "'attic' is not in the response 'in the old garden'"),
        ("logprob[e]", r"'e' occurs several times in the response; .* such as \[5:6\]"),
        ("logprob[3:99]", "has 17 characters, .* so that 3:99 is no stretch of it"),
        ("logprob[5:5]", "5:5 is no stretch"),
    ],
)
def test_stretches_that_are_not_in_the_response(target: str, message: str) -> None:
    made = response_target(target)
    assert isinstance(made, ResponseTarget)
    with pytest.raises(BadInput, match=message):
        made.tokens(TOKENS)


def test_tokens_whose_characters_are_not_known() -> None:
    made = response_target("logprob[old]")
    assert isinstance(made, ResponseTarget)
    with pytest.raises(BadInput, match="not known which characters the tokens"):
        made.tokens(Response(" in the old garden", (), ()))


def test_similarity_counts_words() -> None:
    assert similarity("In the garden.", "in the garden") == 1.0
    assert similarity("the the", "the") == pytest.approx(2 / 3)
    assert similarity("attic", "garden") == similarity("", "garden") == 0.0
    assert similarity("", "") == 1.0
