"""The fingerprint of a value function: the name of its evaluations in the store."""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import json
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

import numpy as np


@dataclass(frozen=True)
class Fingerprint:
    """What a value function is, as a digest; ``unhashed`` names what the digest could not see."""

    digest: str
    unhashed: tuple[str, ...] = ()


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """Return the fingerprint under which a value function's evaluations are stored.

    A function made by a lens carries its own. For any other callable the digest covers module,
    qualified name, bytecode, constants, defaults and closure; the globals that it names; the same
    of the functions and classes that these lead to, as far as they are not of an installed package;
    and the state of a callable object or of a method's object. What cannot be hashed (a live model
    in a closure, say) is named in ``unhashed``, so that a resumed run can warn about it.

    Bytecode differs between versions of Python: give the function a string attribute
    ``fingerprint`` where its evaluations shall outlive an upgrade.

    >>> fingerprint(lambda masks: masks.sum(1)).unhashed
    ()
    """
    found = _fingerprint_now(function)
    return Fingerprint(_CONTINUES.get(found.digest, found.digest), found.unhashed)


def identity_fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the fingerprint of a value function that knows what its values depend on.

    ``identity`` is JSON-able; the order of its keys, and of those within, does not count.

    >>> identity_fingerprint({"model": "m", "text": "t"})
    '96c85b753b864bdfc5eda86c51dcc8c8'
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def continue_fingerprint(function: Callable[..., Any], digest: str) -> None:
    """Let the fingerprint of ``function`` be ``digest`` still, now that it has been called.

    A value function may keep a log, a counter or a cache in its closure. What its own calls have
    changed must not make it another one in the next run; what somebody else changes must.
    """
    after = _fingerprint_now(function).digest
    if after != digest:
        _CONTINUES[after] = digest


_CONTINUES: Final[dict[str, str]] = {}
"""The digest of a function after calls of its own -> the one that it began with."""

_FUNCTIONS: Final = (
    types.FunctionType,
    types.BuiltinFunctionType,
    functools.partial,
    np.ufunc,
    type,
)
_DEEPEST: Final = 60
"""Nesting beyond which content is named and not hashed; well within Python's recursion limit."""

_ATOMS: Final = (type(None), bool, int, float, complex, str, bytes, types.EllipsisType)
_TOLD_BY_REPR: Final = (range, slice, PurePath, Enum, np.ufunc, np.dtype, types.UnionType)
_UNTOLD_METHODS: Final = frozenset(
    # what these do is in the state that they leave, or of no influence on a value; dataclasses
    # write most of them, around objects that cannot be hashed
    f"__{name}__"
    for name in (
        *("init", "new", "repr", "eq", "hash", "lt", "le", "gt", "ge", "replace"),
        *("setattr", "delattr", "getstate", "setstate"),
    )
)
_DESCRIPTORS: Final = (types.MemberDescriptorType, types.GetSetDescriptorType)


def _fingerprint_now(function: Callable[..., Any]) -> Fingerprint:
    own = getattr(function, "fingerprint", None)
    if isinstance(own, str) and own:
        return Fingerprint(own)
    walk = _Walk()
    digest = walk.root(function)
    return Fingerprint(digest.hex()[:32], tuple(dict.fromkeys(walk.unhashed)))


def _join(*parts: str | bytes) -> bytes:
    """Return the digest of a sequence of parts, each marked off by its length."""
    digest = hashlib.sha256()
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(octets).to_bytes(8, "little"))
        digest.update(octets)
    return digest.digest()


def _type_name(content: object) -> str:
    return f"{type(content).__module__}.{type(content).__qualname__}"


@functools.cache
def _installed(module: str | None) -> bool:
    """Whether a module is of the standard library or of an installed package.

    Installed code is told by its name and its bytecode: who follows all that it refers to walks
    through half of the environment.
    """
    if module is None or module == "__main__":
        return False
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:  # made in a notebook or by exec
        return False
    return any(file.startswith(sysconfig.get_path(name)) for name in ("purelib", "platlib"))


@dataclass
class _Walk:
    """Digests all that a callable leads to; every node is digested from those of its children."""

    unhashed: list[str] = field(default_factory=list)
    done: dict[int, tuple[bytes, object]] = field(default_factory=dict)  # the object keeps its id
    open: dict[int, int] = field(default_factory=dict)  # what the walk is inside of, and how deep

    def root(self, function: Any) -> bytes:
        """Digest the value function: its state too, whatever class it is of."""
        where = "value function"
        if isinstance(function, types.MethodType):
            owner = function.__self__
            state = self.of(owner, where) if isinstance(owner, type) else self.told(owner, where)
            return _join("method", state, self.of(function.__func__, where))
        if isinstance(function, _FUNCTIONS):
            return self.of(function, where)
        return self.told(function, where)

    def told(self, owner: Any, where: str) -> bytes:
        """Digest the object that the value function is, or is a method of."""
        own = getattr(owner, "fingerprint", None)
        if isinstance(own, str) and own:
            return _join("fingerprint", own)
        self.open[id(owner)] = len(self.open)
        return self.instance(owner, where)

    def of(self, content: Any, where: str) -> bytes:
        """Digest anything; ``where`` says in words what it is, should it resist."""
        if isinstance(content, _ATOMS) and not isinstance(content, Enum):
            return _join(_type_name(content), repr(content))
        key = id(content)
        if key in self.done:
            return self.done[key][0]
        if key in self.open:  # a cycle: told by how far up it leads
            return _join("cycle", str(self.open[key]))
        if len(self.open) >= _DEEPEST:
            self.unhashed.append(f"{where} (nested deeper than {_DEEPEST})")
            return _join("deep")
        self.open[key] = len(self.open)
        try:
            digest = _join(_type_name(content), self.compound(content, where))
        finally:
            del self.open[key]
        self.done[key] = digest, content
        return digest

    def compound(self, content: Any, where: str) -> bytes:
        match content:
            case np.ndarray() if type(content) in (np.ndarray, np.memmap):
                return self.array(content, where)
            case np.generic():
                return _join(str(content.dtype), content.tobytes())
            case dict() | types.MappingProxyType():
                items = (
                    _join(self.of(key, where), self.of(value, f"{where}[{key!r}]"))
                    for key, value in content.items()
                )
                return _join(*sorted(items))
            case list() | tuple():
                return _join(*(self.of(item, f"{where}[{i}]") for i, item in enumerate(content)))
            case set() | frozenset():
                return _join(*sorted(self.of(item, f"an item of {where}") for item in content))
            case re.Pattern():
                return _join(repr(content.pattern), str(content.flags))
            case types.FunctionType():
                return self.function(content, where)
            case types.MethodType():
                return _join(
                    self.of(content.__self__, f"{where}'s self"), self.of(content.__func__, where)
                )
            case functools.partial():
                arguments = self.of(content.args, where), self.of(content.keywords, where)
                return _join(self.of(content.func, where), *arguments)
            case staticmethod() | classmethod():
                return self.of(content.__func__, where)
            case property():
                return self.of(content.fget, where)
            case types.ModuleType():
                return _join(content.__name__)
            case types.BuiltinFunctionType():
                owner = content.__self__
                told = b"" if isinstance(owner, types.ModuleType) else self.of(owner, where)
                return _join(content.__module__ or "", content.__qualname__, told)
            case type():
                return self.class_(content)
            case _ if isinstance(content, _TOLD_BY_REPR):
                return _join(repr(content))
            case _ if isinstance(getattr(content, "__wrapped__", None), types.FunctionType):
                return self.of(content.__wrapped__, where)  # functools.cache
        return self.object(content, where)

    def array(self, content: np.ndarray[Any, np.dtype[Any]], where: str) -> bytes:
        head = f"{content.dtype!r}{content.shape}"
        if content.dtype.hasobject:
            return _join(head, self.of(content.tolist(), where))
        return _join(head, content.tobytes())

    def object(self, content: Any, where: str) -> bytes:
        own = getattr(content, "fingerprint", None)
        if isinstance(own, str) and own:
            return _join("fingerprint", own)
        plain_data = dataclasses.is_dataclass(content) and not isinstance(content, type)
        if plain_data or not _installed(type(content).__module__):
            return self.instance(content, where)
        self.unhashed.append(f"{where} ({type(content).__qualname__})")
        return b""

    def instance(self, content: Any, where: str) -> bytes:
        """Digest an object by its class and its attributes."""
        state = dict(getattr(content, "__dict__", {}))
        for base in type(content).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(content, name) and name not in ("__dict__", "__weakref__"):
                    state[name] = getattr(content, name)
        inner = "attribute" if where == "value function" else f"{where}'s attribute"
        parts = [self.of(type(content), where)]
        for name in sorted(state, key=str):
            parts.append(_join(str(name), self.of(state[name], f"{inner} {name!r}")))
        builtin = type(content).__module__ == "builtins"
        if builtin or (not state and _installed(type(content).__module__)):  # state in C, if any
            self.unhashed.append(f"{where} ({type(content).__qualname__})")
        return _join(*parts)

    def class_(self, content: type) -> bytes:
        parts = [f"{content.__module__}.{content.__qualname__}".encode()]
        for base in content.__mro__:
            if _installed(base.__module__):
                parts.append(f"{base.__module__}.{base.__qualname__}".encode())
                continue
            for name, value in sorted(vars(base).items()):
                dunder = name.startswith("__") and name.endswith("__")
                told = callable(value) and name not in _UNTOLD_METHODS if dunder else True
                if told and name != "_abc_impl" and not isinstance(value, _DESCRIPTORS):
                    parts.append(_join(name, self.of(value, f"{base.__qualname__}.{name}")))
        return _join(*parts)

    def function(self, content: types.FunctionType, where: str) -> bytes:
        parts = [
            _join(content.__module__ or "", content.__qualname__),
            self.code(content.__code__, where),
            self.of(content.__defaults__, f"a default of {content.__name__}"),
            self.of(content.__kwdefaults__, f"a default of {content.__name__}"),
            self.of(content.__dict__, f"an attribute of {content.__name__}"),
        ]
        cells = zip(content.__code__.co_freevars, content.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                held = cell.cell_contents
            except ValueError:  # empty: the name is not bound yet
                continue
            parts.append(_join(name, self.of(held, f"closure variable {name!r}")))
        if not _installed(content.__module__):
            for name in sorted(set(_globals_of(content.__code__))):
                if name in content.__globals__:
                    value = content.__globals__[name]
                    parts.append(_join(name, self.of(value, f"global {name!r}")))
                    parts += self.module_attributes(value, content.__code__)
        return _join(*parts)

    def module_attributes(self, module: Any, code: types.CodeType) -> Iterator[bytes]:
        """Digest what code may read from a module of one's own: ``settings.TEMPLATE``."""
        if isinstance(module, types.ModuleType) and not _installed(module.__name__):
            names = {name for nested in _codes(code) for name in nested.co_names}
            for name in sorted(names & vars(module).keys()):
                where = f"{module.__name__}.{name}"
                yield _join(name, self.of(vars(module)[name], where))

    def code(self, code: types.CodeType, where: str) -> bytes:
        constants = (
            self.code(constant, where)
            if isinstance(constant, types.CodeType)
            else self.of(constant, where)
            for constant in code.co_consts
        )
        return _join(
            code.co_code,
            code.co_exceptiontable,
            repr(
                (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
            ),
            repr(code.co_names),
            *constants,
        )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those nested in it: comprehensions, lambdas."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Yield the names of the globals that code reads."""
    for nested in _codes(code):
        for instruction in dis.get_instructions(nested):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield instruction.argval
