"""A byte-level BPE tokenizer whose merges make every word of the facts one token."""

from __future__ import annotations

import itertools
from collections import Counter

from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from . import world

BOS, EOS, PAD = range(3)
SPECIAL_TOKENS = ("<s>", "</s>", "<pad>")
LONGEST = 512


def texts() -> list[str]:
    """Sentences, questions and answers that together hold every word in every spelling."""
    sentences = [
        first + pattern.format(person=person, thing=thing)
        for patterns, things in (
            (world.PLACE_SENTENCES, world.PLACES),
            (world.POSSESSION_SENTENCES, world.OBJECTS),
        )
        for pattern in patterns
        for person in world.NAMES
        for thing in things
        for first in ("", " ")
    ]
    prompts = [
        world.PROMPT.format(context="", question=pattern) for pattern in world.QUESTIONS.values()
    ]
    prompts = [p.format(a="Anna", b="Ben", thing="key", place="kitchen") for p in prompts]
    return sentences + prompts + [f" {answer}" for answer in world.ANSWERS]


def build_tokenizer() -> Tokenizer:
    """The 256 bytes and the merges learned from ``texts()``; nothing in it is random."""
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)  # GPT-2's expression
    words = Counter({w for text in texts() for w, _ in cut.pre_tokenize_str(text)})
    merges = _merges(sorted(words))
    pieces = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pieces += ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B:1", special_tokens=[("<s>", BOS)]
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Merge the most frequent pair until every word is one piece (ties: alphabetical)."""
    split = [list(word) for word in words]
    merges: list[tuple[str, str]] = []
    while any(len(pieces) > 1 for pieces in split):
        pairs = Counter(pair for pieces in split for pair in itertools.pairwise(pieces))
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        split = [_merged(pieces, merges[-1]) for pieces in split]
    return merges


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


def pretrained_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers saves it: adds ``<s>`` by itself, pads on the left."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=LONGEST,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
