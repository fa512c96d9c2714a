"""Prompts in parts: what is masked of them, what never is, and what stands when some of it goes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.errors import BadInput
from interplay.lenses.text.compose import document
from interplay.lenses.text.fields import Fields
from interplay.lenses.text.paragraphs import paragraphs

FACTS = "Ada is here.  Bob is not.\n\nCyd is late.\nDan left."
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi there."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Who are you?"},
]
TEXTS = st.text(st.sampled_from("ab c.\n\t!ä我ไทย👍\u200d\u200bא\u0301\ufeff,\r"), max_size=40)


def left(*names: str, **arguments: object) -> object:
    """What is left of a document when the units of these names go."""
    made = document(**arguments)  # type: ignore[arg-type]
    instead = ["" if name in names else None for name in made.features]
    rendered = made.render(instead)
    return rendered if made.chat else rendered[0][1]


@given(text=TEXTS, units=st.sampled_from(["word", "sentence", "paragraph", "sentence+word"]))
def test_nothing_is_lost(text: str, units: str) -> None:
    """With all units kept the document is the text, in any script."""
    try:
        made = document(text, units)
    except BadInput:
        return
    assert made.render([None] * len(made.features)) == [("", text)]
    cores = made.units.cores
    assert all(a[1] <= b[0] for a, b in pairwise(cores))
    inside = "".join(made.units.features)
    outside = text
    for name in made.units.features:
        outside = outside.replace(name, "", 1)
    assert not outside.strip("\u200b\ufeff \t\n\r").strip()
    assert len(inside) + len(outside) == len(text)


@given(text=TEXTS, data=st.data())
def test_what_is_kept_stands_in_order(text: str, data: st.DataObject) -> None:
    try:
        made = document(text, "word", question="Who?")
    except BadInput:
        return
    keep = data.draw(st.lists(st.booleans(), min_size=len(made.features),
                              max_size=len(made.features)))  # fmt: skip
    ((_, rendered),) = made.render([None if kept else "" for kept in keep])
    assert rendered.endswith("Question: Who?\nAnswer:")
    at = 0
    for name, kept in zip(made.features, keep, strict=True):
        if kept:
            at = rendered.index(name, at) + len(name)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        (("Bob is not.",), "Ada is here.\n\nCyd is late.\nDan left."),
        (("Ada is here.",), "Bob is not.\n\nCyd is late.\nDan left."),
        (("Bob is not.", "Cyd is late."), "Ada is here.\n\nDan left."),
        (("Dan left.", "Cyd is late."), "Ada is here.  Bob is not."),
        (("Ada is here.", "Bob is not.", "Cyd is late.", "Dan left."), ""),
    ],
)
def test_deletion_leaves_no_debris(gone: tuple[str, ...], expected: str) -> None:
    assert left(*gone, text=FACTS, units="sentence") == expected
    asked = left(*gone, text=FACTS, units="sentence", question="Who?")
    assert asked == f"{expected}\nQuestion: Who?\nAnswer:".lstrip()


def test_replacements_leave_every_gap() -> None:
    made = document(FACTS, "sentence")
    assert made.render(["...", None, "x", None]) == [("", "...  Bob is not.\n\nx\nDan left.")]


def test_fixed_stretches_are_never_masked() -> None:
    made = document(
        "Context: Ada is here. Now answer: who?", "word", fixed=["Context:", "Now answer:"]
    )
    assert made.features == ("Ada", "is", "here.", "who?")
    assert made.render([""] * 4) == [("", "Context:  Now answer: ")]
    with pytest.raises(BadInput, match="fixed stretch 'Kontext' does not occur in the text"):
        document("Context: Ada", fixed=["Kontext"])
    with pytest.raises(BadInput, match="fixed must be a sequence of stretches; got the string"):
        document("Context: Ada", fixed="Context")


def test_chunks() -> None:
    given = {"text": ["One. Two.", "Three."], "units": "chunk", "question": "Which?"}
    assert document(**given).features == ("One. Two.", "Three.")
    assert left("Three.", **given) == "One. Two.\nQuestion: Which?\nAnswer:"
    assert document(["One. Two.", "Three."], "chunk+sentence").groups == ((0, 1), (2,))
    with pytest.raises(BadInput, match=r"units='chunk' takes several texts, .* units='paragraph'"):
        document("One. Two.", "chunk")


def test_messages_of_a_chat() -> None:
    assert document(CHAT, "message").features == ("Hi there.", "Hello.")
    assert left("Hi there.", text=CHAT, units="message") == [
        ("system", "Be brief."), ("assistant", "Hello."), ("user", "Who are you?"),
    ]  # fmt: skip
    made = document(CHAT, "word")
    assert made.features == ("Hi", "there.", "Hello.", "Who", "are", "you?")
    assert made.render([""] * 6) == [("system", "Be brief.")]
    assert made.render(["x"] * 6)[1:] == [
        ("user", "x x"), ("assistant", "x"), ("user", "x x x"),
    ]  # fmt: skip
    bare = document(CHAT[1:], "word")
    assert bare.render([""] * 6) == [("user", "")]  # something must be asked
    pinned = [{**CHAT[1], "fixed": True}, CHAT[2], {**CHAT[3], "fixed": False}]
    assert document(pinned, "message").features == ("Hello.", "Who are you?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([{"role": "user"}], 'message 1 must be an object with "role" and "content"'),
        ([{"role": "robot", "content": "x"}], "message 1: unknown role 'robot'; valid: system"),
        ([{"role": "user", "content": 3}], "content of message 1 must be a string; got int"),
        ([{"role": "user", "content": "a b", "fixed": 1}], '"fixed" of message 1 must be true'),
        ([{"role": "user", "content": "a"}, "b"], "message 2 must be an object"),
    ],
)
def test_chats_that_cannot_be(text: list[object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        document(text, "word")  # type: ignore[arg-type]


def test_examples() -> None:
    given = {"text": "Z is?", "units": "example", "examples": [("a", "b"), ("c", "d")]}
    assert document(**given).features == ("a\nb", "c\nd")
    assert left("a\nb", **given) == "c\nd\n\nZ is?"
    assert left("a\nb", "c\nd", **given) == "Z is?"
    assert left("a\n\nb", **given, system="S") == [
        ("system", "S"), ("user", "c"), ("assistant", "d"), ("user", "Z is?"),
    ]  # fmt: skip
    assert document("Z is?", "word", examples=["a b"]).features == ("Z", "is?")
    with pytest.raises(BadInput, match=r"units='example' takes examples=\[...\]"):
        document("Z is?", "example")
    with pytest.raises(BadInput, match="example 1 must be a text or a pair of input and output"):
        document("Z is?", "example", examples=[("a", "b", "c")])
    with pytest.raises(BadInput, match="example 1 of a chat must be a pair"):
        document("Z is?", "example", examples=["a"], system="S")


def test_spans_of_ones_own() -> None:
    made = document("The quick brown fox", [(4, 9), (16, 19)], question="What?")
    assert made.features == ("quick", "fox")
    assert made.render(["", None]) == [("", "The  brown fox\nQuestion: What?\nAnswer:")]
    for spans, message in (
        ([(0, 3), (2, 5)], r"spans \(0, 3\) and \(2, 5\) overlap"),
        ([(0, 3), (5, 99)], r"span \(5, 99\) is empty or outside the text of 19 characters"),
        ([(3, 3), (5, 9)], r"span \(3, 3\) is empty"),
        ([(1, 2, 3)], r"units must be a name or \(start, end\) pairs; got \(1, 2, 3\)"),
    ):
        with pytest.raises(BadInput, match=message):
            document("The quick brown fox", spans)  # type: ignore[arg-type]


def test_nested_units() -> None:
    made = document(FACTS, "sentence+word", question="Who?")
    assert made.nesting is not None
    assert made.nesting.names == ("Ada is here.", "Bob is not.", "Cyd is late.", "Dan left.")
    assert document(FACTS, "word").nesting is None
    assert made.groups == ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10))
    for units in ("word+sentence", "sentence+field", "word+token"):
        with pytest.raises(BadInput, match="must name a coarse and a finer unit"):
            document(FACTS, units)
    with pytest.raises(BadInput, match="unknown units 'verse\\+word'"):
        document(FACTS, "verse+word")


@pytest.mark.parametrize(
    ("template", "question", "message"),
    [
        ("Answer {question}", "Who?", r"must hold \{text\} once"),
        ("{text} {text}", None, r"must hold \{text\} once"),
        ("{text}!", "Who?", r"has no \{question\} for the question"),
        ("{text} {question}", None, r"holds \{question\}, and there is none"),
        (None, "  ", "question is empty"),
    ],
)
def test_templates_that_cannot_be(template: str | None, question: str | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        document(FACTS, "word", template=template, question=question)


def test_paragraphs() -> None:
    text = "\n One.\r\nStill.\r\n \r\nTwo.\n\n\n  Three \n"
    assert [text[a:b] for a, b in paragraphs(text)] == ["One.\r\nStill.", "Two.", "Three"]


# --- JSON

PERSON = '{\n  "name": "Ada",\n  "born": {"year": 1815, "city": "London"},\n  "tags": ["a", {}]\n}'

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@given(
    value=VALUES.filter(lambda value: isinstance(value, dict | list) and value),
    indent=st.sampled_from([None, 0, 2]),
    data=st.data(),
)
def test_what_is_left_of_json_is_json(
    value: object, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans()))
    fields = Fields(text)
    count = len(list(fields))
    assert fields.without([None] * count) == text
    gone = data.draw(st.lists(st.sampled_from([None, "", "null"]), min_size=count, max_size=count))
    remaining = json.loads(fields.without(gone))
    assert type(remaining) is type(value)
    assert fields.without([""] * count).strip() in ("{}", "[]")


def test_fields() -> None:
    made = document(PERSON, "field")
    assert made.features == ("name", "born.year", "born.city", "tags.0", "tags.1")
    ((_, text),) = made.render([None, "", None, "null", ""])
    assert json.loads(text) == {"name": "Ada", "born": {"city": "London"}, "tags": [None]}
    ((_, text),) = made.render([None, "", "", None, None])
    assert json.loads(text) == {"name": "Ada", "tags": ["a", {}]}
    with pytest.raises(BadInput, match="units='field' takes a JSON text, and this is none"):
        document("name: Ada", "field")
    with pytest.raises(BadInput, match="takes a JSON object or list with fields; got '3'"):
        document("3", "field")
    with pytest.raises(BadInput, match="takes one JSON text and nothing beside it"):
        document(PERSON, "field", question="Who?")
    with pytest.raises(BadInput, match="nested more than 100 deep"):
        Fields("[" * 200 + "1" + "]" * 200)
