"""Checkpoints: what transformers loads by itself gives the logits of the masked network."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import interplay as ip
from interplay.actions.prune import prune, save_pruned
from interplay.lenses.components import Site, Task, components

pytest.importorskip("torch")
pytest.importorskip("transformers")

from networks import FAMILIES, logits, network, prompts


def task(family: str) -> Task:
    if FAMILIES[family][0].endswith("Classification"):
        given = prompts(family)
        inputs = np.stack(given) if family == "vit" else given
        return Task.classification(inputs, [0, 1, 2] * 2)
    return Task.response(prompts(family), [[5, 6]] * 6)


def parted(family: str, parts: Any = "heads", **options: Any) -> Any:
    return components(network(family), task=task(family), parts=parts, **options)


def halved(value: Any) -> np.ndarray:
    """A mask that drops every second part, so every layer the same number."""
    return np.arange(len(value.features)) % 2 == 0


def loaded(folder: Any, family: str) -> Any:
    import transformers

    return getattr(transformers, FAMILIES[family][0]).from_pretrained(folder).eval()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_heads_of_every_family(family, tmp_path):
    value = parted(family)
    mask = halved(value)
    found = save_pruned(value, mask, tmp_path / "pruned")
    assert found.difference <= 1e-5
    model = loaded(tmp_path / "pruned", family)
    for reading in range(2):
        expected = value.engine.outputs(mask[None], reading, plain=True)[0].ravel()
        ids = next(iter(value.questions.readings[reading].inputs.values()))
        whole = logits(model, ids if family == "vit" else ids.tolist())
        at = value.questions.readings[reading].positions
        own = whole if at is None else whole[at]
        assert np.abs(own.ravel() - expected).max() <= 1e-5
    apart = family in ("llama", "qwen2", "qwen3", "mistral", "gemma", "vit")
    assert bool(found.removed) == apart, found.how
    assert (found.parameters[1] < found.parameters[0]) == apart
    if not apart:
        assert ("zeroed only" in found.how and "in one matrix" in found.how) or "width" in found.how


@pytest.mark.parametrize(
    ("family", "parts", "options"),
    [
        ("llama", "heads", {"rescale": True}),
        ("llama", "heads", {"ablation": "mean"}),
        ("gpt2", "heads", {"ablation": "mean"}),
        ("bert", "heads+mlps", {"ablation": "mean"}),
        ("gpt2", "mlps", {}),
        ("llama", "heads+mlps", {}),
        ("llama", "layers", {}),
        ("bert", "layers", {}),
        ("gpt2", "layers", {}),
        ("vit", "heads", {"ablation": "mean"}),
    ],
)
def test_other_ablations_and_parts(family, parts, options, tmp_path):
    value = parted(family, parts, **options)
    found = save_pruned(value, halved(value), tmp_path / "pruned")
    # means are summed as in the bias that they are folded into, so that hardly a bit differs
    assert found.difference <= (3e-6 if options.get("ablation") == "mean" else 1e-5)
    if parts == "layers":
        assert found.removed == 1
        assert "1 of 3 layers are taken out" in found.how


def test_neurons_by_hand(tmp_path):
    sites = [Site("model.layers.1.mlp.down_proj", columns=(i, i + 6)) for i in range(0, 48, 6)]
    value = parted("llama", sites)
    found = save_pruned(value, halved(value), tmp_path / "pruned")
    assert found.difference <= 1e-5
    assert found.removed == 0


def test_the_fullest_layer_decides(tmp_path):
    value = parted("gemma")  # one group of keys: queries go one by one
    mask = np.ones(12, dtype=bool)
    mask[[0, 4, 5, 8, 9]] = False
    found = save_pruned(value, mask, tmp_path / "pruned")
    # 3, 2 and 2 of 4 are kept: 3 do not divide the width, which these configurations want
    config = json.loads((tmp_path / "pruned" / "config.json").read_text())
    assert config["num_attention_heads"] in (3, 4)
    assert found.difference <= 1e-5
    mask[[1]] = False
    found = save_pruned(value, mask, tmp_path / "two")
    assert json.loads((tmp_path / "two" / "config.json").read_text())["num_attention_heads"] == 2
    assert found.removed == 6
    assert found.sentence.startswith("6 of 12 heads are taken out")
    zeroed = save_pruned(value, mask, tmp_path / "zeroed", remove=False)
    assert zeroed.removed == 0
    assert zeroed.parameters[0] == zeroed.parameters[1]


def test_it_loads_without_this_package(tmp_path):
    import torch
    import transformers
    from tiny_models import save_gpt2

    source = save_gpt2(tmp_path / "source")
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True,
        initializer_range=0.2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    model.generation_config.max_new_tokens = 7
    value = components(model, tokenizer, task=Task.response(["The film", "I did"], [" is", " not"]))
    folder = tmp_path / "pruned"
    mask = halved(value)
    found = save_pruned(value, mask, folder, max_shard_size="10KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    expected = value.engine.outputs(mask[None], 0, plain=True)[0]
    code = (
        "import sys, transformers, torch\n"
        "sys.modules['interplay'] = None\n"
        f"m = transformers.AutoModelForCausalLM.from_pretrained({str(folder)!r}).eval()\n"
        f"t = transformers.AutoTokenizer.from_pretrained({str(folder)!r})\n"
        "assert t.chat_template and m.generation_config.max_new_tokens == 7\n"
        "assert m.lm_head.weight is m.model.embed_tokens.weight\n"
        "with torch.inference_mode(): x = m(**t('The film', return_tensors='pt')).logits[0, -1]\n"
        "print(x.tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert np.abs(np.array(json.loads(done.stdout)) - expected[0]).max() <= 1e-5
    assert json.loads((folder / "interplay.json").read_text())["kept"] == list(found.kept)


def test_pruning_saves_its_choice(tmp_path):
    value = parted("gemma")
    explanation = ip.explain(value, budget=60, store=None, method="lasso")
    found = prune(explanation, value, keep=[0.5, 0.75], even=True, random=3)
    contest = found.contests[0]
    assert "attribution-patching" in contest.choices
    saved = found.save(tmp_path / "pruned")
    assert saved.removed == 6
    assert saved.kept == found.kept
    assert found.save(tmp_path / "more", keep=0.75).kept == tuple(
        found.features[i] for i in found.contests[1].best.kept
    )


@pytest.mark.parametrize("family", ["llama", "bert", "vit"])
def test_gate_gradients_are_those_of_small_steps(family):
    from interplay.actions.prune.gradients import gate_gradients

    value = parted(family)
    target = value.targets[-1]
    found = gate_gradients(value, target)
    # a gate that is nearly closed, by the linear part of a step of 2 %
    import torch

    engine, step = value.engine, 0.02
    rows = value.questions.of(value.prompts.tolist())

    def score(gates: np.ndarray) -> float:
        total = []
        with torch.no_grad(), engine.ablation.applied(torch.tensor(gates[None]).float()):
            for i in rows:
                out = engine.passes([i], narrow=False)
                numbers = value.questions.score([value.questions.readings[i]], out)
                prompt = value.questions.readings[i].prompt
                total.append(value.questions.combine(prompt, numbers[None]))
        return float(np.mean([one[0, -1] for one in total]))

    for i in (0, 5, 11):
        up, down = np.ones(12), np.ones(12)
        up[i], down[i] = 1 + step, 1 - step
        slope = (score(up) - score(down)) / (2 * step)
        assert found[i] == pytest.approx(slope, rel=0.05, abs=0.02)


def test_what_cannot_be_saved_is_refused(tmp_path):
    value = parted("gpt2")
    mask = halved(value)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    with pytest.raises(ip.BadInput, match="exists; name another folder"):
        save_pruned(value, mask, taken)
    save_pruned(value, mask, taken, force=True)
    assert (taken / "mine.txt").read_text() == "mine"
    assert (taken / "config.json").exists()
    with pytest.raises(ip.BadInput, match="no such folder"):
        save_pruned(value, mask, tmp_path / "no" / "where")
    with pytest.raises(ip.BadInput, match="no weights can do"):
        save_pruned(parted("gpt2", ablation="resample"), mask, tmp_path / "a")
    with pytest.raises(ip.BadInput, match=r"has none; explain and prune with ablation='zero'"):
        save_pruned(parted("mistral", ablation="mean"), mask, tmp_path / "b")
    layers = parted("llama", "layers")
    with pytest.raises(ip.BadInput, match="no layer would be left"):
        save_pruned(layers, np.zeros(3, dtype=bool), tmp_path / "c")
    directions = [
        Site("transformer.h.1.mlp", at="output", directions=np.eye(32)[i : i + 1], name=f"d{i}")
        for i in range(2)
    ]
    with pytest.raises(ip.BadInput, match="directions of an activation"):
        save_pruned(parted("gpt2", directions), np.array([True, False]), tmp_path / "d")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["taken"]
