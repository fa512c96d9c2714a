"""Recordings: round trips, the assets, and every malformed file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interplay.errors import BadInput, InterplayError
from interplay.recording import read_recording, write_recording

MASKS = np.array([[True, False, True], [False, False, True]])
VALUES = np.array([0.5, -1.0])


def save(path: Path, **entries: object) -> Path:
    """Write exactly these entries; None leaves one of the sound ones out."""
    entries = {"masks": MASKS, "values": VALUES, **entries}
    np.savez(path, **{k: v for k, v in entries.items() if v is not None})
    return path


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 70),
    m=st.integers(0, 20),
    q=st.none() | st.integers(1, 3),
    named=st.booleans(),
)
def test_round_trip(tmp_path: Path, seed: int, n: int, m: int, q: int | None, named: bool) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    values = rng.normal(size=m if q is None else (m, q))
    features = [f"wört {i}" for i in range(n)] if named else None
    targets = [f"t{i}" for i in range(q or 1)] if named else None
    path = tmp_path / "a.npz"
    write_recording(
        path, masks, values, features=features, targets=targets, design="uniform" if named else None
    )
    back = read_recording(path)
    assert back.masks.dtype == np.bool_
    assert back.values.dtype == np.float64
    np.testing.assert_array_equal(back.masks, masks)
    np.testing.assert_array_equal(back.values, values)
    assert back.features == (tuple(features) if features else None)
    assert back.targets == (tuple(targets) if targets else None)
    assert back.design == ("uniform" if named else None)


def test_plain_masks_and_float32_values_are_read(tmp_path: Path) -> None:
    back = read_recording(save(tmp_path / "a.npz", values=VALUES.astype(np.float32), n=3))
    np.testing.assert_array_equal(back.masks, MASKS)
    assert back.values.dtype == np.float64


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_recording(path, MASKS, VALUES)
    write_recording(str(path), MASKS, VALUES * 2)
    np.testing.assert_array_equal(read_recording(str(path)).values, VALUES * 2)
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_without_npz_is_kept(tmp_path: Path) -> None:
    write_recording(tmp_path / "a", MASKS, VALUES)
    assert len(read_recording(tmp_path / "a").values) == 2
    with pytest.raises(BadInput, match=r"a\.csv would be read as another format: name it a\.npz"):
        write_recording(tmp_path / "a.csv", MASKS, VALUES)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"masks": None}, r'has no masks: add "masks", bool \(m, n\)'),
        ({"values": None}, r'has no "values"'),
        ({"masks_packed": np.packbits(MASKS, axis=1)}, r'both "masks" and "masks_packed"'),
        ({"masks": MASKS.astype(int)}, r'"masks" must be boolean .* got dtype int64.*astype\(bool'),
        ({"masks": MASKS[0]}, r'"masks" must have shape \(m, n\).*got \(3,\)'),
        ({"masks": MASKS[:, :0]}, r'"masks" has no columns'),
        ({"n": 4}, r'"n" is 4, but "masks" has shape \(2, 3\)'),
        ({"values": VALUES[:1]}, r'"values" must have shape \(2,\) or \(2, q\).*got \(1,\)'),
        ({"values": np.ones((2, 1, 1))}, r'"values" must have shape'),
        ({"values": np.ones((2, 0))}, r'"values" must hold at least one value'),
        ({"values": np.array([1.0, np.nan])}, r'"values" must be finite; 1 of 2.*row 1: nan'),
        ({"values": np.array(["a", "b"])}, r'"values" must be numbers'),
        ({"values": VALUES + 1j}, r'"values" must be numbers.*complex'),
        ({"features": np.array(["a", "b"])}, r'"features" must be 3 texts.*got <U1 of shape \(2,'),
        ({"features": np.arange(3)}, r'"features" must be 3 texts.*got int64'),
        ({"features": np.array(["a", "b", None], object)}, r'"features" is an array of Python obj'),
        ({"targets": np.array(["a", "b"])}, r'"targets" must be 1 texts'),
        ({"design": np.array(["uniform"])}, r'"design" must be one text.*shape \(1,\)'),
        ({"design": 3}, r'"design" must be one text'),
    ],
)
def test_malformed_entries_are_named(
    tmp_path: Path, entries: dict[str, object], message: str
) -> None:
    path = save(tmp_path / "bad.npz", **entries)
    with pytest.raises(BadInput, match=rf"bad\.npz.*{message}"):
        read_recording(path)


@pytest.mark.parametrize(
    ("packed", "n", "message"),
    [
        (np.packbits(MASKS, axis=1), None, r'"masks_packed" but no "n"'),
        (np.packbits(MASKS, axis=1), 0, r'"n" must be one whole number, at least 1; got.*: 0'),
        (np.packbits(MASKS, axis=1), 3.0, r'"n" must be one whole number.*float64'),
        (np.packbits(MASKS, axis=1), np.array([3]), r'"n" must be one whole number.*shape \(1,\)'),
        (np.packbits(MASKS, axis=1), 9, r"uint8 of shape \(m, 2\) for n = 9.*shape \(2, 1\)"),
        (np.packbits(MASKS, axis=1), 2, r"bits beyond n = 2"),
        (np.packbits(MASKS, axis=1).astype(int), 3, r"must be uint8.*got int64"),
    ],
)
def test_malformed_packed_masks_are_named(
    tmp_path: Path, packed: object, n: object, message: str
) -> None:
    path = save(tmp_path / "bad.npz", masks=None, masks_packed=packed, n=n)
    with pytest.raises(BadInput, match=message):
        read_recording(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a recording: expected an .npz file"),
        (b"hello", "is not a recording"),
        (b"\x93NUMPY\x01\x00", r"is one array, and a recording has two: .*write_recording\("),
        (b"\x80\x04K\x01.", r"is a pickle, which is never read.*save_values\('game.npz'\)"),
        (b"PK\x03\x04 and then nothing", "is damaged, .*copy or record it again"),
    ],
)
def test_files_that_are_no_recording(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_recording(path)


def test_missing_file_folder_and_foreign_archive(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.npz cannot be read: No such file"):
        read_recording(tmp_path / "nowhere.npz")
    with pytest.raises(BadInput, match="is no archive of masks and values: it has no masks"):
        read_recording(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("masks.npy", "no array")
    with pytest.raises(BadInput, match=r'a\.zip.*"masks'):
        read_recording(tmp_path / "a.zip")


def test_writing_checks_before_it_touches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(BadInput, match=r'"features" must be 3 texts.*\(2,\)'):
        write_recording(path, MASKS, VALUES, features=["a", "b"])
    with pytest.raises(BadInput, match=r'"targets" must be 1 texts'):
        write_recording(path, MASKS, VALUES, targets=["a", "b"])
    with pytest.raises(BadInput, match="must be finite"):
        write_recording(path, MASKS, np.array([0.0, np.inf]))
    with pytest.raises(BadInput, match=r"cannot be written .*folder that exists"):
        write_recording(tmp_path / "nowhere" / "a.npz", MASKS, VALUES)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_give_one_clear_error(tmp_path: Path) -> None:
    """Of 300 mutations each reads as before (the byte did not matter) or raises InterplayError."""
    path = tmp_path / "a.npz"
    rng = np.random.default_rng(0)
    masks = rng.random((40, 12)) < 0.5
    write_recording(path, masks, masks.sum(1), features=[f"word{i}" for i in range(12)])
    sound = path.read_bytes()
    refused = 0
    for _ in range(300):
        mutated = bytearray(sound)
        if rng.random() < 0.2:
            del mutated[int(rng.integers(len(mutated))) :]
        else:
            for position in rng.integers(len(mutated), size=int(rng.integers(1, 5))):
                mutated[position] = rng.integers(256)
        path.write_bytes(mutated)
        try:
            back = read_recording(path)
        except InterplayError:
            refused += 1
        else:
            np.testing.assert_array_equal(back.masks, masks)
            np.testing.assert_array_equal(back.values, masks.sum(1))
    assert refused > 200


def test_the_recordings_of_real_models(assets: Path) -> None:
    paths = sorted((assets / "recordings").glob("*.npz"))
    assert len(paths) >= 10
    for path in paths:
        recording = read_recording(path)
        with np.load(path) as file:
            n = int(file["n"])
            assert recording.masks.shape == (len(file["values"]), n)
            np.testing.assert_array_equal(
                np.packbits(recording.masks, axis=1), file["masks_packed"]
            )
            np.testing.assert_array_equal(recording.values, file["values"])
