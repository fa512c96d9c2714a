"""Train the sentiment classifier that is shipped in ``interplay/demo/sentiment``.

    python scripts/train_demo_sentiment.py --assets ASSETS --out src/interplay/demo/sentiment

Reads ``ASSETS/text``, trains on two threads, prints the figures and writes the model folder with
its card.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import tokenizers
import torch
import transformers
from demo_sentiment.data import assert_disjoint, composition_pairs, load_corpus
from demo_sentiment.finetune import finetune
from demo_sentiment.judge import measure, model_card
from demo_sentiment.model import architecture, pretrained_tokenizer, train_tokenizer
from demo_sentiment.patterns import assert_other_words
from demo_sentiment.pretrain import pretrain
from transformers import ModernBertForMaskedLM, ModernBertForSequenceClassification

REPOSITORY = Path(__file__).resolve().parents[1]
PRETRAIN_EPOCHS = 5
FINETUNE_EPOCHS = 7
DROPOUT = 0.15  # while fine-tuning


def default_assets() -> Path:
    """``INTERPLAY_ASSETS``, or the folder beside the checkout."""
    named = os.environ.get("INTERPLAY_ASSETS")
    return Path(named) if named else REPOSITORY.parent / "shared" / "assets"


def save(
    model: ModernBertForSequenceClassification,
    tokenizer: tokenizers.Tokenizer,
    folder: Path,
) -> ModernBertForSequenceClassification:
    """Write the folder with float16 weights, and return the model as read back from it.

    The configuration says float32, so that a plain ``from_pretrained`` computes in float32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    pretrained_tokenizer(tokenizer).save_pretrained(folder)
    for name, changes in (
        ("config.json", {"dtype": "float32", "reference_compile": False}),
        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    ):
        path = folder / name
        settings = json.loads(path.read_text(encoding="utf-8")) | changes
        path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return ModernBertForSequenceClassification.from_pretrained(folder, dtype=torch.float32)


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=default_assets())
    parser.add_argument("--out", type=Path, default=REPOSITORY / "src/interplay/demo/sentiment")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--pretrained",
        type=Path,
        help="folder of the pre-trained language model: written, or read where it is there",
    )
    options = parser.parse_args()
    torch.set_num_threads(2)
    start = time.monotonic()

    corpus = load_corpus(options.assets)
    assert_other_words(composition_pairs())
    texts = [text for text, _ in (*corpus.documents, *corpus.sentences)] + corpus.unlabelled
    assert_disjoint(texts, corpus)
    tokenizer = train_tokenizer(texts)
    config = architecture(tokenizer.get_vocab_size())
    if options.pretrained and options.pretrained.is_dir():
        language_model = ModernBertForMaskedLM.from_pretrained(options.pretrained)
    else:
        language_model = pretrain(config, tokenizer, texts, PRETRAIN_EPOCHS, options.seed, _log)
        if options.pretrained:
            language_model.save_pretrained(options.pretrained)

    config.embedding_dropout = config.mlp_dropout = DROPOUT
    torch.manual_seed(options.seed)
    classifier = ModernBertForSequenceClassification(config)
    classifier.model.load_state_dict(language_model.model.state_dict())
    classifier = finetune(classifier, tokenizer, corpus, FINETUNE_EPOCHS, options.seed, _log)
    minutes = (time.monotonic() - start) / 60

    classifier = save(classifier, tokenizer, options.out)
    figures = measure(classifier, tokenizer, corpus)
    _log(str(figures))
    versions = {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    card = model_card(figures, corpus, classifier, options.out, options.seed, minutes, versions)
    (options.out / "README.md").write_text(card, encoding="utf-8")


def _log(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
