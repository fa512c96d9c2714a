"""Scale and trust measured: ``python -m benchmarks.scale``."""
