"""Pages whose code is run: collected with INTERPLAY_DOCS=1 alone, as ``make test-docs`` sets."""

from __future__ import annotations

import os

chosen = os.environ.get("INTERPLAY_DOCS") == "1"
collect_ignore_glob = [] if chosen else ["test_*.py"]

if chosen:
    import matplotlib

    matplotlib.use("Agg")
