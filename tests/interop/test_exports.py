"""An explanation's exports, frames in files, and the page that tells of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas
import pytest
import shap
from interop_games import Game

import interplay as ip

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


@pytest.fixture(scope="module")
def run() -> ip.Explanation:
    return ip.explain(Game(6, 0), features=6, store=None)


def test_methods_are_those_of_its_table(run: ip.Explanation, tmp_path: Path) -> None:
    table = run.interactions("BII", 3)
    pandas.testing.assert_frame_equal(run.to_dataframe(order=3), table.to_dataframe())
    assert run.to_dataframe()["interaction_index"].unique().tolist() == ["BII"]
    path = run.to_csv(tmp_path / "run.csv", index="FSII")
    assert ip.Interactions.from_csv(path) == run.interactions("FSII")
    assert list(run.to_networkx(order=3).nodes) == list(table.to_networkx().nodes)
    values = run.to_shapiq("SII", order=3)
    assert values.interactions == run.interactions("SII", 3).to_shapiq().interactions
    assert values.estimation_budget == 64
    assert not values.estimated
    assert isinstance(run.to_shap(), shap.Explanation)
    assert run.to_shapiq().index == "k-SII"


def test_an_estimate_says_so() -> None:
    run = ip.explain(Game(7, 1), features=7, budget=60, store=None)
    values = run.to_shapiq()
    assert values.estimated
    assert values.estimation_budget == run.sample.masks == 60


def test_a_part_of_an_exact_series_says_so() -> None:
    """Of 512 exact terms a run shows 200."""
    values = np.random.default_rng(0).normal(size=512)
    run = ip.explain(lambda masks: values[masks @ (1 << np.arange(9))], 9, budget=512, store=None)
    assert run.interactions("SV").is_exact
    assert run.to_shapiq().estimated


def test_the_row_of_a_table_goes_along() -> None:
    table = pandas.DataFrame({"age": [39.0, 20.0, 50.0], "hours": [40.0, 10.0, 20.0]})
    f = ip.tabular(table.iloc[0], predict=lambda rows: rows["age"] - rows["hours"],
                   background=table)  # fmt: skip
    found = ip.explain(f, store=None).to_shap()
    assert found.feature_names == ["age", "hours"]
    assert [float(cell) for cell in found.data] == [39.0, 40.0]


def test_frames_through_files(run: ip.Explanation, tmp_path: Path) -> None:
    frame = run.to_dataframe("SII", order=3)
    frame.to_parquet(tmp_path / "frame.parquet")
    back = ip.Interactions.from_dataframe(pandas.read_parquet(tmp_path / "frame.parquet"))
    assert back == run.interactions("SII", 3)
    assert back.errors is not None
    read = pandas.read_csv(run.to_csv(tmp_path / "run.csv", "SII"), keep_default_na=False)
    assert read["value"].astype(float).tolist() == run.to_dataframe("SII")["value"].tolist()


@pytest.mark.filterwarnings("ignore")
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, object] = {"np": np}
    for block in blocks:
        exec(block, names)
