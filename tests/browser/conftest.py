"""A real browser: collected with INTERPLAY_BROWSER=1 alone, as ``make test-browser`` sets.

Debian's chromium, or the one that INTERPLAY_CHROMIUM names, is driven by Playwright.
"""

from __future__ import annotations

import os

chosen = os.environ.get("INTERPLAY_BROWSER") == "1"
collect_ignore_glob = [] if chosen else ["*.py"]

if chosen:
    from browsing import axe_source as axe_source
    from browsing import browser as browser
    from browsing import opened as opened
    from gallery import gallery as gallery
