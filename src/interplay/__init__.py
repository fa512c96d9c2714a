"""interplay: find the combinations of features that drive a model's behaviour, by ablation."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from interplay.actions import Flip, flip
from interplay.collection import Explanations
from interplay.comparison import Comparison, compare
from interplay.errors import (
    BackendError,
    BadInput,
    BudgetExceeded,
    InterplayError,
    MissingExtra,
    StoreError,
)
from interplay.evaluate import Budget, RayExecutor, interruptible
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
    from interplay.actions.select import select
    from interplay.lenses.components import components
    from interplay.lenses.image import image
    from interplay.lenses.tabular import tabular
    from interplay.lenses.text import text
    from interplay.lenses.training_data import training_data

__all__ = [
    "BackendError",
    "BadInput",
    "Budget",
    "BudgetExceeded",
    "Comparison",
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
    "RayExecutor",
    "Recording",
    "Replay",
    "Spectrum",
    "StoreError",
    "Surrogate",
    "Surrogates",
    "ValueFunction",
    "__version__",
    "compare",
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
    "select",
    "tabular",
    "text",
    "training_data",
    "write_recording",
]


_LAZY = {
    "components": "interplay.lenses.components",
    "image": "interplay.lenses.image",
    "prune": "interplay.actions.prune",
    "select": "interplay.actions.select",
    "tabular": "interplay.lenses.tabular",
    "text": "interplay.lenses.text",
    "training_data": "interplay.lenses.training_data",
}


def __getattr__(name: str) -> Any:
    # what brings a lens with it is imported when first used: importing interplay stays light
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'interplay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # completion offers what is not imported yet, too
