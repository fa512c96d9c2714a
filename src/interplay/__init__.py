"""interplay: find the combinations of features that drive a model's behaviour, by ablation."""

from typing import TYPE_CHECKING, Any

from interplay.actions import Flip, flip
from interplay.collection import Explanations
from interplay.errors import (
    BackendError,
    BadInput,
    BudgetExceeded,
    InterplayError,
    MissingExtra,
    StoreError,
)
from interplay.evaluate import Budget, interruptible
from interplay.explain import explain
from interplay.explain_many import explain_many
from interplay.explanation import Explanation, load
from interplay.interactions import Interaction, Interactions
from interplay.masks import Design, design
from interplay.metrics import Estimate
from interplay.recording import Recording, read_recording, write_recording
from interplay.replay import Replay, replay
from interplay.spectrum import Spectrum
from interplay.surrogates import Surrogate, Surrogates, fit
from interplay.value_function import Measured, ValueFunction
from interplay.version import __version__

if TYPE_CHECKING:
    from interplay.actions.prune import prune
    from interplay.lenses.components import components
    from interplay.lenses.image import image
    from interplay.lenses.tabular import tabular
    from interplay.lenses.text import text

__all__ = [
    "BackendError",
    "BadInput",
    "Budget",
    "BudgetExceeded",
    "Design",
    "Estimate",
    "Explanation",
    "Explanations",
    "Flip",
    "Interaction",
    "Interactions",
    "InterplayError",
    "Measured",
    "MissingExtra",
    "Recording",
    "Replay",
    "Spectrum",
    "StoreError",
    "Surrogate",
    "Surrogates",
    "ValueFunction",
    "__version__",
    "components",
    "design",
    "explain",
    "explain_many",
    "fit",
    "flip",
    "image",
    "interruptible",
    "load",
    "prune",
    "read_recording",
    "replay",
    "tabular",
    "text",
    "write_recording",
]


def __getattr__(name: str) -> Any:
    # lenses are imported when first used: importing interplay stays light
    if name == "components":
        from interplay.lenses.components import components

        return components
    if name == "prune":
        from interplay.actions.prune import prune

        return prune
    if name == "text":
        from interplay.lenses.text import text

        return text
    if name == "image":
        from interplay.lenses.image import image

        return image
    if name == "tabular":
        from interplay.lenses.tabular import tabular

        return tabular
    raise AttributeError(f"module 'interplay' has no attribute {name!r}")
