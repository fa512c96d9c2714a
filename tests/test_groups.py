"""Groups of features: masks expanded, everything else the other's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import interplay as ip
from interplay.fingerprint import fingerprint
from interplay.groups import Grouped, check_groups, owners, regrouped


class Words:
    """A value function with everything that a lens's may carry."""

    features = ("so", "not", "bad", "at", "all")
    targets = ("sum", "pair")
    batch_size = 7
    noisy = True
    fingerprint = "words"
    subject = {  # noqa: RUF012
        "kind": "text",
        "text": "so not bad at all",
        "spans": [[0, 2], [3, 6], [7, 10], [11, 13], [14, 17]],
        "units": "word",
        "slots": ["a", "a", "b", "b", None],
    }

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return np.stack([masks.sum(1), masks[:, 1] & masks[:, 2]], axis=1).astype(float)

    def measure(self, masks: np.ndarray) -> ip.Measured:
        return ip.Measured(self(masks), tokens=masks.sum(1))

    def forecast(self, masks: np.ndarray) -> dict[str, tuple[float, float]]:
        return {"tokens": (float(masks.sum()), float(masks.sum()))}

    def masked_text(self, mask: np.ndarray) -> str:
        return " ".join(word for word, kept in zip(self.features, mask, strict=True) if kept)


GROUPS, NAMES = [(0,), (2, 1), (3, 4)], ["so", "not bad", "at all"]


def test_masks_reach_the_other_expanded_and_the_rest_is_its_own() -> None:
    grouped = Grouped(Words(), GROUPS, NAMES)
    masks = np.array([[True, False, True], [False, True, False]])
    np.testing.assert_array_equal(grouped(masks), [[3, 0], [2, 1]])
    np.testing.assert_array_equal(grouped.measure(masks).tokens, [3, 2])
    assert grouped.forecast(masks) == {"tokens": (5.0, 5.0)}
    assert grouped.masked_text(masks[0]) == "so at all"
    assert grouped.features == ("so", "not bad", "at all")
    assert (grouped.targets, grouped.batch_size, grouped.noisy) == (("sum", "pair"), 7, True)
    assert isinstance(grouped, ip.ValueFunction)


@given(st.data())
def test_expansion_is_that_of_a_slow_loop(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    owner = data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    groups = [[i for i in range(n) if owner[i] == g] for g in sorted(set(owner))]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(groups), max_size=len(groups))))
    slow = np.zeros(n, dtype=bool)
    for kept, group in zip(mask, groups, strict=True):
        for i in group:
            slow[i] = kept
    grouped = Grouped(lambda masks: masks.sum(1), groups, [str(g) for g in range(len(groups))])
    np.testing.assert_array_equal(grouped.expanded(mask), slow)
    np.testing.assert_array_equal(grouped.expanded(mask[None]), slow[None])


def test_what_the_other_lacks_it_lacks_too() -> None:
    grouped = Grouped(lambda masks: masks.sum(1), [(0, 1)], ["both"])
    for name in ("measure", "forecast", "targets", "batch_size", "fingerprint", "anything"):
        assert getattr(grouped, name, None) is None
    assert grouped.subject["kind"] == "callable"
    assert grouped.subject["groups"] == [[0, 1]]


def test_subject_has_spans_of_the_groups_and_makes_them_again() -> None:
    grouped = Grouped(Words(), GROUPS, NAMES)
    assert grouped.subject["spans"] == [[0, 2], [3, 10], [11, 17]]
    assert grouped.subject["slots"] == ["a", None, None]
    assert grouped.subject["groups"] == [[0], [1, 2], [3, 4]]
    assert (grouped.subject["text"], grouped.subject["units"]) == ("so not bad at all", "word")
    again = regrouped(Words(), grouped.subject, NAMES)
    assert fingerprint(again) == fingerprint(grouped)
    assert again.subject == grouped.subject
    assert regrouped(again, grouped.subject, NAMES) is again
    plain = Words()
    assert regrouped(plain, plain.subject, plain.features) is plain


def test_spans_that_would_overlap_are_left_out() -> None:
    crossed = Grouped(Words(), [(0, 2), (1,), (3, 4)], ["a", "b", "c"])
    assert "spans" not in crossed.subject
    given_spans = Grouped(Words(), GROUPS, NAMES, spans=[(0, 3), (3, 11), (11, 17)])
    assert given_spans.subject["spans"] == [[0, 3], [3, 11], [11, 17]]


def test_fingerprints_tell_groups_and_functions_apart() -> None:
    names = ["a", "b"]
    one = Grouped(Words(), [(0, 1), (2, 3, 4)], names)
    other = Grouped(Words(), [(0, 1, 2), (3, 4)], names)
    assert len({one.fingerprint, other.fingerprint, Words.fingerprint}) == 3
    assert one.under("words") == one.fingerprint != one.under("others")

    def plain(masks: np.ndarray) -> np.ndarray:
        return masks.sum(1)

    digests = {
        fingerprint(Grouped(function, groups, names)).digest
        for function in (plain, lambda masks: masks.all(1))
        for groups in ([(0,), (1, 2)], [(0, 1), (2,)])
    }
    assert len(digests) == 4
    model = object()
    live = Grouped(lambda masks: (model, masks.sum(1))[1], [(0,), (1,)], names)
    assert fingerprint(live).unhashed  # a resumed run warns of what cannot be seen


@pytest.mark.parametrize(
    ("groups", "names", "message"),
    [
        ([(0,), (1, 5)], ["a", "b"], r"each of the 5 features once: 2 is in none"),
        ([(0, 1, 2), (2, 3, 4)], ["a", "b"], r"feature 2 is in two groups"),
        ([(0, 1, 2, 3, 4, 5)], ["a"], r"there is no feature 5"),
        ([(0, 1, 2, 3, 4), ()], ["a", "b"], r"at least one feature; group 2 is empty"),
        ([], [], r"at least one feature; there is none"),
        ([(0, 1, 2, 3, 4)], ["a", "b"], r"1 groups and 2 names"),
        ([("x",)], ["a"], r"sequences of feature indices"),
        ([3], ["a"], r"sequences of feature indices"),
    ],
)
def test_groups_that_are_refused(groups: Any, names: list[str], message: str) -> None:
    with pytest.raises(ip.BadInput, match=message):
        Grouped(Words(), groups, names)


def test_masks_that_are_refused() -> None:
    with pytest.raises(ip.BadInput, match=r"must have 3 columns"):
        Grouped(Words(), GROUPS, NAMES)(np.ones((1, 5), dtype=bool))


def test_owners() -> None:
    assert check_groups([(2, 0), (1,)], ["a", "b"], None) == ((0, 2), (1,))
    assert owners(((0, 2), (1,))).tolist() == [0, 1, 0]
