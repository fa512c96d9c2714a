"""Servers of others: collected with INTERPLAY_SERVERS=1 alone, as ``make test-servers`` sets."""

from __future__ import annotations

import os

collect_ignore = ["to_gguf.py"]  # for the environment of the server
collect_ignore_glob = [] if os.environ.get("INTERPLAY_SERVERS") == "1" else ["test_*.py"]
