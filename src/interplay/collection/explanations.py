"""Explanations: many inputs, each with its own explanation, and what is true of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from interplay.collection.aggregate import aggregate
from interplay.collection.aggregated import Aggregated
from interplay.errors import BadInput
from interplay.explanation import Explanation, restored
from interplay.files import write_whole
from interplay.json_text import json_octets, load_json
from interplay.report.collection import FORMAT
from interplay.version import __version__

VERSION: Final = 1

SAVED_ROWS: Final = 100
"""Aggregated rows of each order that a file keeps; loading it, all can be computed again."""


class Explanations(Sequence[Explanation]):
    """The explanations of many inputs, from :func:`interplay.explain_many`.

    A sequence of those that succeeded; an id gives one as well: ``explanations["prompt-7"]``.

    Parameters
    ----------
    results
        id of each input -> its explanation, or the error that it met, in words.

    Attributes
    ----------
    ids
        of the explanations, in their order.
    failures
        id -> what went wrong, for the inputs that could not be explained.

    Examples
    --------
    >>> from interplay import explain
    >>> def game(masks):
    ...     return masks[:, 0] + 2.0 * (masks[:, 1] & masks[:, 2])
    >>> both = Explanations(
    ...     {
    ...         "first": explain(game, ["so", "not", "bad"], store=None),
    ...         "second": explain(game, ["too", "Not", "bad"], store=None),
    ...     }
    ... )
    >>> row = both.aggregate()["not", "bad"]
    >>> row.value, row.inputs
    (2.0, 2)
    """

    def __init__(self, results: Mapping[str, Explanation | str]) -> None:
        self.results: dict[str, Explanation | str] = dict(results)
        self._found = {i: r for i, r in self.results.items() if not isinstance(r, str)}
        self.ids: tuple[str, ...] = tuple(self._found)
        self.failures: Mapping[str, str] = {
            i: r for i, r in self.results.items() if isinstance(r, str)
        }

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self._found.values())

    def __getitem__(self, which: Any) -> Any:
        """Return the explanation at a place, or of an id; a slice gives ``Explanations``."""
        if isinstance(which, str):
            if which not in self._found:
                why = self.failures.get(which)
                raise KeyError(f"{which!r} failed: {why}" if why else f"no input {which!r}")
            return self._found[which]
        if isinstance(which, slice):
            return Explanations({i: self._found[i] for i in self.ids[which]})
        return self._found[self.ids[which]]

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Explanations of {len(self)} inputs{failed}>"

    @property
    def targets(self) -> Mapping[str, int]:
        """Names of the targets -> number of inputs that speak of them; the commonest first."""
        return dict(Counter(t for found in self for t in found.targets).most_common())

    def aggregate(
        self,
        by: str = "unit",
        order: int = 2,
        index: str = "BII",
        min_inputs: int = 2,
        *,
        target: str | None = None,
        trusted_only: bool = True,
    ) -> Aggregated:
        """Average effects and interactions over the inputs in which their labels occur.

        Parameters
        ----------
        by
            what makes features of different inputs the same: ``"unit"``, their text without regard
            to case and punctuation; ``"position"``, their number; ``"slot"``, the part of the
            template that they fill.
        order
            most features that act together.
        index
            interaction index: see :meth:`Spectrum.interactions`.
        min_inputs
            in how many inputs labels must occur to make a row; at least 2, for one input says
            nothing about others.
        target
            which target; needed where the inputs do not all speak of the same.
        trusted_only
            leave out the inputs whose explanation says "do not trust": an unfaithful explanation
            has missed interactions, and would count them as 0.

        Notes
        -----
        Where labels occur several times in an input, the index is summed over all sets of features
        that have them. An input in which they occur, but whose explanation has no such term, counts
        0. Exact copies of an input count once.

        Raises
        ------
        BadInput
            the inputs speak of different targets and none was chosen; there are no slots; or
            ``by``, ``order``, ``index`` or ``min_inputs`` cannot be used.
        """
        if not self._found:
            raise BadInput("there is nothing to aggregate: no input was explained")
        return aggregate(
            self._found,
            by=by,
            order=order,
            index=index,
            min_inputs=min_inputs,
            target=target,
            trusted_only=trusted_only,
        )

    def tables(self) -> list[Aggregated]:
        """Return what a report shows: for each target, by unit, and by slot where there are slots.

        Targets of one input alone have nothing to aggregate.
        """
        slots = bool(self) and all(found.subject.get("slots") for found in self)
        return [
            self.aggregate(by, target=target)
            for target, inputs in self.targets.items()
            if inputs > 1
            for by in (("slot", "unit") if slots else ("unit",))
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping: every run as its run.json, the errors, what is common."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "inputs": [
                {"id": i, "error": r} if isinstance(r, str) else {"id": i, "run": r.to_dict()}
                for i, r in self.results.items()
            ],
            "aggregated": [table.to_dict(SAVED_ROWS) for table in self.tables()],
        }

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file, with a page for each input, and return its path."""
        from interplay.report import collection

        return collection.write(self.to_dict(), path)

    def save(self, path: str | Path) -> Path:
        """Write all runs to one .json file, without their surrogates."""
        path = Path(path)
        if path.suffix != ".json":
            raise BadInput(f"runs are saved as .json; got {path}")
        write_whole(path, json_octets(self.to_dict(), "these runs"))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Explanations:
        """Read what :meth:`save` wrote.

        Raises
        ------
        BadInput
            the file is missing, is not a file of runs, is damaged, or is of a newer version.
        """
        path = Path(path)
        return cls.from_dict(read_runs(path), source=str(path))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, source: str = "these runs") -> Explanations:
        """Return what :meth:`to_dict` wrote; ``source`` names it in messages."""
        results: dict[str, Explanation | str] = {}
        for place, entry in enumerate(content["inputs"], 1):
            try:
                name, error = str(entry["id"]), entry.get("error")
                result = str(error) if error is not None else restored(entry["run"], "its run")
            except BadInput as problem:
                raise BadInput(f"{source}, input {place}: {problem}") from problem
            except (AttributeError, KeyError, TypeError, ValueError) as problem:
                raise BadInput(
                    f"{source} is damaged, input {place}: {type(problem).__name__}: {problem}"
                ) from problem
            if name in results:
                raise BadInput(f"{source}: two inputs have the id {name!r}")
            results[name] = result
        return cls(results)


def holds_many(path: Path) -> bool:
    """Whether a file is one of many runs; what else it is, if anything, is not judged."""
    try:
        content = load_json(path)
    except BadInput:
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_runs(path: Path) -> dict[str, Any]:
    """Return the JSON of a file of runs, its format and version checked."""
    if not path.exists():
        raise BadInput(f"no such file of runs: {path}")
    content = load_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f'{path} is not a file of runs: it lacks "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise BadInput(
            f"{path} has version {content.get('version')} of the format of runs; this interplay "
            f"({__version__}) reads version {VERSION}. Install a newer interplay"
        )
    if not isinstance(content.get("inputs"), list):
        raise BadInput(f'{path} is damaged: "inputs" must be a list')
    return content
