"""The experiments of SPEX and ProxySPEX with their own models, given weights or a key."""
