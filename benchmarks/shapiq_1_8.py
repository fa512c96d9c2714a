"""Held-out R² of shapiq 1.8.0 on the recordings' first m rows, measured on 2026-11-22.

It needs Python 3.12, so that it cannot run beside us; its masks, test masks and seeds were the
same. Max order 5, one thread. shapiq 1.4.1, run here on seven of these cells, gave the same R²
within 0.001 and the same number of terms: see docs/benchmarks/peers.
"""

PROXYSPEX = {
    "stories_heads_1": {200: 0.754, 400: 0.855, 800: 0.916, 1600: 0.922},
    "baby_heads_1": {200: 0.904, 400: 0.929, 800: 0.934, 1600: 0.929},
    "stories_tokens_n64_1": {200: 0.948, 400: 0.948, 800: 0.948, 1600: 0.948},
    "baby_tokens_n128_1": {450: 0.904, 900: 0.914, 1800: 0.927},
    "game_sentiment_00": {100: 0.403, 200: 0.562, 400: 0.673, 800: 0.720},
    "game_sentiment_10": {100: 0.455, 200: 0.642, 400: 0.737, 800: 0.760},
    "game_sentiment_12": {100: 0.392, 200: 0.461, 400: 0.541, 800: 0.632},
    "game_vit16_00": {100: 0.071, 200: 0.317, 400: 0.477, 800: 0.648},
    "game_vit16_10": {100: 0.369, 200: 0.555, 400: 0.728, 800: 0.777},
    "game_datavaluation_adult_dt_00": {100: 0.296, 200: 0.258, 400: 0.407, 800: 0.553},
}
"""ProxySPEX: LightGBM grid, 5 folds, 95 % energy cut, ridge."""

ORDER_1 = {
    "stories_heads_1": {
        50: 0.637, 100: 0.7148, 200: 0.7921, 400: 0.8168, 800: 0.8262, 1600: 0.8304,
    },
    "baby_heads_1": {
        50: 0.6855, 100: 0.8879, 200: 0.9159, 400: 0.9233, 800: 0.9286, 1600: 0.929,
    },
    "stories_tokens_n64_1": {
        50: 0.752, 100: 0.9528, 200: 0.9708, 400: 0.9767, 800: 0.9797, 1600: 0.9808,
    },
    "baby_tokens_n128_1": {112: 0.6603, 225: 0.9229, 450: 0.9526, 900: 0.9634, 1800: 0.9676},
    "game_sentiment_00": {100: 0.4313, 200: 0.5137, 400: 0.5319, 800: 0.5346},
    "game_sentiment_10": {100: 0.3788, 200: 0.4004, 400: 0.4554, 800: 0.4556},
    "game_sentiment_12": {100: 0.3883, 200: 0.4078, 400: 0.4297, 800: 0.4412},
    "game_vit16_00": {100: 0.1646, 200: 0.2284, 400: 0.2491, 800: 0.2571},
    "game_vit16_10": {100: 0.4713, 200: 0.4882, 400: 0.5238, 800: 0.5277},
    "game_datavaluation_adult_dt_00": {100: 0.2997, 200: 0.3189, 400: 0.3439, 800: 0.3602},
}  # fmt: skip
"""The better regularised model of order 1 (LASSO, ridge); no product of shapiq's."""
