"""For every test: the assets folder, one thread, and time for Hypothesis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import interplay as interplay
from handed_out import built as built
from hypothesis import HealthCheck, settings
from run_summaries import long_run as long_run
from run_summaries import plain_run as plain_run
from run_summaries import short_run as short_run
from tiny_image_models import clip as clip
from tiny_image_models import llava as llava
from tiny_image_models import plain_clip as plain_clip
from tiny_image_models import plain_vit as plain_vit
from tiny_image_models import vit as vit
from tiny_models import bert as bert
from tiny_models import gpt2 as gpt2
from tiny_models import roberta as roberta

REPOSITORY = Path(__file__).parent.parent

# On a machine that does other work, time says nothing.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


def assets_folder() -> Path | None:
    """The folder of real models and data, or None where there is none."""
    named = os.environ.get("INTERPLAY_ASSETS")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "assets"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def assets() -> Path:
    """The assets; tests skip without them, or fail if INTERPLAY_REQUIRE_ASSETS=1."""
    folder = assets_folder()
    if folder is None:
        reason = "no assets: set INTERPLAY_ASSETS to the folder of real models and data"
        if os.environ.get("INTERPLAY_REQUIRE_ASSETS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
