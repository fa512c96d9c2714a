"""Tasks: what they measure is what the networks say one prompt at a time; splits; draws."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from benchmarks.components.sorting import sorter
from networks import logits, network, prompts, without

import interplay as ip
from interplay.lenses.components import ComponentValueFunction, Task

RNG = np.random.default_rng(0)
MASKS = RNG.random((4, 12)) < 0.6
STORY = "Once upon a time there was a little girl named Lily. She liked to play in the park. " * 9


def log_softmax(rows: np.ndarray) -> np.ndarray:
    return rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))


def test_train_and_test_are_apart_and_of_the_seed() -> None:
    some = prompts("llama", 7)
    task = Task.response(some, [[3]] * 7, share=0.6)
    assert len(task.train) == 4
    assert sorted([*task.train, *task.test]) == list(range(7)) == task.prompts("all").tolist()
    same = Task.response(some, [[3]] * 7, share=0.6)
    np.testing.assert_array_equal(same.train, task.train)
    others = [Task.response(some, [[3]] * 7, seed=seed).train.tolist() for seed in range(9)]
    assert len({tuple(one) for one in others}) > 1
    assert len(Task.response(some, [[3]] * 7, share=0.01).train) == 1
    assert len(Task.response(some, [[3]] * 7, share=0.99).test) == 1


def test_the_value_is_of_train_prompts_and_on_test_of_the_others() -> None:
    made = network("bert")
    some = prompts("bert", 6)
    labels = [0, 1, 2, 0, 1, 2]
    task = Task.classification(some, labels)
    value = ip.components(made, task=task)
    assert value.targets == ("accuracy", "margin")
    test = value.on("test")
    assert test.fingerprint != value.fingerprint
    assert test.on("train").fingerprint == value.fingerprint
    assert test.subject["name"].startswith("heads of ")
    assert test.subject["name"].endswith(", classification (test)")
    for one, own in ((value, task.train), (test, task.test)):
        scores = one.scores(MASKS)
        assert scores.shape == (4, len(own), 2)
        found = one(MASKS)
        np.testing.assert_allclose(found, scores.mean(axis=1))
        for row, mask in enumerate(MASKS):
            cut = without(made, "bert", mask.reshape(3, 4))
            expected = []
            for i in own:
                said = logits(cut, some[i])
                margin = said[labels[i]] - np.delete(said, labels[i]).max()
                expected.append((margin > 0, margin))
            np.testing.assert_allclose(found[row], np.mean(expected, axis=0), atol=1e-5)
    assert ip.components(made, task=task, parts="heads:0").fingerprint != value.fingerprint
    again = ip.components(made, task=Task.classification(some, labels))
    assert again.fingerprint == value.fingerprint
    assert ip.components(network("bert", 5), task=task).fingerprint != value.fingerprint


def test_pictures_have_classes() -> None:
    made = network("vit")
    pixels = np.stack(prompts("vit", 4))
    value = ip.components(made, task=Task.classification(pixels, [0, 1, 2, 0], metric="margin"))
    assert value.targets == ("margin",)
    found = value(MASKS)
    assert found.shape == (4,)
    cut = without(made, "vit", MASKS[0].reshape(3, 4))
    expected = []
    for i in value.task.train:
        said, right = logits(cut, pixels[i]), [0, 1, 2, 0][i]
        expected.append(said[right] - np.delete(said, right).max())
    np.testing.assert_allclose(found[0], np.mean(expected), atol=1e-5)


def test_drawn_prompts_are_of_mask_and_seed_and_their_noise_is_told() -> None:
    made = network("bert")
    some = prompts("bert", 24)
    task = Task.classification(some, [i % 3 for i in range(24)], metric="margin")
    whole = ip.components(made, task=task)
    value = ip.components(made, task=task, prompts_per_mask=4)
    assert value.fingerprint != whole.fingerprint
    assert value.batch_size == 3 * whole.batch_size
    told = value.measure(MASKS)
    scores = whole.scores(MASKS)[..., 0]
    # alone, in another order, beside others, and twice
    np.testing.assert_allclose(value(MASKS[::-1])[::-1], told.values, atol=1e-6)
    np.testing.assert_allclose(value(MASKS[2:3]), told.values[2:3], atol=1e-6)
    np.testing.assert_allclose(value(MASKS[[0, 0]]), told.values[[0, 0]], atol=1e-6)
    for row, mask in enumerate(MASKS):
        rng = np.random.default_rng([0, *np.packbits(mask).tolist()])
        drawn = scores[row, rng.choice(12, 4, replace=False)]
        np.testing.assert_allclose(told.values[row], drawn.mean(), atol=1e-6)
        np.testing.assert_allclose(told.noise_var[row], drawn.var(ddof=1) / 6, rtol=1e-4)
    other = ip.components(made, task=task, prompts_per_mask=4, seed=1)
    assert np.abs(other(MASKS) - told.values).max() > 1e-6
    # the variance is that of the means over all draws, on average
    means, noises = [], []
    for seed in range(300):
        value.seed = seed
        drawn = value._drawn(MASKS[:1])[0]
        chosen = scores[0, drawn]
        means.append(chosen.mean())
        noises.append(chosen.var(ddof=1) / 4 * (1 - 4 / 12))
    np.testing.assert_allclose(np.mean(noises), np.var(means), rtol=0.3)
    assert value.on("test").prompts_per_mask is None
    assert ip.components(made, task=task, prompts_per_mask=12).prompts_per_mask is None


def test_several_targets_and_a_run(tmp_path: Path) -> None:
    """Through explain: both targets, the noise, the store."""
    made = network("bert")
    some = prompts("bert", 16)
    task = Task.classification(some, [i % 3 for i in range(16)])
    value = ip.components(made, task=task, parts="heads:1-2", prompts_per_mask=4)
    store = tmp_path / "runs.db"
    found = ip.explain(value, budget=100, store=store, method="lasso")
    again = ip.explain(value, budget=100, store=store, method="lasso")
    assert found.targets == ("accuracy", "margin")
    assert again.cost.calls == 0
    assert found.target("margin").spectrum == again.target("margin").spectrum
    assert found.subject["parts"][0] == ["head", 1, 0]


def test_a_users_own_score() -> None:
    made = network("gpt2")
    some = prompts("gpt2")
    seen = []

    def score(out: np.ndarray, which: np.ndarray) -> np.ndarray:
        seen.append(out.shape)
        assert out.dtype == np.float64
        return np.stack([out[:, -1, 5] if out.ndim == 3 else out[:, 5], which], axis=1)

    task = Task.callable(some, score, targets=("five", "which"))
    value = ip.components(made, task=task)
    found = value(MASKS)
    np.testing.assert_allclose(found[:, 1], task.train.mean())
    expected = [logits(without(made, "gpt2", MASKS[1].reshape(3, 4)), some[i])[-1, 5]
                for i in task.train]  # fmt: skip
    np.testing.assert_allclose(found[1, 0], np.mean(expected), atol=1e-5)
    last = ip.components(
        made, task=Task.callable(some, score, targets=("five", "which"), positions="last")
    )
    np.testing.assert_allclose(last(MASKS), found, atol=1e-5)
    assert all(len(shape) == 2 for shape in seen[-1:])


@pytest.fixture(scope="module")
def story(assets: Path) -> ComponentValueFunction:
    task = Task.perplexity(STORY, window=32)
    return ip.components(assets / "models" / "stories260k", task=task)


def test_perplexity_of_a_text_in_equal_pieces(story: ComponentValueFunction) -> None:
    import torch

    lengths = [len(one.inputs["input_ids"]) + 1 for one in story.questions.readings]
    assert max(lengths) <= 32
    assert max(lengths) - min(lengths) <= 1
    read = np.concatenate([one.wanted for one in story.questions.readings])
    ids = story.tokenizer(STORY, add_special_tokens=False)["input_ids"]
    np.testing.assert_array_equal(read, ids)  # every token counts, once
    losses = []
    for i in story.prompts:
        reading = story.questions.readings[i]
        whole = np.append(reading.inputs["input_ids"], reading.wanted[-1])
        with torch.inference_mode():
            loss = story.model(torch.from_numpy(whole)[None], labels=torch.from_numpy(whole)[None])
        losses.append(-float(loss.loss))
    n = len(story.features)
    np.testing.assert_allclose(story(np.ones((1, n), dtype=bool)), [np.mean(losses)], atol=1e-5)
    assert story(np.zeros((1, n), dtype=bool))[0] < np.mean(losses) - 1


def items(count: int) -> list[dict[str, object]]:
    words = ("park", "dog", "ball", "tree")
    return [
        {"question": f"Who likes the {words[i % 4]} number {i}?", "choices": ["Tim", "Lily", "Sam"],
         "answer": "ABC"[i % 3]} for i in range(count)
    ]  # fmt: skip


def test_multiple_choice_by_letters_and_by_answers(assets: Path, tmp_path: Path) -> None:
    import torch

    folder = assets / "models" / "babyllama"
    file = tmp_path / "items.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["question", "A", "B", "C", "D", "answer"])
        for item in items(6):
            writer.writerow([item["question"], *item["choices"], "", item["answer"]])
    by_file = Task.multiple_choice(file)
    task = Task.multiple_choice(items(6), examples=items(1))
    value = ip.components(folder, task=task)
    tokenizer, model = value.tokenizer, value.model
    assert "A. Tim\nB. Lily\nC. Sam\nAnswer: A\n\nWho likes the dog" in task.prompt(task.items[1])
    assert by_file.items == task.items
    masks = np.array([[True] * 40, [True] * 20 + [False] * 20])
    found = value.scores(masks)[0]
    letters = [value.engine.readings[0].wanted.tolist()[i] for i in range(3)]
    assert [tokenizer.decode([one]) for one in letters] == ["A", "B", "C"]
    for column, i in enumerate(value.prompts):
        ids = torch.from_numpy(value.engine.readings[i].inputs["input_ids"])[None]
        with torch.inference_mode():
            said = log_softmax(model(ids).logits[0, -1].double().numpy())[letters]
        right = i % 3
        margin = said[right] - np.delete(said, right).max()
        np.testing.assert_allclose(found[column], [margin > 0, margin], atol=1e-4)
    for score in ("answer", "answer:mean"):
        task = Task.multiple_choice(items(4), score=score, metric="margin")
        value = ip.components(folder, task=task)
        found = value.scores(masks)
        assert found.shape == (2, 2, 1)
        i = int(value.prompts[0])
        totals = []
        for reading in value.engine.readings[3 * i : 3 * i + 3]:
            ids = torch.from_numpy(reading.inputs["input_ids"])[None]
            with torch.inference_mode():
                said = log_softmax(model(ids).logits[0].double().numpy())
            own = said[reading.positions, reading.wanted]
            totals.append(own.mean() if score == "answer:mean" else own.sum())
        margin = totals[i % 3] - np.delete(totals, i % 3).max()
        np.testing.assert_allclose(found[0, 0, 0], margin, atol=1e-4)


def test_mmlu_files_are_read(assets: Path) -> None:
    task = Task.multiple_choice(assets / "qa" / "mmlu_us_history_test.csv")
    assert task.size == 204
    assert all(len(item.choices) == 4 for item in task.items)
    assert task.prompt(task.items[0]).endswith("\nAnswer:")


def test_a_sorting_network_that_is_no_hugging_face_model(assets: Path) -> None:
    """A plain module with sites named by hand: all of a layer's heads, and neurons of an MLP."""
    import copy

    import torch

    torch.set_num_threads(1)
    made = sorter(assets / "models" / "gpt_nano_sort")
    inputs = [[2, 0, 1, 1, 0, 2], [0, 0, 2, 1, 2, 1], [1, 2, 0, 0, 0, 1], [2, 2, 2, 0, 1, 0]]
    task = Task.callable(inputs, lambda out, which: out[:, -1, 0] - out[:, -1, 2])
    named = ip.components(made, task=task, projection="h.{layer}.attn.c_proj", heads=3)
    assert len(named.features) == 9
    masks = RNG.random((6, 9)) < 0.5
    found = ip.components(made, task=task, heads=3)  # attn.c_proj is a known name
    np.testing.assert_allclose(found(masks), named(masks), atol=1e-6)
    from interplay.lenses.components import Site

    sites = [Site(f"h.{i}.attn.c_proj", columns=(16 * j, 16 * j + 16), name=f"{i}/{j}")
             for i in range(3) for j in range(3)]  # fmt: skip
    by_hand = ip.components(made, task=task, parts=sites)
    np.testing.assert_allclose(by_hand(masks), named(masks), atol=1e-5)
    assert by_hand.features[0] == "0/0"
    neurons = [Site("h.0.mlp.c_proj", columns=(i, i + 1)) for i in range(5)]
    value = ip.components(made, task=task, parts=neurons)
    assert value.features[4] == "h.0.mlp.c_proj[4:5]"
    kept = np.array([[True, False, True, True, False]])
    cut = copy.deepcopy(made)
    with torch.no_grad():
        cut.h[0].mlp.c_proj.weight[:, [1, 4]] = 0
        expected = [
            (lambda out: out[-1, 0] - out[-1, 2])(cut(torch.tensor([inputs[i]]))[0][0].numpy())
            for i in task.train
        ]
    np.testing.assert_allclose(value(kept), np.mean(expected), atol=1e-5)


def test_directions_are_taken_out(assets: Path) -> None:
    """Latents of a sparse autoencoder: readers say how much of each direction there is."""
    import torch

    from interplay.lenses.components import Site

    made = network("llama")
    some = prompts("llama", 4)
    task = Task.callable(some, lambda out, which: out[:, -1, 3])
    directions, readers = RNG.standard_normal((3, 32)), RNG.standard_normal((3, 32))
    bias = np.array([0.1, -0.2, 0.3])
    latents = [
        Site("model.layers.1.mlp", at="output", directions=directions[i], readers=readers[i],
             bias=bias[i : i + 1], name=f"latent {i}") for i in range(3)
    ]  # fmt: skip
    value = ip.components(made, task=task, parts=latents)
    plain = [Site("model.layers.1.mlp", at="output", directions=one, name=f"direction {i}")
             for i, one in enumerate(directions)]  # fmt: skip
    projected = ip.components(made, task=task, parts=plain)
    mask = np.array([[False, True, False]])

    def expected(kind: str) -> float:
        def take(_: object, __: object, out: torch.Tensor) -> torch.Tensor:
            for i in (0, 2):
                d = torch.tensor(directions[i], dtype=torch.float32)
                if kind == "latents":
                    reader = torch.tensor(readers[i], dtype=torch.float32)
                    amounts.setdefault(i, (first[0] @ reader + bias[i]).relu())
                else:
                    amounts.setdefault(i, first[0] @ d / (d @ d))
                out = out - amounts[i][..., None] * d
            return out

        total = []
        for i in task.train:
            amounts: dict[int, torch.Tensor] = {}
            first: list[torch.Tensor] = []
            layer = made.model.layers[1].mlp
            handle = layer.register_forward_hook(lambda *a, first=first: first.append(a[2].clone()))
            other = layer.register_forward_hook(take)
            total.append(logits(made, some[i])[-1, 3])
            handle.remove()
            other.remove()
        return float(np.mean(total))

    np.testing.assert_allclose(value(mask), expected("latents"), atol=1e-5)
    np.testing.assert_allclose(projected(mask), expected("projections"), atol=1e-5)
    assert value.parts[0].layer == 1
