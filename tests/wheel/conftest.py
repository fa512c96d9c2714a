"""Installations from the index: collected with INTERPLAY_WHEEL=1, as ``make test-wheel`` sets."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("INTERPLAY_WHEEL") == "1" else ["test_*.py"]
