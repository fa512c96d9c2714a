"""The ground floor measured: ``python -m benchmarks.ground``."""
