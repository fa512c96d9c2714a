""" "What if" in the page, against the spectrum in Python, to 1e-9."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browsing import Opened
from gallery import RUNS, Gallery
from playwright.sync_api import Page, expect

from interplay.explanation import Explanation

SWITCH = """(wanted) => {
  const main = [...document.querySelector('.interplay-report').shadowRoot.querySelectorAll('main')]
    .find((one) => !one.hidden);
  return wanted.map((mask) => {
    mask.forEach((on, i) => {
      const unit = main.querySelector(`[role=option][data-i="${i}"]`);
      const place = (unit.getAttribute('aria-checked') === 'true') === on;
      if (!place) unit.dispatchEvent(new MouseEvent('click', { bubbles: true, composed: true }));
    });
    const told = (name) => Number(main.querySelector(`[data-${name}]`)?.dataset[name] ?? NaN);
    return [told('value'), told('spread')];
  });
}"""
"""Clicks until each mask is as wanted, and reads the number and its spread."""


def switched(page: Page, masks: np.ndarray) -> np.ndarray:
    """Prediction and spread ``(m, 2)`` that the page tells at masks ``(m, n)``."""
    return np.array(page.evaluate(SWITCH, masks.tolist()))


def random_masks(n: int, count: int = 12) -> np.ndarray:
    rng = np.random.default_rng(n)
    masks = rng.random((count, n)) < rng.choice([0.05, 0.5, 0.95], (count, 1))
    masks[0], masks[1] = True, False
    return masks


def compare(page: Page, run: Explanation) -> None:
    page.locator("main:visible").get_by_role("button", name="What if").click()
    masks = random_masks(len(run.features))
    found = switched(page, masks)
    expected = run.spectrum.predict(masks)
    assert np.abs(found[:, 0] - expected).max() <= 1e-9
    if run.finding.draws is None:
        assert np.isnan(found[:, 1]).all()
        return
    signs = 1 - 2 * (_counts(run, masks) % 2)
    spread = (signs @ run.coefficient_draws().T).std(axis=1, ddof=1)
    # standard errors reach the page with four digits
    assert np.allclose(found[:, 1], spread, rtol=2e-3, atol=1e-9)


def _counts(run: Explanation, masks: np.ndarray) -> np.ndarray:
    """How many features of each term are kept, ``(m, t)``."""
    return np.array([masks[:, list(term)].sum(axis=1) for term in run.spectrum.terms]).T


@pytest.mark.parametrize("name", RUNS)
def test_it_predicts_what_the_spectrum_predicts(
    name: str, gallery: Gallery, opened: Opened
) -> None:
    run = gallery.run(name)
    watched = opened(gallery.report(name))
    compare(watched.page, run)
    watched.check()


def test_of_every_target(gallery: Gallery, opened: Opened) -> None:
    run = gallery.run("targets")
    watched = opened(gallery.report("targets"))
    for target in run.targets[1:]:
        watched.page.get_by_role("navigation").get_by_role("link", name=target).click()
        compare(watched.page, run.target(target))
    watched.check()


def test_pages_of_many_inputs_do_not_offer_it(gallery: Gallery, opened: Opened) -> None:
    """A file of a thousand inputs would hold a thousand series: open the run itself."""
    identity = gallery.run("many inputs").ids[0]
    page = opened(gallery.report("many inputs")).page
    page.locator("#index").get_by_role("link", name=identity).first.click()
    expect(page.locator("main:visible").get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("button", name="What if")).to_have_count(0)


def test_with_mouse_and_keys(gallery: Gallery, opened: Opened) -> None:
    """By hand: clicks, Enter, all off, swap; what is off is said and seen; nothing stays."""
    run = gallery.run("text")
    watched = opened(gallery.report("text"))
    page = watched.page
    n = len(run.features)
    kept = np.ones(n, bool)
    options = page.get_by_role("option")
    number = page.locator("[data-value]")

    def agrees() -> None:
        told = float(number.get_attribute("data-value") or "nan")
        assert abs(told - run.spectrum.predict(kept[None])[0]) <= 1e-9
        digits = re.sub("−", "-", number.text_content() or "")
        assert float(digits) == pytest.approx(told, abs=10.0 ** -len(digits.partition(".")[2]))

    button = page.get_by_role("button", name="What if")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    agrees()
    expect(page.get_by_role("status").filter(has_text="predicted")).to_contain_text("measured")
    for i in (3, 7, 11):
        options.nth(i).click()
        kept[i] = False
        expect(options.nth(i)).to_have_attribute("aria-checked", "false")
        expect(page.get_by_role("status").filter(has_text="predicted")).to_contain_text(
            run.features[i].strip(",.")
        )
        agrees()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    kept[12] = False
    agrees()
    page.keyboard.press(" ")
    kept[12] = True
    agrees()
    page.get_by_role("button", name="Swap").click()
    kept = ~kept
    agrees()
    page.get_by_role("button", name="All off").click()
    kept[:] = False
    agrees()
    page.get_by_role("button", name="All on").click()
    kept[:] = True
    agrees()
    options.nth(0).click()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(options.nth(0)).not_to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("status").filter(has_text="predicted")).to_have_count(0)
    watched.check()
