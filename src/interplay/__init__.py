"""interplay: find the combinations that drive a model."""

from interplay.version import __version__ as __version__
