"""Fine-tuning on labelled sentences, passages, whole documents and generated patterns."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import ModernBertForSequenceClassification

from .data import Corpus, Labelled
from .model import CLS, LONGEST, MASK, PAD, SEP
from .patterns import generate
from .pretrain import one_cycle, optimizer_for
from .teacher import soft_targets

PEAK_RATE = 5e-4
TOKENS_PER_BATCH = 1_280
TEXTS_PER_BATCH = 56  # so that short texts get enough steps
PATTERNS_PER_EPOCH = 12_000
PATTERN_SMOOTHING = 0.02
UNLABELLED_PER_EPOCH = 4_500
TEACHER_SHARE = 0.4  # of the linear teacher in the target of a labelled sentence
PASSAGE_WORDS = (30, 160)
PASSAGE_SMOOTHING = 0.1  # a passage has the label of its document, which may not be its own
WHOLE_DOCUMENT_EPOCHS = 3  # the last ones, in which some documents are read whole
WHOLE_DOCUMENT_SHARE = 0.06
AVERAGING = 0.997  # of the weights, per step


@dataclass(frozen=True)
class Masking:
    """How an example is ablated: with what chance, and up to what share of its words."""

    chance: float
    strongest: float


SENTENCE_MASKING = Masking(chance=0.6, strongest=0.6)
PATTERN_MASKING = Masking(chance=0.15, strongest=0.4)
FULL_MASK_CHANCE = 0.02  # of masking (nearly) every word, whatever the kind of text


@dataclass(frozen=True)
class Example:
    """A text as the token ids of its words, and the probability that it is positive."""

    words: list[list[int]]
    target: float
    masking: Masking


class WordEncoder:
    """Token ids of single words, remembered."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[list[int]]:
        words = text.split()
        unknown = sorted(set(words) - self._known.keys())
        encodings = self._tokenizer.encode_batch(unknown, add_special_tokens=False)
        self._known.update((w, e.ids) for w, e in zip(unknown, encodings, strict=True))
        return [self._known[word] for word in words]


def finetune(
    model: ModernBertForSequenceClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    epochs: int,
    seed: int,
    log: Callable[[str], None] = print,
) -> ModernBertForSequenceClassification:
    """Train, and return the averaged weights of one of the last epochs.

    Of the epochs that also read whole documents, it is the one that is best on the SST-2 dev split.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    curriculum = Curriculum(tokenizer, corpus, seed)
    average = copy.deepcopy(model)
    best, best_accuracy = average, 0.0
    optimizer = optimizer_for(model, PEAK_RATE, decay=0.05)
    start, step = time.monotonic(), 0
    for epoch in range(epochs):
        last_ones = epoch >= epochs - WHOLE_DOCUMENT_EPOCHS
        batches = list(_batches(curriculum.examples(rng, whole_documents=last_ones), rng))
        model.train()
        losses = []
        for ids, target in batches:
            progress = (epoch + len(losses) / len(batches)) / epochs
            for group in optimizer.param_groups:
                group["lr"] = PEAK_RATE * one_cycle(progress)
            logits = model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
            loss = torch.nn.functional.cross_entropy(logits, target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            step += 1
            _update_average(average, model, min(AVERAGING, step / (step + 10)))
        accuracy = accuracy_on(average, tokenizer, corpus.dev)
        minutes = (time.monotonic() - start) / 60
        log(
            f"fine-tune {epoch + 1}/{epochs} loss {np.mean(losses):.3f} dev {accuracy:.4f} "
            f"dev pairs {pairs_passed(average, tokenizer, DEV_PAIRS)}/{len(DEV_PAIRS)} "
            f"{len(batches)} batches {minutes:.1f} min"
        )
        if last_ones and accuracy > best_accuracy:
            best, best_accuracy = copy.deepcopy(average), accuracy
    return best


class Curriculum:
    """The examples of an epoch: sentences, generated patterns, passages and whole documents."""

    def __init__(self, tokenizer: Tokenizer, corpus: Corpus, seed: int) -> None:
        self._encode = WordEncoder(tokenizer)
        self._documents = corpus.documents
        self._exclusion = corpus.exclusion
        taught, guessed = soft_targets(corpus.sentences, corpus.documents, corpus.unlabelled, seed)
        self._sentences = [
            Example(
                self._encode(text),
                TEACHER_SHARE * teacher + (1 - TEACHER_SHARE) * label,
                SENTENCE_MASKING,
            )
            for (text, label), teacher in zip(corpus.sentences, taught, strict=True)
        ]
        self._unlabelled = [
            Example(self._encode(text), teacher, SENTENCE_MASKING)
            for text, teacher in zip(corpus.unlabelled, guessed, strict=True)
        ]

    def examples(self, rng: np.random.Generator, whole_documents: bool) -> list[Example]:
        """Draw the patterns, the passages and a part of the unlabelled sentences."""
        chosen = rng.choice(len(self._unlabelled), UNLABELLED_PER_EPOCH, replace=False)
        patterns = [
            Example(self._encode(text), _smoothed(label, PATTERN_SMOOTHING), PATTERN_MASKING)
            for text, label in generate(PATTERNS_PER_EPOCH, rng)
            if not self._exclusion.refuses(text)
        ]
        passages = []
        for text, label in self._documents:
            whole = whole_documents and rng.random() < WHOLE_DOCUMENT_SHARE
            words = _passage(text, int(rng.integers(*PASSAGE_WORDS)), rng) if not whole else text
            target = _smoothed(label, PASSAGE_SMOOTHING)
            passages.append(Example(self._encode(words), target, SENTENCE_MASKING))
        return [*self._sentences, *(self._unlabelled[i] for i in chosen), *patterns, *passages]


@torch.inference_mode()
def logits_of(
    model: ModernBertForSequenceClassification,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    tokens_per_batch: int = 8_192,
) -> np.ndarray:
    """Logit of positive against negative for each text, shape ``(len(texts),)``."""
    model.eval()
    encoded = [e.ids[: LONGEST - 1] for e in tokenizer.encode_batch(list(texts))]
    encoded = [ids if ids[-1] == SEP else [*ids, SEP] for ids in encoded]
    values = np.empty(len(texts))
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    while order:
        size = max(1, tokens_per_batch // len(encoded[order[-1]]))
        rows, order = order[-size:], order[:-size]
        ids = _padded([encoded[i] for i in rows])
        logits = model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
        values[rows] = (logits[:, 1] - logits[:, 0]).double().numpy()
    return values


def accuracy_on(
    model: ModernBertForSequenceClassification, tokenizer: Tokenizer, rows: Sequence[Labelled]
) -> float:
    """Share of texts with the right label."""
    values = logits_of(model, tokenizer, [text for text, _ in rows])
    return float(np.mean((values > 0) == np.array([label == 1 for _, label in rows])))


def pairs_passed(
    model: ModernBertForSequenceClassification,
    tokenizer: Tokenizer,
    pairs: Sequence[tuple[str, str, int, int]],
) -> int:
    """Number of pairs of which both sentences get their right label."""
    first = logits_of(model, tokenizer, [pair[0] for pair in pairs]) > 0
    second = logits_of(model, tokenizer, [pair[1] for pair in pairs]) > 0
    labels = np.array([pair[2:] for pair in pairs], dtype=bool)
    return int(np.sum((first == labels[:, 0]) & (second == labels[:, 1])))


def _smoothed(label: int, smoothing: float) -> float:
    return smoothing + (1 - 2 * smoothing) * label


def _passage(text: str, longest: int, rng: np.random.Generator) -> str:
    """Consecutive words of a document, from the start of a line or up to the end."""
    lines = text.split("\n")
    words = " ".join(lines[int(rng.integers(len(lines))) :]).split()
    if len(words) < longest // 2:
        return " ".join(text.split()[-longest:])
    return " ".join(words[:longest])


def _ablated(example: Example, rng: np.random.Generator) -> list[int]:
    """Token ids with some words replaced by [MASK], or left out."""
    draw = rng.random()
    if draw < FULL_MASK_CHANCE:
        rate = rng.uniform(0.6, 1.1)
    elif draw < FULL_MASK_CHANCE + example.masking.chance:
        rate = rng.uniform(0.0, example.masking.strongest)
    else:
        rate = 0.0
    stand_in = [] if rng.random() < 0.25 else [MASK]
    hidden = rng.random(len(example.words)) < rate
    ids = [i for word, hide in zip(example.words, hidden, strict=True)
           for i in (stand_in if hide else word)]  # fmt: skip
    return [CLS, *ids[: LONGEST - 2], SEP]


def _batches(
    examples: Sequence[Example], rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of texts of like length, in random order: ids, and targets (negative, positive)."""
    rows = [(_ablated(example, rng), example.target) for example in examples]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) * rng.uniform(0.9, 1.1))
    groups: list[list[int]] = [[]]
    longest = 0
    for i in order:
        longest = max(longest, len(rows[i][0]))
        tokens = longest * (len(groups[-1]) + 1)
        if groups[-1] and (tokens > TOKENS_PER_BATCH or len(groups[-1]) == TEXTS_PER_BATCH):
            groups.append([])
            longest = len(rows[i][0])
        groups[-1].append(i)
    for g in rng.permutation(len(groups)):
        positive = torch.tensor([rows[i][1] for i in groups[g]], dtype=torch.float32)
        yield _padded([rows[i][0] for i in groups[g]]), torch.stack([1 - positive, positive], 1)


def _padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows])


@torch.no_grad()
def _update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)


# For tuning only; other words than the pairs of the test suite and than the lexicon.
DEV_PAIRS: tuple[tuple[str, str, int, int], ...] = (
    ("The photography is gorgeous.", "The photography is not gorgeous.", 1, 0),
    ("The final hour is painful.", "The final hour is never painful.", 0, 1),
    ("It is a charmless affair.", "It is by no means a charmless affair.", 0, 1),
    ("The movie is fun.", "The movie is anything but fun.", 1, 0),
    ("The chases are dumb.", "The chases are anything but dumb.", 0, 1),
    ("The film entertains.", "The film rarely entertains.", 1, 0),
    ("The film disappoints.", "The film never disappoints.", 0, 1),
    ("It fails to entertain.", "It never fails to entertain.", 0, 1),
    ("A lovely little film.", "Far from a lovely little film.", 1, 0),
    ("It is a bad joke.", "It is hardly a bad joke.", 0, 1),
    ("The twist is ingenious.", "The twist is less than ingenious.", 1, 0),
    ("The film is joyful.", "The film is about as joyful as a funeral.", 1, 0),
    ("A joyless exercise.", "Nobody could call it a joyless exercise.", 0, 1),
    ("I admired every minute.", "I did not admire a single minute.", 1, 0),
    ("The actors are talented.", "Even talented actors cannot save it.", 1, 0),
    ("The film has humanity.", "The film has no humanity.", 1, 0),
    ("The film has mistakes.", "The film has no mistakes.", 0, 1),
    ("It wastes your time.", "It never wastes your time.", 0, 1),
    ("A dazzling musical.", "It should have been a dazzling musical.", 1, 0),
    ("I was disgusted.", "I was never disgusted.", 0, 1),
    ("It is a mindboggling stinker.", "It is not a stinker by any means.", 0, 1),
    ("The story is too long.", "The story is not too long.", 0, 1),
    ("The jokes are hysterical.", "None of the jokes are hysterical.", 1, 0),
    ("You will be glad you saw it.", "You will not be glad you saw it.", 1, 0),
)
