"""What was fetched, from where and with which digests: kept beside a model, compared at every start and fetch.

Where nobody has published a checksum, the first fetch is trusted and all later ones are measured by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from server.engines.weights import digest
from server.errors import Unavailable
from server.files import write_atomically


@dataclass(frozen=True, slots=True)
class Receipt:
    """One model's; it outlives the model's folder, so that a second fetch is measured by the first."""

    source: str
    """Address of the archive, or of the place on the hub."""
    licence: str
    accepted: bool = False
    """Whether the licence was asked for and accepted."""
    revision: str = ""
    """The hub's name for this very state of its files."""
    archive: str = ""
    """SHA-256 of the archive."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name of each file in the folder -> its SHA-256."""


def receipt_path(models: Path, folder: str) -> Path:
    """Where the receipt for a model's folder lies."""
    return models / f"{folder}.receipt.json"


def read_receipt(models: Path, folder: str) -> Receipt | None:
    """None where the folder was not fetched by Troupe; Unavailable names a file that cannot be read."""
    path = receipt_path(models, folder)
    if not path.is_file():
        return None
    try:
        return Receipt(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Unavailable(f"{path} is damaged. Delete it and the model's folder, and fetch it again.") from error


def write_receipt(models: Path, folder: str, receipt: Receipt) -> None:
    """Keep it."""
    write_atomically(receipt_path(models, folder), json.dumps(asdict(receipt), indent=1) + "\n")


def digests_of(folder: Path) -> dict[str, str]:
    """Of every file in a folder."""
    return {path.name: digest(path) for path in sorted(folder.iterdir()) if path.is_file()}


def check_folder(models: Path, folder: str) -> None:
    """Unavailable unless a fetched model is still what was fetched; one that was dropped in is its owner's matter."""
    receipt = read_receipt(models, folder)
    if receipt is None:
        return
    for name, kept in receipt.files.items():
        path = models / folder / name
        if not path.is_file() or digest(path) != kept:
            raise Unavailable(
                f"{path} is {'not what was fetched' if path.exists() else 'gone'}. Delete the folder {folder} and fetch"
                f" the model again; if you changed it yourself, delete {receipt_path(models, folder).name} beside it.",
                code="weights_changed",
            )
