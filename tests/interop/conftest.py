"""Packages of others: collected with INTERPLAY_INTEROP=1 alone, as ``make test-interop`` sets."""

from __future__ import annotations

import os
import warnings

chosen = os.environ.get("INTERPLAY_INTEROP") == "1"
collect_ignore_glob = [] if chosen else ["test_*.py"]

if chosen:
    import matplotlib

    matplotlib.use("Agg")
    with warnings.catch_warnings():
        # what they call on import is deprecated in newer versions of what they stand on
        warnings.simplefilter("ignore")
        import shap
        import shapiq

    __all__ = ["shap", "shapiq"]
