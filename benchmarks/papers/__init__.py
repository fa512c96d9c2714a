"""The experiments of SPEX and ProxySPEX, with the models and data at hand."""
