"""Targets out of logits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats

from interplay.errors import BadInput
from interplay.lenses.targets import class_target

# a busy machine is no reason to fail
LABELS = ("negative", "neutral", "Positive")
LOGITS = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]])


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("logit:positive", "logit:Positive", [4, 3]),
        ("LOGIT: NEGATIVE ", "logit:negative", [1, 0]),
        ("margin:positive|negative", "margin:Positive|negative", [3, 3]),
        ("margin:neutral | Positive", "margin:neutral|Positive", [-2, -4]),
    ],
)
def test_targets(target: str, name: str, expected: list[float]) -> None:
    found = class_target(target, LABELS)
    assert found.name == name
    np.testing.assert_array_equal(found(LOGITS), expected)


@given(arrays(np.float64, (4, 3), elements=floats(-800, 800)))
def test_probabilities_add_up_without_overflow(logits: np.ndarray) -> None:
    total = sum(class_target(f"prob:{label}", LABELS)(logits) for label in LABELS)
    np.testing.assert_allclose(total, 1, atol=1e-12)


@given(arrays(np.float64, (4, 3), elements=floats(-800, 800)))
def test_labels_of_their_own_get_a_sigmoid_without_overflow(logits: np.ndarray) -> None:
    got = class_target("prob:neutral", LABELS, multi_label=True)(logits)
    flipped = class_target("prob:neutral", LABELS, multi_label=True)(-logits)
    np.testing.assert_allclose(got + flipped, 1, atol=1e-12)


def test_probability_values() -> None:
    odds = np.exp(LOGITS)
    np.testing.assert_allclose(
        class_target("prob:neutral", LABELS)(LOGITS), odds[:, 1] / odds.sum(axis=1)
    )
    np.testing.assert_allclose(
        class_target("prob:neutral", LABELS, multi_label=True)(LOGITS),
        odds[:, 1] / (1 + odds[:, 1]),
    )


def test_values_do_not_share_memory_with_the_logits() -> None:
    values = class_target("logit:neutral", LABELS)(LOGITS)
    assert not np.shares_memory(values, LOGITS)


def test_labels_that_hold_bars_colons_or_differ_in_case_alone() -> None:
    labels = ("a|b", "c", "x: y", "A", "a")
    assert class_target("margin:a|b|c", labels).labels == ("a|b", "c")
    assert class_target("margin:c|a|b", labels).labels == ("c", "a|b")
    assert class_target("logit:X: Y", labels).labels == ("x: y",)
    assert class_target("logit:A", labels).indices == (3,)
    assert class_target("logit:a", labels).indices == (4,)


@pytest.mark.parametrize("target", ["positive", "logprob", "logprob:positive", "", ":positive"])
def test_unknown_form(target: str) -> None:
    with pytest.raises(
        BadInput,
        match=rf"unknown target '{target}'; valid: logit:LABEL, prob:LABEL, margin:A\|B, with "
        "labels of negative, neutral, Positive",
    ):
        class_target(target, LABELS)


@pytest.mark.parametrize("target", ["logit:happy", "prob:happy", "margin:happy|neutral"])
def test_unknown_label(target: str) -> None:
    with pytest.raises(BadInput, match="unknown label 'happy'; valid: negative, neutral, Positive"):
        class_target(target, LABELS)


def test_ambiguous_label() -> None:
    with pytest.raises(BadInput, match="unknown label 'AA'; valid: Aa, aA"):
        class_target("logit:AA", ("Aa", "aA"))


def test_constant_targets() -> None:
    with pytest.raises(BadInput, match="always 0: it names the label 'neutral' twice"):
        class_target("margin:neutral|NEUTRAL", LABELS)
    with pytest.raises(BadInput, match=r"always 1: .* one label 'score'; use 'logit:score'"):
        class_target("prob:score", ("score",))
    with pytest.raises(BadInput, match=r"must name two labels, margin:A\|B; valid: negative"):
        class_target("margin:positive", LABELS)
