"""What cannot be used is refused with what to do; what can be mended is mended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import network, prompts

import interplay as ip
from interplay.actions.prune import save_pruned
from interplay.errors import BackendError, BadInput
from interplay.lenses.components import Part, Site, Task
from interplay.lenses.components.files import parse_task
from interplay.lenses.components.parts import parse_parts
from interplay.lenses.remake import value_function_of

RNG = np.random.default_rng(0)
MASKS = RNG.random((6, 12)) < 0.6


def first(out: np.ndarray, which: np.ndarray) -> np.ndarray:
    return out.reshape(len(out), -1)[:, 0]


def task(family: str = "llama", count: int = 6) -> Task:
    return Task.callable(prompts(family, count), first)


def test_names_of_parts() -> None:
    assert [p.name for p in parse_parts("layers", [4, 4])] == ["L0", "L1"]
    assert [p.name for p in parse_parts("heads:0,2-3", [1] * 5)] == ["L0.H0", "L2.H0", "L3.H0"]
    assert [p.name for p in parse_parts(["L1.H2", "L0.MLP"], [4, 4])] == ["L0.MLP", "L1.H2"]
    assert parse_parts([["head", 1, 2]], [4, 4]) == (Part("head", 1, 2),)
    assert Part("unit", -1, 3, "neuron").name == "neuron"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ("neurons", r"unknown parts 'neurons'; valid: heads, mlps, layers, heads:1-3"),
        ("heads:7", r"layer 7 does not exist; its 3 layers are 0 to 2"),
        ("heads:1-9", r"layer 3 does not exist"),
        ("heads:2-1", r"layers that cannot be read, '2-1'; give numbers and ranges"),
        ("heads:", r"unknown parts 'heads:'"),
        ("heads+heads:0", r"names the same part twice"),
        (["L0.H9"], r"L0.H9 is not in the network: layer 0 has 4 heads, 0 to 3"),
        (["L0.X"], r"unknown part 'L0.X'; parts are called L2.H5, L2.MLP or L2"),
        (["L0.H1"], r"are 1 part, and there is nothing to combine"),
        (3, r"parts must be a string or a sequence of parts; got 3"),
        ([Site("model.nowhere", columns=(0, 4)), Site("model")],
         r"no module 'model.nowhere'; found model.embed_tokens"),
        ([Site("model.layers.0.self_attn.o_proj", columns=(0, 99)), Site("model")],
         r"columns \(0, 99\) are not in .*, which takes 32 features"),
        ([Site("model", name="a"), Site("model", name="a")], r"two parts are called 'a'"),
    ],
)  # fmt: skip
def test_parts_that_are_not_there(parts: Any, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        ip.components(network("llama"), task=task(), parts=parts)


def test_sites_that_are_no_sites() -> None:
    with pytest.raises(BadInput, match="at must be 'input', 'output' or 'residual'; got 'in'"):
        Site("x", at="in")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="either columns or directions"):
        Site("x", columns=(0, 1), directions=np.ones((1, 2)))
    with pytest.raises(BadInput, match="readers need the directions"):
        Site("x", readers=np.ones((1, 2)))
    with pytest.raises(BadInput, match="finite and not zero; got shape"):
        Site("x", directions=np.zeros((1, 2)))
    made = network("llama")
    sites = [Site("model.layers.0.mlp", at="output", directions=np.ones((1, 5)), name=f"{i}")
             for i in range(2)]  # fmt: skip
    with pytest.raises(BadInput, match="must have 32 columns, as its output has"):
        ip.components(made, task=task(), parts=sites)
    sites = [Site("model.layers.0.self_attn.o_proj", columns=(i, i + 8)) for i in (0, 4)]
    with pytest.raises(BadInput, match="overlap another part's"):
        ip.components(made, task=task(), parts=sites)


def test_a_network_without_the_projection_says_what_it_has() -> None:
    import torch
    from torch import nn

    plain = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    pictures = Task.callable([{"x": np.ones(4, np.float32)}, {"x": np.zeros(4, np.float32)}], first)
    with pytest.raises(
        BadInput, match=r"no attention of a known kind in Sequential .*found 0, 2\. .*projection="
    ):
        ip.components(plain, task=pictures)
    with pytest.raises(BadInput, match=r"there is no module 'h.0.attn'; found 0, 2"):
        ip.components(plain, task=pictures, projection="h.{layer}.attn")
    with pytest.raises(BadInput, match=r"projection must have \{layer\}"):
        ip.components(plain, task=pictures, projection="h.0.attn")
    with pytest.raises(BadInput, match="takes 32 features, which heads=5 does not divide"):
        ip.components(network("llama"), task=task(), heads=5)
    sites = [Site("2", columns=(i, i + 1)) for i in range(6)]
    value = ip.components(plain, task=pictures, parts=sites)  # by hand it can be used
    masks = np.array([[True] * 3 + [False] * 3])
    with torch.no_grad():
        hidden = plain[1](plain[0](torch.ones(4) * float(value.prompts[0] == 0)))
        expected = plain[2](hidden * torch.tensor([1.0, 1, 1, 0, 0, 0]))[0]
    np.testing.assert_allclose(value(masks), [float(expected)], atol=1e-6)


def test_hooks_that_do_not_reach() -> None:
    import torch

    made = network("llama")
    attention = made.model.layers[1].self_attn
    own = attention.forward

    def fused(*args: Any, **options: Any) -> Any:
        """The projection's matrix is used, and its module is not called."""
        projection = attention.o_proj
        attention.__dict__["_modules"]["o_proj"] = torch.nn.Identity()
        try:
            out, weights = own(*args, **options)
        finally:
            attention.__dict__["_modules"]["o_proj"] = projection
        return out @ projection.weight.T, weights

    attention.forward = fused
    with pytest.raises(
        BadInput, match=r"does not call model.layers.1.self_attn.o_proj as modules.*eager"
    ):
        ip.components(made, task=task())
    blind = network("llama")
    with torch.no_grad():
        for layer in blind.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    with pytest.raises(BadInput, match="ablating all 12 parts does not change the outputs"):
        ip.components(blind, task=task())


def test_quantised_projections_are_ablated_and_not_written(tmp_path: Path) -> None:
    """Hooks reach what goes into them; their weights are no matrix that could be changed."""
    import torch
    from torch import nn

    class Packed(nn.Module):
        def __init__(self, own: Any) -> None:
            super().__init__()
            self.scale = own.weight.detach().abs().max() / 127
            octets = (own.weight.detach() / self.scale).round().to(torch.int8)
            self.weight = nn.Parameter(octets, requires_grad=False)
            self.in_features = own.in_features

        def forward(self, x: Any) -> Any:
            return x @ (self.weight.float() * self.scale).T

    packed, plain = network("llama"), network("llama")
    for layer, other in zip(packed.model.layers, plain.model.layers, strict=True):
        layer.self_attn.o_proj = Packed(layer.self_attn.o_proj)
        own = layer.self_attn.o_proj
        other.self_attn.o_proj.weight.data = own.weight.float() * own.scale
    for ablation in ("zero", "mean"):
        value = ip.components(packed, task=task(), ablation=ablation)
        expected = ip.components(plain, task=task(), ablation=ablation)(MASKS)
        np.testing.assert_allclose(value(MASKS), expected, atol=1e-4)
        with pytest.raises(BadInput, match=r"is a Packed without a matrix of floats \(quantised"):
            save_pruned(value, MASKS[1], tmp_path / "never")
    assert not list(tmp_path.iterdir())


def test_rows_that_are_mixed() -> None:
    """A module whose first axis is that of positions cannot be ablated row by row."""
    from torch import nn

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.inner = nn.Embedding(9, 4), nn.Linear(4, 4)

        def forward(self, input_ids: Any) -> Any:
            return self.inner(self.embed(input_ids).transpose(0, 1)).transpose(0, 1)

    some = Task.callable([[1, 2, 3, 4], [4, 3, 2, 1]], first)
    sites = [Site("inner", columns=(i, i + 1)) for i in range(4)]
    with pytest.raises(BadInput, match="mixes the rows of a batch, or holds them on another axis"):
        ip.components(Turned(), task=some, parts=sites)


def test_training_mode_is_put_back() -> None:
    made = network("bert")
    value = ip.components(made, task=task("bert"))
    expected = value(MASKS)
    made.train()
    made.bert.encoder.layer[1].eval()
    modes = [one.training for one in made.modules()]
    assert ip.components(made, task=task("bert")).fingerprint == value.fingerprint
    np.testing.assert_array_equal(value(MASKS), expected)
    assert [one.training for one in made.modules()] == modes

    def fails(*_: Any) -> None:
        raise RuntimeError("no")

    bad = Task.callable(prompts("bert"), lambda out, which: fails())
    with pytest.raises(BackendError, match="the task's score raised RuntimeError on outputs"):
        ip.components(made, task=bad)(MASKS)
    assert [one.training for one in made.modules()] == modes
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in made.modules())
    assert not any("forward" in one.__dict__ for one in made.modules())


def test_memory_that_runs_out_costs_time_and_no_values() -> None:
    import torch

    made = network("llama")
    value = ip.components(made, task=task())
    expected = value(MASKS)
    own, largest = made.model.layers[0].mlp.forward, []

    def small(x: Any) -> Any:
        if len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        largest.append(len(x))
        return own(x)

    made.model.layers[0].mlp.forward = small
    np.testing.assert_allclose(value(MASKS), expected, atol=1e-5)
    assert max(largest) <= 3
    assert len(largest) > 1
    other = ip.components(made, task=task(count=20))  # also on the way to the first value
    assert np.isfinite(other(MASKS)).all()

    def never(x: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    made.model.layers[0].mlp.forward = never
    with pytest.raises(BackendError, match="ran out of memory on one sequence of"):
        value(MASKS)


def test_tasks_that_cannot_be_used() -> None:
    with pytest.raises(BadInput, match="needs two prompts at least, one to fit and one to test"):
        Task.response(["a"], ["b"])
    with pytest.raises(BadInput, match=r"needs two inputs at least.*got 0"):
        Task.classification([], [])
    with pytest.raises(BadInput, match="2 prompts and 1 responses"):
        Task.response(["a", "b"], ["c"])
    with pytest.raises(BadInput, match="3 inputs and 2 labels"):
        Task.classification(["a", "b", "c"], [0, 1])
    with pytest.raises(BadInput, match=r"share, .*must be in \(0, 1\); got 1"):
        Task.response(["a", "b"], ["c", "d"], share=1)
    with pytest.raises(BadInput, match="seed must be a whole number"):
        Task.response(["a", "b"], ["c", "d"], seed=-1)
    with pytest.raises(BadInput, match="unknown metric 'f1'; valid: accuracy, margin"):
        Task.classification(["a", "b"], [0, 1], metric="f1")
    with pytest.raises(BadInput, match="metric must name one or two of"):
        Task.classification(["a", "b"], [0, 1], metric=())
    with pytest.raises(BadInput, match="window must be a whole number of at least 2"):
        Task.perplexity("a text", window=1)
    with pytest.raises(BadInput, match="no text, or an empty one"):
        Task.perplexity("")
    with pytest.raises(BadInput, match="unknown split 'dev'; valid: train, test, all"):
        task().prompts("dev")
    with pytest.raises(BadInput, match="score must be a callable; got int"):
        Task.callable(["a", "b"], 3)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="unknown positions 'first'"):
        Task.callable(["a", "b"], first, positions="first")
    with pytest.raises(BadInput, match="targets must be different names"):
        Task.callable(["a", "b"], first, targets=("a", "a"))
    made = network("bert")
    with pytest.raises(BadInput, match="label 3 is none of the network's 3 classes"):
        ip.components(made, task=Task.classification(prompts("bert", 2), [0, 3]))
    with pytest.raises(BadInput, match="unknown label 'joy'; valid: LABEL_0, LABEL_1, LABEL_2"):
        ip.components(made, task=Task.classification(prompts("bert", 2), ["label_0", "joy"]))
    with pytest.raises(BadInput, match="the task has texts, and there is no tokenizer"):
        ip.components(made, task=Task.classification(["a", "b"], [0, 1]))
    with pytest.raises(BadInput, match="a prompt or response has no tokens"):
        ip.components(network("llama"), task=Task.response([[], [1]], [[1], [1]]))
    wide = Task.callable(prompts("bert"), lambda out, which: out)
    with pytest.raises(BadInput, match=r"must return shape \(\d, 1\), .*got \(\d, 3\)"):
        ip.components(made, task=wide)(MASKS)
    with pytest.raises(BadInput, match=r"task must be a Task, such as Task.response"):
        ip.components(made, task="mmlu")  # type: ignore[arg-type]


def test_options_that_cannot_be_used() -> None:
    made = network("llama")
    with pytest.raises(BadInput, match="unknown ablation 'noise'; valid: zero, mean, resample"):
        ip.components(made, task=task(), ablation="noise")
    with pytest.raises(BadInput, match="rescale is for ablation='zero'"):
        ip.components(made, task=task(), ablation="mean", rescale=True)
    with pytest.raises(BadInput, match="rescale is for heads"):
        ip.components(made, task=task(), parts="mlps", rescale=True)
    with pytest.raises(BadInput, match="the train split has 1; give more prompts"):
        ip.components(made, task=task(count=2), ablation="resample")
    with pytest.raises(BadInput, match="prompts_per_mask must be a whole number of at least 2"):
        ip.components(made, task=task(), prompts_per_mask=1)
    with pytest.raises(BadInput, match="seed must be a whole number"):
        ip.components(made, task=task(), seed=-1)
    with pytest.raises(BadInput, match="batch_size must be a whole number of at least 1; got 0"):
        ip.components(made, task=task(), batch_size=0)
    with pytest.raises(BadInput, match="a torch module; got int"):
        ip.components(3, task=task())
    with pytest.raises(BadInput, match="device and dtype are fixed"):
        ip.components(made, task=task(), device="cpu")
    with pytest.raises(BadInput, match="model folder 'nowhere' does not exist"):
        ip.components("nowhere", task=task())
    with pytest.raises(BadInput, match="has no weights"):
        ip.components(made.to("meta"), task=task())


def test_choices_that_cannot_be_told_apart(gpt2: Path, assets: Path, tmp_path: Path) -> None:
    folder = assets / "models" / "babyllama"
    same = [{"question": "Who?", "choices": ["Tim", "Tom"], "answer": i} for i in range(2)]
    with pytest.raises(
        BadInput, match=r"answers of question 0 begin with the same token.*score='answer'"
    ):
        ip.components(folder, task=Task.multiple_choice(same, score="token"))
    twice = [{"question": "Who?", "choices": ["Tim", "Tim"], "answer": i} for i in range(2)]
    with pytest.raises(BadInput, match="two answers of question 0 have the same tokens"):
        ip.components(folder, task=Task.multiple_choice(twice, score="answer"))
    with pytest.raises(BadInput, match="this task scores what a causal language model says next"):
        ip.components(gpt2, task=Task.multiple_choice(same))
    with pytest.raises(BadInput, match="unknown score 'first'; valid: letter, token, answer"):
        Task.multiple_choice(same, score="first")
    with pytest.raises(
        BadInput, match=r"template must have \{question\} and \{choices\} for score"
    ):
        Task.multiple_choice(same, template="{question}")
    with pytest.raises(BadInput, match=r"items\[0\] must have a question, its choices"):
        Task.multiple_choice([{}, {}])
    with pytest.raises(BadInput, match=r"items\[1\] has the answer 'E'; give a letter from A to B"):
        Task.multiple_choice([same[0], {**same[0], "answer": "E"}])
    with pytest.raises(BadInput, match=r"items\[1\] has 1 choices"):
        Task.multiple_choice([same[0], {**same[0], "choices": ["a"]}])
    with pytest.raises(BadInput, match="must be a CSV file or a sequence of mappings; got 3"):
        Task.multiple_choice(3)  # type: ignore[arg-type]
    file = tmp_path / "items.csv"
    with pytest.raises(BadInput, match=r"cannot read .*items.csv: No such file"):
        Task.multiple_choice(file)
    file.write_text("What?,a,b,c,d,A\n", encoding="utf-8")
    with pytest.raises(BadInput, match="must begin with a line of column names, question,A,B"):
        Task.multiple_choice(file)
    file.write_text("question,A,B,C,D,answer\nWhat?,a,,c,d,A\n", encoding="utf-8")
    with pytest.raises(BadInput, match="question 1 has the choices A, C, D, and none between"):
        Task.multiple_choice(file)
    file.write_bytes(b"question,A,B,answer\nCaf\xe9?,a,b,A\n")
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        Task.multiple_choice(file)


def test_tasks_from_files_and_runs_that_are_made_again(assets: Path, tmp_path: Path) -> None:
    folder = assets / "models" / "stories260k"
    lines = [{"prompt": f"Once upon a time there was a {one}", "response": " who liked to play."}
             for one in ("dog", "cat", "girl", "boy")]  # fmt: skip
    file = tmp_path / "responses.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    value = ip.components(folder, task=parse_task(f"response:{file}", seed=2), ablation="mean")
    again = value_function_of(json.loads(json.dumps(value.subject)), value.targets)
    assert again.fingerprint == value.fingerprint
    masks = np.random.default_rng(0).random((2, len(value.features))) < 0.7
    np.testing.assert_array_equal(again(masks), value(masks))
    assert value_function_of(value.on("test").subject, value.targets).split == "test"
    with pytest.raises(BadInput, match="targets value are not the task's, logprob, logprob:mean"):
        value_function_of(value.subject, ["value"])
    by_hand = ip.components(network("llama"), task=task())
    with pytest.raises(BadInput, match="network or the task of this run was made in Python"):
        value_function_of(by_hand.subject, by_hand.targets)
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time there was a dog. " * 12, encoding="utf-8")
    other = ip.components(folder, task=parse_task(f"perplexity:{text}", window=32))
    assert value_function_of(other.subject, other.targets).fingerprint == other.fingerprint
    table = tmp_path / "classes.tsv"
    table.write_text("positive\tA joy.\nnegative\tDull.\n\nnegative\tNot good\n", encoding="utf-8")
    from interplay.demo import model_path

    classes = parse_task(f"classification:{table}", metric=["margin"])
    value = ip.components(str(model_path()), task=classes, parts="heads:0-1")
    assert value_function_of(value.subject, value.targets).fingerprint == value.fingerprint
    for content, told in (
        ("positive A joy.", r"line 1 must be a label, a tab and a text; it has 1 fields"),
        ("positive\t", r"line 1 must be a label"),
    ):
        table.write_text(content, encoding="utf-8")
        with pytest.raises(BadInput, match=told):
            parse_task(f"classification:{table}")
    for content, told in (("{", "line 1 is not JSON"), ("{}", "prompt 1 must be")):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(BadInput, match=told):
            parse_task(f"response:{file}")
    for one in ("glue:x", "response", "response:"):
        with pytest.raises(BadInput, match=f"unknown task '{one}'; valid: mmlu:FILE.csv"):
            parse_task(one)
    with pytest.raises(BadInput, match="a perplexity task has no metric to choose"):
        parse_task(f"perplexity:{text}", metric="margin")


def test_a_missing_extra_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import interplay as ip\n"
        "from interplay.lenses.components import Task\n"
        "try:\n    ip.components('folder', task=Task.response(['a', 'b'], ['c', 'd']))\n"
        "except ip.MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'pip install "interplay[hf]"' in run.stdout, run.stderr
