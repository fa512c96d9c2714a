"""Small torch networks, many trained at once: the ways to do it, one file for each.

``task.py`` says what is trained on what, ``batches.py`` which examples each step sees. ``loop.py``
trains one network after the other; the others take each step for all networks together
(``stacked.py``): ``mlp.py`` by batched products, ``convolutions.py`` by grouped convolutions,
``vmap.py`` by torch's own transformation. ``threads.py`` shares a stack
out, ``choice.py`` measures which way is fastest.
"""
