"""Which class reads a text: what a folder's configuration says, or a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.errors import BadInput
from interplay.models.hf_classifier import HFClassifier

if TYPE_CHECKING:
    from interplay.models.language import LanguageModel

SERVER = "openai:"
SERVER_OPTIONS = (
    "base_url",
    "api_key_env",
    "usd_per_million",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
)
"""What the command line can say of a server."""


def _server(name: str, **options: Any) -> LanguageModel:
    from interplay.models.openai_server import OpenAIServer

    return OpenAIServer.connect(name, **options)


PROVIDERS: dict[str, Callable[..., LanguageModel]] = {
    SERVER: _server,
}
"""Who opens a model that is in no folder, by what its name begins with: called with the rest of the
name and the options."""


def open_text_model(
    model: str | Path, *, device: str | None = None, dtype: str | None = None, **server: Any
) -> HFClassifier | LanguageModel:
    """Load a classifier or a language model, or connect to a server.

    Parameters
    ----------
    model
        A folder or ``hf:OWNER/NAME``, whose configuration names its architecture, or
        ``openai:NAME``.
    device, dtype
        Of local models.
    **server
        Of servers: ``base_url``, prices, limits.

    Raises
    ------
    BadInput
        there is no such model, or an option does not belong to it.

    Examples
    --------
    >>> from interplay.demo import model_path
    >>> open_text_model(model_path()).labels
    ('negative', 'positive')
    """
    name = str(model)
    given = {key: value for key, value in server.items() if value is not None}
    for prefix, opened in PROVIDERS.items():
        if name.startswith(prefix):
            if device is not None or dtype is not None:
                raise BadInput(f"device and dtype are for local models; got model={name!r}")
            return opened(name.removeprefix(prefix), **given)
    if given:
        raise BadInput(
            f"{', '.join(given)}: only for servers, model='openai:NAME'; got model={name!r}"
        )
    from interplay.models.hf_loading import architectures

    names = architectures(name)
    if any(one.endswith("ForSequenceClassification") for one in names):
        return HFClassifier.load(model, device=device, dtype=dtype)
    if any(one.endswith(("ForCausalLM", "LMHeadModel")) for one in names):
        from interplay.models.hf_causal import HFCausalLM

        return HFCausalLM.load(model, device=device, dtype=dtype)
    if any(one.endswith("ForConditionalGeneration") for one in names):
        from interplay.models.hf_seq2seq import HFSeq2SeqLM

        return HFSeq2SeqLM.load(model, device=device, dtype=dtype)
    # says what is wrong with the folder, or with what its config.json names
    return HFClassifier.load(model, device=device, dtype=dtype)
