"""Run an experiment of SPEX or ProxySPEX with its own model.

    python -m benchmarks.papers.originals                      # what there is
    python -m benchmarks.papers.originals spex/sentiment --model FOLDER --data sentiment.csv
    python -m benchmarks.papers.originals spex/puzzles --model openai:gpt-4o-mini-2024-07-18

Models are folders in Hugging Face format, hf:OWNER/NAME, or openai:NAME with the key in
OPENAI_API_KEY. Without --data the folder that INTERPLAY_ASSETS names is looked into. Values are
kept in --store, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.papers.intervals import Interval
from benchmarks.papers.originals.configurations import CONFIGURATIONS, Configuration
from benchmarks.papers.originals.experiments import Given, run
from benchmarks.sections import lines
from benchmarks.table import machine
from interplay.errors import InterplayError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line names; list what there is where it names nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.papers.originals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--model", help="folder, hf:OWNER/NAME or openai:NAME")
    parser.add_argument("--data", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--base-url", help="of a server, for openai:NAME")
    parser.add_argument("--limit", type=int, metavar="N", help="inputs, targets or questions")
    parser.add_argument("--budgets", nargs="+", type=float, help="alphas; b of coded masks; masks")
    parser.add_argument("--sizes", nargs=2, type=int, metavar=("LOW", "HIGH"), help="in features")
    parser.add_argument("--tests", type=int, metavar="N", help="masks that judge")
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--units", help="other units, or parts of another network")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--store", type=Path, default=Path("originals.db"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    given = parser.parse_args(arguments)
    if given.name is None:
        print(listed())
        return
    try:
        configuration = _configuration(given)
        _measure(configuration, given)
    except InterplayError as error:
        _end(" ".join(str(error).split()))


def listed() -> str:
    """Return the experiments, one a line, with what each needs."""
    width = max(map(len, CONFIGURATIONS))
    return "\n".join(
        f"{one.name:{width}}  {one.model or 'no model'}; {one.data}; {one.count} inputs, "
        f"{one.units} -> {one.mask}, {one.target}; {one.design} masks, "
        f"{', '.join(f'{budget:g}' for budget in one.budgets)}"
        for one in CONFIGURATIONS.values()
    )


def _configuration(given: Any) -> Configuration:
    if given.name not in CONFIGURATIONS:
        _end(f"there is no experiment {given.name!r}; there are: {', '.join(CONFIGURATIONS)}")
    if given.limit is not None and given.limit < 1:
        _end(f"--limit must be 1 or more; got {given.limit}")
    low, high = given.sizes or (None, None)
    changes = {
        "count": given.limit,
        "budgets": given.budgets and tuple(given.budgets),
        "tests": given.tests,
        "methods": given.methods and tuple(given.methods),
        "units": given.units,
        "low": low,
        "high": high,
    }
    return replace(
        CONFIGURATIONS[given.name],
        **{name: one for name, one in changes.items() if one is not None},
    )


def _measure(configuration: Configuration, given: Any) -> None:
    model = _model(configuration, given)
    options = {name: getattr(given, name) for name in ("device", "dtype", "base_url")}
    told = Given(
        model,
        _data(configuration, given),
        given.store,
        {name: one for name, one in options.items() if one is not None},
    )
    found = []
    for one in run(configuration, told):
        found.append(one)
        print(said(one), flush=True)
    if not found:
        _end(
            f"no input of {', '.join(map(str, told.data))} has {configuration.low} to "
            f"{configuration.high} features"
        )
    for line in means(found):
        print(line)
    if given.json is not None:
        content = {"experiment": configuration.name, "model": model, "inputs": found}
        given.json.write_text(lines(content | {"machine": machine(threads="all")}) + "\n", "utf-8")


def said(one: dict[str, Any]) -> str:
    """Return one input's figures in a line."""
    parts = [one["input"]]
    if "n" in one:
        parts.append(f"n = {one['n']}, {', '.join(f'{m:,}' for m in one['calls'])} calls")
    for method, scores in one.get("r2", {}).items():
        parts.append(f"R² {method} {' '.join(f'{score:.3f}' for score in scores.values())}")
    for name in ("lds", "test", "energy"):
        if name in one:
            parts.append(f"{name} " + ", ".join(f"{m} {v:.3f}" for m, v in one[name].items()))
    return "; ".join(parts)


def means(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the means over inputs, with 90 % intervals: one line for each budget."""
    told: list[str] = []
    fitted = [one for one in found if "r2" in one]
    if fitted:
        methods = fitted[0]["r2"]
        for budget in next(iter(methods.values())):
            cells = [
                f"{m} {Interval.of([one['r2'][m][budget] for one in fitted]).said(3)}"
                for m in methods
            ]
            told.append(f"R² at {budget}, {len(fitted)} inputs: {', '.join(cells)}")
    for name, what in (("removal", "mean Rem(r)"), ("supporting", "supporting features")):
        held = [one[name] for one in found if name in one]
        if held:
            cells = [
                f"{m} {Interval.of([float(_mean(one[m])) for one in held]).said(3)}"
                for m in held[0]
            ]
            told.append(f"{what}: {', '.join(cells)}")
    return told


def _mean(values: Any) -> float:
    return sum(values) / len(values) if isinstance(values, list) else values


def _model(configuration: Configuration, given: Any) -> str:
    if given.model is None and not configuration.model:
        return ""
    if given.model is None:
        hub = configuration.model
        how = hub if configuration.asks_server else f"a folder with its weights, or hf:{hub}"
        _end(f"{configuration.name} is of {hub}: give --model, {how}")
    model = str(given.model)
    server = model.startswith("openai:")
    if given.base_url is not None and not server:
        _end(f"--base-url is of a server: --model openai:NAME; got {model!r}")
    if server and configuration.kind != "text":
        _end(f"{configuration.name} looks into a model: --model wants its weights, not a server")
    if server:
        if given.base_url is None and not os.environ.get("OPENAI_API_KEY", "").strip():
            _end("there is no key: set OPENAI_API_KEY, or name a server of your own, --base-url")
    elif not model.startswith("hf:") and not Path(model).is_dir():
        _end(f"there are no weights at {model!r}: --model wants a folder in Hugging Face format")
    return model


def _data(configuration: Configuration, given: Any) -> tuple[Path, ...]:
    if given.data:
        for path in given.data:
            if not path.exists():
                _end(f"there is no file {str(path)!r} for --data; wanted: {configuration.data}")
        return tuple(given.data)
    folder = os.environ.get("INTERPLAY_ASSETS")
    if folder and configuration.file and (Path(folder) / configuration.file).exists():
        return (Path(folder) / configuration.file,)
    return _end(f"{configuration.name} needs --data: {configuration.data}")


def _end(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
