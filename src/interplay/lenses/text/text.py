"""``ip.text``: a text or a prompt and a model become a value function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interplay.errors import BadInput, check_whole
from interplay.lenses.targets import class_target
from interplay.lenses.text.ablation import (
    ATTENTION,
    Ablation,
    Mask,
    PromptAblation,
    TextAblation,
    TokenAblation,
    replacement,
)
from interplay.lenses.text.compose import check_string, document
from interplay.lenses.text.document import Document
from interplay.lenses.text.response_targets import Judge, TextTarget, response_target
from interplay.lenses.text.response_value import MAX_NEW_TOKENS, ResponseValueFunction
from interplay.lenses.text.value import TextValueFunction
from interplay.models.hf_classifier import HFClassifier
from interplay.models.language import LanguageModel
from interplay.models.text_model import SERVER, open_text_model


def text(
    text: str | Sequence[str] | Sequence[Mapping[str, Any]],
    *,
    model: str | Path | HFClassifier | LanguageModel,
    units: str | Sequence[tuple[int, int]] = "word",
    mask: Mask | None = None,
    target: str | Judge | Sequence[str | Judge] | None = None,
    question: str | None = None,
    template: str | None = None,
    examples: Sequence[str | Sequence[str]] = (),
    system: str | None = None,
    fixed: Sequence[str] = (),
    response: str | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    **server: Any,
) -> TextValueFunction | ResponseValueFunction:
    """Make a value function of a text or prompt: its parts are masked, a model says what that does.

    Parameters
    ----------
    text : str, sequence of str, or sequence of mappings
        The text to explain; several, such as retrieved chunks; or the messages of a chat,
        ``{"role": "user", "content": "..."}`` each (system messages, and those with
        ``"fixed": True``, are never masked).
    model : str, Path or a model
        A folder in Hugging Face format or ``hf:OWNER/NAME`` (classifier, causal language model, or
        encoder-decoder: its config says which), ``openai:NAME`` for a server (``base_url=`` says
        where), or a model that is loaded already (load it once to explain many texts).
    units : str or sequence of (start, end)
        What is masked together: ``"token"``, ``"word"``, ``"sentence"``, ``"paragraph"``;
        ``"chunk"`` (of several texts), ``"message"`` (of a chat; its last stays), ``"example"`` (of
        ``examples``), ``"field"`` (of a JSON text); character spans of the text; or a coarse and a
        fine one, ``"sentence+word"``: :func:`interplay.explain` then finds the influential
        sentences first, and the words in them with the rest of the budget. Splitting loses no
        character.
    mask : str or mapping, optional
        What stands where a unit was: ``"delete"`` takes it out together with white space that
        nothing needs any more, ``"attention"`` leaves every token in its place and hides those
        ablated from all others, ``"[MASK]"`` or ``"[UNK]"`` are the tokenizer's own tokens, and any
        other string stands as it is (``"..."``). A mapping has a text for each of some units; the
        others are deleted. Default: for classifiers the tokenizer's mask token, else its unknown
        token; language models delete.
    target : str, callable or sequence of them, optional
        Of classifiers ``logit:LABEL``, ``prob:LABEL`` or ``margin:A|B``; default: the logit of the
        label predicted for the full text. Of language models ``logprob`` (natural logarithm, summed
        over the tokens of the response), ``logprob:mean`` (per token), ``prob``, of a part of the
        response ``logprob[3:10]`` (characters) or ``logprob[word]``, of any answer ``prob:ANSWER``
        or ``logprob:ANSWER``, ``margin:A|B`` (log-probability of A minus that of B); and, from
        generated texts where no log-probabilities exist, ``similarity`` (of words to the response)
        or a callable that takes texts and returns a number for each. Default: ``logprob``. Several
        are explained from the same calls.
    question, template, examples, system
        What stands around the text and is never masked: see :func:`document`. The template is
        ``"{text}\\nQuestion: {question}\\nAnswer:"`` where there is a question.
    fixed : sequence of str
        Stretches of the text that are never masked.
    response : str, optional
        What a language model's log-probabilities are of; its tokens are the same after every
        masked prompt. Default: its own most likely response to the full prompt.
    max_new_tokens : int
        At most so many tokens are generated.
    batch_size : int, optional
        Texts in one forward pass of a classifier (32); language models choose by length.
    device, dtype : str, optional
        Where and in which format to load the model.
    **server
        Of ``openai:NAME``: ``base_url``, prices, limits; see
        :class:`interplay.models.openai_server.OpenAIServer`.

    Raises
    ------
    BadInput
        For an empty text or one of a single unit, a prompt longer than the model reads (nothing is
        ever truncated), unknown units, mask, target or label, a response that cannot follow the
        prompt token by token, or a folder that holds no such model.
    BackendError
        If a server cannot be used; nothing was paid for then.
    MissingExtra
        If torch or transformers, or aiohttp for servers, is not installed.

    Notes
    -----
    Masked texts are put together as text and tokenised like any text, so a capital or a space is
    read as it then stands. Tokens are replaced, left out or hidden as ids, never re-tokenised.

    Examples
    --------
    >>> value = text("not bad at all", model="folder")  # doctest: +SKIP
    >>> value.features  # doctest: +SKIP
    ('not', 'bad', 'at', 'all')
    >>> answer = text(
    ...     "Ada has the key. Ada is in the garden.", question="Where is the key?",
    ...     model="folder of a language model", units="sentence", target="prob",
    ... )  # doctest: +SKIP
    """
    wanted = _targets(target)
    batch_size = None if batch_size is None else check_whole("batch_size", batch_size, 1)
    max_new_tokens = check_whole("max_new_tokens", max_new_tokens, 1)
    arguments = _arguments(
        units=units, mask=mask, question=question, template=template, examples=examples,
        system=system, fixed=fixed, response=response, max_new_tokens=max_new_tokens,
    )  # fmt: skip
    if mask is not None and not isinstance(mask, Mapping):
        check_string("mask", mask)
    # Cheap checks of the text come before the model is loaded.
    made = document(
        text, units, question=question, template=template, examples=examples, system=system,
        fixed=fixed,
    )  # fmt: skip
    if isinstance(model, str | Path):
        # a server is tried out with the kind of prompt that it will get
        asks = {"chat": True} if made.chat and str(model).startswith(SERVER) else {}
        model = open_text_model(model, device=device, dtype=dtype, **asks, **server)
        arguments |= _tellable(server)
        arguments |= {"dtype": dtype} if dtype is not None else {}
    elif device is not None or dtype is not None or server:
        raise BadInput("device and dtype are fixed by a model that is loaded already")
    ablation = _ablation(made, model, replacement(mask, model))
    if not isinstance(text, str):
        arguments["text"] = [dict(one) if isinstance(one, Mapping) else one for one in text]
    elif text != made.text:
        arguments["text"] = text
    if batch_size is not None:
        arguments["batch_size"] = batch_size
    if isinstance(model, HFClassifier):
        for name in ("response", "question", "system"):
            if name in arguments:
                raise BadInput(
                    f"{model.name!r} is a classifier and takes no {name}; give a language model, "
                    "or put it into the text and list it in fixed="
                )
        labels = [
            class_target(_label(one), model.labels, multi_label=model.multi_label) for one in wanted
        ]
        _check_different([one.name for one in labels])
        return TextValueFunction(
            ablation, model, labels, batch_size=batch_size or 32, arguments=arguments
        )
    read = [response_target(one) for one in wanted or ["logprob"]]
    _check_different([one.name for one in read])
    return ResponseValueFunction(
        ablation,
        model,
        read,
        response=response,
        max_new_tokens=max_new_tokens,
        arguments=None if any(isinstance(t, TextTarget) and t.judge for t in read) else arguments,
    )


def remade(
    subject: Mapping[str, Any], targets: Sequence[str], **changes: Any
) -> TextValueFunction | ResponseValueFunction:
    """Make the value function of a run again from the ``subject`` in the run's file.

    ``changes`` are arguments of :func:`text` that shall be others than the run's. A run's file may
    be from a stranger: it decides neither which key is sent nor where to. Where it names a server
    or a variable, ``changes`` must name the same for a key to be sent.

    Raises
    ------
    BadInput
        If texts were judged by a Python function, or a server wants a key that is not sent.
    """
    given = subject.get("arguments")
    if given is None and "response" in subject:
        raise BadInput(
            "the texts of this run were judged by a Python function, which is not in the file: "
            "pass the value function"
        )
    if given is None:  # runs of before arguments were told
        given = {"units": str(subject["units"]), "mask": subject["mask"]}
    arguments: dict[str, Any] = {
        "text": subject["text"],
        "model": str(subject["model"]),
        "target": list(targets),
        **given,
    }
    if not isinstance(arguments.get("units", ""), str):  # JSON knows no tuples
        arguments["units"] = [tuple(span) for span in arguments["units"]]
    if "usd_per_million" in arguments:
        arguments["usd_per_million"] = tuple(arguments["usd_per_million"])
    withheld = [name for name in ("base_url", "api_key_env") if name in {*given} - {*changes}]
    if withheld and str(changes.get("model", arguments["model"])).startswith(SERVER):
        changes = {**changes, "api_key_env": ""}
    try:
        return text(**arguments | changes)
    except BadInput as error:
        if "(401)" in str(error) and withheld:
            error.add_note(
                f"No key was sent, for {' and '.join(withheld)} came from the file of the run: "
                f"name what you trust, --base-url {arguments.get('base_url', 'ADDRESS')} and "
                "--api-key-env NAME, or pass the value function."
            )
        raise


def _ablation(made: Document, model: Any, mask: Mask) -> Ablation:
    by_token = made.units.kind.endswith("token")
    if (by_token or mask == ATTENTION) and not hasattr(model, "tokenizer"):
        what = f"units={made.units.kind!r}" if by_token else f"mask={mask!r}"
        raise BadInput(
            f"{what} needs the model's tokens, which {model.name!r}, behind a server, does not "
            "show; use units='word' and mask='delete' or a text"
        )
    if by_token or mask == ATTENTION:
        return TokenAblation(made, model, mask)
    if isinstance(model, HFClassifier):
        return TextAblation(made, model, mask)
    return PromptAblation(made, model, mask)


def _targets(target: str | Judge | Sequence[str | Judge] | None) -> list[str | Judge]:
    if target is None:
        return []
    given = [target] if isinstance(target, str) or callable(target) else target
    if not isinstance(given, Sequence):
        raise BadInput(f"target must be a string; got {type(target).__name__}")
    for one in given:
        if not callable(one):
            check_string("target", one)
    return list(given)


def _label(target: str | Judge) -> str:
    if not isinstance(target, str):
        raise BadInput("a callable target judges texts that a language model generates")
    return target


def _check_different(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise BadInput(f"target names the same twice: {', '.join(names)}")


def _tellable(server: Mapping[str, Any]) -> dict[str, Any]:
    """What a run file can say of a server: no objects, and of a key only where it is."""
    told: dict[str, Any] = {}
    for name, value in server.items():
        if isinstance(value, tuple | list):
            told[name] = [float(one) for one in value]
        elif isinstance(value, str | int | float | Path):
            told[name] = str(value) if isinstance(value, Path) else value
    return told


def _arguments(**given: Any) -> dict[str, Any]:
    """What was said beside the text, for whoever makes the value function again."""
    defaults = {"units": "word", "max_new_tokens": MAX_NEW_TOKENS}
    kept = {}
    for name, value in given.items():
        if value is None or value == defaults.get(name) or value in ((), []):
            continue
        if isinstance(value, Mapping):
            value = dict(value)
        elif not isinstance(value, str | int):
            value = [one if isinstance(one, str) else list(one) for one in value]
        kept[name] = value
    return kept
