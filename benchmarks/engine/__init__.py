"""The engine measured, beside its peers: ``python -m benchmarks.engine``."""
