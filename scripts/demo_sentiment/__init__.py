"""Parts of ``scripts/train_demo_sentiment.py``, which trains the demo classifier."""
