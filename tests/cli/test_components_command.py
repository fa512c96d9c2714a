"""``interplay components``: with nothing given, with files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_with_nothing_given_the_embedded_model_is_explained(interplay, tmp_path: Path) -> None:
    run, report = tmp_path / "run.json", tmp_path / "report.html"
    flags = ("--parts", "layers", "--budget", "16", "--store", tmp_path / "runs.db")
    done = interplay("components", *flags, "--save", run, "--report", report)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert report.stat().st_size > 1000
    saved = json.loads(run.read_text("utf-8"))
    assert saved["subject"]["kind"] == "components"
    assert [one["target"] for one in saved["targets"]] == ["accuracy", "margin"]
    again = interplay("replay", run, "--fresh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "The same numbers, to the last bit" in again.stdout


def test_a_text_and_a_folder(interplay, assets: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time there was a dog. He was big. " * 20, encoding="utf-8")
    done = interplay(
        *("components", "--model", assets / "models" / "stories260k"),
        *("--task", f"perplexity:{text}", "--window", "32", "--parts", "heads:4"),
        *("--ablation", "mean", "--prompts-per-mask", "2", "--budget", "100", "--method", "lasso"),
        *("--store", tmp_path / "runs.db", "--json"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["subject"]["ablation"] == "mean"
    assert told["subject"]["prompts_per_mask"] == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--model", "folder"], "--model needs --task, what it is judged by: mmlu:FILE.csv"),
        (["--task", "mmlu:x.csv"], "--task needs --model, a folder"),
        (["--task", "glue:x", "--model", "m"], "unknown task 'glue:x'; valid: mmlu:FILE.csv"),
        (["--window", "9"], "--window is for --task perplexity:FILE"),
        (["--task", "perplexity:x", "--model", "m", "--examples", "y"], "--examples is for"),
        (["--parts", "neurons"], "unknown parts 'neurons'"),
    ],
)
def test_what_cannot_be_used(flags: list[str], told: str, interplay, tmp_path: Path) -> None:
    done = interplay("components", *flags, "--store", tmp_path / "runs.db")
    assert done.returncode == 2
    assert told in done.stderr


def test_the_papers_command_on_a_tiny_llama(interplay, tmp_path: Path) -> None:
    """Questions in MMLU's layout, heads of some layers, rescaled; then pruning."""
    import torch
    import transformers
    from tiny_models import byte_level

    folder, file = tmp_path / "llama", tmp_path / "mmlu.csv"
    size = byte_level(folder)
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=size,
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=48,
            max_position_embeddings=512,
            initializer_range=0.3,
        )
    ).save_pretrained(folder)
    rows = ["question,A,B,C,D,answer"]
    rows += [f'"Who, in 18{i}0,\nwas it?",He,She,They,Nobody,{"ABCD"[i % 4]}' for i in range(8)]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = tmp_path / "run.json"
    done = interplay(
        *("components", "--model", folder, "--task", f"mmlu:{file}", "--parts", "heads:1-2"),
        *("--rescale", "--metric", "margin", "--budget", "128", "--method", "lasso"),
        *("--store", tmp_path / "runs.db", "--save", run),
    )
    assert done.returncode == 0, done.stderr
    saved = json.loads(run.read_text("utf-8"))
    assert saved["subject"]["rescale"] is True
    assert len(saved["features"]) == 8
    pruned = interplay("prune", run, "--keep", "0.5")
    assert pruned.returncode == 0, pruned.stderr
