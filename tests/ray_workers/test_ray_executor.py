"""Ray with two workers on this machine: equal bytes, and nothing lost when workers die."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_games import Game, Locked, Logged, breaks, environment

import interplay as ip
from interplay.demo import model_path
from interplay.errors import BackendError, BadInput
from interplay.evaluate import RayExecutor, Store, evaluate
from interplay.evaluate.ray_worker import packed, sendable
from interplay.masks import uniform

MASKS = uniform(12, 400, np.random.default_rng(0))
ALONE = np.eye(12, dtype=bool)
"""Each feature alone: the rows by which games of :class:`Logged` die."""


def _run_file(path: Path, value_function: Any, **options: Any) -> tuple[dict[str, Any], bytes]:
    ip.explain(value_function, store=None, **options).save(path)
    run = json.loads(path.read_text())
    del run["created"]
    run["cost"] = {k: v for k, v in run["cost"].items() if "seconds" not in k}
    return run, path.with_suffix(".npz").read_bytes()


def test_run_files_are_those_of_one_process(executor: RayExecutor, tmp_path: Path) -> None:
    options: dict[str, Any] = {"budget": 300, "replicates": 2}
    here = _run_file(tmp_path / "here.json", Game(), **options)
    there = _run_file(tmp_path / "there.json", Game(), executor=executor, **options)
    assert here == there


def test_a_plain_callable_is_sent(executor: RayExecutor) -> None:
    weights = np.arange(12.0)
    result = evaluate(lambda masks: masks @ weights, MASKS, executor=executor)
    assert result.values[:, 0].tobytes() == (MASKS @ weights).tobytes()


def test_what_cannot_be_sent_is_refused(executor: RayExecutor) -> None:
    lock = threading.Lock()
    with pytest.raises(BadInput, match=r"cannot be sent to workers: TypeError.*make="):
        evaluate(lambda masks: masks.sum(1) * bool(lock), MASKS, executor=executor)


def test_a_worker_that_dies_costs_its_chunk(executor: RayExecutor, tmp_path: Path) -> None:
    game = Logged(tmp_path, dies_of=3, deaths=2)
    masks = np.concatenate([MASKS, ALONE])
    with Store(tmp_path / "runs.db") as store:
        result = evaluate(game, masks, store=store, executor=executor)
        assert store.count("logged") == len(np.unique(masks, axis=0))
    assert result.values[:, 0].tolist() == masks.sum(1).tolist()
    assert result.calls == len(np.unique(masks, axis=0))
    asked = sum(len(rows) for _, rows in game.calls())
    assert asked == result.calls + 2 * 8  # the chunk it died of, twice more, and nothing else
    assert len({pid for pid, _ in game.calls()}) >= 3


def test_a_kill_from_outside(executor: RayExecutor, tmp_path: Path) -> None:
    game = Logged(tmp_path, seconds=0.05)

    def kill() -> None:
        while len(game.calls()) < 12:
            time.sleep(0.01)
        os.kill(game.calls()[0][0], 9)

    killer = threading.Thread(target=kill)
    killer.start()
    result = evaluate(game, MASKS, executor=executor)
    killer.join()
    assert result.values[:, 0].tolist() == MASKS.sum(1).tolist()
    assert sum(len(rows) for _, rows in game.calls()) <= result.calls + 8


def test_a_chunk_of_which_three_workers_die(executor: RayExecutor, tmp_path: Path) -> None:
    game = Logged(tmp_path, dies_of=3, deaths=99)
    masks = np.concatenate([MASKS[:80], ALONE, MASKS[80:]])
    told = r"3 workers died of the same batch of 8 masks .* evaluations of this run are stored"
    with Store(tmp_path / "runs.db") as store:
        with pytest.raises(BackendError, match="3 workers died of the same batch") as caught:
            evaluate(game, masks, store=store, executor=executor)
        kept = store.count("logged")
    assert len(list(tmp_path.glob("death-*"))) == 3
    assert kept >= 80
    notes = " ".join([str(caught.value), *caught.value.__notes__])
    assert pytest.approx(kept) == int(notes.split(" evaluations of this run")[0].split()[-1]), told


def test_the_error_of_a_worker_is_told_as_ever(executor: RayExecutor) -> None:
    told = r"raised Locked on a batch of 64 masks \(rows 0 to .*no such layer \(7\)"
    for one in (None, executor):
        with pytest.raises(BackendError, match=told) as caught:
            evaluate(breaks, MASKS, executor=one)
        assert type(caught.value.__cause__).__name__ == "Locked"
    assert "in breaks" in caught.value.__cause__.__notes__[0]  # type: ignore[union-attr]


def test_errors_keep_their_kind_on_the_way() -> None:
    missing = ip.MissingExtra("torch", "hf")
    for error in (missing, BadInput("no"), OSError(2, "No such file"), Locked("a", 1)):
        sent = sendable(error)
        assert type(sent).__name__ == type(error).__name__
        assert str(sent) == str(error)
        assert isinstance(sent, ip.InterplayError) == isinstance(error, ip.InterplayError)
    assert isinstance(sendable(missing), ip.InterplayError)


def test_threads_and_gpus_are_the_share_of_a_worker(executor: RayExecutor) -> None:
    assert evaluate(environment, MASKS[:2], executor=executor).values.tolist() == [[1, 1, 1]] * 2


TEXT = "The film is not at all bad, and the music is lovely."


def test_a_text_is_made_again_there(executor: RayExecutor) -> None:
    value = ip.text(TEXT, model=model_path())
    assert len(packed(value, None)) < 5_000  # no model is sent
    masks = uniform(len(value.features), 200, np.random.default_rng(0))
    here = evaluate(value, masks)
    there = evaluate(value, masks, executor=executor)
    np.testing.assert_allclose(there.values, here.values, atol=1e-5)
    assert there.tokens == here.tokens


def test_sentences_and_their_words(executor: RayExecutor) -> None:
    value = ip.text(f"{TEXT} I would watch it again.", model=model_path(), units="sentence+word")
    found = ip.explain(value, budget=120, store=None, executor=executor)
    assert found.sample.masks > 20


def test_many_texts_share_the_model_of_a_worker(executor: RayExecutor) -> None:
    from interplay.models.hf_classifier import HFClassifier

    model = HFClassifier.load(str(model_path()))
    values = {name: ip.text(f"{TEXT} {name}", model=model) for name in ("So good.", "So bad.")}
    found = ip.explain_many(values, budget=40, store=None, executor=executor)
    assert not found.failures


def test_another_model_there_is_refused(executor: RayExecutor) -> None:
    value = ip.text(TEXT, model=model_path())
    value.fingerprint = "that of a model which changed on the disk"
    with pytest.raises(BackendError, match=r"it is another one than here \(fingerprint"):
        evaluate(value, MASKS[:, : len(value.features)], executor=executor)


def test_a_picture_that_was_no_file_is_refused(executor: RayExecutor) -> None:
    class Unmakeable(Game):
        subject = {"kind": "image", "model": "m", "target": "t"}  # noqa: RUF012

        @property
        def recipe(self) -> Any:
            from interplay.lenses.remake import recipe_of

            return recipe_of(self)

    told = r"a worker could not make the value function.*no file.*RayExecutor\(make="
    with pytest.raises(BackendError, match=told):
        evaluate(Unmakeable(), MASKS, executor=executor)


def test_retrains_are_the_same(executor: RayExecutor, tmp_path: Path) -> None:
    from interplay.lenses.training_data.files import training_files

    value = training_files(examples=8, classes=["three", "eight"], trainer="mlp", targets=1)
    assert value.recipe is not None
    masks = uniform(len(value.features), 12, np.random.default_rng(0))
    here = evaluate(value, masks, replicates=2)
    there = evaluate(value, masks, replicates=2, executor=executor)
    np.testing.assert_allclose(there.samples, here.samples, atol=1e-5)
    assert np.ptp(there.samples, axis=0).max() > 0  # other seeds for the second time


def test_more_than_there_is_room_for() -> None:
    with (
        RayExecutor(1, num_gpus=64) as many,
        pytest.raises(BadInput, match=r"1 worker of 64 GPUs each do not fit: Ray has \d"),
    ):
        evaluate(Game(), MASKS, executor=many)


def test_nothing_is_started_where_all_is_stored(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.db") as store:
        evaluate(Game(), MASKS, store=store)
        idle = RayExecutor(2)
        assert evaluate(Game(), MASKS, store=store, executor=idle).calls == 0
    assert idle._pool is None
    idle.close()
