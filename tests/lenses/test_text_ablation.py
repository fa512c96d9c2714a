"""What stands where a unit was, as text and as tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import LINES

from interplay.errors import BadInput
from interplay.lenses.text.ablation import DELETE, TextAblation, TokenAblation, replacement
from interplay.lenses.text.chunks import Chunks, joinable, trial_masks
from interplay.lenses.text.compose import document
from interplay.models.hf_classifier import HFClassifier

TEXT = "  The film is\tnot  bad,\nat all.  "


def keep(*kept: int, n: int = 7) -> np.ndarray:
    return np.isin(np.arange(n), kept)


@pytest.fixture(scope="module")
def classifiers(bert: Path, roberta: Path, gpt2: Path) -> dict[str, HFClassifier]:
    return {folder.name[:4]: HFClassifier.load(folder) for folder in (bert, roberta, gpt2)}


# --- the replacement


@pytest.mark.parametrize(
    ("model", "mask", "expected"),
    [
        ("bert", None, "[MASK]"),
        ("robe", None, "<mask>"),
        ("gpt2", None, DELETE),
        ("robe", "[MASK]", "<mask>"),
        ("robe", "[UNK]", "<unk>"),
        ("robe", "[PAD]", "<pad>"),
        ("bert", "...", "..."),
        ("bert", "<mask>", "<mask>"),
        ("gpt2", "delete", DELETE),
    ],
)
def test_replacement(
    classifiers: dict[str, HFClassifier], model: str, mask: str | None, expected: str
) -> None:
    assert replacement(mask, classifiers[model]) == expected


def test_unknown_token_where_there_is_no_mask_token(bert: Path) -> None:
    model = HFClassifier.load(bert)
    model.tokenizer.mask_token = None
    assert replacement(None, model) == "[UNK]"
    with pytest.raises(BadInput, match=r"mask '\[MASK\]': .* no such token; use '\[UNK\]', '\[PAD"):
        replacement("[MASK]", model)


def test_replacements_that_cannot_be(classifiers: dict[str, HFClassifier]) -> None:
    with pytest.raises(BadInput, match=r"mask is the empty string; .* mask='delete'"):
        replacement("", classifiers["bert"])
    with pytest.raises(BadInput, match=r"mask '\[UNK\]': .* no such token; use 'delete' or a lit"):
        replacement("[UNK]", classifiers["gpt2"])


# --- text


@pytest.mark.parametrize(
    ("mask", "kept", "expected"),
    [
        ("[MASK]", range(7), TEXT),
        ("[MASK]", (0, 1, 2, 4, 5, 6), "  The film is\t[MASK]  bad,\nat all.  "),
        ("...", (1, 5), "  ... film ...\t...  ...\nat ...  "),
        (DELETE, range(7), TEXT),
        (DELETE, (0, 1, 2, 4, 5, 6), "  The film is\tbad,\nat all.  "),
        (DELETE, (1, 3), "  film not  "),
        (DELETE, (0, 6), "  The\nall.  "),
        (DELETE, (), "    "),
    ],
)
def test_masked_text_tidies_nothing(
    classifiers: dict[str, HFClassifier], mask: str, kept: tuple[int, ...], expected: str
) -> None:
    ablation = TextAblation(document(TEXT, "word"), classifiers["bert"], mask)
    assert ablation.masked_text(keep(*kept)) == expected


def test_words_without_spaces_between(classifiers: dict[str, HFClassifier]) -> None:
    units = document("我不喜欢。好", "word")
    masked = TextAblation(units, classifiers["bert"], "[MASK]")
    assert masked.masked_text(keep(0, 2, 4, n=5)) == "我[MASK]喜[MASK]好"
    assert TextAblation(units, classifiers["bert"], DELETE).masked_text(keep(3, n=5)) == "欢。"


# --- tokens of masked texts

WORDS = st.sampled_from(
    [
        *" ".join(LINES).split(),
        "Ärger",
        "...",
        "'s",
        "don't",
        "👍🏽",
        "फ़िल्म",
        "x",
        "[MASK]",
        "3.5",
    ]
)
SPACES = st.sampled_from([" ", " ", " ", "  ", "\n", "\t", "\n\n", "\u00a0", " \n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """At least two words, with all kinds of white space around them."""
    words = draw(st.lists(WORDS, min_size=2, max_size=12))
    spaces = [draw(SPACES) for _ in words]
    body = "".join(a + b for pair in zip(words, spaces, strict=True) for a, b in [pair])
    return (
        draw(st.sampled_from(["", " ", "\n"]))
        + body.rstrip()
        + draw(st.sampled_from(["", " ", "\n\n"]))
    )


@settings(max_examples=60)
@given(
    text=texts(),
    name=st.sampled_from(["bert", "robe", "gpt2"]),
    mask=st.sampled_from([DELETE, "...", "[MASK]", "<mask>", "two words"]),
    seed=st.integers(0, 1000),
)
def test_model_reads_the_tokens_of_the_masked_text(
    classifiers: dict[str, HFClassifier], text: str, name: str, mask: str, seed: int
) -> None:
    model = classifiers[name]
    ablation = TextAblation(document(text, "word"), model, mask)
    masks = np.random.default_rng(seed).random((16, len(ablation.document.units))) < 0.5
    whole = model.encode([ablation.masked_text(row) for row in masks])
    assert ablation.token_ids(masks) == whole


@pytest.mark.parametrize("mask", ["[MASK]", DELETE, "..."])
@pytest.mark.parametrize("name", ["bert", "robe", "gpt2"])
def test_ordinary_texts_use_chunks(
    classifiers: dict[str, HFClassifier], name: str, mask: str
) -> None:
    model = classifiers[name]
    ablation = TextAblation(document(" ".join(LINES[:4]), "word"), model, replacement(mask, model)
                            if mask != "[MASK]" or name != "gpt2" else "...")  # fmt: skip
    assert ablation._chunks is not None


def test_chunks_are_given_up_when_a_mask_shows_that_they_differ(
    classifiers: dict[str, HFClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifiers["bert"]
    ablation = TextAblation(document(TEXT, "word"), model, "[MASK]")
    assert ablation._chunks is not None
    wrong = [[2, 3]]
    monkeypatch.setattr(ablation._chunks, "token_ids", lambda masks: wrong * len(masks))
    masks = np.stack([keep(1, 2), keep(3)])
    assert ablation.token_ids(masks) == model.encode([ablation.masked_text(m) for m in masks])
    assert ablation._chunks is None


def test_chunks_are_not_used_where_words_merge_across_white_space(
    classifiers: dict[str, HFClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifiers["bert"]
    plain = model.encode

    def merges(texts, *, special=True):  # type: ignore[no-untyped-def]
        # as a tokenizer with one token for "not bad" would
        return plain([text.replace("not bad", "film") for text in texts], special=special)

    monkeypatch.setattr(model, "encode", merges)
    assert TextAblation(document("it is not bad", "word"), model, "...")._chunks is None
    assert TextAblation(document("it is bad not", "word"), model, "...")._chunks is not None
    monkeypatch.undo()


def test_only_units_apart_are_joinable() -> None:
    assert joinable(document("a b", "word"))
    assert not joinable(document("我不 喜", "word"))


def test_trial_masks_put_all_neighbours_beside_each_other() -> None:
    rows = trial_masks(9)
    for i in range(8):
        assert {tuple(row[i : i + 2]) for row in rows[:4].tolist()} == {
            (a, b) for a in (True, False) for b in (True, False)
        }


def test_each_chunk_is_tokenised_once(
    classifiers: dict[str, HFClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifiers["bert"]
    chunks = Chunks(document(TEXT, "word").units, model, "[MASK]")
    chunks.token_ids(trial_masks(7))
    asked: list[str] = []
    monkeypatch.setattr(model, "encode", lambda texts, special=True: asked.extend(texts) or [])
    chunks.token_ids(trial_masks(7))
    assert asked == []
    monkeypatch.undo()


# --- the longest masked text


@pytest.mark.parametrize("mask", ["[MASK]", DELETE, "one two three four five six"])
def test_longest_is_the_longest_of_all_masks(
    classifiers: dict[str, HFClassifier], mask: str
) -> None:
    ablation = TextAblation(document("Neither beautifully funny 👍🏽 film", "word"),
                            classifiers["bert"], mask)  # fmt: skip
    every = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(bool)
    longest = max(len(ids) for ids in ablation.token_ids(every))
    assert len(ablation.token_ids(ablation.longest()[None])[0]) == longest


# --- token units


@pytest.mark.parametrize("name", ["bert", "robe", "gpt2"])
@pytest.mark.parametrize("text", [TEXT, LINES[4], "ab 👍🏽👩‍🔬 cd\u0301 e", *LINES[:3]])
def test_token_units(classifiers: dict[str, HFClassifier], name: str, text: str) -> None:
    model = classifiers[name]
    ablation = TokenAblation(document(text, "token"), model, DELETE)
    n = len(ablation.document.units)
    assert "".join(ablation.document.units.pieces) == text
    full = model.encode([text])[0]
    assert ablation.token_ids(np.ones((1, n), bool)) == [full]
    # every token but the special ones and those of white space is in one unit
    lone = ablation.token_ids(np.eye(n, dtype=bool))
    fixed = len(ablation.token_ids(np.zeros((1, n), bool))[0])
    if name != "gpt2":
        assert sum(len(row) - fixed for row in lone) == len(full) - fixed


def test_token_masks_replace_ids_in_place(classifiers: dict[str, HFClassifier]) -> None:
    model = classifiers["bert"]
    text = "Neither beautifully"
    ablation = TokenAblation(document(text, "token"), model, "[MASK]")
    full = model.encode([text])[0]
    n = len(ablation.document.units)
    assert n == len(full) - 2 > 2
    for i in range(n):
        row = np.ones(n, bool)
        row[i] = False
        expected = full.copy()
        expected[i + 1] = model.tokenizer.mask_token_id
        assert ablation.token_ids(row[None]) == [expected]
    first = np.arange(n) > 0
    assert ablation.masked_text(first).startswith("[MASK]")


def test_bytes_of_one_emoji_are_masked_together(classifiers: dict[str, HFClassifier]) -> None:
    model = classifiers["robe"]
    ablation = TokenAblation(document("a 👍 b", "token"), model, "<mask>")
    assert ablation.document.units.features == ("a", "👍", "b")
    ids = ablation.token_ids(np.array([[True, False, True]]))[0]
    assert ids.count(model.tokenizer.mask_token_id) == 1
    assert len(ids) < len(model.encode(["a 👍 b"])[0])
    assert ablation.longest().tolist() == [True, True, True]
    # six or more tokens in the place of an emoji's four bytes
    longer = TokenAblation(
        document("a 👍 b", "token"), model, "one two three four five six"
    ).longest()
    assert longer.tolist() == [False, False, False]


def test_llama_tokenizer(assets: Path, bert: Path) -> None:
    """Word pieces with a space mark and bytes for the rest, as Llama-type classifiers have."""
    import transformers

    model = HFClassifier.load(bert)
    model.tokenizer = transformers.AutoTokenizer.from_pretrained(
        assets / "models" / "stories260k", local_files_only=True
    )
    text = "Once upon a time, there was a 👍 girl.  She played."
    rng = np.random.default_rng(0)
    for mask in (replacement(None, model), DELETE, "..."):
        words = TextAblation(document(text, "word"), model, mask)
        masks = rng.random((20, len(words.document.units))) < 0.5
        whole = [words.masked_text(row) for row in masks]
        assert words.token_ids(masks) == model.tokenizer(whole)["input_ids"]
        tokens = TokenAblation(document(text, "token"), model, mask)
        assert "".join(tokens.document.units.pieces) == text
        ones = np.ones((1, len(tokens.document.units)), bool)
        assert tokens.token_ids(ones) == model.encode([text])
    assert replacement(None, model) == "<unk>"


def test_token_units_need_offsets(bert: Path) -> None:
    import transformers

    model = HFClassifier.load(bert)
    model.tokenizer = transformers.ByT5Tokenizer()
    with pytest.raises(
        BadInput, match=r"units='token' needs character offsets, .*use units='word'"
    ):
        TokenAblation(document("a b", "token"), model, DELETE)
