"""``interplay explain`` on prompts, as a user runs it: questions, chats, chunks, servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openai_server import Server, WordModel

from interplay.demo import context, question

STORY = "Lily had a ball. Tom had a cat. They went to the park."


@pytest.fixture
def stories(assets: Path) -> Path:
    return assets / "models" / "stories260k"


def test_a_question_is_answered_by_the_embedded_model(interplay, tmp_path: Path) -> None:
    """The answer needs two of the facts: they come out on top, together."""
    given = ["--question", question(), "--context", context(), "--units", "sentence"]
    done = interplay("explain", *given, "--target", "prob", "--save", "run.json")
    assert done.returncode == 0, done.stderr
    assert "prob of “kitchen” is" in done.stdout
    run = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert run["subject"]["text"] == f"{context()}\nQuestion: {question()}\nAnswer:"
    together = [one for one in run["targets"][0]["top"] if len(one["features"]) > 1]
    names = [run["features"][i] for i in together[0]["features"]]
    assert sorted(names) == ["Anna has the key.", "Anna is in the kitchen."]
    again = interplay("replay", "run.json", "--fresh")
    assert again.returncode == 0, again.stdout


def test_chunks_and_messages_and_examples_come_from_files(
    interplay, stories: Path, tmp_path: Path
) -> None:
    (tmp_path / "chunks.json").write_text(json.dumps(STORY.split(". ")), "utf-8")
    (tmp_path / "examples.json").write_text(json.dumps([["a", "b"], ["c", "d"]]), "utf-8")
    model = ["--model", stories, "--response", "She played.", "--json"]
    done = interplay("explain", "--chunks", "chunks.json", "--units", "chunk", *model)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["features"] == STORY.split(". ")
    done = interplay("explain", STORY, "--examples", "examples.json", "--units", "example", *model)
    assert json.loads(done.stdout)["features"] == ["a\nb", "c\nd"]
    (tmp_path / "chat.json").write_text(
        json.dumps([{"role": "user", "content": "Hi there you."}]), "utf-8"
    )
    done = interplay("explain", "--messages", "chat.json", *model)
    assert done.returncode == 2
    assert "chat template" in done.stderr


def test_nested_units_and_several_targets(interplay, stories: Path) -> None:
    done = interplay(
        "explain", STORY, "--model", stories, "--units", "sentence+word", "--budget", 90,
        "--target", "logprob", "--target", "margin:She|He", "--response", "She played.",
        "--method", "lasso", "--report", "out.html", "--mask", "...",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "logprob of “She played.” is" in done.stdout
    assert "A first pass over 3 sentences" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_many_questions(interplay, stories: Path, tmp_path: Path) -> None:
    lines = [
        {"id": "one", "text": STORY, "question": "Who had a cat?", "response": "Tom"},
        {"id": "two", "text": STORY.upper(), "question": "Who?", "response": "Lily"},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    done = interplay("explain", "--inputs", "in.jsonl", "--model", stories, "--units", "sentence",
                     "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)
    assert "Who had a cat?" in json.dumps(runs)


def test_a_server(interplay) -> None:
    with Server(WordModel()) as server:
        options = ["--model", "openai:words", "--base-url", server.url, "--units", "sentence"]
        done = interplay(
            "explain", STORY, *options, "--response", "Good.", "--usd-per-million", "1,2",
            "--budget", "8,1usd", "--json", OPENAI_API_KEY="sk-secret-key",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert 0 < run["cost"]["usd"] < 1
    assert run["subject"]["model"] == "openai:words"
    assert "sk-secret-key" not in done.stdout + done.stderr


def test_a_server_that_is_not_there(interplay) -> None:
    done = interplay("explain", STORY, "--model", "openai:words", "--base-url",
                     "http://127.0.0.1:9/v1")  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a b", "--context", "c d", "--question", "e"], "one of them; got a text and --context"),
        (["--question", "Who?"], "give either a text or --file FILE"),
        (["--chunks", "none.json", "--model", "x"], "cannot read none.json"),
        (["--messages", "bad.json", "--model", "x"], "bad.json is not JSON"),
        (["--chunks", "object.json", "--model", "x"], "object.json must hold a JSON list"),
        (["a b", "--model", "openai:x", "--usd-per-million", "1"], "takes two prices"),
        (["a b", "--model", "no-such", "--base-url", "http://x"], "only for servers"),
    ],
)
def test_what_cannot_be_used(interplay, arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{", "utf-8")
    (tmp_path / "object.json").write_text('{"a": 1}', "utf-8")
    done = interplay("explain", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
