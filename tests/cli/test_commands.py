"""Each command on real input: what goes where, what exists afterwards, exit codes, messages."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import interplay as ip
from interplay.cli import run

TEXT = "The film is not bad at all, a joy."


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """120 evaluations of a game of 8 features in which 1 and 2 act together."""
    masks = np.random.default_rng(0).random((120, 8)) < 0.5
    values = masks[:, 0] - 2.0 * (masks[:, 1] & masks[:, 2])
    path = tmp_path / "game.npz"
    np.savez(path, masks=masks, values=values, features=[f"part {i}" for i in range(8)])
    return path


def test_explain_prints_trust_first_and_the_words(interplay, bert: Path, tmp_path: Path) -> None:
    done = interplay("explain", TEXT, "--model", bert, "--budget", 600, "--report", "out.html")
    assert done.returncode == 0, done.stderr
    assert re.match(r"[✓◐✕] (Trust|Do not trust) this explanation", done.stdout)
    assert re.search(r"512 calls \([\d,]+ tokens\):", done.stdout)
    assert "What acts together" in done.stdout
    assert "bad" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.endswith("wrote out.html\n")
    assert done.stderr == ""
    assert "shadowrootmode" in (tmp_path / "out.html").read_text("utf-8")
    assert (tmp_path / "runs.db").exists()


def test_json_is_one_object_and_a_run_file(interplay, bert: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    arguments = ["explain", "--file", "text.txt", "--model", bert, "--budget", 600]
    done = interplay(*arguments, "--target", "prob:neutral", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert [found["target"] for found in run["targets"]] == ["prob:neutral"]
    assert run["config"]["command"].startswith("interplay explain --file text.txt --model ")
    assert "".join(run["subject"]["text"]) == TEXT

    (tmp_path / "run.json").write_text(done.stdout, encoding="utf-8")
    shown = interplay("report", "run.json", "--top", 1)
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "run.html").exists()
    assert ip.load(tmp_path / "run.json").to_dict() == run

    again = interplay(*arguments, "--target", "prob:neutral", "--json", "--save", "saved.json")
    assert json.loads(again.stdout)["cost"]["calls"] == 0, "nothing is paid for twice"
    assert ip.load(tmp_path / "saved.json").surrogate is not None


def test_a_text_comes_from_standard_input(interplay, bert: Path) -> None:
    done = interplay(
        "explain", "--file", "-", "--model", bert, "--budget", 70, "--json", stdin="not bad at all"
    )
    assert json.loads(done.stdout)["features"] == ["not", "bad", "at", "all"]


def test_fit_reads_a_recording(interplay, recording: Path, tmp_path: Path) -> None:
    done = interplay("fit", "game.npz", "--report", "game.html", "--save", "run.json")
    assert done.returncode == 0, done.stderr
    assert "part 1 × part 2" in done.stdout
    assert "no calls, 120 evaluations at hand" in done.stdout
    assert (tmp_path / "game.html").exists()
    assert ip.load(tmp_path / "run.json").features[1] == "part 1"


def test_fit_picks_one_of_several_targets(interplay, tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((60, 5)) < 0.5
    values = np.stack([masks[:, 0], masks[:, 1]], axis=1).astype(float)
    np.savez(tmp_path / "two.npz", masks=masks, values=values, targets=["yes", "no"])
    done = interplay("fit", "two.npz", "--target", "no", "--json")
    (found,) = json.loads(done.stdout)["targets"]
    assert np.argmax(np.abs(found["main_effects"])) == 1
    assert interplay("fit", "two.npz", "--target", "maybe").returncode == 2


def test_fit_explains_all_targets(interplay, tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((60, 5)) < 0.5
    values = np.stack([masks[:, 0], masks[:, 1] & masks[:, 2]], axis=1).astype(float)
    np.savez(tmp_path / "two.npz", masks=masks, values=values, targets=["yes", "no"])
    done = interplay("fit", "two.npz", "--save", "run.json", "--report", "two.html")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^yes .*\n^no +.* x1 × x2", done.stdout, re.MULTILINE)
    assert "2 targets, from the same evaluations" in (tmp_path / "two.html").read_text("utf-8")
    shown = interplay("report", "run.json", "--target", "no")
    assert shown.stdout.splitlines()[1].startswith("no ")
    assert interplay("report", "run.json", "--target", "maybe", "--force").returncode == 2
    again = interplay("replay", "run.json")
    assert again.returncode == 0, again.stdout
    assert again.stdout.startswith("The same numbers, to the last bit (60 values from the run's")
    refused = interplay("replay", "run.json", "--model", "py:a:b")
    assert refused.returncode == 2
    assert "--model is for runs of tables; this run is of a recording" in refused.stderr


def test_explain_several_targets_from_the_same_calls(interplay, bert: Path) -> None:
    targets = ("--target", "logit:neutral", "--target", "prob:neutral")
    done = interplay("explain", TEXT, "--model", bert, "--budget", 600, *targets, "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert [found["target"] for found in run["targets"]] == ["logit:neutral", "prob:neutral"]
    assert run["cost"]["calls"] == 512


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["explian"], 2, 'Unknown command "explian". Did you mean "explain"?'),
        (
            ["explain", "a b c"],
            2,
            "--model is missing: give a folder in Hugging Face format, hf:ID",
        ),
        (["explain", "a b", "--model", "m", "--budgte", "9"], 2, "Did you mean --budget?"),
        (["explain", "--model", "m", "a b", "--seed", "x"], 2, "--seed"),
        (["explain", "--model", "m"], 2, "give either a text or --file FILE"),
        (["explain", "a b", "--file", "f", "--model", "m"], 2, "give either a text or --file FILE"),
        (["explain", "--file", "none.txt", "--model", "m"], 2, "cannot read none.txt: No such"),
        (["explain", "--file", "latin.txt", "--model", "m"], 2, "latin.txt is not UTF-8 text"),
        (["explain", "a b c", "--model", "nowhere"], 2, "nowhere"),
        (["explain", "a b c", "--model", "m", "--report", "there.html"], 2, "add --force to"),
        (["explain", "a b c", "--model", "m", "--report", "."], 2, ". is a folder; name a file"),
        (["explain", "a b c", "--model", "m", "--save", "no/run.json"], 2, "no such folder: no"),
        (["explain", "a b c", "--model", "m", "--save", "run.txt"], 2, "--save takes a .json file"),
        (["explain", "a b c", "--model", "m", "--top", "0"], 2, "--top must be 1 or more; got 0"),
        (["fit", "none.npz"], 2, "none.npz"),
        (["fit", "game.npz", "--method", "shap"], 2, "unknown method 'shap'; valid: "),
        (["fit", "game.npz", "--save", "game.json"], 2, "game.npz exists; name another file"),
        (["fit", "game.npz", "--target", "x"], 2, "unknown target 'x'; valid: "),
        (["report", "none.json"], 2, "no such run file: none.json"),
        (["report", "latin.txt"], 2, "latin.txt is not a run file"),
        (["demo", "--report", "no/report.html"], 2, "no such folder: no"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    arguments: list[str],
    code: int,
    message: str,
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "there.html").write_text("mine", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("gar\xe7on".encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1
    assert (tmp_path / "there.html").read_text("utf-8") == "mine"


def test_the_command_exits_with_the_code(interplay) -> None:
    done = interplay("report", "none.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no such run file: none.json\n"


def test_a_run_that_fails_on_the_way_is_not_a_usage_error(interplay, bert: Path) -> None:
    done = interplay("explain", TEXT, "--model", bert, "--budget", 3)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "budget" in done.stderr


def test_the_traceback_is_there_for_the_asking(interplay) -> None:
    done = interplay("report", "none.json", INTERPLAY_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_reader_that_leaves_is_no_error(recording: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m interplay fit game.npz --json"
    done = subprocess.run(
        f"{command} | head -c 10", shell=True, cwd=tmp_path, capture_output=True, timeout=120
    )
    assert done.stdout == b'{"format":'
    assert done.stderr == b""


def test_what_is_there_is_overwritten_only_by_force(interplay, recording, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine", encoding="utf-8")
    assert interplay("fit", "game.npz", "--report", "there.html").returncode == 2
    assert interplay("fit", "game.npz", "--report", "there.html", "--force").returncode == 0
    assert "<title>" in (tmp_path / "there.html").read_text("utf-8")


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a run, and wait until some batches of it are stored."""
    running = subprocess.Popen(
        [sys.executable, "-m", "interplay", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    deadline = time.monotonic() + 120
    store = folder / "runs.db-wal"
    while time.monotonic() < deadline and not (store.exists() and store.stat().st_size > 200_000):
        time.sleep(0.05)
    return running


LONG = " ".join(["not bad at all, a joy from start to finish"] * 6)


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)]
)
def test_interrupted_it_explains_what_there_is_and_goes_on(
    interplay, bert: Path, tmp_path: Path, number: signal.Signals, name: str, code: int
) -> None:
    arguments = ["explain", LONG, "--model", str(bert), "--method", "lasso", "--budget"]
    running = start([*arguments, "20000", "--save", "run.json"], tmp_path)
    running.send_signal(number)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == code, errors
    assert (
        errors.strip()
        == f"{name}: finishing the batch, then fitting what there is (once more stops at once)"
    )
    assert re.search(rf"Interrupted by {name}\s+after\s+[\d,]+\s+masks:", output)
    stopped = ip.load(tmp_path / "run.json")
    assert stopped.sample.stopped == f"interrupted by {name}"
    assert interplay("replay", "run.json").returncode == 0

    done = interplay(*arguments, stopped.sample.masks, "--json")
    again = json.loads(done.stdout)
    assert again["cost"]["calls"] == 0, "nothing is paid for twice"
    assert again["sample"]["digest"] == stopped.sample.digest
    assert again["targets"][0]["spectrum"] == stopped.to_dict()["targets"][0]["spectrum"]


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_interrupted_twice_it_stops_at_once(interplay, bert: Path, tmp_path: Path) -> None:
    arguments = ["explain", LONG, "--model", str(bert), "--budget", "20000"]
    running = start(arguments, tmp_path)
    running.send_signal(signal.SIGINT)
    time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert output == ""
    assert "interrupted" in errors.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_interrupted_with_too_little_for_a_fit(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from interplay import cli
    from interplay.cli.output import progress

    def early() -> None:
        with progress(Path("runs.db")) as (_, stop):
            os.kill(os.getpid(), signal.SIGINT)
            ip.explain(lambda masks: masks.sum(1), 12, store=None, stop=stop)

    monkeypatch.setattr(cli, "app", lambda *_, **__: early())
    assert cli.run([]) == 130
    assert "interrupted: interrupted by Ctrl-C after 0 masks, too few" in capsys.readouterr().err


def test_convergence_goes_into_the_saved_run_and_the_report(
    interplay, recording: Path, tmp_path: Path
) -> None:
    done = interplay("fit", "game.npz", "--convergence")
    assert done.returncode == 2
    assert "--convergence goes into files: add --report, --save or --json" in done.stderr
    fast = ("fit", "game.npz", "--method", "lasso", "--force")
    assert interplay(*fast, "--save", "plain.json").returncode == 0
    assert interplay(*fast, "--save", "run.json", "--convergence").returncode == 0
    plain, measured = (
        json.loads((tmp_path / name).read_text("utf-8"))["targets"][0]["convergence"]
        for name in ("plain.json", "run.json")
    )
    assert plain == []
    assert [point["calls"] for point in measured] == [15, 30, 60, 120]
    assert interplay("report", "plain.json", "--convergence").returncode == 0
    (tmp_path / "plain.npz").unlink()
    done = interplay("report", "plain.json", "--convergence", "--force")
    assert done.returncode == 2
    assert "loaded without its evaluations" in done.stderr
