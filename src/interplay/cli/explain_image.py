"""``interplay explain --image``: an image file and the options around it, as a value function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

import interplay as ip
from interplay.errors import BadInput

if TYPE_CHECKING:
    from interplay.lenses.image import ImageValueFunction


@Parameter(name="*", group="Images")
@dataclass(frozen=True)
class Pictures:
    """An image in place of the text.

    Parameters
    ----------
    image
        An image file. --model is an image classifier then; with --caption one of the CLIP kind,
        with --question one of the LLaVA kind. --units is patches:4x4 (rows x columns) or
        superpixels:40, --mask is blur, mean, grey or a colour such as "#808080".
    caption
        A text that a model of the CLIP kind compares the image with; given several times, with
        each other. With --units patches:4x4+word the words of the first are explained too.
    """

    image: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    caption: Annotated[list[str] | None, Parameter(negative="")] = None

    @property
    def given(self) -> bool:
        """Whether any of these options was."""
        return self.image is not None or self.caption is not None


def explain_image(
    pictures: Pictures,
    model: str,
    units: str | None,
    mask: str | None,
    target: Sequence[str] | None,
    question: str | None,
    response: str | None,
    max_new_tokens: int,
) -> ImageValueFunction:
    """Return the value function of ``--image`` and the options that go with it."""
    if pictures.image is None:
        raise BadInput("--caption is for --image FILE")
    return ip.image(
        pictures.image,
        model=model,
        units=units or "patches:4x4",
        mask=mask or "blur",
        target=target,
        question=question,
        response=response,
        captions=pictures.caption,
        max_new_tokens=max_new_tokens,
    )
