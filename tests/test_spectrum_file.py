"""Spectra in files: round trips to the last bit, and files that are not spectra."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interplay.errors import BadInput
from interplay.spectrum import Spectrum

round_trips = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def named_spectra(draw: st.DrawFn) -> Spectrum:
    n = draw(st.sampled_from([1, 3, 64, 65]))
    term = st.frozensets(st.integers(0, n - 1), max_size=6).map(lambda t: tuple(sorted(t)))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    terms = draw(st.dictionaries(term, finite, max_size=10))
    errors = None
    if draw(st.booleans()):
        sizes = st.lists(finite.map(abs), min_size=len(terms), max_size=len(terms))
        errors = dict(zip(terms, draw(sizes), strict=True))
    any_text = st.text(st.characters(), max_size=4)  # NUL and lone surrogates too
    names = draw(st.lists(any_text, min_size=n, max_size=n))
    return Spectrum(terms, n, features=names, errors=errors)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@given(spectrum=named_spectra())
@round_trips
def test_load_undoes_save(tmp_path: Path, suffix: str, spectrum: Spectrum):
    path = tmp_path / f"spectrum{suffix}"
    spectrum.save(path)
    assert Spectrum.load(str(path)) == spectrum
    assert list(tmp_path.iterdir()) == [path]


@given(spectrum=named_spectra())
@round_trips
def test_from_dict_undoes_to_dict(spectrum: Spectrum):
    assert Spectrum.from_dict(json.loads(json.dumps(spectrum.to_dict()))) == spectrum


def test_json_goes_through_npz(tmp_path: Path):
    spectrum = Spectrum.from_values(np.random.default_rng(0).normal(size=2**8), 8)
    spectrum.save(tmp_path / "a.json")
    Spectrum.load(tmp_path / "a.json").save(tmp_path / "a.npz")
    assert Spectrum.load(tmp_path / "a.npz") == spectrum


def test_same_spectrum_same_bytes(tmp_path: Path):
    for suffix in ("json", "npz"):
        for name in "ab":
            Spectrum({(0, 2): 1.5}, 3).save(tmp_path / f"{name}.{suffix}")
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second


def test_dict():
    assert Spectrum({(1, 0): 0.5}, 2, features=["not", "bad"]).to_dict() == {
        "format": "interplay.spectrum",
        "version": 1,
        "n": 2,
        "features": ["not", "bad"],
        "terms": [[0, 1]],
        "coefficients": [0.5],
        "standard_errors": None,
    }


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.95])
def test_files_cut_short(tmp_path: Path, suffix: str, part: float):
    path = tmp_path / f"cut{suffix}"
    Spectrum.from_values(np.arange(16.0), 4).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(BadInput, match=rf"cut\{suffix} is not a readable spectrum"):
        Spectrum.load(path)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@given(data=st.data())
@round_trips
def test_damaged_files_never_raise_anything_else(tmp_path: Path, suffix: str, data: st.DataObject):
    path = tmp_path / f"damaged{suffix}"
    Spectrum({(0, 1): 1.0, (2,): -0.5}, 3).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(BadInput):
        Spectrum.load(path)


def test_archive_that_seems_encrypted(tmp_path: Path):
    """One bit in a zip's directory makes zipfile raise a RuntimeError."""
    path = tmp_path / "e.npz"
    Spectrum({(0,): 1.0}, 1).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"e.npz is not a readable spectrum .*encrypted"):
        Spectrum.load(path)


def test_foreign_archive(tmp_path: Path):
    np.savez(tmp_path / "other.npz", masks=np.ones((2, 2), bool))
    with pytest.raises(BadInput, match=r"other.npz is not a readable spectrum \(no entry"):
        Spectrum.load(tmp_path / "other.npz")


def test_pickles_are_not_read(tmp_path: Path):
    np.savez(tmp_path / "p.npz", header=np.array([{}], dtype=object))
    with pytest.raises(BadInput, match=r"p.npz is not a readable spectrum .*pickle"):
        Spectrum.load(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "run"}, "its format is not 'interplay.spectrum'"),
        ({"n": 3}, "it has n = 3 and 2 feature names"),
        ({"n": "2"}, "it has n = '2'"),
        ({"features": "ab"}, "its features are not a list of names"),
        ({"features": [1, 2]}, "its features are not a list of names"),
        ({"terms": [[0, 5]]}, r"term \(0, 5\) is not a set of features in 0 .. 1"),
        ({"terms": [[0], [1]]}, r"coefficients must have shape \(2,\)"),
        ({"terms": 7}, "not iterable"),
        ({"coefficients": ["a"]}, "could not convert string"),
        ({"coefficients": [[1.0]]}, r"coefficients must have shape \(1,\)"),
        ({"coefficients": [float("nan")]}, "coefficients must be finite"),
        ({"standard_errors": [-1.0]}, "must not be negative"),
        ({"terms": None}, "NoneType"),
    ],
)
def test_bad_fields(change: dict[str, object], message: str):
    data = Spectrum({(0, 1): 1.0}, 2).to_dict() | change
    with pytest.raises(BadInput, match=rf"run.json is not a readable spectrum .*{message}"):
        Spectrum.from_dict(data, source="run.json")


def test_missing_field():
    data = Spectrum({(0, 1): 1.0}, 2).to_dict()
    del data["terms"]
    with pytest.raises(BadInput, match=r"this mapping is not a readable .*no entry 'terms'"):
        Spectrum.from_dict(data)


@pytest.mark.parametrize("data", [None, 3, [], "text", {}])
def test_not_a_mapping(data: object):
    with pytest.raises(BadInput, match=r"its format is not 'interplay.spectrum'"):
        Spectrum.from_dict(data)  # type: ignore[arg-type]


def test_newer_version():
    data = Spectrum({(0, 1): 1.0}, 2).to_dict() | {"version": 2}
    with pytest.raises(BadInput, match=r"version 2; this interplay reads version 1. Upgrade"):
        Spectrum.from_dict(data)


def test_paths(tmp_path: Path):
    spectrum = Spectrum({(0,): 1.0}, 1)
    with pytest.raises(BadInput, match=r"ends in .json or .npz; got .*spectrum.txt"):
        spectrum.save(tmp_path / "spectrum.txt")
    with pytest.raises(BadInput, match=r"ends in .json or .npz; got .*spectrum"):
        Spectrum.load(tmp_path / "spectrum")
    with pytest.raises(BadInput, match=r"cannot read .*absent.json: No such file"):
        Spectrum.load(tmp_path / "absent.json")
    with pytest.raises(BadInput, match=r"cannot write .*none/a.npz: No such file"):
        spectrum.save(tmp_path / "none" / "a.npz")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "s.json"
    Spectrum({(0,): 1.0}, 1).save(path)

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput, match=r"cannot write .*s.json: No space left on device"):
        Spectrum({(0,): 2.0}, 1).save(path)
    assert Spectrum.load(path).terms == {(0,): 1.0}
    assert list(tmp_path.iterdir()) == [path]
