"""Tokenizer and architecture of the demo classifier."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from transformers import ModernBertConfig, PreTrainedTokenizerFast

PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = 8_000
LONGEST = 2_048


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn a lower-case WordPiece vocabulary.

    The review corpora spell contractions and compounds in several ways ("does n't", "doesn't";
    "re imagining", "re-imagining"); the normalizer makes them one, so ``n't`` is always ``not``.
    """
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.BertNormalizer(lowercase=True, strip_accents=True),
            normalizers.Replace(Regex(r"\s*n['’]t\b"), " not"),
            normalizers.Replace(Regex(r"['’](?=(s|re|ve|ll|d|m)\b)"), " "),
            normalizers.Replace(Regex(r"(?<=\w)-(?=\w)"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL_TOKENS, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # The trainer numbers pieces of equal frequency in no fixed order; sorted, a seed fixes all.
    pieces = SPECIAL_TOKENS + sorted(set(tokenizer.get_vocab()) - set(SPECIAL_TOKENS))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer.model = WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return tokenizer


def pretrained_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers saves it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=LONGEST,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def architecture(vocabulary: int) -> ModernBertConfig:
    """A small ModernBERT: rotary positions, local and global attention, mean pooling."""
    return ModernBertConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        local_attention=128,
        embedding_dropout=0.0,
        mlp_dropout=0.0,
        classifier_dropout=0.2,
        classifier_pooling="mean",
        pad_token_id=PAD,
        cls_token_id=CLS,
        sep_token_id=SEP,
        bos_token_id=CLS,
        eos_token_id=SEP,
        sparse_prediction=True,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        attn_implementation="sdpa",
    )
