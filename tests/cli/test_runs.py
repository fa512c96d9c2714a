"""``interplay runs``: what each of its commands prints, writes and refuses."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from interplay.cli import run
from interplay.evaluate import Store
from interplay.evaluate.functions import Identity
from interplay.masks import all_masks

MASKS = all_masks(5)
TEXT = "The film is not bad at all, \x1b[2J a joy, and then it goes on and on for a while."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with runs.db: a text with prices, and a function of two targets."""
    monkeypatch.chdir(tmp_path)
    with Store("runs.db") as store:
        store.put(
            "0123456789abcdef",
            MASKS,
            MASKS.sum(1),
            seconds=75.0,
            tokens=np.full(32, 1000.0),
            usd=np.full(32, 0.01),
            identity=Identity(["logit:positive"], list("abcde"), {"kind": "text", "text": TEXT}),
        )
        for replicate in (0, 1):
            store.put("beef", MASKS[:8], np.ones((8, 2)), replicate=replicate)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a command; return its exit code, what it printed, and its error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["runs", *map(str, arguments)])
        output, errors = capsys.readouterr()
        assert max(map(len, output.splitlines()), default=0) <= 80 or "--json" in arguments
        return code, output, errors

    return call


def test_the_list(said, folder: Path) -> None:
    before = (folder / "runs.db").read_bytes()
    code, output, errors = said()
    assert (code, errors) == (0, "")
    first, _, *rest = output.splitlines()
    assert first.startswith("runs.db: 2 value functions, 48 evaluations, ")
    shown = "\n".join(rest)
    assert (
        "0123456789ab  “The film is not bad at all, �[2J a …for a while.”, logit:positive" in shown
    )
    assert "    n = 5, 32 evaluations, 1 min 15 s, 32,000 tokens, 0.32 usd; 20" in shown
    assert "    n = 5, q = 2, 16 evaluations in 2 replicates, 0.00 s; 20" in shown
    assert said("runs.db") == said("--store", "runs.db") == (code, output, errors)
    assert (folder / "runs.db").read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["runs.db"]


def test_the_list_as_json(said) -> None:
    code, output, _ = said("--json")
    assert code == 0
    listed = json.loads(output)
    assert (listed["store"], listed["bytes"]) == ("runs.db", Path("runs.db").stat().st_size)
    by_name = {function["fingerprint"]: function for function in listed["functions"]}
    text = by_name["0123456789abcdef"]
    assert text["subject"] == {"kind": "text", "text": TEXT}
    assert (text["n"], text["q"], text["evaluations"], text["tokens"]) == (5, 1, 32, 32000.0)
    assert text["created"].endswith("+00:00")
    assert by_name["beef"]["tokens"] is None


def test_an_empty_store(said) -> None:
    Store("new.db").close()
    assert said("new.db")[1].startswith("new.db: 0 value functions, 0 evaluations, ")
    assert said("verify", "new.db")[:2] == (
        0,
        "new.db: all 0 evaluations of 0 value functions are sound\n",
    )


def test_verify(said) -> None:
    sound = "runs.db: all 48 evaluations of 2 value functions are sound\n"
    assert said("verify") == said("verify", "--store", "runs.db") == (0, sound, "")
    damage("UPDATE batches SET seconds = 5 WHERE id = 2")
    before = Path("runs.db").read_bytes()
    code, output, errors = said("verify")
    assert code == 1
    assert output.splitlines() == [
        "runs.db: 40 evaluations of 2 value functions are sound; damaged:",
        "    batch 2 of 8 evaluations of beef",
    ]
    assert errors.startswith("error: runs.db is damaged (1 problem): `interplay runs prune --stor")
    assert Path("runs.db").read_bytes() == before
    code, output, errors = said()
    assert (code, output) == (1, "")
    assert "runs.db: batch 2 of 8 evaluations is damaged" in errors


def test_pruning_what_is_damaged(said) -> None:
    damage("UPDATE batches SET seconds = 5 WHERE id = 2")
    code, output, _ = said("prune", "--damaged")
    assert code == 0
    assert output.splitlines() == [
        "    batch 2 of 8 evaluations of beef",
        "1 problem: add --force to delete this from runs.db",
    ]
    assert said("verify")[0] == 1
    assert "1 problem: deleted from runs.db, " in said("prune", "--damaged", "--force")[1]
    assert said("verify")[1] == "runs.db: all 40 evaluations of 2 value functions are sound\n"
    assert said("prune", "--damaged", "--force")[1] == "runs.db: nothing to delete\n"


def test_pruning_by_fingerprint_and_age(said) -> None:
    code, output, _ = said("prune", "--fingerprint", "0123")
    assert code == 0
    assert output.startswith("0123456789ab  “The film")
    assert output.endswith(
        "1 value function, 32 evaluations: add --force to delete this from runs.db\n"
    )
    assert said("prune", "--older-than", "1h")[1] == "runs.db: nothing to delete\n"
    assert said("prune", "--older-than", "0d", "--fingerprint", "be")[0] == 0
    code, output, _ = said("prune", "--fingerprint", "0123", "--force")
    assert "1 value function, 32 evaluations: deleted from runs.db, " in output
    assert "1 value function, 16 evaluations" in said()[1]


def test_export(said) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    code, output, _ = said("export", "out.parquet", "--fingerprint", "be")
    assert code == 0
    assert output.startswith("wrote out.parquet: 16 evaluations, ")
    assert pq.read_table("out.parquet")["value:1"].to_pylist() == [1.0] * 16
    assert said("export", "out.parquet")[::2] == (
        2,
        "error: out.parquet exists; name another file, or add --force to overwrite it\n",
    )
    assert "48 evaluations" in said("export", "out.parquet", "--force")[1]


def test_merge(said) -> None:
    code, output, _ = said("merge", "runs.db", "--store", "copy.db")
    assert code == 0
    told = "copy.db: took in 48 evaluations of 2 value functions from runs.db; 0 were there\n"
    assert output == told
    with Store("copy.db") as store:
        store.put("other", MASKS[:1], [1.0])
    with Store("more.db") as store:
        store.put("0123456789abcdef", MASKS[:2], [0.0, 1.5])
        store.put("beef", all_masks(3), np.ones((8, 2)))
    code, output, errors = said("merge", "more.db", "--store", "copy.db")
    assert code == 2
    assert "took in 0 evaluations of 1 value function from more.db; 2 were there" in output
    assert "of those, 1 differ, by up to 0.5: the values in copy.db were kept" in output
    assert errors.startswith("error: two different value functions under one fingerprint: copy.db")
    assert errors.endswith("These were not taken in from more.db\n")


def damage(statement: str) -> None:
    other = sqlite3.connect("runs.db")
    other.execute(statement)
    other.commit()
    other.close()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.db"], 2, "no such store: none.db"),
        (["verify", "none.db"], 2, "no such store: none.db"),
        (["verify", "text.db"], 1, "text.db is not an evaluation store (not a SQLite file)"),
        (["export"], 2, "OUTPUT"),
        (["export", "x.parquet", "--store", "none.db"], 2, "no such store: none.db"),
        (["export", "x.parquet", "--fingerprint", "zz"], 2, "starts with 'zz'"),
        (["export", "no/x.parquet"], 2, "no such folder: no"),
        (["export", "x.csv"], 2, "written as .parquet; got x.csv"),
        (["prune"], 2, "say what to prune: --fingerprint PREFIX, --older-than 30d, or --damaged"),
        (["prune", "--damaged", "--older-than", "3d"], 2, "say what to prune"),
        (["prune", "--older-than", "30"], 2, "takes a number of hours, days or weeks, as 30d; g"),
        (["prune", "--older-than", "99999999d", "--force"], 2, "hours, days or weeks"),
        (["prune", "--fingerprint", "zz", "--force"], 2, "starts with 'zz'"),
        (["prune", "--store", "none.db", "--damaged", "--force"], 2, "no such store: none.db"),
        (["merge", "none.db"], 2, "no such store: none.db"),
        (["merge", "runs.db"], 2, "runs.db and runs.db are the same file"),
        (["merge", "text.db"], 1, "text.db is not an evaluation store"),
    ],
)
def test_what_cannot_be_done(
    said, arguments: list[str], code: int, message: str, folder: Path
) -> None:
    (folder / "text.db").write_text("text")
    before = (folder / "runs.db").read_bytes()
    found, output, errors = said(*arguments)
    assert (found, output) == (code, "")
    assert message in errors
    assert errors.count("\n") == 1
    assert (folder / "runs.db").read_bytes() == before
    assert not (folder / "none.db").exists()
