"""Recordings as two .npy files: read a part at a time, one column of many, nothing unpickled."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.errors import BadInput
from interplay.recording import arrays

RNG = np.random.default_rng(0)
MASKS = RNG.random((40, 9)) < 0.5
VALUES = RNG.normal(size=(40, 3)).astype(np.float16)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    np.save(tmp_path / "masks.npy", MASKS)
    np.save(tmp_path / "margins.npy", VALUES)
    return tmp_path / "masks.npy", tmp_path / "margins.npy"


def test_two_arrays_are_a_recording(pair: tuple[Path, Path]) -> None:
    masks, values = pair
    whole = ip.read_recording(masks, values=values)
    assert np.array_equal(whole.masks, MASKS)
    assert np.array_equal(whole.values, VALUES.astype(np.float64))
    assert whole.targets is None
    assert whole.named().targets == ("0", "1", "2")
    one = ip.read_recording(masks, values=values, target=2)
    assert np.array_equal(one.values, VALUES[:, 2].astype(np.float64))
    assert one.targets == ("2",)
    assert np.array_equal(ip.read_recording(masks, values=values, target="2").values, one.values)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int64, np.float16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_of_any_numbers(
    tmp_path: Path, dtype: type, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "AT_A_TIME", 30)  # many parts
    np.save(tmp_path / "m.npy", np.array(MASKS, dtype=dtype, order=order))
    np.save(tmp_path / "v.npy", VALUES[:, 0])
    told = ip.read_recording(tmp_path / "m.npy", values=tmp_path / "v.npy")
    assert told.masks.dtype == np.bool_
    assert np.array_equal(told.masks, MASKS)
    on_disk = isinstance(told.masks.base, np.memmap) or isinstance(told.masks, np.memmap)
    assert on_disk == (order == "C" and np.dtype(dtype).itemsize == 1)


@pytest.mark.parametrize(
    ("masks", "values", "message"),
    [
        (MASKS * 2, VALUES, r"m\.npy must hold nothing but 0 and 1 .*; row 0 has 2"),
        (np.where(MASKS, 1.0, np.nan), VALUES, r"nothing but 0 and 1 .*has nan"),
        (MASKS[0], VALUES, r"m\.npy must be masks of shape \(m, n\).*\(9,\)"),
        (MASKS[:, :0], VALUES, r"must be masks of shape"),
        (MASKS, VALUES[:30], r"v\.npy must have a row for each of the 40 masks.*\(30, 3\)"),
        (MASKS, VALUES[None], r"v\.npy must have a row for each"),
        (MASKS, np.where(VALUES > 1, np.inf, VALUES), r"v\.npy must be finite"),
        (MASKS, np.array(["a"] * 40), r"v\.npy must be numbers"),
        (MASKS, np.array([{}] * 40), r"v\.npy is an array of Python objects, which is never unpi"),
        (np.array([[{}] * 9] * 40), VALUES, r"m\.npy is an array of Python objects"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(
    tmp_path: Path, masks: np.ndarray, values: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "m.npy", masks, allow_pickle=True)
    np.save(tmp_path / "v.npy", values, allow_pickle=True)
    with pytest.raises(BadInput, match=message):
        ip.read_recording(tmp_path / "m.npy", values=tmp_path / "v.npy")


def test_files_that_are_missing_damaged_or_not_meant(pair: tuple[Path, Path]) -> None:
    masks, values = pair
    with pytest.raises(BadInput, match=r"is one array.*--values values\.npy"):
        ip.read_recording(masks)
    with pytest.raises(BadInput, match="No such file"):
        ip.read_recording(masks, values=values.with_name("none.npy"))
    with pytest.raises(BadInput, match=r"targets 0 to 2, its columns; got 3"):
        ip.read_recording(masks, values=values, target=3)
    with pytest.raises(BadInput, match=r"targets 0 to 2, its columns; got 'loss'"):
        ip.read_recording(masks, values=values, target="loss")
    cut = values.with_name("cut.npy")
    cut.write_bytes(values.read_bytes()[:150])
    with pytest.raises(BadInput, match=r"cut\.npy is damaged"):
        ip.read_recording(masks, values=cut)
    for content, message in ((b"\x80\x04K\x01.", "is a pickle"), (b"0,1", "is not an array")):
        cut.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            ip.read_recording(masks, values=cut)
    whole = masks.with_name("whole.npz")
    ip.write_recording(whole, MASKS, VALUES, targets=["a", "b", "c"])
    with pytest.raises(BadInput, match=r"whole\.npz has its values in itself"):
        ip.read_recording(whole, values=values)
    assert np.array_equal(ip.read_recording(whole, target="b").values, VALUES[:, 1])
    with pytest.raises(BadInput, match="unknown target 'd'; valid: a, b, c"):
        ip.read_recording(whole, target="d")


def test_the_command_fits_a_column(tmp_path: Path, interplay) -> None:
    masks = RNG.random((300, 12)) < 0.5
    values = np.stack([masks[:, 0] * 1.0, masks[:, 3] - 2.0 * masks[:, 4]], axis=1)
    np.save(tmp_path / "masks.npy", masks)
    np.save(tmp_path / "margins.npy", values)
    told = ("--values", str(tmp_path / "margins.npy"), "--target", "1", "--method", "lasso")
    done = interplay("fit", str(tmp_path / "masks.npy"), *told)
    assert done.returncode == 0, done.stderr
    assert re.search("Trust this explanation", done.stdout)
    done = interplay("fit", str(tmp_path / "masks.npy"))
    assert done.returncode == 2
    assert "--values" in done.stderr


# ---- the folder of an archive of subset training


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    made.mkdir()
    np.save(made / "masks.npy", MASKS)
    np.save(made / "margins.npy", VALUES)
    return made


def test_a_folder_is_a_recording(folder: Path) -> None:
    whole = ip.read_recording(folder)
    assert np.array_equal(whole.masks, MASKS)
    assert np.array_equal(whole.values, VALUES.astype(np.float64))
    assert whole.notes == ()
    some = ip.read_recording(folder, target=[2, "0"])
    assert some.targets == ("2", "0")
    assert np.array_equal(some.values, VALUES[:, [2, 0]].astype(np.float64))
    assert np.array_equal(ip.read_recording(folder, target=1).values, VALUES[:, 1])
    np.save(folder / "margins.npy", VALUES[:, 0])
    assert ip.read_recording(folder, target=0).values.shape == (40,)


@pytest.mark.parametrize("at_a_time", [30, 10**6])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32])
@pytest.mark.parametrize("done", [slice(5, 33), slice(0, None, 3), [7]])
def test_trainings_that_did_not_end_are_left_out(
    folder: Path, done: object, dtype: type, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "AT_A_TIME", at_a_time)
    completed = np.zeros(40, dtype=dtype)
    completed[done] = 1
    np.save(folder / "_completed.npy", completed)
    np.save(folder / "masks.npy", MASKS.astype(dtype))
    told = ip.read_recording(folder)
    kept = completed == 1
    assert np.array_equal(told.masks, MASKS[kept])
    assert told.masks.dtype == np.bool_
    assert np.array_equal(told.values, VALUES[kept].astype(np.float64))
    left = 40 - int(kept.sum())
    assert told.notes == (f"{left} of 40 masks were left out: their training was not completed.",)


def test_values_that_are_missing_are_left_out_and_counted(folder: Path) -> None:
    margins = VALUES.copy()
    margins[[3, 9], 1] = np.nan
    margins[20:, 2] = np.nan
    np.save(folder / "margins.npy", margins)
    completed = np.ones(40, dtype=np.bool_)
    completed[3] = False
    np.save(folder / "_completed.npy", completed)
    one = ip.read_recording(folder, target=1)
    assert len(one.values) == len(one.masks) == 38
    assert one.notes == (
        "1 of 40 masks were left out: their training was not completed.",
        "1 of 40 masks were left out: they have no value (NaN).",
    )
    assert len(ip.read_recording(folder, target=0).values) == 39
    assert len(ip.read_recording(folder).values) == 18
    margins[:, 0] = np.nan
    np.save(folder / "margins.npy", margins)
    with pytest.raises(BadInput, match=r"margins\.npy has no value: 1 of 40.*; 39 of 40"):
        ip.read_recording(folder, target=0)


def test_which_file_holds_the_values(folder: Path) -> None:
    np.save(folder / "losses.npy", -VALUES)
    with pytest.raises(BadInput, match=r"several files of values \(margins\.npy, losses\.npy\)"):
        ip.read_recording(folder)
    for given in ("losses.npy", folder / "losses.npy"):
        assert np.array_equal(ip.read_recording(folder, values=given).values, -VALUES)
    (folder / "margins.npy").unlink()
    (folder / "losses.npy").rename(folder / "mine.npy")
    with pytest.raises(BadInput, match=r"no file of values; .*margins\.npy, values\.npy.*--values"):
        ip.read_recording(folder)
    assert len(ip.read_recording(folder, values="mine.npy").values) == 40
    (folder / "masks.npy").unlink()
    with pytest.raises(BadInput, match=r"is no archive.*no masks\.npy or mask\.npy"):
        ip.read_recording(folder)


def test_arrays_of_a_folder_that_disagree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for completed in (np.ones(39, bool), np.full(40, 2), np.array(["x"] * 40), np.ones((40, 1))):
        np.save(folder / "_completed.npy", completed)
        with pytest.raises(BadInput, match=r"_completed\.npy must say of each of the 40 masks"):
            ip.read_recording(folder)
    (folder / "_completed.npy").unlink()
    for target, message in (
        (3, "targets 0 to 2, its columns; got 3"),
        ([0, 5], "targets 0 to 2, its columns; got 5"),
        ([], r"each once; got \[\]"),
        ([1, "1"], "each once"),
        (True, "got True"),
    ):
        with pytest.raises(BadInput, match=message):
            ip.read_recording(folder, target=target)
    monkeypatch.setattr(arrays, "MOST_VALUES", 100)
    with pytest.raises(BadInput, match=r"3 targets of 40 masks, more than .* target=\[0, 7\]"):
        ip.read_recording(folder)
    assert len(ip.read_recording(folder, target=[0, 2]).values) == 40
    np.save(folder / "margins.npy", VALUES[:39])
    with pytest.raises(BadInput, match="a row for each of the 40 masks"):
        ip.read_recording(folder)


def test_several_targets_of_one_file(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    ip.write_recording(whole, MASKS, VALUES, targets=["a", "b", "c"], noise_var=np.abs(VALUES))
    some = ip.read_recording(whole, target=["c", 0])
    assert some.targets == ("c", "a")
    assert np.array_equal(some.values, VALUES[:, [2, 0]].astype(np.float64))
    assert some.noise_var is not None
    assert np.array_equal(some.noise_var, np.abs(VALUES[:, [2, 0]]).astype(np.float64))
    with pytest.raises(BadInput, match="target is empty"):
        some.only([])


def test_the_command_fits_a_folder(folder: Path, interplay) -> None:
    masks = RNG.random((300, 12)) < 0.5
    values = np.stack([masks[:, 0] * 1.0, masks[:, 3] - 2.0 * masks[:, 4], masks[:, 5]], axis=1)
    values[7, 1] = np.nan
    np.save(folder / "masks.npy", masks)
    np.save(folder / "margins.npy", values.astype(np.float16))
    np.save(folder / "_completed.npy", np.arange(300) != 9)
    run = folder.parent / "run.json"
    flags = ("--target", "1", "--target", "0", "--method", "lasso", "--save", run)
    done = interplay("fit", folder, *flags)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "1 of 300 masks were left out: their training was not completed." in told
    assert "1 of 300 masks were left out: they have no value (NaN)." in told
    assert [one.target for one in ip.load(run).findings] == ["1", "0"]
    run.with_suffix(".npz").unlink()
    again = interplay("replay", run)
    assert again.returncode == 0, again.stdout + again.stderr
    assert interplay("fit", folder, "--target", "3").returncode == 2


PEAK = """
import re, sys
from pathlib import Path
import numpy as np
import interplay as ip

def peak():  # of this program: ru_maxrss begins with that of the one that started it
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""

STREAMED = f"""{PEAK}
np.save(sys.argv[2], np.ones(3))  # imports
before = peak()
recording = ip.read_recording(sys.argv[1], target=[7, 3])
print(recording.masks.shape, recording.values.shape, recording.values[5, 0])
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the memory in kB")
@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_is_streamed(tmp_path: Path, whole: bool) -> None:
    m, n, q = 30_000, 4_000, 2_000
    masks = np.lib.format.open_memmap(tmp_path / "masks.npy", "w+", np.bool_, (m, n))
    margins = np.lib.format.open_memmap(tmp_path / "margins.npy", "w+", np.float16, (m, q))
    masks[::2, 5] = True
    margins[:, 7] = np.arange(m) % 100
    completed = np.ones(m, dtype=np.bool_)
    completed[1::2] = whole
    np.save(tmp_path / "_completed.npy", completed)
    masks.flush()
    margins.flush()
    done = subprocess.run(
        [sys.executable, "-c", STREAMED, tmp_path, tmp_path / "x.npy"],
        check=True,
        capture_output=True,
        text=True,
    )
    shapes, kilobytes = done.stdout.splitlines()
    kept = m if whole else m // 2
    assert shapes == f"({kept}, {n}) ({kept}, 2) {5.0 if whole else 10.0}"
    assert int(kilobytes) < 80_000  # either file has 120 MB


LIMITED = f"""{PEAK}
from interplay.surrogates import screening

screening.MOST_PRODUCTS = 1e10  # pairs of few features: in seconds
ip.fit(np.random.default_rng(0).random((60, 8)) < 0.5, np.arange(60.0))  # imports
before = peak()
recording = ip.read_recording(sys.argv[1], values=sys.argv[2], target=7)
fitted = ip.fit(recording.masks, recording.values, method="lasso")
print(sorted(fitted.spectrum(2).terms))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the memory in kB")
def test_archives_larger_than_what_a_fit_holds_are_streamed(tmp_path: Path) -> None:
    m, n, q = 2_000, 40_000, 10_000
    masks = np.lib.format.open_memmap(tmp_path / "masks.npy", "w+", np.uint8, (m, n))
    values = np.lib.format.open_memmap(tmp_path / "margins.npy", "w+", np.float16, (m, q))
    rng = np.random.default_rng(0)
    for start in range(0, m, 500):
        part = rng.integers(0, 2, (500, n), dtype=np.uint8)
        masks[start : start + 500] = part
        values[start : start + 500, 7] = part[:, 11] - 2.0 * part[:, 33_333]
    masks.flush()
    values.flush()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "masks.npy", tmp_path / "margins.npy"],
        check=True,
        capture_output=True,
        text=True,
    )
    terms, kilobytes = done.stdout.splitlines()
    assert terms == "[(), (11,), (33333,)]"
    assert int(kilobytes) < 400_000  # the masks as float64 would be 640 MB
