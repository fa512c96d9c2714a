"""Which parts to keep, as pruning and selection share it: candidates, their values, the search."""
