"""Minutes of killed runs: collected with INTERPLAY_FAULTS=1 alone, as ``make test-faults`` sets."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("INTERPLAY_FAULTS") == "1" else ["test_*.py"]
