"""Recordings: evaluations made elsewhere, and evaluations for elsewhere."""

from __future__ import annotations

from interplay.recording.archive import read_arrays
from interplay.recording.recording import Recording, read_recording, write_recording

__all__ = ["Recording", "read_arrays", "read_recording", "write_recording"]
