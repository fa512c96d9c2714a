"""Fingerprints: what changes a value changes the name; what does not, does not."""

from __future__ import annotations

import functools
import itertools
import operator
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.evaluate import Store, evaluate
from interplay.fingerprint import Fingerprint, continue_fingerprint, fingerprint

MASKS = np.array([[True, False], [True, True]])


def define(source: str, name: str = "f", module: str = "study") -> Any:
    """Run source as a module of the user's, and return what it calls ``name``."""
    made = types.ModuleType(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module, made)  # dataclasses look their module up
        exec(source, vars(made))
    return vars(made)[name]


def digest(function: Callable[..., Any]) -> str:
    found = fingerprint(function)
    assert found.unhashed == ()
    return found.digest


HELPED = "def g(m):\n    return m.sum(1) * {}\ndef f(m):\n    return g(m)"
CHANGES = {
    "a constant": ("def f(m):\n    return m.sum(1) * {}", "2.0", "3.0"),
    "an equal constant of another type": ("def f(m):\n    return m.sum(1) + {}", "1", "1.0"),
    "the sign of zero": ("def f(m):\n    return m * {}", "0.0", "-0.0"),
    "an operator": ("def f(m):\n    return m[:, 0] {} m[:, 1]", "+", "-"),
    "the method that is called": ("def f(m):\n    return m.{}(1)", "sum", "mean"),
    "the arguments": ("def f({}):\n    return 0", "m", "m, k=None"),
    "a default": ("def f(m, k={}):\n    return m.sum(1) * k", "2", "3"),
    "a default by keyword": ("def f(m, *, k={}):\n    return m.sum(1) * k", "2", "3"),
    "a default in a list": ("def f(m, k=[1, [{}]]):\n    return k", "2", "3"),
    "a global": ("K = {}\ndef f(m):\n    return m.sum(1) * K", "2", "3"),
    "a global in a comprehension": (
        "K = {}\ndef f(m):\n    return [r.sum() * K for r in m]", "2", "3"),
    "a global in a lambda": ("K = {}\ndef f(m):\n    return map(lambda r: r * K, m)", "2", "3"),
    "a helper": (HELPED, "2", "3"),
    "a helper in a comprehension": (
        "def g(r):\n    return {}\ndef f(m):\n    return [g(r) for r in m]", "2", "3"),
    "a global of a helper": (
        "K = {}\ndef g(m):\n    return m.sum(1) * K\ndef f(m):\n    return g(m)", "2", "3"),
    "a helper of a helper": (
        "def h(m):\n    return {}\ndef g(m):\n    return h(m)\ndef f(m):\n    return g(m)",
        "2", "3"),
    "a cached helper": (
        "import functools\n@functools.cache\ndef g():\n    return {}\ndef f(m):\n    return g()",
        "2", "3"),
    "a nested function": (
        "def f(m):\n    def g(r):\n        return r.sum() * {}\n    return map(g, m)", "2", "3"),
    "a closure": ("def make(k):\n    return lambda m: m.sum(1) * k\nf = make({})", "2", "3"),
    "an array in a closure": (
        "import numpy as np\ndef make(k):\n    return lambda m: m @ k\nf = make(np.array({}))",
        "[1.0, 2.0]", "[1.0, 3.0]"),
    "the type of an array": (
        "import numpy as np\nK = np.array([1, 2], {})\ndef f(m):\n    return m @ K",
        "np.int64", "np.uint64"),
    "the shape of an array": (
        "import numpy as np\nK = np.ones({})\ndef f(m):\n    return K", "(2, 3)", "(3, 2)"),
    "an array of objects": (
        "import numpy as np\nK = np.array(['a', {}], object)\ndef f(m):\n    return K", "1", "2"),
    "an array of texts": (
        "import numpy as np\nK = np.array(['a', {}])\ndef f(m):\n    return K", "'b'", "'c'"),
    "a dictionary": ("K = {{'a': {}}}\ndef f(m):\n    return K", "1", "2"),
    "a key": ("K = {{{}: 1}}\ndef f(m):\n    return K", "'a'", "'b'"),
    "a set": ("K = {}\ndef f(m):\n    return K", "{'a', 'b'}", "{'a', 'c'}"),
    "where a list ends": ("K = {}\ndef f(m):\n    return K", "[[1], 2]", "[[1, 2]]"),
    "where a text ends": ("K = {}\ndef f(m):\n    return K", "['ab', 'c']", "['a', 'bc']"),
    "a text or its bytes": ("K = {}\ndef f(m):\n    return K", "'a'", "b'a'"),
    "a list or a tuple": ("K = {}\ndef f(m):\n    return K", "[1]", "(1,)"),
    "a function attribute": ("def f(m):\n    return f.k\nf.k = {}", "1", "2"),
    "a decorator's function": (
        "import functools\ndef twice(g):\n    @functools.wraps(g)\n    def w(m):\n"
        "        return 2 * g(m)\n    return w\n@twice\ndef f(m):\n    return {}", "1", "2"),
    "the function of a partial": (
        "import functools\nf = functools.partial(lambda m, k: m + {}, k=1)", "1", "2"),
    "an argument of a partial": (
        "import functools\nf = functools.partial(lambda k, m: m * k, {})", "1", "2"),
    "a keyword of a partial": (
        "import functools\nf = functools.partial(lambda m, k: m * k, k={})", "1", "2"),
    "a built-in function": ("import math\nK = {}\ndef f(m):\n    return K", "math.sin", "math.cos"),
    "the method of a built-in object": (
        "K = {}\ndef f(m):\n    return K", "'a'.upper", "'a'.lower"),
    "the object of a built-in method": (
        "K = {}\ndef f(m):\n    return K", "'a'.upper", "'b'.upper"),
    "a ufunc": ("import numpy as np\nK = {}\ndef f(m):\n    return K", "np.sin", "np.cos"),
    "a pattern": ("import re\nK = re.compile({})\ndef f(m):\n    return K", "'a'", "'b'"),
    "the flags of a pattern": (
        "import re\nK = re.compile('a', {})\ndef f(m):\n    return K", "0", "re.I"),
    "a path": ("from pathlib import Path\nK = Path({})\ndef f(m):\n    return K", "'a'", "'b'"),
    "a range": ("K = range({})\ndef f(m):\n    return K", "3", "4"),
    "a member of an enum": (
        "from enum import Enum\nclass E(Enum):\n    A = 1\n    B = 2\nK = E.{}\n"
        "def f(m):\n    return K", "A", "B"),
    "the state of an object": (
        "class C:\n    def __init__(self, k):\n        self.k = k\nc = C({})\n"
        "def f(m):\n    return c.k", "1", "2"),
    "a method of an object": (
        "class C:\n    def g(self):\n        return {}\nc = C()\ndef f(m):\n    return c.g()",
        "1", "2"),
    "a field of a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    k: int\nc = C({})\n"
        "def f(m):\n    return c.k", "1", "2"),
    "a frozen dataclass with slots": (
        "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass C:\n"
        "    k: int\nc = C({})\ndef f(m):\n    return c.k", "1", "2"),
    "a class": (
        "class C:\n    def g(self):\n        return {}\ndef f(m):\n    return C().g()", "1", "2"),
    "the base of a class": (
        "class B:\n    def g(self):\n        return {}\nclass C(B):\n    pass\n"
        "def f(m):\n    return C().g()", "1", "2"),
    "a class attribute": ("class C:\n    K = {}\ndef f(m):\n    return C.K", "1", "2"),
    "a property": (
        "class C:\n    @property\n    def k(self):\n        return {}\nc = C()\n"
        "def f(m):\n    return c.k", "1", "2"),
    "a static method": (
        "class C:\n    @staticmethod\n    def g():\n        return {}\n"
        "def f(m):\n    return C.g()", "1", "2"),
    "a class method": (
        "class C:\n    @classmethod\n    def f(cls, m):\n        return {}\nf = C.f", "1", "2"),
    "what except covers": (
        "def f(m):\n    try:\n        {}\n    except ValueError:\n        return 1", "m(); m()",
        "m()"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of(change: str) -> None:
    source, one, other = CHANGES[change]
    first = digest(define(source.format(one)))
    assert digest(define(source.format(one))) == first
    assert digest(define(source.format(other))) != first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("K = {'a': 1, 'b': 2}", "K = {'b': 2, 'a': 1}"),
        ("K = {'a', 'b', 'c', 'd'}", "K = {'d', 'c', 'b', 'a'}"),
        ("K = 1", "# a comment\n\nK = 1"),
        ("K = 1\nOTHER = 2", "K = 1\nOTHER = 3"),
        ("K = 1\ndef sum(a):\n    return 1", "K = 1\ndef sum(a):\n    return 2"),
    ],
)
def test_what_changes_no_value_changes_nothing(one: str, other: str) -> None:
    f = "\ndef f(m):\n    return m.sum(1), K"
    assert digest(define(one + f)) == digest(define(other + f))


def test_two_lambdas_of_one_line_differ() -> None:
    one, other = (lambda m: m.sum(1)), (lambda m: m.max(1))
    same, again = (lambda m: m.sum(1) * 2 for _ in range(2))
    assert digest(one) != digest(other)
    assert digest(same) == digest(again)


def test_names_and_modules_count() -> None:
    source = "def {}(m):\n    return m"
    f = digest(define(source.format("f")))
    assert f != digest(define(source.format("g"), "g"))
    assert f != digest(define(source.format("f"), module="other"))


@dataclass
class Linear:
    weights: Any
    scale: float = 1.0

    def __call__(self, masks: np.ndarray) -> Any:
        return self.scaled(masks @ self.weights)

    def scaled(self, values: Any) -> Any:
        return values * self.scale

    def other(self, masks: np.ndarray) -> Any:
        return masks


class Slotted:
    __slots__ = ("missing", "weights")

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def __call__(self, masks: np.ndarray) -> Any:
        return masks @ self.weights


def test_callable_objects_are_told_by_class_and_state() -> None:
    base = digest(Linear(np.array([1.0, 2.0])))
    assert base == digest(Linear(np.array([1.0, 2.0])))
    assert base != digest(Linear(np.array([1.0, 3.0])))
    assert base != digest(Linear(np.array([1.0, 2.0]), scale=2.0))
    assert base != digest(Linear(np.array([1.0, 2.0], dtype=np.float32)))

    class Other(Linear):
        def scaled(self, values: Any) -> Any:
            return values

    assert digest(Other(np.array([1.0, 2.0]))) != base
    slotted = digest(Slotted(np.array([1.0])))
    assert slotted == digest(Slotted(np.array([1.0])))
    assert slotted != digest(Slotted(np.array([2.0])))


def test_bound_methods_are_told_by_method_and_state() -> None:
    one = Linear(np.array([1.0, 2.0]))
    assert digest(one.__call__) == digest(Linear(np.array([1.0, 2.0])).__call__)
    assert digest(one.__call__) != digest(one.other)
    assert digest(one.other) != digest(Linear(np.array([1.0, 3.0])).other)
    assert digest(functools.partial(one.other)) != digest(
        functools.partial(Linear(np.array([1.0, 3.0])).other)
    )


def test_a_module_of_ones_own_is_looked_into() -> None:
    found = []
    for template in ("a", "b"):
        settings_module = types.ModuleType("our_settings")
        settings_module.TEMPLATE = template  # type: ignore[attr-defined]
        settings_module.UNUSED = object()  # type: ignore[attr-defined]
        f = define("def f(m):\n    return [settings.TEMPLATE for _ in m]")
        f.__globals__["settings"] = settings_module
        found.append(digest(f))
    assert found[0] != found[1]


# --- what cannot be hashed ----------------------------------------------------------------------


def opaque() -> Any:
    """An object of an installed package that is no plain data."""
    return itertools.count()


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (define("def make(model):\n    return lambda m: model\nf = make({})", "make")(opaque()),
         "closure variable 'model' (count)"),
        (define("import itertools\nmodel = itertools.count()\ndef f(m):\n    return model"),
         "global 'model' (count)"),
        (define("def f(m, model=__import__('itertools').count()):\n    return model"),
         "a default of f[0] (count)"),
        (Linear({"net": opaque()}), "attribute 'weights'['net'] (count)"),
        (Linear([1, opaque()]).other, "attribute 'weights'[1] (count)"),
        (functools.partial(operator.add, opaque()), "value function[0] (count)"),
        (operator.itemgetter(1), "value function (itemgetter)"),
    ],
)  # fmt: skip
def test_what_cannot_be_hashed_is_named(function: Any, named: str) -> None:
    assert fingerprint(function).unhashed == (named,)


def test_a_thing_is_named_once_and_its_type_counts() -> None:
    source = (
        "import itertools, threading\nK = {}\ndef g(m):\n    return K\ndef f(m):\n    return K, g"
    )
    one, other = (
        fingerprint(define(source.format(made)))
        for made in ("itertools.count()", "threading.Lock()")
    )
    assert one.unhashed == ("global 'K' (count)",)
    assert one.digest != other.digest


def test_an_own_fingerprint_is_taken_as_it_is() -> None:
    def f(masks: np.ndarray) -> Any:
        return masks

    f.fingerprint = "mine"  # type: ignore[attr-defined]
    assert fingerprint(f) == Fingerprint("mine")
    f.fingerprint = ""  # type: ignore[attr-defined]
    assert fingerprint(f).digest != ""

    class Model:
        def __init__(self, name: str) -> None:
            self.fingerprint, self.net = name, opaque()

        def score(self, masks: np.ndarray) -> Any:
            return self.net

    assert digest(Model("a").score) == digest(Model("a").score) != digest(Model("b").score)
    a, b = Model("a"), Model("b")
    assert digest(lambda m: a.net) != digest(lambda m: b.net)


# --- shapes that recursion must survive -----------------------------------------------------------


def test_cycles_end() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    other: list[Any] = [2]
    other.append(other)
    assert digest(lambda m: ring) != digest(lambda m: other)

    def even(m: Any) -> Any:
        return odd(m)

    def odd(m: Any) -> Any:
        return even(m)

    assert digest(even) == digest(even)

    itself = Linear(None)
    itself.weights = {"self": itself, "method": itself.other}
    assert digest(itself) == digest(itself)
    assert digest(itself.other)
    define("def f(m):\n    return f(m[1:])")
    assert digest(define("def g(m):\n    return f(m)\ndef f(m):\n    return g(m)"))


def test_an_empty_cell_is_no_obstacle() -> None:
    def make() -> Any:
        def f(m: Any) -> Any:
            return later

        found = digest(f)
        later = 1
        assert digest(f) != found
        return f

    make()


def test_deep_nesting_is_named() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    (named,) = fingerprint(lambda m: deep).unhashed
    assert named.startswith("closure variable 'deep'[0][0]")
    assert named.endswith("(nested deeper than 60)")


def test_shared_parts_are_walked_once() -> None:
    wide: Any = [0]
    for _ in range(50):
        wide = [wide, wide]  # 2^50 paths
    assert digest(lambda m: wide)


def test_installed_packages_are_not_walked() -> None:
    source = "import {0}\nfrom {0} import {1} as g\ndef f(m):\n    return g(m), {0}.{1}"
    assert digest(define(source.format("inspect", "signature")))
    assert digest(define(source.format("pytest", "raises")))


@settings(max_examples=50)
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(max_size=3), inner, max_size=4)
            | st.tuples(inner, inner)
        ),
        max_leaves=15,
    )
)
def test_any_data_gives_a_steady_digest(data: Any) -> None:
    import copy

    def make(content: Any) -> Callable[..., Any]:
        return lambda masks: content

    assert digest(make(data)) == digest(make(copy.deepcopy(data)))
    assert digest(make(data)) != digest(make([data]))


def test_calling_a_function_does_not_change_it() -> None:
    """The interpreter rewrites the bytecode of what is called often."""
    f = define(
        "K = 2\ndef f(m):\n    t = 0\n    for i in range(3):\n        t += i * K\n    return t"
    )
    before = digest(f)
    for _ in range(2000):
        f(None)
    assert digest(f) == before


def test_other_processes_find_the_same() -> None:
    """Whatever the seed of their hashes: sets and strings are walked in an order of their own."""
    source = (
        "import numpy as np\nclass C:\n    def __init__(self):\n        self.s = {'a', 'b', 'c'}\n"
        "c = C()\nK = {'x': frozenset('abcdef')}\n"
        "def f(m):\n    return m in {'p', 'q', 'r'}, c, K\n"
    )
    program = f"{source}\nfrom interplay.fingerprint import fingerprint\nprint(fingerprint(f))"
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    found = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**environment, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1


# --- functions that change themselves -------------------------------------------------------------


def counting() -> tuple[Callable[[np.ndarray], Any], list[int], list[float]]:
    log: list[int] = []
    weights = [1.0, 2.0]

    def f(masks: np.ndarray) -> Any:
        log.append(len(masks))
        return masks @ np.array(weights)

    return f, log, weights


def test_a_log_in_the_closure_does_not_make_it_another_function(tmp_path: Path) -> None:
    f, log, weights = counting()
    with Store(tmp_path / "runs.db") as store:
        first = evaluate(f, MASKS, store=store)
        again = evaluate(f, MASKS, store=store)
        assert (again.calls, again.fingerprint) == (0, first.fingerprint)
        more = evaluate(f, np.zeros((1, 2), dtype=bool), store=store)
        assert more.fingerprint == first.fingerprint == fingerprint(f).digest
        assert log == [2, 1]
        weights[0] = 5.0  # changed from outside: another function
        assert evaluate(f, MASKS, store=store).calls == 2
        weights[0] = 1.0
        log.clear()  # as it was in the beginning
        assert evaluate(f, MASKS, store=store).calls == 0


def test_a_counter_of_an_object_survives_a_failure(tmp_path: Path) -> None:
    class Flaky:
        calls = 0

        def __call__(self, masks: np.ndarray) -> Any:
            self.calls += 1
            if self.calls == 2:
                raise ConnectionError
            return masks.sum(1)

    flaky = Flaky()
    with Store(tmp_path / "runs.db") as store:
        with pytest.raises(Exception, match="ConnectionError"):
            evaluate(flaky, MASKS, store=store, batch_size=1)
        result = evaluate(flaky, MASKS, store=store, batch_size=1)
    assert (result.calls, result.reused) == (1, 1)


def test_continuing_an_unchanged_function_changes_nothing() -> None:
    f, _, _ = counting()
    before = fingerprint(f)
    continue_fingerprint(f, before.digest)
    assert fingerprint(f) == before
