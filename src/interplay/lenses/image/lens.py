"""``ip.image``: a picture and a model become a value function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interplay.errors import BadInput, check_whole
from interplay.lenses.image.ablation import Colour, ImageAblation
from interplay.lenses.image.picture import read_picture
from interplay.lenses.image.regions import cut, parse_units
from interplay.lenses.image.scores import (
    MAX_NEW_TOKENS,
    CaptionScores,
    ClassScores,
    Model,
    ResponseScores,
    Scores,
)
from interplay.lenses.image.value import ImageValueFunction
from interplay.lenses.targets import wanted_targets
from interplay.models.hf_contrastive import HFContrastive
from interplay.models.hf_image_text import HFImageText
from interplay.models.hf_pictures import Picture
from interplay.models.hf_vision import HFVisionClassifier


def image(
    image: object,
    *,
    model: str | Path | Model,
    units: str = "patches:4x4",
    mask: Colour = "blur",
    target: str | Sequence[str] | None = None,
    question: str | None = None,
    response: str | None = None,
    captions: str | Sequence[str] | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> ImageValueFunction:
    """Make a value function of a picture: its patches or superpixels are masked for a model.

    Parameters
    ----------
    image : str, Path, PIL.Image.Image or uint8 array
        A file (turned as its EXIF orientation says; what is transparent is laid on white), a PIL
        image, or an array ``(h, w)``, ``(h, w, 3)`` or ``(h, w, 4)`` of 0 ... 255.
    model : str, Path or a model
        A folder in Hugging Face format, ``hf:OWNER/NAME``, or a model that is loaded already. With
        ``question`` a vision-language model (LLaVA and the like), with ``captions`` a contrastive
        one (CLIP, SigLIP), with neither an image classifier.
    units : str
        ``"patches:ROWSxCOLUMNS"`` or ``"superpixels:COUNT"`` (SLIC; about so many); with ``+word``
        behind it the words of the first caption are features as well.
    mask : str or (int, int, int)
        What replaces a region: ``"blur"`` (the picture under a Gaussian blur whose radius is a
        fifth of the longer side), ``"mean"`` (the picture's mean colour), ``"grey"``, or a colour
        by name, as ``"#rrggbb"`` or red, green, blue. Words of a caption are left out.
    target : str or sequence of str, optional
        Of a classifier ``logit:LABEL``, ``prob:LABEL``, ``margin:A|B``; default: the logit of the
        label predicted for the whole picture. Of captions the same with captions for labels, and
        ``logprob:CAPTION``, its log-probability against the other captions (for SigLIP of its own);
        default: of the first caption the log-probability, or the logit where it is the only one.
        Of a response ``logprob``, ``logprob:mean``, ``prob``, ``logprob[word]`` (a part of it),
        ``prob:ANSWER``, ``margin:A|B``; default ``logprob``. Several are explained from the same
        calls.
    question : str, optional
        What a vision-language model is asked about the picture.
    response : str, optional
        What it shall have answered; default: its own most likely response to the whole picture.
        Its tokens are fixed.
    captions : str or sequence of str, optional
        What a contrastive model compares the picture with.
    max_new_tokens : int
        At most so many tokens of a response of the model's own.
    batch_size : int, optional
        Pictures in one forward pass; default 32, of vision-language models 8.
    device, dtype : str, optional
        Where and in which format to load the model.

    Raises
    ------
    BadInput
        For a file that is no image, an image of the wrong shape or type or too small for the
        grid, unknown units, mask, target or label, or a model of another kind.
    MissingExtra
        If torch, transformers or pillow is not installed.

    Notes
    -----
    Masked pictures are put together at full size, then go through the model's own image processor,
    as any picture does.

    Examples
    --------
    >>> value = image("dog.png", model="folder", units="patches:2x2")  # doctest: +SKIP
    >>> value.features  # doctest: +SKIP
    ('row 1, column 1', 'row 1, column 2', 'row 2, column 1', 'row 2, column 2')
    """
    # Cheap checks come before the model is loaded.
    wanted = parse_units(units)
    targets = wanted_targets(target)
    if batch_size is None:
        batch_size = 8 if question is not None else 32
    batch_size = check_whole("batch_size", batch_size, 1)
    max_new_tokens = check_whole("max_new_tokens", max_new_tokens, 1)
    if question is not None and captions is not None:
        raise BadInput("give either a question or captions, not both")
    if response is not None and question is None:
        raise BadInput("a response needs the question that it answers, question='...'")
    if wanted.words and captions is None:
        raise BadInput(f"units {units!r} need a caption whose words are features, captions=['...']")
    picture = read_picture(image)
    regions = cut(picture, wanted)
    ablation = ImageAblation(picture, regions, mask)
    if isinstance(model, str | Path):
        loaded = _load(model, question, captions, device, dtype)
    elif device is not None or dtype is not None:
        raise BadInput("device and dtype are fixed by a model that is loaded already")
    else:
        loaded = model
    scores = _scores(
        loaded, picture, targets, question, response, captions, max_new_tokens, batch_size
    )
    if len(set(scores.targets)) < len(scores.targets):
        raise BadInput(f"target names the same twice: {', '.join(scores.targets)}")
    arguments: dict[str, Any] | None = None
    if isinstance(image, str | Path):  # what makes it again; an array is in no file
        arguments = {
            "image": str(image),
            "units": units.strip(),
            "mask": ablation.mask,
            "question": question,
            "response": response,
            "captions": [captions] if isinstance(captions, str) else captions and list(captions),
            "max_new_tokens": max_new_tokens,
            "batch_size": batch_size,  # which pictures share a pass changes the last digits
        }
        arguments = {name: value for name, value in arguments.items() if value is not None}
    caption = scores.captions[0] if wanted.words and isinstance(scores, CaptionScores) else None
    return ImageValueFunction(
        ablation,
        scores,
        units=units.strip(),
        caption=caption,
        arguments=arguments,
        batch_size=batch_size,
    )


def remade(
    subject: Mapping[str, Any], targets: Sequence[str], **changes: Any
) -> ImageValueFunction:
    """Make the value function of a run again from the ``subject`` in the run's file.

    ``changes`` are arguments of :func:`image` that shall be others than the run's.

    Raises
    ------
    BadInput
        If the image was no file.
    """
    given = subject.get("arguments")
    if given is None and "image" not in changes:
        raise BadInput(
            "the image of this run was no file, so that it cannot be read again: pass the value "
            "function"
        )
    arguments = {"model": str(subject["model"]), "target": list(targets), **(given or {})}
    return image(**arguments | changes)


def _load(
    model: str | Path,
    question: str | None,
    captions: str | Sequence[str] | None,
    device: str | None,
    dtype: str | None,
) -> Model:
    kind: type[HFImageText] | type[HFContrastive] | type[HFVisionClassifier]
    if question is not None:
        kind = HFImageText
    else:
        kind = HFVisionClassifier if captions is None else HFContrastive
    try:
        return kind.load(model, device=device, dtype=dtype)
    except BadInput as error:
        if "names the architecture" not in str(error):
            raise
        raise BadInput(f"{error}. {_KINDS}") from error


_KINDS = (
    "A question wants a model of the LLaVA kind, captions one of the CLIP kind, and neither an "
    "image classifier"
)


def _scores(
    model: object,
    picture: Picture,
    targets: Sequence[str],
    question: str | None,
    response: str | None,
    captions: str | Sequence[str] | None,
    max_new_tokens: int,
    batch_size: int,
) -> Scores:
    match model:
        case HFVisionClassifier() if question is None and captions is None:
            return ClassScores(model, picture, targets, batch_size)
        case HFContrastive() if captions is not None:
            return CaptionScores(model, captions, targets, batch_size)
        case HFImageText() if question is not None:
            return ResponseScores(
                model, picture, question, targets, response, max_new_tokens, batch_size
            )
    raise BadInput(f"the model is a {type(model).__name__}. {_KINDS}")
