"""Plots: the numbers that are drawn are those of the run, sums add up, names do no harm."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.text import Text
from run_summaries import callable_summary, text_summary
from test_components_report import NAMES, PARTS, Network
from test_image_report import PICTURE, image_summary

import interplay as ip
from interplay.intervals import Z_90
from interplay.report import plots
from interplay.report.plots.letters import Pen
from interplay.report.plots.style import LOWERS, RAISES, REST
from interplay.report.plots.sums import EFFICIENT, sum_of
from interplay.report.reading import Reading

mpl.use("Agg")

TERMS: dict[tuple[int, ...], float] = {
    (): 0.4,
    (0,): -0.5,
    (1,): 0.3,
    (2,): -0.1,
    (0, 1): -0.2,
    (1, 3): 0.15,
    (0, 2, 3): 0.12,
}
ERRORS = {term: 0.01 * (1 + len(term)) for term in TERMS}
HOSTILE = [
    "costs $3^{_\\",
    "👍",
    "שלום עולם",
    "مرحبا",
    "我爱电影院",
    "x" * 5000,
    "<script>alert(1)</script>",
    "a\nb\tc",
    "",
    "\u202eevil",
    "👩‍👩‍👧 family",
    "\ud800lone",
    "100 %_#&~",
    "🎬" * 60,
    "$x$",
    "not",
    "bad",
    "not",
]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No figure is left open, and no setting of matplotlib is changed by any plot."""
    before = dict(mpl.rcParams)
    yield
    pyplot.close("all")
    assert dict(mpl.rcParams) == before


def with_spectrum(summary: dict[str, Any], spectrum: ip.Spectrum) -> dict[str, Any]:
    summary["targets"][0]["spectrum"] = spectrum.to_dict()
    return summary


def of_terms(
    terms: dict[tuple[int, ...], float] = TERMS,
    names: list[str] | None = None,
    errors: dict[tuple[int, ...], float] | None = ERRORS,
) -> dict[str, Any]:
    """The summary of a run of a plain function whose spectrum has these terms."""
    names = [f"f{i}" for i in range(5)] if names is None else names
    spectrum = ip.Spectrum(terms, n=len(names), features=names, errors=errors)
    return with_spectrum(callable_summary(names), spectrum)


def of_top(summary: dict[str, Any], *, errors: bool = True) -> dict[str, Any]:
    """A summary made by hand, with the spectrum whose terms it lists."""
    terms = {(): 0.3} | {
        tuple(row["features"]): row["value"] / (-2) ** len(row["features"])
        for row in summary["targets"][0]["top"]
    }
    names = summary["features"]
    known = dict.fromkeys(terms, 0.05) if errors else None
    return with_spectrum(summary, ip.Spectrum(terms, n=len(names), features=names, errors=known))


def spectrum_of(summary: dict[str, Any]) -> ip.Spectrum:
    spectrum = Reading(summary).spectrum
    assert spectrum is not None
    return spectrum


def network_summary(spectrum: ip.Spectrum | None = None) -> dict[str, Any]:
    model = Network(PARTS, NAMES)
    summary = with_spectrum(callable_summary(NAMES), spectrum or model.spectrum)
    summary["subject"] = model.subject
    return summary


def widths(ax: Any) -> list[float]:
    return [bar.get_width() for bar in ax.patches]


def whiskers(ax: Any) -> list[tuple[float, float]]:
    """The ends of all horizontal lines."""
    found = []
    for line in ax.lines:
        x, y = (np.asarray(data, dtype=float) for data in line.get_data())
        if len(x) == 2 and y[0] == y[1] and x[0] != x[1]:
            found.append((float(x[0]), float(x[1])))
    return found


def written(ax: Any) -> str:
    """All that is written in a figure."""
    return "\n".join(words.get_text() for words in ax.figure.findobj(Text))


def assert_signs(patches: list[Any], values: list[float]) -> None:
    """Orange raises; blue and hatched lowers."""
    for patch, value in zip(patches, values, strict=True):
        assert to_hex(patch.get_facecolor()) == (RAISES if value > 0 else LOWERS)
        assert bool(patch.get_hatch()) == (value < 0)


def assert_inside(ax: Any) -> None:
    """Nothing that is drawn stands out of the figure."""
    figure = ax.figure
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.03
    assert box.y0 >= -0.03
    assert box.x1 <= width + 0.03
    assert box.y1 <= height + 0.03


# ---- bars


def test_bars_are_the_strongest_terms() -> None:
    summary = of_terms()
    ax = plots.bar(summary, top=4)
    strongest = spectrum_of(summary).top(4)
    expected = sorted(strongest, key=lambda one: -abs(one.value))
    assert widths(ax) == pytest.approx([one.value for one in expected])
    assert_signs(list(ax.patches), [one.value for one in expected])
    intervals = [(one.low, one.high) for one in expected]
    assert np.array(whiskers(ax)) == pytest.approx(np.array(intervals))
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [" × ".join(one.names) for one in expected]
    assert ax.get_xlabel() == "Banzhaf interaction, in units of value\n4 of 6 terms"
    assert "raises value" in written(ax)
    assert "+1.00" in written(ax)


def test_bars_of_other_indices() -> None:
    summary = of_terms(errors=None)
    ax = plots.bar(summary, index="sv")
    table = spectrum_of(summary).interactions("SV")
    assert widths(ax) == pytest.approx([value for _, value in table.top(5, min_order=1)][:4])
    assert whiskers(ax) == [], "nothing is known of the errors"
    assert ax.get_xlabel() == "Shapley value, in units of value"
    influence = plots.bar(summary, index="influence")
    assert {to_hex(bar.get_facecolor()) for bar in influence.patches} == {REST}
    assert influence.get_xlabel() == "influence, in squared units of value"
    with pytest.raises(ip.BadInput, match="take BII, which is"):
        plots.bar(summary, index="Fourier")
    with pytest.raises(ip.BadInput, match="order 9 is above n = 5"):
        plots.bar(summary, order=9)


def test_two_features_of_one_name_are_told_apart() -> None:
    summary = of_terms(names=["not", "bad", "a", "b", "not"])
    labels = [label.get_text() for label in plots.bar(summary).get_yticklabels()]
    assert "not₁ × bad" in labels


# ---- sums


@given(
    st.integers(0, 10**6),
    st.sampled_from(EFFICIENT),
    st.integers(1, 4),
    st.integers(1, 12),
)
@settings(max_examples=60)
def test_steps_add_up_exactly(seed: int, index: str, order: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    n = 6
    rows = rng.random((9, n)) < 0.4
    terms = {tuple(np.flatnonzero(row).tolist()): float(rng.normal()) for row in rows}
    run = Reading(of_terms(terms, [f"f{i}" for i in range(n)], errors=None))
    assert run.spectrum is not None
    found = sum_of(run, index, 1 if index == "SV" else None if index == "Moebius" else order, top)
    ends = run.spectrum.predict(np.array([[False] * n, [True] * n]))
    assert (found.start, found.end) == pytest.approx(tuple(ends))
    assert found.start + sum(step.value for step in found.steps) == pytest.approx(found.end)
    table = run.spectrum.interactions(index, 1 if index == "SV" else order)
    if index != "Moebius":
        named = sorted(abs(step.value) for step in found.steps if step.named)
        largest = table.top(len(named), min_order=1)
        assert named == pytest.approx(sorted(abs(value) for _, value in largest))
    assert found.start == pytest.approx(table[()])


@pytest.mark.parametrize("index", EFFICIENT)
def test_the_interval_of_the_rest_is_that_of_a_sum(index: str) -> None:
    """Each coefficient's part in the rest is what the rest changes by when it grows by one."""

    def rest(terms: dict[tuple[int, ...], float]) -> float:
        spectrum = ip.Spectrum(terms, n=5)
        table = spectrum.interactions(index)
        ends = spectrum.predict(np.array([[False] * 5, [True] * 5]))
        return float(ends[1] - ends[0]) - sum(table[features] for features in named)

    names = [f"f{i}" for i in range(5)]
    found = sum_of(Reading(of_terms()), index, None, 2)
    named = [
        tuple(names.index(name) for name in step.name.split(" × "))
        for step in found.steps
        if step.named
    ]
    assert len(named) == 2
    last = found.steps[-1]
    assert not last.named
    assert last.value == pytest.approx(rest(TERMS))
    worth = [rest(TERMS | {term: TERMS[term] + 1}) - rest(TERMS) for term in TERMS]
    spread = Z_90 * np.hypot.reduce(
        [w * ERRORS[term] for w, term in zip(worth, TERMS, strict=True)]
    )
    assert (last.low, last.high) == pytest.approx((last.value - spread, last.value + spread))


def test_a_waterfall_goes_from_nothing_to_everything() -> None:
    summary = of_terms()
    ax = plots.waterfall(summary, top=3)
    ends = spectrum_of(summary).predict(np.array([[False] * 5, [True] * 5]))
    at = float(ends[0])
    for bar in ax.patches:
        assert bar.get_x() == pytest.approx(at)
        at += bar.get_width()
    assert at == pytest.approx(ends[1])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert (labels[0], labels[-2], labels[-1]) == (
        "no feature kept",
        "3 others",
        "every feature kept",
    )
    (model,) = [line for line in ax.lines if line.get_marker() == "D"]
    values = summary["targets"][0]["values"]
    assert list(model.get_xdata()) == [values["empty"], values["full"]]
    assert ax.get_xlabel() == "value\n(steps: k-SII interactions)"
    assert len(whiskers(ax)) == 4
    with pytest.raises(ip.BadInput, match=r"values of BII do not add up .* k-SII"):
        plots.waterfall(summary, index="BII")


def test_the_strips_of_a_force_plot_share_an_end() -> None:
    summary = of_terms()
    ax = plots.force(summary, top=3, index="Moebius")
    ends = spectrum_of(summary).predict(np.array([[False] * 5, [True] * 5]))
    at = float(ends[0])
    values = []
    for bar in ax.patches:
        begin, value = (bar.get_x(), bar.get_width())
        assert begin == pytest.approx(at)
        values.append(value)
        at += value
    assert at == pytest.approx(ends[1])
    assert values == sorted(values, key=lambda value: value < 0), "first all that raises"
    assert sum(values) == pytest.approx(ends[1] - ends[0])
    assert "others" in written(ax)
    low, high = ax.get_xlim()
    assert low < min(ends)
    assert high > max(np.cumsum([ends[0], *values]))


def test_nothing_to_draw_is_drawn_as_such() -> None:
    constant = of_terms({(): 1.0}, errors=None)
    assert widths(plots.bar(constant)) == []
    assert widths(plots.waterfall(constant)) == []
    assert widths(plots.force(constant)) == []
    for kind in (plots.network, plots.upset):
        with pytest.raises(ip.BadInput, match=r"no combination was found .* bar, waterfall"):
            kind(constant)
    alone = of_terms({(): 1.0, (0,): 0.5}, ["x"], errors=None)
    assert widths(plots.waterfall(alone)) == pytest.approx([-1.0])
    pyplot.gcf().canvas.draw()


# ---- combinations


def test_a_network_has_a_line_for_each_pair_and_a_star_for_each_group() -> None:
    ax = plots.network(of_terms())
    arcs = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    assert {to_hex(arc.get_edgecolor()) for arc in arcs} == {RAISES, LOWERS}
    for arc in arcs:
        assert (to_hex(arc.get_edgecolor()) == RAISES) == (arc.get_linestyle() == "-")
    assert len(arcs) == 2
    assert sum(len(line.get_xdata()) == 2 for line in ax.lines) == 3, "spokes of the group of three"
    assert [line.get_marker() for line in ax.lines].count("s") == 1
    assert len(ax.collections) == 4, "a circle for each feature that acts with another"
    assert plots.network(of_terms(), order=2).lines[:] == []
    with pytest.raises(ip.BadInput, match="order must be at least 2"):
        plots.network(of_terms(), order=1)


def test_a_network_shows_as_many_features_as_have_room() -> None:
    summary = of_top(callable_summary([f"feature number {i} here" for i in range(300)], pairs=200))
    ax = plots.network(summary, top=500, width=3.3)
    assert 20 <= len(ax.collections) <= 24
    assert_inside(ax)
    names = [words.get_text() for words in ax.texts]
    assert len(set(names)) == len(names), "what differs in the middle of the names is kept"


def test_upset_has_bars_over_a_table() -> None:
    summary = of_terms()
    bars = plots.upset(summary)
    expected = spectrum_of(summary).top(10, min_order=2)
    assert [bar.get_height() for bar in bars.patches] == pytest.approx([i.value for i in expected])
    assert_signs(list(bars.patches), [one.value for one in expected])
    table, beside = bars.figure.axes[-2:]
    for x, one in enumerate(expected):
        (dots,) = [
            line
            for line in table.lines
            if line.get_marker() == "o"
            and line.get_color() == "#222222"
            and line.get_xdata()[0] == x
        ]
        assert list(dots.get_ydata()) == list(one.features), "all four features have a row"
    effects = spectrum_of(summary).main_effects[:4]
    assert widths(beside) == pytest.approx(effects)
    assert len(plots.upset(summary, features=2).patches) == 1
    free = pyplot.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ip.BadInput, match=r"give one of a grid, such as pyplot\.subplots"):
        plots.upset(summary, ax=free)


# ---- texts


TEXT = "It is not bad at all, and\nthe $3 film never fails to impress."


def test_words_are_shaded_by_their_effects() -> None:
    summary = of_top(text_summary(TEXT))
    ax = plots.text(summary)
    texts = [words for words in ax.texts if words.get_text()]
    lines: dict[float, list[Any]] = {}
    for words in texts:
        lines.setdefault(-words.get_position()[1], []).append(words)
    read = [
        "".join(w.get_text() for w in sorted(line, key=lambda w: w.get_position()[0]))
        for _, line in sorted(lines.items())
    ]
    assert [line.replace(r"\$", "$") for line in read] == [
        line.replace(" ", "") for line in TEXT.split("\n")
    ]
    effects = spectrum_of(summary).main_effects
    strong = [effect for effect in effects if abs(effect) > 0.05 * np.abs(effects).max()]
    shaded = [
        one for one in ax.get_children() if isinstance(one, Rectangle) and one is not ax.patch
    ]
    drawn = [one for one in shaded if one.get_facecolor()[3] > 0.05 ** (2 / 3)]
    assert [bool(one.get_hatch()) for one in drawn] == [effect < 0 for effect in strong]
    deepest = max(drawn, key=lambda one: one.get_facecolor()[3])
    assert drawn.index(deepest) == int(np.argmax(np.abs(strong)))
    assert deepest.get_facecolor()[3] == 1
    assert_inside(ax)


def test_a_long_text_is_cut_and_says_so() -> None:
    summary = of_top(text_summary("one two bad happy " * 300), errors=False)
    ax = plots.text(summary, lines=3, width=3.3)
    assert len({words.get_position()[1] for words in ax.texts}) == 3
    told = ax.texts[-1].get_text()
    assert told == f"… {1200 - (len(ax.texts) - 1):,} more words are not drawn"
    _, small = pyplot.subplots(figsize=(2, 1), layout="constrained")
    plots.text(summary, ax=small)
    assert small.texts[0].get_fontsize() == 4
    assert "more words are not drawn" in written(small)


def test_text_from_right_to_left_begins_at_the_right() -> None:
    ax = plots.text(of_top(text_summary("הסרט לא היה רע בכלל " * 5)), width=3.3)
    first, second = ax.texts[:2]
    assert first.get_position()[0] > second.get_position()[0]
    assert_inside(ax)


# ---- pictures


def test_regions_are_shaded_over_the_picture() -> None:
    effects = np.linspace(-1, 1, 6)
    terms = {(i,): -effect / 2 for i, effect in enumerate(effects)} | {(0, 5): 0.2, (1, 2): -0.1}
    summary = with_spectrum(image_summary(), ip.Spectrum(terms, n=6))
    ax = plots.image(summary, links=1)
    grey = ax.images[0].get_array()
    assert grey.shape == PICTURE.shape[:2]
    assert ax.images[0].get_extent() == [0, 40, 30, 0]
    regions = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    assert [bool(region.get_hatch()) for region in regions] == [effect < 0 for effect in effects]
    assert [region.get_facecolor()[3] for region in regions] == pytest.approx(
        np.abs(effects) ** (2 / 3)
    )
    corners = regions[0].get_path().get_extents().extents
    assert corners == pytest.approx((0, 0, 13, 15), abs=1)
    (line,) = ax.lines
    assert line.get_xydata() == pytest.approx(np.array([[6.5, 7.5], [33.5, 22.5]]), abs=1.5)
    assert plots.image(summary, links=0).lines[:] == []
    assert_inside(ax)
    with pytest.raises(ip.BadInput, match="links must be a whole number of at least 0; got -1"):
        plots.image(summary, links=-1)


def test_the_caption_of_an_image_is_a_text() -> None:
    terms = {(i,): 0.1 * (i - 5) for i in range(11)}
    summary = with_spectrum(image_summary(words=True), ip.Spectrum(terms, n=11))
    drawn = [words.get_text() for words in plots.text(summary).texts]
    assert drawn == ["a", "dog,", "catching", "a", "ball"]
    assert len([p for p in plots.image(summary).patches if isinstance(p, PathPatch)]) == 6


# ---- networks


def test_heads_stand_in_their_layers() -> None:
    summary = network_summary()
    ax = plots.heads(summary)
    effects = spectrum_of(summary).main_effects
    cells = ax.patches[1::2]  # each after its frame
    for (_, layer, head), effect, cell in zip(PARTS, effects, cells, strict=True):
        assert (cell.get_x() + 0.46, cell.get_y() + 0.46) == pytest.approx((head, layer))
        if cell.get_facecolor()[3] > 0:
            assert bool(cell.get_hatch()) == (effect < 0)
    assert len(ax.texts) == len(PARTS), "there is room for numbers"
    assert plots.heads(summary, width=3.3).texts[:] == []
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"L{i}" for i in range(5)]


def test_pairs_of_heads_stand_below_the_diagonal() -> None:
    summary = network_summary()
    network = Reading(summary).network
    assert network is not None
    ax = plots.head_matrix(summary, top=7)
    marks = [*ax.patches][5:]  # after five layers
    assert len(marks) == 7
    for pair, mark in zip(network.picture.pairs, marks, strict=False):
        x, y = mark.get_window_extent().transformed(ax.transData.inverted()).corners().mean(axis=0)
        assert (x, y) == pytest.approx(sorted(pair.features))
        assert isinstance(mark, Rectangle if pair.value > 0 else Polygon)
    assert "Variance: alone" in written(ax)
    lonely = network_summary(ip.Spectrum({(0,): 1.0}, n=len(PARTS)))
    with pytest.raises(ip.BadInput, match="no pair of parts was found"):
        plots.head_matrix(lonely)


# ---- evidence


def test_faithfulness_is_drawn_against_calls() -> None:
    summary = of_terms()
    own = plots.convergence(summary)
    (point,) = [line for line in own.lines if line.get_marker() == "o"]
    assert point.get_xydata().tolist() == [[500, 0.93]], "380 calls and 120 reused"
    measured = [(50, 0.2, -3.0, 0.6), (500, 0.93, 0.91, 0.95)]
    keys = ("calls", "value", "low", "high")
    summary["targets"][0]["convergence"] = [dict(zip(keys, p, strict=True)) for p in measured]
    ax = plots.convergence(summary)
    (curve,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert curve.get_xydata().tolist() == [[50, 0.2], [500, 0.93]]
    bars = [list(line.get_ydata()) for line in ax.lines if list(line.get_xdata()) == [50, 50]]
    assert bars == [[-0.25, 0.6]], "what is worse than nothing is not drawn to its end"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["50", "500"]
    del summary["targets"][0]["convergence"], summary["targets"][0]["faithfulness"]["value"]
    with pytest.raises(ip.BadInput, match="could not be measured"):
        plots.convergence(summary)


@pytest.mark.parametrize("kind", ["bar", "waterfall", "force", "network", "upset", "text"])
def test_a_run_that_is_not_to_be_trusted_says_so(kind: str) -> None:
    summary = of_top(text_summary(TEXT))
    assert "rust" not in written(plots.plot(summary, kind))
    summary["targets"][0]["trust"]["verdict"] = "do not trust"
    summary["targets"][0]["faithfulness"] |= {"value": 0.31, "low": 0.1, "high": 0.45}
    assert "Do not trust: R² 0.31 (0.10 to 0.45)" in written(plots.plot(summary, kind))


# ---- what is given


def test_a_run_plots_itself_and_from_its_json_alone(tmp_path: Path) -> None:
    run = ip.explain(lambda m: 1.0 * m[:, 0] - 2.0 * m[:, 1] * m[:, 2], 4, store=None)
    run.save(tmp_path / "run.json")
    (tmp_path / "run.npz").unlink()
    drawn = widths(run.plot())
    assert drawn == pytest.approx(
        [one.value for one in sorted(run.top(), key=lambda i: -abs(i.value))]
    )
    loaded = ip.load(tmp_path / "run.json")
    assert widths(loaded.plot("bar")) == drawn
    assert widths(plots.bar(run.to_dict())) == drawn
    assert whiskers(run.plot("bar")) == [], "it is exact"
    _, mine = pyplot.subplots()
    assert run.plot("waterfall", ax=mine) is mine
    with pytest.raises(ip.BadInput, match="unknown plot 'pie'; valid: bar, waterfall, force"):
        run.plot("pie")
    assert list(plots.KINDS) == [name for name in plots.KINDS if name in plots.__all__]
    assert set(plots.__all__) == {*plots.KINDS, "plot"}


def test_the_target_that_is_shown_is_drawn() -> None:
    def both(masks: np.ndarray) -> np.ndarray:
        return np.stack([1.0 * masks[:, 0], -3.0 * masks[:, 1]], axis=1)

    both.targets = ("first", "second")  # type: ignore[attr-defined]
    run = ip.explain(both, 3, store=None)
    ax = run.target("second").plot("bar")
    assert widths(ax) == pytest.approx([-3.0])
    assert ax.get_xlabel().endswith("in units of second")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text", "text draws the words of a text.* for an image take image"),
        ("image", "image draws a picture.* for a text take text"),
        ("heads", "heads draws the parts of a network.* for a text take text"),
        ("head_matrix", "head_matrix draws the parts of a network"),
        ("partners", "partners draws pairs of training examples.* network and upset"),
    ],
)
def test_the_wrong_kind_of_run_is_told_what_to_take(kind: str, told: str) -> None:
    with pytest.raises(ip.BadInput, match=told):
        plots.plot(of_terms(), kind)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": 0}, "width must be a number of inches, from 1 to 100; got 0"),
        ({"width": "wide"}, "width must be a number of inches, from 1 to 100; got 'wide'"),
        ({"ax": "here"}, "ax must be matplotlib Axes, or None; got str"),
        ({"top": 0}, "top must be a whole number of at least 1; got 0"),
        ({"index": "shapley"}, "unknown index 'shapley'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ip.BadInput, match=told):
        plots.bar(of_terms(), **options)


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(ip.BadInput, match=r"got str: interplay\.load reads a file"):
        plots.bar("run.json")
    with pytest.raises(ip.BadInput, match="lacks its spectrum: run the explanation again"):
        plots.bar(callable_summary(["a", "b"]))
    with pytest.raises(ip.BadInput, match="this is not the summary of a run"):
        plots.bar({})
    with pytest.raises(ip.BadInput, match="influence has no sign"):
        plots.text(of_top(text_summary(TEXT)), index="influence")


def test_matplotlib_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ip.MissingExtra, match=r'pip install "interplay\[plots\]"'):
        plots.bar(of_terms())


# ---- names that might do harm


@pytest.mark.parametrize("kind", ["bar", "waterfall", "force", "network", "upset"])
def test_names_do_no_harm(kind: str) -> None:
    """Warnings are errors here: no glyph is missing, nothing is taken for a formula, or cut off."""
    summary = of_top(callable_summary(HOSTILE))
    summary["targets"][0]["target"] = "margin:$a$|مرحبا 👍 " + "long " * 60
    ax = plots.plot(summary, kind, width=3.3)
    assert_inside(ax)
    summary["targets"][0]["trust"]["verdict"] = "do not trust"
    assert_inside(plots.plot(summary, kind))


def test_no_formula_is_made_of_a_name_whatever_the_settings() -> None:
    summary = of_terms(names=["$x_1$", "a_b", "c%", "d", "e"])
    for settings_ in ({"text.usetex": True}, {"text.parse_math": False}):
        with mpl.rc_context(settings_):
            _, before = pyplot.subplots()
            for ax in (plots.bar(summary), plots.bar(summary, ax=before)):
                texts = ax.findobj(Text)
                assert not any(words.get_usetex() for words in texts)
                assert all(words.get_parse_math() for words in texts)
                assert r"\$x_1\$" in [label.get_text() for label in ax.get_yticklabels()]


def test_five_hundred_features_without_error_bars() -> None:
    names = [f"feature number {i} of a wide table" for i in range(500)]
    summary = of_top(callable_summary(names, pairs=300), errors=False)
    for kind in ("bar", "force"):
        assert_inside(plots.plot(summary, kind, width=3.3, top=12))
    ax = plots.bar(summary, width=3.3)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(set(labels)) == len(labels)
    assert whiskers(ax) == []


@given(st.text(max_size=60), st.floats(0.2, 3.0))
@example("\U0001cf50", 1.0)  # a symbol of a script that few fonts have
@settings(max_examples=40)
def test_what_is_fitted_fits(name: str, inches: float) -> None:
    pen = Pen.of([name], 9.0)
    fitted = pen.fit(name, inches)
    assert pen.width(fitted) <= inches
    assert all(ord(c) in pen.glyphs for c in pen.clean(name))
    assert fitted.count("$") == fitted.count(r"\$")


def test_what_cannot_be_drawn_is_named_or_boxed() -> None:
    pen = Pen.of([], 9.0)
    assert pen.clean("a \u0007b\u202e\ufe0f \ud800c") == "a b c"
    assert pen.clean("e\u0301") == "é"
    plain = Pen(pen.families, frozenset(range(128)), 9.0)
    assert plain.clean("👍我") == "[thumbs up sign]□"


def test_names_that_differ_in_the_middle_keep_that() -> None:
    names = [f"the value of column {i} of the table of people" for i in (7, 12)] + ["age"]
    pen = Pen.of(names, 9.0)
    fitted = pen.fit_all(names, 1.0)
    assert "7" in fitted[0]
    assert "12" in fitted[1]
    assert fitted[2] == "age"
    assert max(map(pen.width, fitted)) <= 1.0
    assert pen.fit_all([names[0]] * 2, 1.0) == [pen.fit(names[0], 1.0)] * 2


def test_summaries_are_not_changed() -> None:
    summary = of_top(text_summary(TEXT))
    before = copy.deepcopy(summary)
    plots.text(summary)
    plots.waterfall(summary)
    assert summary == before
