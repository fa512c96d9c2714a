"""Masks to evaluate elsewhere: ask for them, tell their values, fit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike

from interplay.codes import LEAST_BITS, MaskCode
from interplay.errors import BadInput, check_whole, unknown
from interplay.files import write_whole
from interplay.masks.adaptive import CANDIDATES, pick
from interplay.masks.complete import MOST_FEATURES
from interplay.masks.kinds import (
    CODED,
    KINDS,
    LEAST,
    SET_ASIDE,
    adaptive_sizes,
    coded_parts,
    coded_sizes,
    first_masks,
    least,
)
from interplay.masks.uniform import uniform
from interplay.npz import npz_octets
from interplay.packing import among, mask_keys
from interplay.recording import Recording, archive
from interplay.value_function import BoolArray, FloatArray, check_masks, check_values, feature_names

MOST: Final = 2**24
"""Most masks of one design."""

DESIGN_KEYS: Final = ("design_seed", "design_masks", "design_test")
"""Entries of a design's file beside those of a recording."""


class Doubtful(Protocol):
    """A surrogate that can say what it does not know: see ``Surrogate.doubt``."""

    def doubt(self, masks: BoolArray) -> tuple[FloatArray, float] | None: ...


class Design:
    """Masks to evaluate, and the values that were told for them; made by :func:`design`.

    Attributes
    ----------
    n, features
        number of features, and their names.
    kind
        ``"uniform"``, ``"paired"``, ``"near_full"``, ``"coded"``, ``"mixed"``, ``"adaptive"``; or
        ``"complete"``, all masks.
    seed
        of the masks.
    masks
        bool ``(m, n)``, the full and the empty one first.
    test
        bool ``(m,)``: uniform masks to measure faithfulness on, which a fit is not trained on. An
        adaptive design has many of them: they are trained on, too, and faithfulness is measured by
        cross-validation. None where the whole design is uniform.
    code
        what coded masks are made of; None for the other kinds.
    """

    def __init__(
        self,
        features: Sequence[str],
        kind: str,
        seed: int,
        masks: BoolArray,
        test: BoolArray,
        code: MaskCode | None = None,
    ) -> None:
        self.features = tuple(features)
        self.n = len(self.features)
        self.kind, self.seed = kind, seed
        self.masks, self.test, self.code = masks, test, code
        self._waiting = {row: place for place, row in enumerate(mask_keys(masks))}
        self._told: list[tuple[BoolArray, FloatArray, FloatArray | None]] = []

    def __repr__(self) -> str:
        return f"<Design of {len(self.masks)} {self.kind} masks, n = {self.n}, {self.told} told>"

    @property
    def told(self) -> int:
        """How many values were told, replicates and masks of one's own included."""
        return sum(len(masks) for masks, _, _ in self._told)

    def ask(self, k: int | None = None) -> BoolArray:
        """Return the masks that have no value yet, bool ``(at most k, n)``, in their order.

        Asking again returns the same ones, until their values are told.
        """
        limit = None if k is None else check_whole("k", k, 0)
        return self.masks[list(islice(self._waiting.values(), limit))]

    def tell(self, masks: BoolArray, values: ArrayLike, noise_var: ArrayLike | None = None) -> None:
        """Take values in, in any order; also of masks that were not asked for, and again.

        Parameters
        ----------
        masks
            bool ``(k, n)``.
        values
            float ``(k,)`` or ``(k, q)``, finite.
        noise_var
            variances of the noise, of the shape of ``values``.

        Raises
        ------
        BadInput
            wrong shapes, values that are not finite, another number of targets than before, or
            noise where there was none before; nothing is taken in then.
        """
        masks = check_masks(masks, n=self.n)
        table = check_values(values, len(masks))
        noise = (
            None if noise_var is None else check_values(noise_var, len(masks), source="noise_var")
        )
        if noise is not None and (noise.shape != table.shape or (noise < 0).any()):
            raise BadInput(
                f"noise_var must be variances, at least 0, of the shape of values {table.shape}; "
                f"got shape {noise.shape}"
            )
        if self._told:
            _, before, noise_before = self._told[0]
            if before.shape[1:] != table.shape[1:]:
                raise BadInput(
                    f"values have shape {table.shape}; those told before had shape "
                    f"{before.shape}: every row needs the same targets"
                )
            if (noise is None) != (noise_before is None):
                raise BadInput(
                    f"noise_var was {'not ' * (noise_before is None)}told for the values before: "
                    f"tell it for all, or for none"
                )
        if not len(masks):
            return
        # copies: the caller may use the arrays for the next values
        self._told.append((masks.copy(), table.copy(), None if noise is None else noise.copy()))
        for row in mask_keys(masks):
            self._waiting.pop(row, None)

    def recording(self) -> Recording:
        """Return all that was told, as :func:`interplay.fit` takes it.

        Raises :class:`BadInput` where nothing was.
        """
        if not self._told:
            raise BadInput(
                "nothing was told to this design: evaluate its masks, then tell(masks, values)"
            )
        masks, values, noise = zip(*self._told, strict=True)
        rows = np.concatenate(masks)
        aside = self.masks[self.test]
        return Recording(
            rows,
            np.concatenate(values),
            features=self.features,
            design=self.kind,
            noise_var=None if noise[0] is None else np.concatenate(noise),
            test=among(rows, aside) if len(aside) else None,
            code=self.code,
        )

    def next(self, surrogate: Doubtful | Mapping[str, Doubtful] | None, k: int) -> BoolArray:
        """Add k masks that go on where the design ends; return them, bool ``(at most k, n)``.

        Parameters
        ----------
        surrogate
            the fit so far, or those of several targets: an adaptive design asks it for the masks
            that would tell most. Where it cannot say (a method without a posterior), and for other
            kinds, the next masks of the law come.
        k
            how many. Fewer come back where all masks are in the design.
        """
        k = check_whole("k", k, 1)
        if self.kind == "coded":
            raise BadInput(
                "a coded design goes on in steps, each twice as large: make one of a larger budget "
                "under the same seed, and tell it what was told here"
            )
        size = len(self.masks)
        if self.kind == "adaptive":
            masks, test = self._adapted(surrogate, k)
        else:
            masks, test = first_masks(self.n, self.kind, self.seed, size + k, self.code)
        if not np.array_equal(masks[:size], self.masks):
            raise BadInput(
                "this design cannot be gone on with: the masks that it was saved with are not "
                "those that this version of numpy draws under its seed. Make a design of another "
                "seed, and tell it what was told here"
            )
        self.masks, self.test = masks, test
        told = {
            row for rows, _, _ in self._told for row in mask_keys(rows)
        }  # masks of one's own, too
        new = enumerate(mask_keys(masks[size:]), size)
        self._waiting |= {row: place for place, row in new if row not in told}
        return self.masks[size:]

    def _adapted(
        self, surrogate: Doubtful | Mapping[str, Doubtful] | None, k: int
    ) -> tuple[BoolArray, BoolArray]:
        """The design with k masks more, of those that the surrogates would learn most from."""
        rng = np.random.default_rng([self.seed, len(self.masks)])
        drawn = uniform(self.n, k + CANDIDATES, rng, exclude=self.masks)
        if isinstance(surrogate, Mapping):
            several = list(surrogate.values())
        else:
            several = [] if surrogate is None else [surrogate]
        new, total, noise = drawn[:k], np.zeros((len(drawn), len(drawn))), 0.0
        for one in several:
            if (doubt := one.doubt(drawn)) is not None:
                scale = float(np.trace(doubt[0])) + 1e-300  # targets count alike
                total, noise = total + doubt[0] / scale, noise + doubt[1] / scale
        if picked := bool(total.any()):
            new = drawn[pick(total, noise, k)]
        return (
            np.concatenate([self.masks, new]),
            np.concatenate([self.test, np.full(len(new), not picked)]),
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the design and what was told to an ``.npz`` file; :meth:`load` reads it.

        ``design_masks``, with ``features``, ``design_test``, ``design`` and ``design_seed``, are
        the masks, packed by ``numpy.packbits(masks, axis=1)``. Once values were told, the file is
        a recording too: ``interplay fit`` reads it.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise BadInput(f"a design is saved as .npz; got {path}")
        arrays: dict[str, Any] = {
            "design": np.array(self.kind),
            "design_seed": np.array(self.seed),
            "design_masks": np.packbits(self.masks, axis=1),
            "design_test": self.test,
            "features": np.array(self.features, dtype=np.str_),
            "n": np.array(self.n),
        }
        if self.code is not None:
            arrays |= archive.code_entries(self.code)
        if self._told:
            arrays |= archive.entries_of(self.recording())
        write_whole(path, npz_octets(arrays))
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Design:
        """Read what :meth:`save` wrote.

        Raises
        ------
        BadInput
            the file is missing, damaged, or not a design.
        """
        path = Path(path)
        entries = archive.read_arrays(path, (*archive.KEYS, *DESIGN_KEYS))
        missing = {"design", "features", *DESIGN_KEYS} - entries.keys()
        if missing:
            raise BadInput(f"{path} is not a design: it has no {', '.join(sorted(missing))}")
        names, kind, seed = (entries[key] for key in ("features", "design", "design_seed"))
        if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
            raise BadInput(f'{path} is damaged: "features" must be names; got {names.dtype}')
        if kind.ndim or str(kind) not in (*KINDS, "complete"):
            raise BadInput(f'{path} is damaged: "design" is no kind of design: {kind!r}')
        if seed.ndim or seed.dtype.kind not in "iu" or seed < 0:
            raise BadInput(f'{path} is damaged: "design_seed" must be a number; got {seed!r}')
        masks = archive.unpacked(path, entries, "design_masks", len(names))
        if len(set(mask_keys(masks))) < max(len(masks), 1):
            raise BadInput(f'{path} is damaged: "design_masks" must be different masks')
        test = archive.set_aside(path, entries, len(masks), "design_test")
        assert test is not None
        code = archive.code(path, entries, len(names))
        if (code is None) == (str(kind) in CODED):
            raise BadInput(
                f'{path} is damaged: a {kind} design and "design_code" do not go together'
            )
        loaded = cls(names.tolist(), str(kind), int(seed), masks, test, code)
        if "values" in entries:
            told = archive.of(path, entries)
            loaded.tell(told.masks, told.values, told.noise_var)
        return loaded


def design(
    features: int | Sequence[str],
    budget: int = 500,
    kind: str = "uniform",
    seed: int = 0,
) -> Design:
    """Draw masks to evaluate where the model is: on a cluster, in another language, by hand.

    Parameters
    ----------
    features
        n names, or n.
    budget
        how many masks, the full and the empty one included.
    kind
        ``"uniform"``: every feature kept with probability 1/2, the law that faithfulness speaks
        of. ``"paired"``: uniform masks, each with its complement. ``"near_full"``: few features
        deleted (d of them with probability proportional to 1/d). ``"coded"``: uniform masks in an
        order from which ``method="spex"`` reads sparse terms of up to 5 features off, of which
        there are fewer than the budget: their number about doubles from design to design.
        ``"mixed"``: the same, and uniform masks for the rest of the budget. ``"adaptive"``: half of
        the budget uniform; the rest comes by ``design.next(surrogate, k)``, from fits to what was
        told. Where all 2^n masks fit in the budget, they are all there, and the kind is
        ``"complete"``.
    seed
        of the masks. A larger budget begins with the masks of a smaller one; coded masks are
        among those of a larger design.

    Notes
    -----
    A kind other than uniform sets uniform masks aside for the evidence: 50 right after the ends,
    and every tenth from the 500th on.

    Raises
    ------
    BadInput
        an unknown kind, a seed below 0, or a budget that is too small for a fit.

    Examples
    --------
    >>> import interplay as ip
    >>> plan = ip.design(["so", "not", "bad", "at", "all", "a", "film"], budget=60)
    >>> masks = plan.ask()
    >>> plan.tell(masks, masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2]))
    >>> told = plan.recording()
    >>> fitted = ip.fit(told.masks, told.values, design=plan, features=plan.features)
    >>> fitted.spectrum().top(1, min_order=2)[0].names
    ('not', 'bad')
    """
    if isinstance(features, int | np.integer) and not isinstance(features, bool):
        names = feature_names(None, int(features)) if features > 0 else ()
    elif isinstance(features, str) or not isinstance(features, Sequence | np.ndarray):
        raise BadInput(f"features must be names, or their number; got {features!r}")
    else:
        names = tuple(str(name) for name in features)
    if not names:
        raise BadInput(f"a design needs at least 1 feature; got {features!r}")
    if kind not in KINDS:
        raise unknown("kind of design", kind, KINDS)
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget > MOST:
        raise BadInput(f"budget must be a number of masks, at most {MOST}; got {budget!r}")
    n, seed, budget = len(names), check_whole("seed", seed, 0), int(budget)
    if n <= MOST_FEATURES and 2**n <= budget:
        return Design(names, "complete", seed, *first_masks(n, "complete", seed, 2**n))
    if kind in CODED:
        return _coded_design(names, kind, seed, budget)
    if budget < (fewest := least(n, kind)):
        aside = f" and {SET_ASIDE} uniform ones set aside" if fewest > LEAST else ""
        raise BadInput(
            f"budget={budget} is too small: a fit needs {LEAST} masks{aside}, {fewest} in all"
        )
    if kind == "adaptive":
        budget = adaptive_sizes(budget)[0]
    return Design(names, kind, seed, *first_masks(n, kind, seed, budget))


def _coded_design(names: tuple[str, ...], kind: str, seed: int, budget: int) -> Design:
    """The largest coded design within a budget; a mixed one fills the rest with uniform masks."""
    n = len(names)
    sizes = coded_sizes(n, budget)
    if not sizes:
        raise BadInput(
            f"budget={budget} is too small for coded masks of {n} features: the smallest design "
            f'takes {least(n, kind):,} ({coded_parts(n)}). kind="uniform" takes any number of masks'
        )
    code = MaskCode.drawn(n, np.random.default_rng(seed).spawn(3)[2])
    code = replace(code, bits=LEAST_BITS + len(sizes) - 1)
    size = sizes[-1] if kind == "coded" else budget
    return Design(names, kind, seed, *first_masks(n, kind, seed, size, code), code)
