"""``interplay explain --table``: a row of a file and a model in Python, as a value function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import interplay as ip
from interplay.errors import BadInput, required
from interplay.files import MOST_TEXT, check_size

if TYPE_CHECKING:
    from interplay.lenses.tabular import TableValueFunction

PYTHON = "py:"


@Parameter(name="*", group="Tables")
@dataclass(frozen=True)
class Tables:
    """A row of a table in place of the text.

    Parameters
    ----------
    table
        A CSV file with a line of column names; all its rows are the background. --model is
        py:MODULE:NAME then, a fitted model or a function in Python, found from the current folder;
        --mask is mean, marginal:64 or marginal:all.
    row
        Which row of the table is explained, counted from 0.
    columns
        The columns that the model takes, comma-joined; by default those that it was fitted on,
        else all.
    group
        Columns that are ablated together, NAME=COLUMN,COLUMN; may be given several times.
    """

    table: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    row: int | None = None
    columns: str | None = None
    group: Annotated[list[str] | None, Parameter(negative="")] = None

    @property
    def given(self) -> bool:
        """Whether any of these options was."""
        return any(one is not None for one in (self.table, self.row, self.columns, self.group))


def explain_table(
    tables: Tables,
    model: str,
    mask: str | None,
    target: Sequence[str] | None,
    seed: int,
) -> TableValueFunction:
    """Return the value function of ``--table`` and the options that go with it."""
    if tables.table is None:
        raise BadInput("--row, --columns and --group are for --table FILE.csv")
    if tables.row is None:
        raise BadInput("--table needs --row K, the row to explain, counted from 0")
    frame = _read(tables.table)
    predict = python_object(model)
    columns = None if tables.columns is None else [c.strip() for c in tables.columns.split(",")]
    arguments = {
        "table": str(tables.table),
        "row": tables.row,
        "columns": columns,
        "groups": _groups(tables.group or []),
        "mask": mask or "mean",
        "seed": seed,
    }
    value_function = _made(frame, predict, arguments, target)
    value_function.subject |= {"model": model, "arguments": arguments}
    return value_function


def table_again(
    subject: Mapping[str, Any], targets: Sequence[str], model: str
) -> TableValueFunction:
    """Return the value function of a run of a table, with the model that ``--model`` names.

    The file says which model it was, but what it says is never imported.
    """
    arguments = subject.get("arguments")
    if subject.get("kind") != "table" or not isinstance(arguments, Mapping):
        raise BadInput("this run is not of a row of a file, so that the row cannot be read again")
    frame = _read(Path(str(arguments["table"])))
    # those that it was made of, whatever the model takes by itself
    columns = list(subject.get("columns") or frame.columns)
    made = {**arguments, "columns": columns}
    value_function = _made(frame, python_object(model), made, targets)
    value_function.subject |= {"model": model, "arguments": dict(arguments)}
    return value_function


def python_object(model: str, flag: str = "--model") -> Any:
    """Return the object that ``py:MODULE:NAME`` names; the current folder is searched first.

    Errors name the ``flag`` that it was given with.

    Raises
    ------
    BadInput
        If it is not of that form, there is no such module or name, or the module fails.
    """
    module, colon, name = model.removeprefix(PYTHON).partition(":")
    if not model.startswith(PYTHON) or not colon or not module or not name:
        raise BadInput(
            f"{flag} must be py:MODULE:NAME here, a model or function in Python; got "
            f"{model!r}. No model is read from a file: a pickle may run anything"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{flag} {model}: {error}. The current folder and the environment are searched"
        ) from error
    except Exception as error:  # it is the user's own code
        raise BadInput(f"{flag} {model}: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise BadInput(f"{flag} {model}: {error}") from error
    return found


def _made(
    frame: Any, predict: Any, arguments: Mapping[str, Any], target: Sequence[str] | None
) -> TableValueFunction:
    row = int(arguments["row"])
    if not 0 <= row < len(frame):
        raise BadInput(
            f"--row {row} is not in {arguments['table']}, whose {len(frame)} rows are 0 to "
            f"{len(frame) - 1}"
        )
    columns = arguments["columns"]
    if columns is None:
        columns = [str(name) for name in getattr(predict, "feature_names_in_", frame.columns)]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise BadInput(
            f"{arguments['table']} has no column {', '.join(missing[:5])}; it has "
            f"{', '.join(map(str, frame.columns[:12]))}"
        )
    frame = frame[columns]
    return ip.tabular(
        frame.iloc[[row]],
        predict=predict,
        background=frame,
        mask=str(arguments["mask"]),
        target=target,
        groups=arguments["groups"],
        seed=int(arguments["seed"]),
    )


def _read(path: Path) -> Any:
    pd = required("pandas", "tabular")
    try:
        check_size(path, path.stat().st_size, MOST_TEXT)
        return pd.read_csv(path)
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, UnicodeError) as error:  # pandas' own are ValueErrors
        raise BadInput(f"{path} is not a table in CSV: {error}") from error


def _groups(given: Sequence[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for one in given:
        name, equals, members = one.partition("=")
        if not equals or not name.strip() or not members.strip():
            raise BadInput(f"--group takes NAME=COLUMN,COLUMN; got {one!r}")
        groups[name.strip()] = [member.strip() for member in members.split(",")]
    return groups
