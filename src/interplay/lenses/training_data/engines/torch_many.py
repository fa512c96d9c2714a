"""Small torch networks, those of many subsets trained at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from interplay.errors import BackendError, BadInput, check_whole, required, unknown
from interplay.fingerprint import fingerprint
from interplay.lenses.training_data.dataset import Dataset, IntArray
from interplay.lenses.training_data.engines.engine import Retrainer, Scale, Trainer
from interplay.lenses.training_data.engines.many.recipe import (
    RATES,
    Optimizer,
    Recipe,
    Schedule,
)
from interplay.models.batching import short_of_memory
from interplay.models.hf_loading import device_named
from interplay.value_function import BoolArray, FloatArray

Network = Literal["mlp", "resnet9", "resnet20"]
Way = Literal["auto", "grouped", "vmap", "loop"]

NAMES: Final = {"mlp": "MLP", "resnet9": "ResNet-9", "resnet20": "ResNet-20"}
WAYS: Final = ("auto", "grouped", "vmap", "loop")
DTYPES: Final = ("float32", "float64")

MEMORY: Final = 512 * 2**20
"""Bytes that networks may take at once on a CPU; on a GPU half of what is free."""

MOST: Final = {"cpu": 64, "cuda": 512}
"""Networks at once where memory sets no limit; more gain nothing."""


class TorchMany(Trainer):
    """Small networks, those of many subsets trained at once.

    Parameters
    ----------
    network : str or callable
        ``"mlp"``, a multilayer perceptron on features; ``"resnet9"`` or ``"resnet20"``,
        convolutional networks on pictures; or ``make(seed) -> torch.nn.Module`` of one's own, which
        reads ``(b, d)`` or ``(b, channels, height, width)`` and gives scores ``(b, c)``. torch's
        random state is set from the seed before.
    hidden : sequence of int, optional
        Widths of the MLP's hidden layers, ``(64, 64)`` by default; ``()`` is a linear model.
    width : int, optional
        Channels of a ResNet's first convolution, 16 by default.
    norm : str, optional
        Of a ResNet: ``"group"``, the default; or ``"batch"``, whose statistics are those of the
        kept examples alone.
    epochs, batch : int
        Passes over the kept examples, and how many a step sees at most.
    rate : float, optional
        By default .05 for ``"sgd"``, .003 for ``"adamw"``.
    momentum, weight_decay : float
        See :class:`~interplay.lenses.training_data.engines.many.recipe.Recipe`.
    optimizer : str
        ``"sgd"`` or ``"adamw"``.
    schedule : str
        ``"cosine"``, ``"one-cycle"`` or ``"constant"``.
    dtype : str
        ``"float32"`` or ``"float64"``.
    device : str, optional
        A torch device; by default ``"cuda"`` where there is one, else ``"cpu"``.
    at_once : int, optional
        How many networks are trained at once at most; by default as many as memory suggests. Half
        of it where memory runs out.
    way : str
        ``"grouped"``: weights are stacked, layers are batched products (MLP) or grouped
        convolutions. ``"vmap"``: torch's transformation of the network. ``"loop"``: one after the
        other. ``"auto"``: a short measurement on the real shapes decides, for the loop unless
        another way takes less than three quarters of its time.

    Raises
    ------
    BadInput
        For options that there are not, or not of this network; when bound, for inputs that the
        network cannot read, or a ``way`` that it cannot be trained in.
    MissingExtra
        If torch is not installed.
    BackendError
        If memory does not suffice for a single network.

    Notes
    -----
    Inputs are shifted and scaled by mean and standard deviation over the whole training set, kept
    or not: each feature by its own, pictures by those of each colour. So are the labels of
    regression, and its scores are scaled back.

    The weights at the start and the order of the examples come from the training's seed. A network
    ends at the same weights whichever way it is trained and whatever beside it, but for rounding:
    to 1e-4 in float32, to 1e-9 in float64. Scores of ResNets, which are more sensitive, differ by
    up to .003 in float32. A training that diverges has scores NaN, and no other one notices.

    Networks of one's own are trained many at once by ``vmap``, if they carry no buffers (such as
    running statistics) and torch can transform them; otherwise one after the other.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.normal(size=(40, 5))
    >>> data = Dataset.of((inputs, (inputs[:, 0] > 0).astype(int)))
    >>> retrain = TorchMany("mlp", hidden=[8], epochs=5).bind(data, data.take([0, 1, 2]))
    >>> retrain(rng.random((4, 40)) < 0.5, np.arange(4)).shape
    (4, 3, 2)
    """

    scale: Scale = "logits"
    seeded = True
    regresses = True

    def __init__(
        self,
        network: Network | Callable[[int], Any] = "mlp",
        *,
        hidden: Sequence[int] | None = None,
        width: int | None = None,
        norm: Literal["group", "batch"] | None = None,
        epochs: int = 20,
        batch: int = 32,
        rate: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        optimizer: Optimizer = "sgd",
        schedule: Schedule = "cosine",
        dtype: Literal["float32", "float64"] = "float32",
        device: str | None = None,
        at_once: int | None = None,
        way: Way = "auto",
    ) -> None:
        required("torch", "hf")
        if not callable(network) and network not in NAMES:
            raise unknown("network", network, NAMES)
        if optimizer not in RATES:
            raise unknown("optimizer", optimizer, RATES)
        if dtype not in DTYPES:
            raise unknown("dtype", dtype, DTYPES)
        if way not in WAYS:
            raise unknown("way", way, WAYS)
        self.network, self.way = network, way
        self.recipe = Recipe(
            epochs,
            batch,
            RATES[optimizer] if rate is None else rate,
            momentum,
            weight_decay,
            optimizer,
            schedule,
        )
        self.options = _options(network, hidden, width, norm)
        self.dtype, self.device = dtype, device_named(device)
        self.at_once = None if at_once is None else check_whole("at_once", at_once, 1)
        if callable(network):
            self.name = getattr(network, "__name__", type(network).__name__)
        else:
            sizes = "-".join(map(str, self.options.get("hidden", [self.options.get("width")])))
            self.name = f"{NAMES[network]} {sizes}".rstrip()

    def identity(self) -> dict[str, Any]:
        code = {"code": fingerprint(self.network).digest} if callable(self.network) else {}
        return {**self._told(), **code}

    def arguments(self) -> dict[str, Any] | None:
        if callable(self.network):
            return None
        return {**self._told(), "device": self.device, "at_once": self.at_once, "way": self.way}

    def _told(self) -> dict[str, Any]:
        name = "torch" if callable(self.network) else self.network
        recipe = self.recipe.identity()
        return {"trainer": name, **self.options, **recipe, "dtype": self.dtype}

    def bind(self, data: Dataset, tests: Dataset) -> Retrainer:
        return BoundNetworks(self, data, tests)


class BoundNetworks:
    """Networks that know their examples and the tests; made by :meth:`TorchMany.bind`.

    Attributes
    ----------
    batch_size : int
        How many are trained at once.
    chosen : dict
        For each power of two of networks at once that was met: the way found fastest, and the
        seconds of a step of one network by every way that was tried.
    """

    def __init__(self, trainer: TorchMany, data: Dataset, tests: Dataset) -> None:
        import torch

        self.trainer, self.name = trainer, trainer.name
        self.chosen: dict[int, tuple[str, dict[str, float]]] = {}
        self.shift, self.spread = 0.0, 1.0  # of the labels of regression
        labels: IntArray | FloatArray = data.labels
        if data.classes is None:
            self.shift = float(labels.mean())
            self.spread = float(labels.std()) or 1.0
            labels = np.asarray((labels - self.shift) / self.spread)
        pictures = trainer.network != "mlp" and getattr(data.inputs, "ndim", 2) > 2
        arrays = _pictures(data, tests) if pictures else _features(data, tests)
        like = {"dtype": getattr(torch, trainer.dtype), "device": trainer.device}
        inputs, asked = (torch.from_numpy(array).to(**like) for array in arrays)
        known = torch.from_numpy(labels).to(trainer.device)
        if data.classes is None:
            known = known.to(inputs)
        make = trainer.network if callable(trainer.network) else _maker(trainer, inputs, data)
        from interplay.lenses.training_data.engines.many.task import Task

        self.task = Task(inputs, known, asked, data.outputs, make, trainer.recipe)
        network, each = _tried(self.task, self.name)
        self.ways = _ways(trainer, network)
        if trainer.way != "auto" and trainer.way not in self.ways:
            raise BadInput(
                f"{self.name} cannot be trained in the way {trainer.way!r}: "
                f"{_why_not(trainer, network)}; there are auto, {', '.join(self.ways)}"
            )
        self.batch_size = trainer.at_once or _at_once(each, trainer.device)

    def __call__(self, kept: BoolArray, seeds: IntArray) -> FloatArray:
        scores = self._trained(kept, seeds)[0]
        scores[~np.isfinite(scores).all(axis=(1, 2))] = np.nan
        return scores * self.spread + self.shift

    def _trained(self, kept: BoolArray, seeds: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the scores ``(m, t, outputs)``, and the parameters of the networks ``(m, P)``."""
        scores = np.empty((len(kept), len(self.task.tests), self.task.outputs))
        parameters: list[NDArray[Any]] = []

        def work(rows: slice) -> None:
            found = self._together(kept[rows], seeds[rows])
            scores[rows] = found.scores.double().cpu().numpy()
            parameters.extend(one.double().cpu().numpy() for one in found.parameters)

        done = 0
        while done < len(kept):
            rows = slice(done, min(done + self.batch_size, len(kept)))
            failed = short_of_memory(work, rows)
            if failed is None:
                done = rows.stop
            elif rows.stop - done == 1:
                raise BackendError(
                    f"{self.name}: memory does not suffice for a single training; use a smaller "
                    "network or batch, or a device with more memory"
                ) from failed
            else:
                self.batch_size = (rows.stop - done) // 2
        return scores, np.stack(parameters)

    def _together(self, kept: BoolArray, seeds: IntArray) -> Any:
        """Train some networks in the way that is fastest for so many."""
        from interplay.lenses.training_data.engines.many.batches import Order

        recipe = self.task.recipe
        orders = [
            Order.of(row, int(seed), recipe.epochs, recipe.batch)
            for row, seed in zip(kept, seeds, strict=True)
        ]
        found = self.ways[self._way(orders)](self.task, orders)
        for _ in found.steps():
            pass
        return found

    def _way(self, orders: Sequence[Any]) -> str:
        from interplay.lenses.training_data.engines.many.choice import LOOP, fastest

        if self.trainer.way != "auto":
            return self.trainer.way
        if len(orders) == 1 or len(self.ways) == 1:
            return LOOP
        size = len(orders).bit_length()
        if size not in self.chosen:
            self.chosen[size] = fastest(self.ways, self.task, orders)
        return self.chosen[size][0]


def _options(network: Any, hidden: Any, width: Any, norm: Any) -> dict[str, Any]:
    """Return the shape of a network, checked: JSON-able."""
    from interplay.lenses.training_data.engines.many.networks import NORMS

    of_mlp, of_resnet = network == "mlp", isinstance(network, str) and network != "mlp"
    for name, given, mine in (
        ("hidden", hidden, of_mlp),
        ("width", width, of_resnet),
        ("norm", norm, of_resnet),
    ):
        if given is not None and not mine:
            told = repr(network) if isinstance(network, str) else "a network of your own"
            raise BadInput(f"{name} is not an option of {told}; leave it out")
    if of_mlp:
        widths = (64, 64) if hidden is None else hidden
        if isinstance(widths, str) or not isinstance(widths, Sequence | np.ndarray):
            raise BadInput(f"hidden must be a sequence of widths, such as (64, 64); got {hidden!r}")
        return {"hidden": [check_whole("a width of hidden", one, 1) for one in widths]}
    if not of_resnet:
        return {}
    if norm is not None and norm not in NORMS:
        raise unknown("norm", norm, NORMS)
    return {
        "width": check_whole("width", 16 if width is None else width, 1),
        "norm": norm or "group",
    }


def _features(data: Dataset, tests: Dataset) -> tuple[FloatArray, FloatArray]:
    """Features of both, each with mean 0 and standard deviation 1 over the training set."""
    mean, spread = data.features.mean(axis=0), data.features.std(axis=0)
    spread[spread == 0] = 1.0
    return (data.features - mean) / spread, (tests.features - mean) / spread


def _pictures(data: Dataset, tests: Dataset) -> tuple[FloatArray, FloatArray]:
    """Pictures of both ``(N, channels, height, width)``, each colour like features."""
    first, asked = (_channels_first(one) for one in (data, tests))
    mean = first.mean(axis=(0, 2, 3), keepdims=True)
    spread = first.std(axis=(0, 2, 3), keepdims=True)
    spread[spread == 0] = 1.0
    return (first - mean) / spread, (asked - mean) / spread


def _channels_first(data: Dataset) -> FloatArray:
    inputs = np.asarray(data.inputs)
    if inputs.ndim == 3:
        inputs = inputs[..., None]
    if inputs.ndim != 4:
        raise BadInput(
            "pictures must have shape (N, height, width) or (N, height, width, channels); got "
            f"{inputs.shape}"
        )
    return np.ascontiguousarray(np.moveaxis(inputs, 3, 1), dtype=np.float64)


def _maker(trainer: TorchMany, inputs: Any, data: Dataset) -> Callable[[int], Any]:
    """Return what makes the network that is named."""
    from interplay.lenses.training_data.engines.many import networks

    if trainer.network == "mlp":
        return _seedless(
            networks.mlp,
            inputs=inputs.shape[1],
            hidden=trainer.options["hidden"],
            outputs=data.outputs,
        )
    if inputs.ndim != 4:
        raise BadInput(
            f"{trainer.name} reads pictures, (N, height, width) or (N, height, width, 3); got "
            f"inputs of shape {tuple(inputs.shape)}. For features there is 'mlp'"
        )
    if min(inputs.shape[2:]) < networks.SMALLEST:
        least = networks.SMALLEST
        raise BadInput(
            f"{trainer.name} reads pictures of {least} x {least} or more; got "
            f"{inputs.shape[2]} x {inputs.shape[3]}"
        )
    kind = networks.ResNet9 if trainer.network == "resnet9" else networks.ResNet20
    return _seedless(kind, channels=inputs.shape[1], outputs=data.outputs, **trainer.options)


def _seedless(kind: Callable[..., Any], **arguments: Any) -> Callable[[int], Any]:
    """A maker of networks whose weights come from torch's random state, set before."""
    made = partial(kind, **arguments)
    return lambda seed: made()


def _tried(task: Any, name: str) -> tuple[Any, int]:
    """Return a network that can read the inputs, and the bytes that it takes in training."""
    import torch

    kept = 0

    def pack(tensor: Any) -> Any:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    try:
        network = task.network(0)
        own = sum(one.numel() for one in network.parameters())
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            scores = network.eval()(task.inputs[:1])
        shape = tuple(scores.shape)
    except Exception as error:  # whatever a network of one's own may raise
        told = str(error).strip().splitlines() or [""]
        raise BadInput(
            f"{name} cannot read inputs of shape {tuple(task.inputs.shape)}: "
            f"{type(error).__name__}: {told[0]}"
        ) from error
    if shape != (1, task.outputs):
        raise BadInput(
            f"{name} must give scores (b, {task.outputs}) of b examples; of one it gave {shape}"
        )
    # weights, gradients, two moments and a copy; what backward needs, and as much on its way
    numbers = 5 * own + 2 * task.recipe.batch * kept
    return network, numbers * task.inputs.element_size()


def _ways(trainer: TorchMany, network: Any) -> dict[str, Any]:
    """Return the ways in which a network can be trained."""
    from interplay.lenses.training_data.engines.many.convolutions import Grouped
    from interplay.lenses.training_data.engines.many.loop import Loop
    from interplay.lenses.training_data.engines.many.mlp import StackedMLP
    from interplay.lenses.training_data.engines.many.threads import Threaded
    from interplay.lenses.training_data.engines.many.vmap import Vmapped

    found: dict[str, Any] = {"loop": Loop}
    if not callable(trainer.network):
        stacked = StackedMLP if trainer.network == "mlp" else Grouped
        found["grouped"] = partial(Threaded, stacked)
    if not any(True for _ in network.buffers()):
        found["vmap"] = partial(Threaded, Vmapped)
    return found


def _why_not(trainer: TorchMany, network: Any) -> str:
    if trainer.way == "vmap":
        name = next(name for name, _ in network.named_buffers())
        return f"it has a buffer that training may change, {name!r}"
    return "that is for the networks that are known by name"


def _at_once(each: int, device: str) -> int:
    """Return how many networks of so many bytes memory suggests."""
    import torch

    if device.startswith("cuda"):
        free = torch.cuda.mem_get_info(device)[0] // 2
        return int(np.clip(free // each, 1, MOST["cuda"]))
    return int(np.clip(MEMORY // each, 1, MOST["cpu"]))
