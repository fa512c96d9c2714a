"""Models' folders in Hugging Face format: which files count, and which are never read."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from interplay.errors import BadInput
from interplay.json_text import load_json

HUB = "hf:"
# What decides the logits. A README, a training log or a report beside them does not.
MODEL_FILES = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def source_of(name: str) -> tuple[str, bool]:
    """Return what from_pretrained takes, and whether it is a folder on this machine.

    Raises
    ------
    BadInput
        there is no such folder, or it has no ``config.json`` that can be read.
    """
    if name.startswith(HUB):
        return name[len(HUB) :], False
    folder = Path(name).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise BadInput(
            f"model folder {name!r} {what}; give a folder in Hugging Face format, or "
            f"{HUB}OWNER/NAME for a model of the Hugging Face Hub"
        )
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"model folder {name!r} has no config.json; give the folder that "
            "save_pretrained() wrote"
        )
    load_json(folder / "config.json", f"of model folder {name!r} is not JSON")
    return str(folder), True


def check_weights(folder: Path, name: str) -> None:
    """Raise BadInput for weights that are in no safetensors, or lie elsewhere."""
    if (folder / "adapter_config.json").is_file():
        raise BadInput(
            f"model folder {name!r} holds an adapter, whose weights are to be put into those of "
            "another model: merge them first (peft: merge_and_unload()) and save that"
        )
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return
    if index.is_file():
        told = load_json(index, "is damaged")
        files = told.get("weight_map") if isinstance(told, dict) else None
        if not isinstance(files, dict) or not all(map(_is_beside, files.values())):
            raise BadInput(
                f"{index} is damaged: its weight_map must name files of its own folder, and "
                "nothing else: save the model again with save_pretrained()"
            )
        return
    pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in _PICKLES]
    raise BadInput(
        f"model folder {name!r} has no model.safetensors"
        + (
            f", and {pickles[0]} is a pickle, which is never read, for it can run any code. If you "
            "trust it, convert it once: load it with transformers, and save_pretrained() writes "
            "safetensors"
            if pickles
            else "; give the folder that save_pretrained() wrote"
        )
    )


def _is_beside(file: object) -> bool:
    return isinstance(file, str) and Path(file).name == file


def folder_digest(folder: str | Path) -> str:
    """Return the SHA-256 over names and contents of a model folder's files (``MODEL_FILES``)."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in MODEL_FILES):
            status = path.stat()
            digest.update(f"{path.name} ".encode())
            digest.update(_file_digest(str(path.resolve()), status.st_mtime_ns, status.st_size))
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: str, mtime_ns: int, size: int) -> bytes:
    """Digest of one file; the arguments beside the path make a changed file another entry."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def content(source: str) -> str:
    """Return what identifies the files of a folder, or of a model in the hub's cache."""
    if Path(source).is_dir():
        return folder_digest(source)
    from transformers.utils import cached_file

    folder = Path(cached_file(source, "config.json")).parent
    # .../snapshots/COMMIT: the commit fixes the content, whichever files were fetched
    return f"{source}@{folder.name}" if folder.parent.name == "snapshots" else folder_digest(folder)
