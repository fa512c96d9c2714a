"""``interplay view``: a page of this machine that lists runs, opens, compares and makes them."""

from __future__ import annotations

from interplay.view.server import serve

__all__ = ["serve"]
