"""The best subset of features under a spectrum, exactly where that can be done.

:func:`best_subset` finds the features to keep for the highest prediction, :func:`top_removal` the
ones whose removal changes it most. What is solved, how, and what the gap means: docs/optimize.md.

>>> from interplay.optimize import best_subset
>>> from interplay.spectrum import Spectrum
>>> spectrum = Spectrum({(0,): -1.0, (1,): -0.8, (0, 1): -0.9, (2,): -0.1}, n=3)
>>> best = best_subset(spectrum, size=2)
>>> best.features, best.optimal
(('x0', 'x2'), True)
"""

from interplay.optimize.subset import Subset, best_subset, top_removal

__all__ = ["Subset", "best_subset", "top_removal"]
