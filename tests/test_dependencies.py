"""Every dependency is a decision: listed here, with its reason in pyproject.toml and its pin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
CORE = {"numpy", "scipy", "scikit-learn", "threadpoolctl", "rich", "jinja2", "cyclopts"}
EXTRAS = {
    "hf": {"torch", "transformers"},
    "image": {"pillow"},
    "tabular": {"pandas"},
    "plots": {"matplotlib", "pandas"},
    "api": {"aiohttp"},
    "parquet": {"pyarrow"},
    "lightgbm": {"lightgbm"},
    "ray": {"ray"},
    "view": {"starlette", "uvicorn"},
    "interop": {"shapiq", "shap", "networkx", "pandas"},
    "docs": {"sphinx", "furo", "myst-parser", "matplotlib"},
    "dev": {
        *(
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "hypothesis",
            "sybil",
            "pyyaml",
            "ruff",
            "mypy",
        ),
        *("import-linter", "build", "hatchling", "safetensors", "tokenizers", "interplay"),
    },
    "all": {"interplay"},
}
BROUGHT = {"markupsafe": "jinja2", "anyio": "starlette", "huggingface-hub": "transformers"}
"""Imported too, as part of what the ones that bring them take and give."""
NEEDS_TORCH = "interplay.lenses.training_data.engines.many."
"""The one folder whose modules import an extra when they are imported."""
BLOCKED = """
import pkgutil, sys
from importlib import import_module

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
import interplay

for module in pkgutil.walk_packages(interplay.__path__, "interplay."):
    if not module.name.endswith("__main__"):
        try:
            import_module(module.name)
        except ModuleNotFoundError as error:
            print(module.name, error.name)
"""


def _canonical(requirement: str) -> str:
    """Return a distribution's name as indexes compare it."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _project() -> tuple[str, dict[str, list[str]]]:
    """Return pyproject.toml, and the requirements of the core ("") and of each extra."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    return text, {"": project["dependencies"], **project["optional-dependencies"]}


def _pinned() -> set[str]:
    lines = (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.match(r"[A-Za-z0-9._-]+==[^=\s]+(; .+)?$", line) for line in pins), pins
    return {_canonical(line) for line in pins}


def test_the_lists() -> None:
    _, requirements = _project()
    found = {extra: {_canonical(line) for line in some} for extra, some in requirements.items()}
    assert found == {"": CORE, **EXTRAS}


def test_each_has_its_reason() -> None:
    """On a line of its own in pyproject.toml, after a ``#``."""
    text, requirements = _project()
    lines = [line.strip() for line in text.splitlines()]
    for some in requirements.values():
        for requirement in some:
            stated = [line for line in lines if line.startswith(f'"{requirement}",')]
            assert stated, f"{requirement} has no line of its own"
            for line in stated:
                assert re.search(r"# \w.{3,}", line), f"no reason: {line}"


def test_each_is_pinned() -> None:
    _, requirements = _project()
    direct = {_canonical(line) for some in requirements.values() for line in some}
    assert direct - {"interplay"} <= _pinned()


def test_what_they_bring_is_pinned() -> None:
    """Of what is installed here: an update of anything is a change of constraints.txt."""
    _, requirements = _project()
    brings = {
        _canonical(one.metadata["Name"]): [
            _canonical(line) for line in one.requires or () if "extra ==" not in line
        ]
        for one in distributions()
    }
    reached: set[str] = set()
    ahead = [_canonical(line) for some in requirements.values() for line in some]
    while ahead:
        name = ahead.pop()
        if name in brings and name not in reached:
            reached.add(name)
            ahead += brings[name]
    assert reached - {"interplay", "setuptools", "pip"} <= _pinned()


def test_what_is_declared_is_what_is_imported() -> None:
    """By a statement in src, or by name, as optional modules are."""
    modules = set()
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules |= {name.name for name in names}
                case ast.ImportFrom(module=str(module), level=0):
                    modules.add(module)
                case ast.Call(
                    func=ast.Name("required" | "import_module"), args=[ast.Constant(str(name)), *_]
                ):
                    modules.add(name)
    of = packages_distributions()
    third = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    found = {_canonical(of.get(name, [name])[0]) for name in third} - {"interplay"}
    extras = [names for extra, names in EXTRAS.items() if extra not in ("dev", "docs", "all")]
    assert found - set(BROUGHT) == CORE.union(*extras)
    for name, bringer in BROUGHT.items():
        assert name in map(_canonical, requires(bringer) or ())


def test_every_module_imports_with_the_core_alone() -> None:
    """Whoever opens a report needs no torch: extras are imported where they are used."""
    _, requirements = _project()
    declared = {_canonical(line) for some in requirements.values() for line in some} - CORE
    blocked = {
        module
        for module, owners in packages_distributions().items()
        if {_canonical(owner) for owner in owners} & (declared - {"interplay"})
    }
    assert {"torch", "PIL", "pandas", "yaml"} <= blocked
    run = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(blocked=blocked)],
        capture_output=True,
        text=True,
        check=True,
    )
    failed = [line.split() for line in run.stdout.splitlines()]
    assert failed
    assert all(name.startswith(NEEDS_TORCH) and extra == "torch" for name, extra in failed)


@pytest.mark.parametrize(
    ("extra", "absent", "model"),
    [("hf", ("transformers", "torch"), "model_path()"), ("api", ("aiohttp",), "'openai:anything'")],
)
def test_a_missing_extra_says_what_to_install(
    extra: str, absent: tuple[str, ...], model: str
) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "import interplay as ip\nfrom interplay.demo import model_path\n"
        f"try:\n    ip.text('a good film', model={model})\n"
        "except ip.MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f'pip install "interplay[{extra}]"' in run.stdout, run.stderr
