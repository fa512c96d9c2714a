"""Splitting loses nothing, in any script."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.errors import BadInput
from interplay.lenses.text.units import Units, check_units, cover, split

# a busy machine is no reason to fail
# Letters, marks, joiners, white space and punctuation of many scripts, close together.
DENSE = st.lists(
    st.sampled_from(
        [
            *"aZé9 .!?…\"'”)(«»-—,\n\t\u00a0\u200b\ufeff\u200d\ufe0f\u0301",
            *"我们。、「」ひらカター ไทยก็ สวัสดี العربية؟ हिन्दी। 한국어 👍🏽👩‍🔬🇫🇷",
            *("Dr. ", "e.g. ", "U.S. ", "No. 5 ", "<br /><br />", ". ", '." ', "..."),
        ]
    ),
    max_size=40,
).map("".join)
ANY = st.one_of(st.text(), DENSE)


@given(text=ANY, units=st.sampled_from(["word", "sentence"]))
def test_pieces_joined_are_the_text(text: str, units: str) -> None:
    found = split(text, units)
    if found.cores:
        assert "".join(found.pieces) == text
    check(found)


@given(text=ANY, data=st.data())
def test_pieces_of_any_offsets_joined_are_the_text(text: str, data: st.DataObject) -> None:
    offset = st.integers(0, len(text))
    starts = sorted(data.draw(st.lists(offset)))
    spans = [(start, data.draw(st.integers(start, len(text)))) for start in starts]
    found = cover(text, spans)
    if found.cores:
        assert "".join(found.pieces) == text
    assert found.kind == "token"
    ends = [end for _, end in found.cores]
    assert all(a <= b for a, (b, _) in zip(ends, found.cores[1:], strict=False))


def check(units: Units) -> None:
    """Cores are ordered, not empty, without white space at the ends, and hold all other text."""
    at = 0
    for start, end in units.cores:
        assert at <= start < end
        assert blank(units.text[at:start])
        core = units.text[start:end]
        assert core == core.strip() != ""
        at = end
    assert blank(units.text[at:])
    for (start, end), (core_start, core_end) in zip(units.spans, units.cores, strict=True):
        assert start <= core_start < core_end <= end


def blank(text: str) -> bool:
    """Whether there is nothing but white space in it."""
    return all(c.isspace() or c in "\u200b\ufeff" for c in text)


@given(st.text(st.characters(max_codepoint=0x0D7F, exclude_characters="\u200b\ufeff")))
def test_words_of_spaced_scripts_are_what_stands_between_white_space(text: str) -> None:
    assert split(text, "word").features == tuple(text.split())


@given(DENSE)
def test_no_word_begins_with_a_mark_that_belongs_to_the_one_before(text: str) -> None:
    units = split(text, "word")
    for (_, before), (start, _) in zip(units.cores, units.cores[1:], strict=False):
        if before == start:
            assert unicodedata.category(text[start]) not in ("Mn", "Mc", "Me", "Cf", "Pe", "Pf")
            assert text[start - 1] != "\u200d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not bad,  at all.", "Not|bad,|at|all."),
        ("it's a well-made film — truly", "it's|a|well-made|film|—|truly"),
        ("我不喜欢这部电影。真的！", "我|不|喜|欢|这|部|电|影。|真|的！"),
        ("他说：「很好」吗？", "他|说：|「很|好」|吗？"),
        ("我用Python 3.11写代码", "我|用|Python|3.11|写|代|码"),
        ("价格是3.5元,不是4元", "价|格|是|3.5|元,|不|是|4|元"),
        ("映画はとてもカッコイー！", "映|画|は|と|て|も|カッコイー！"),
        ("か\u3099き", "か\u3099|き"),
        ("한국어 영화는 좋다", "한국어|영화는|좋다"),
        ("فيلم رائع جدًا؟", "فيلم|رائع|جدًا؟"),
        ("यह फ़िल्म अच्छी है।", "यह|फ़िल्म|अच्छी|है।"),
        ("cafe\u0301 au lait", "cafe\u0301|au|lait"),
        ("great 👍🏽👩‍🔬 🇫🇷", "great|👍🏽👩‍🔬|🇫🇷"),
        ("好👍🏽👩‍🔬吃", "好|👍🏽👩‍🔬|吃"),
        ("ดี\u200bมาก", "ดี|ม|า|ก"),
        ("\ufeffHello\u00a0there", "Hello|there"),
        ("字\ufe0f好", "字\ufe0f|好"),
    ],
)
def test_words(text: str, expected: str) -> None:
    units = split(text, "word")
    assert units.features == tuple(expected.split("|"))
    assert "".join(units.pieces) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is good. It is bad.", "It is good.|It is bad."),
        ("Dr. J. R. Smith met Mrs. Lee. They talked.",
         "Dr. J. R. Smith met Mrs. Lee.|They talked."),
        ('"Really?" she asked. "Yes!" He left.', '"Really?" she asked.|"Yes!"|He left.'),
        ('He said "no." Then he left.', 'He said "no."|Then he left.'),
        ("(It was fun.) (Was it?) Yes.", "(It was fun.)|(Was it?)|Yes."),
        ("I waited... and waited. Well... Maybe.", "I waited... and waited.|Well...|Maybe."),
        ("It cost 3.50 e.g. in May, No. 5 of p. 7. He said no. Fine.",
         "It cost 3.50 e.g. in May, No. 5 of p. 7.|He said no.|Fine."),
        ("Made in the U.S. The plot, the cast, etc. It works.",
         "Made in the U.S.|The plot, the cast, etc.|It works."),
        ("In the U.S. Army by Acme Inc. Films.", "In the U.S. Army by Acme Inc. Films."),
        ("So did I. Then Plan B. It failed.", "So did I.|Then Plan B.|It failed."),
        ("1. First point. 2. Second point.", "1. First point.|2. Second point."),
        ("Born in 1999. Died in 2020.", "Born in 1999.|Died in 2020."),
        ("What?! No!! Why…  Because.", "What?!|No!!|Why…|Because."),
        ("A title\n\nThe text. More\nof it.", "A title|The text.|More\nof it."),
        ("pure crap.<br /><br />In short, no.", "pure crap.<br /><br />|In short, no."),
        ("a gripping film . it has heart .", "a gripping film .|it has heart ."),
        ("see python.org or v1.2 of it", "see python.org or v1.2 of it"),
        ("我不喜欢。真的吗？“是。”好！", "我不喜欢。|真的吗？|“是。”|好！"),
        ("良い映画だ。とても。", "良い映画だ。|とても。"),
        ("هل هو جيد؟ نعم. شكرا", "هل هو جيد؟|نعم.|شكرا"),
        ("यह अच्छा है। वह नहीं।", "यह अच्छा है।|वह नहीं।"),
        ("Es war z.B. gut. ¿De veras? ¡Sí! «Bon.» Oui.",
         "Es war z.B. gut.|¿De veras?|¡Sí!|«Bon.»|Oui."),
        ("  Lead. Tail.  ", "Lead.|Tail."),
        ('It works. ." Twice . . . :)', 'It works. ."|Twice . . . :)'),
        ("... Well. Done.", "... Well.|Done."),
        ("...", "..."),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: str) -> None:
    units = split(text, "sentence")
    assert units.features == tuple(expected.split("|"))
    assert "".join(units.pieces) == text


@pytest.mark.parametrize("run", [" ", ".", "\n ", "<br ", '."', "。", "字", "a.", "Dr. ", "\u0301"])
@pytest.mark.parametrize("units", ["word", "sentence"])
@pytest.mark.timeout(10)
def test_long_runs_take_linear_time(run: str, units: str) -> None:
    text = f"A{run * 30_000}b c"
    assert "".join(split(text, units).pieces) == text


def test_tokens_that_share_a_character_are_one_unit() -> None:
    units = cover("a 👍 bc", [(0, 1), (1, 3), (2, 3), (2, 3), (3, 5), (5, 6), (6, 6)])
    assert units.features == ("a", "👍", "b", "c")
    assert "".join(units.pieces) == "a 👍 bc"


def test_real_reviews(assets: Path) -> None:
    with (assets / "text" / "long_reviews.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sizes = []
    for row in rows:
        words, sentences = split(row["review"], "word"), split(row["review"], "sentence")
        assert words.features == tuple(row["review"].split())
        assert "".join(words.pieces) == "".join(sentences.pieces) == row["review"]
        sizes += [len(sentence.split()) for sentence in sentences.features]
    assert 12 <= sorted(sizes)[len(sizes) // 2] <= 25


@pytest.mark.parametrize(
    ("text", "units", "message"),
    [
        ("", "word", "text is empty; give a text of at least two units"),
        (" \n\t\u00a0", "word", r"nothing but white space \(4 characters\)"),
        ("Hello", "word", r"one word, 'Hello', so there is nothing to combine; .*units='token'"),
        ("Hello there.", "sentence", r"one sentence, 'Hello there\.', .*finer unit, units='word'"),
    ],
)
def test_nothing_to_combine(text: str, units: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_units(split(text, units))


def test_one_token_and_none() -> None:
    with pytest.raises(BadInput, match=r"one token, 'Hello', so there is .*; give a longer text$"):
        check_units(cover("Hello", [(0, 5)]))
    with pytest.raises(BadInput, match=r"text holds no token to mask \(1 characters, what"):
        check_units(cover("\u0301", []))


def test_unknown_units() -> None:
    with pytest.raises(BadInput, match="unknown units 'chapter'; valid: word, sentence"):
        split("a b", "chapter")
