"""For a tree to which the recipes were applied: ``tests/recipes/test_recipes.py`` makes one."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("INTERPLAY_RECIPES") == "1" else ["test_*.py"]
