"""Measure the component lens: speed, faithfulness, pruning, checkpoints, layers."""
