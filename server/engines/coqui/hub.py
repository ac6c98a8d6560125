"""Which files a model has on the hub, at which fixed state, with the checksums that the hub knows."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from dataclasses import dataclass
from fnmatch import fnmatch
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server.engines.coqui.library import LibraryModel
from server.engines.weights import Open, WeightFile, pinned_opener
from server.errors import Unavailable

HUB = "https://huggingface.co"
REDIRECTS = ("huggingface.co", "hf.co")
_SUFFIXES = (".pth", ".pth.tar", ".json", ".npy")
_LONGEST = 4_000_000
"""Bytes of a listing."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file, and what the hub says of it."""

    weight: WeightFile
    """With the SHA-256 of large files."""
    blob: str
    """git's own checksum, which stands for small ones."""


def list_files(model: LibraryModel, revision: str, open_url: Open | None) -> tuple[str, list[HubFile]]:
    """The state that ``revision`` means now, and the model's files in it."""
    address = f"{HUB}/api/models/{model.repo}/revision/{quote(revision)}?blobs=true"
    asked = WeightFile(f"the list of {model.repo}", 0, "", url=address, redirects=REDIRECTS)
    try:
        response = (open_url or pinned_opener(asked))(
            urllib.request.Request(address, headers={"User-Agent": "troupe"})
        )
        try:
            said = json.loads(_whole(response))
        finally:
            response.close()
        commit = str(said["sha"])
        files = [_file(model, commit, item) for item in said["siblings"] if _wanted(model, str(item["rfilename"]))]
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"The files of {model.name} cannot be listed ({error}). Fetch {HUB}/{model.repo} by other means and put"
            f" its files into a folder {model.folder} in the models folder.",
            code="weights_missing",
        ) from error
    return commit, files


def is_blob(path: Path, blob: str) -> bool:
    """Whether a file is what git calls ``blob``."""
    hasher = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    hasher.update(path.read_bytes())
    return hasher.hexdigest() == blob


def _file(model: LibraryModel, commit: str, item: dict[str, Any]) -> HubFile:
    name, large = str(item["rfilename"]), item.get("lfs") or {}
    return HubFile(
        WeightFile(
            name=name,
            size=int(item.get("size") or 0),
            sha256=str(large.get("sha256", "")),
            url=f"{HUB}/{model.repo}/resolve/{quote(commit)}/{quote(name)}",
            redirects=REDIRECTS,
        ),
        blob="" if large else str(item["blobId"]),
    )


def _wanted(model: LibraryModel, name: str) -> bool:
    """Files of the top folder only: a name with a slash in it would be a path."""
    if "/" in name or "\\" in name or name.startswith(".") or not name.endswith(_SUFFIXES):
        return False
    if model.allow and not any(fnmatch(name, pattern) for pattern in model.allow):
        return False
    return not any(fnmatch(name, pattern) for pattern in model.ignore)


def _whole(response: Any) -> bytes:
    content = b""
    while block := response.read(1 << 16):
        content += block
        if len(content) > _LONGEST:
            raise ValueError("the answer has no end")
    return content
