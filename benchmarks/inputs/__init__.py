"""The input lens against its bars: scoring, servers, flips, pairs, faithfulness by length, time."""
