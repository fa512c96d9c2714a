"""Recordings as JSON: the files in which shapiq keeps the values of a game.

``"metadata"`` has ``n_players`` and perhaps ``player_names``; ``"data"`` has the value of each
coalition under the numbers of its players, ``"0,2"``, and that of the empty one under ``"Empty"``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.files import check_unpacked
from interplay.json_text import load_json
from interplay.recording.lines import number
from interplay.recording.recording import Recording
from interplay.recording.source import read_head

INTERACTIONS = (
    "holds interactions, not the evaluations that they are from: save the game itself, "
    "game.save_values('game.npz')"
)


def read(path: Path) -> Recording:
    """Read a game; values are taken as they are stored, not normalised."""
    read_head(path, 2)
    content = load_json(path, "is not JSON")
    kind = content.get("data_type") if isinstance(content, dict) else None
    if kind == "interaction_values":
        raise BadInput(f"{path} {INTERACTIONS}")
    if kind != "game":
        run = isinstance(content, dict) and content.get("format") == "interplay.run"
        raise BadInput(
            f"{path} is a run: its evaluations are in {path.with_suffix('.npz').name} beside it"
            if run
            else f"{path} is not a recording: of .json files those of shapiq's games are read, "
            f'with "data_type": "game". One object per line goes into a .jsonl file'
        )
    return _recording(path, content.get("metadata"), content.get("data"))


def _recording(path: Path, about: Any, data: Any) -> Recording:
    n = about.get("n_players") if isinstance(about, dict) else None
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise BadInput(f'{path}: "n_players" must be a whole number, at least 1; got {n!r}')
    if not isinstance(data, dict) or not data:
        raise BadInput(f'{path}: "data" must be an object of values by coalition, as "0,2": 1.5')
    check_unpacked(path, n * len(data))
    masks = np.zeros((len(data), n), dtype=np.bool_)
    for row, coalition in enumerate(data):
        masks[row, _players(path, coalition, n)] = True
    values = [number(value, f'{path}, "data"[{key!r}]') for key, value in data.items()]
    return Recording(masks, np.array(values), features=_names(path, about, n))


def _players(path: Path, coalition: str, n: int) -> list[int]:
    if coalition == "Empty":
        return []
    players = coalition.split(",")
    if not all(
        one.isascii() and one.isdigit() and len(one) < 10 and int(one) < n for one in players
    ):
        raise BadInput(
            f'{path}, "data": {coalition!r} is not a coalition of players 0 to {n - 1}, as "0,2" '
            f'or "Empty"'
        )
    return [int(one) for one in players]


def _names(path: Path, about: Any, n: int) -> tuple[str, ...] | None:
    names = about.get("player_names")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != n:
        raise BadInput(f'{path}: "player_names" must be {n} names, or null; got {names!r:.60}')
    return tuple(map(str, names))
