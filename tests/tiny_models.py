"""Classifiers with random weights, small enough to be made in a second, in ordinary folders.

The architectures, the files and the code that loads them are the real ones. torch and
transformers are imported by the first fixture that is used.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LINES = [
    "The film is not bad at all, it is a joy from start to finish.",
    "I did not like this slow, dull film; the plot makes no sense.",
    "A moving story, beautifully told, with a cast that never fails to impress.",
    "Neither funny nor clever, and far too long.",
    "我不喜欢这部电影。 Ceci n'est pas un film, c'est une fête!",
]
LABELS = {0: "negative", 1: "neutral", 2: "Positive"}


def save_bert(folder: Path, *, positions: int = 128, architecture: str = "") -> Path:
    """A BERT classifier with a WordPiece tokenizer; labels as in ``LABELS``."""
    import tokenizers
    import torch
    import transformers
    from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

    torch.set_num_threads(1)
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        LINES,
        trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=positions,
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        # wide enough that the logits differ by tenths, as those of a trained model do
        initializer_range=0.5,
        id2label=LABELS,
        label2id={label: i for i, label in LABELS.items()},
    )
    torch.manual_seed(0)
    kind = getattr(transformers, architecture or "BertForSequenceClassification")
    kind(config).save_pretrained(folder)
    return folder


def save_gpt2(folder: Path, *, pad: bool = False) -> Path:
    """A GPT-2 classifier with a byte-level BPE tokenizer: no mask token, by default no padding."""
    import tokenizers
    import torch
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    torch.set_num_threads(1)
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    config = transformers.GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_positions=128,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0 if pad else None,
        num_labels=2,
    )
    torch.manual_seed(1)
    transformers.GPT2ForSequenceClassification(config).save_pretrained(folder)
    return folder


def save_roberta(folder: Path) -> Path:
    """A RoBERTa classifier: byte-level BPE, ``<mask>``, positions that start after padding."""
    import tokenizers
    import torch
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    torch.set_num_threads(1)
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=[*special, "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token=tokenizers.AddedToken("<mask>", lstrip=True),
    ).save_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        initializer_range=0.5,
        pad_token_id=1,
        num_labels=2,
    )
    torch.manual_seed(2)
    transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
    return folder


# Networks of each family with random weights, wide enough that log-probabilities differ.
CAUSAL = {
    "llama": ("Llama", {"num_key_value_heads": 2}),
    "gpt2": ("GPT2", {}),
    "neox": ("GPTNeoX", {}),
    "qwen2": ("Qwen2", {"num_key_value_heads": 2}),
    "mistral": ("Mistral", {"num_key_value_heads": 2, "sliding_window": 8}),
    "opt": ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("Bloom", {}),
}
SEQ2SEQ = {
    "t5": ("T5", {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}),
    "bart": (
        "Bart",
        {
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
        },
    ),
}


def byte_level(folder: Path, *, around: str = "<s> $A", template: str | None = None) -> int:
    """Save a byte-level BPE tokenizer without mask and padding; return its vocabulary's size."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<s>", "</s>", "<user>", "<assistant>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around, special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    saved = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )
    saved.chat_template = template
    saved.save_pretrained(folder)
    size: int = tokenizer.get_vocab_size()
    return size


def save_causal(
    folder: Path,
    family: str,
    *,
    template: str | None = None,
    ends: bool = False,
    positions: int = 128,
    layers: int = 2,
    **settings: object,
) -> Path:
    """A causal language model of a family, with a byte-level tokenizer and no padding token."""
    import torch
    import transformers

    torch.set_num_threads(1)
    name, own = CAUSAL[family]
    size = byte_level(folder, template=template, around="<s> $A </s>" if ends else "<s> $A")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=None,
        **{**own, **settings},
    )
    torch.manual_seed(4)
    head = "LMHeadModel" if family == "gpt2" else "ForCausalLM"
    getattr(transformers, f"{name}{head}")(config).save_pretrained(folder)
    return folder


def save_seq2seq(folder: Path, family: str) -> Path:
    """An encoder-decoder of a family: a tokenizer that ends its texts, as those models have."""
    import torch
    import transformers

    torch.set_num_threads(1)
    name, own = SEQ2SEQ[family]
    size = byte_level(folder, around="$A </s>" if family == "t5" else "<s> $A </s>")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=size,
        max_position_embeddings=128,
        init_std=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=None,
        **own,
    )
    torch.manual_seed(5)
    network = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT classifier."""
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a GPT-2 classifier without mask and padding tokens."""
    return save_gpt2(tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="session")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a RoBERTa classifier."""
    return save_roberta(tmp_path_factory.mktemp("roberta"))
