"""Parts of ``scripts/train_demo_facts.py``, which trains the demo language model."""
