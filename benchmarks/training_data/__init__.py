"""Measure the training-data lens: engines, faithfulness, duplicates, selection, counterfactuals."""
