"""Archives made to do harm: refused before memory is taken for what they claim."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import interplay as ip
from interplay import files, npz
from interplay.errors import BadInput
from interplay.npz import DAMAGE, Pickled, check_array_head, open_arrays

KINDS = (
    arrays_of.boolean_dtypes()
    | arrays_of.integer_dtypes()
    | arrays_of.floating_dtypes()
    | arrays_of.unicode_string_dtypes(min_len=1)
)


@given(arrays_of.arrays(KINDS, arrays_of.array_shapes(min_dims=0, min_side=0)), st.booleans())
def test_all_that_numpy_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, a=array, b=array.T)
    with open_arrays(path) as arrays:
        assert list(arrays) == ["a", "b"]
        for name, expected in (("a", array), ("b", array.T)):
            assert arrays[name].dtype == expected.dtype
            assert arrays[name].tobytes() == expected.tobytes()
            assert arrays[name].shape == expected.shape


def head(shape: str, dtype: str = "<f8", content: bytes = b"") -> bytes:
    """An array as numpy writes it, with any head."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def archive(path: Path, entries: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (head("(1000000000000,)"), "its head tells of 8,000,000,000,000 bytes"),
        (head(f"({10**30}, {10**30})"), "and it has 0"),
        (head("(3,)", content=bytes(16)), r"tells of 24 bytes \(float64 of shape \(3,\)\)"),
        (head("(3,)", content=bytes(32)), "and it has 32"),
        (head("(-1,)"), "its shape is"),
        (head("(True,)", content=bytes(8)), "its shape is"),
        (head("(1000000000000, 0)"), "there is nothing in it"),
        (head("(1000000000000,)", "<U0"), "there is nothing in it"),
        (head("(100,)", "<U0"), "it holds 100 things of no bytes"),
        (head("(1,)", "|O", bytes(8)), "never unpickled"),
        (head("(1, )", "<f8', 'x': '", bytes(8)), "not valid|keys"),
        (head("(" * 500 + ")" * 500, content=bytes(8)), "head|pars|nested|deep|shape|stack"),
        (b"\x93NUMPY\x03\x00" + head("(1,)")[8:], r"version \(3, 0\)"),
        (b"PK\x03\x04 a zip in a zip", "magic"),
        (b"", "EOF|magic"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_heads_that_do_not_fit_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DAMAGE, match=message):
        check_array_head(io.BytesIO(content), len(content))
    path = archive(tmp_path / "a.npz", {"masks.npy": content})
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"a\.npz.*masks"):
        ip.read_recording(path)
    assert path.read_bytes() == before
    single = tmp_path / "masks.npy"
    single.write_bytes(content)
    np.save(tmp_path / "values.npy", np.zeros(3))
    with pytest.raises(BadInput, match=r"masks\.npy"):
        ip.read_recording(single, values=tmp_path / "values.npy")


def bomb(path: Path, size: int = 2**27, claimed: int | None = None) -> Path:
    """A hundred megabytes of zeros in a few kilobytes; its list may tell another size."""
    text = head(f"({size},)", "|b1")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("masks.npy", "w") as entry,
    ):
        entry.write(text)
        for _ in range(size // 2**20):
            entry.write(bytes(2**20))
    if claimed is not None:
        octets = bytearray(path.read_bytes())
        at = octets.rindex(b"PK\x01\x02")
        octets[at + 24 : at + 28] = struct.pack("<I", claimed)
        path.write_bytes(octets)
    return path


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SUSPICIOUS_UNPACKED", 2**26)
    path = bomb(tmp_path / "bomb.npz")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (ip.read_recording, ip.Design.load, ip.Spectrum.load):
        with pytest.raises(BadInput, match=r"bomb\.npz would unpack from [\d,]+ to 134,2"):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_zip_bomb_that_claims_to_be_small_is_not_unpacked(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.npz", claimed=500)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=r"bomb\.npz is damaged"):
        ip.read_recording(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: archive(path, {f"{i}.npy": b"" for i in range(10_001)}),
            "it has 10,001 entries; 10,000 at most",
        ),
        (lambda path: archive(path, {"masks.npy": b"", "masks": b""}), "two of its entries"),
        (
            lambda path: archive(path, {"masks.npy": b"x"}, zipfile.ZIP_LZMA),
            "is packed as numpy never does",
        ),
    ],
    ids=["many", "twice", "lzma"],
)
def test_lists_of_entries_are_looked_through(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=rf"a\.npz is damaged, .*{message}"):
        ip.read_recording(make(tmp_path / "a.npz"))


def test_a_list_of_entries_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "MOST_LISTED", 100)
    path = archive(tmp_path / "a.npz", {f"{i}.npy": b"" for i in range(10)})
    with pytest.raises(BadInput, match="its list of entries has more than 100 bytes"):
        ip.read_recording(path)


def test_names_of_entries_lead_nowhere(tmp_path: Path) -> None:
    """Nothing is unpacked to the disk; what is not asked for by name is let be."""
    ip.write_recording(tmp_path / "a.npz", np.ones((1, 2), bool), np.ones(1))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as file:
        for name in ("../evil.npy", "/etc/evil", "..\\evil"):
            file.writestr(name, b"evil")
    assert ip.read_recording(tmp_path / "a.npz").masks.shape == (1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert not (tmp_path.parent / "evil.npy").exists()


def test_python_objects_are_named_as_such(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}, None]))
    with open_arrays(tmp_path / "a.npz") as arrays, pytest.raises(Pickled):
        arrays["a"]
