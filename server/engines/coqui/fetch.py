"""Brings a model of the library by its name, with its vocoder, into the models folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from server.boot.lock import FileLock
from server.engines.coqui.hub import HUB, is_blob, list_files
from server.engines.coqui.library import LibraryModel, find_model, read_list
from server.engines.coqui.pins import PINS
from server.engines.coqui.receipts import (
    Receipt,
    check_folder,
    digests_of,
    read_receipt,
    receipt_path,
    write_receipt,
)
from server.engines.unpack import unpack
from server.engines.weights import Open, Report, WeightFile, digest, obtain
from server.errors import Unavailable

_STAGING = ".fetching"
_REDIRECTS = ("githubusercontent.com",)
"""Where GitHub keeps what is attached to releases."""


def fetch_model(
    name: str,
    models: Path,
    report: Report,
    *,
    accepted: bool = False,
    open_url: Open | None = None,
    listed: Path | None = None,
) -> None:
    """Have the model and its vocoder there, as they were the first time. ``accepted``: the user takes the licence.

    What is published without a checksum is trusted once, from its official address over https.
    """
    wanted = wanted_for(name, listed)
    for model in wanted:
        check_licence(model, models, accepted=accepted)
    lock = FileLock(models / _STAGING / "lock")
    if not lock.acquire(note=f"process {os.getpid()}"):
        raise Unavailable(f"Another download ({lock.holder()}) is under way.", code="busy")
    try:
        for model in wanted:
            _bring(model, models, _Fetching(report, f"python3 -m server install {name}", open_url))
    finally:
        lock.release()


def wanted_for(name: str, listed: Path | None = None) -> list[LibraryModel]:
    """The vocoder of a model, if it needs one, then the model."""
    model = find_model(name, listed)
    return [read_list(listed)[model.vocoder], model] if model.vocoder else [model]


def check_licence(model: LibraryModel, models: Path, *, accepted: bool) -> None:
    """Unavailable while a licence that has to be accepted is not."""
    receipt = read_receipt(models, model.folder)
    if model.asks and not accepted and not (receipt and receipt.accepted):
        raise Unavailable(
            f"{model.name} is under the licence {model.licence}, which restricts its use (most often: not for"
            " commerce). Read it; if you accept it, say so: --accept-licence on the command line, or the tick in the"
            " studio.",
            code="licence_not_accepted",
        )


@dataclass(frozen=True, slots=True)
class _Fetching:
    """How files are fetched, and what is told meanwhile."""

    report: Report
    command: str
    """What to say where something is missing: a vocoder has no command of its own."""
    open_url: Open | None

    def obtain(self, weight: WeightFile, folder: Path) -> Path:
        return obtain(weight, folder, self.report, self.command, self.open_url)


def _bring(model: LibraryModel, models: Path, fetching: _Fetching) -> None:
    target = models / model.folder
    if target.is_dir():
        check_folder(models, model.folder)
        return
    staging = models / _STAGING / model.folder
    before = read_receipt(models, model.folder)
    fresh = Receipt(source="", licence=model.licence, accepted=model.asks)
    if model.url:
        fresh = _from_archive(model, staging, replace(fresh, source=model.url), before, fetching)
    else:
        fresh = _from_hub(model, staging, replace(fresh, source=f"{HUB}/{model.repo}"), before, fetching)
    fresh = replace(fresh, files=digests_of(staging))
    if not (staging / "config.json").is_file():
        raise Unavailable(f"{model.name} arrived without a config.json.", code="bad_archive")
    if before is not None and before.files != fresh.files:
        _refuse(model, models, staging)
    write_receipt(models, model.folder, fresh)
    staging.replace(target)


def _from_archive(
    model: LibraryModel, staging: Path, fresh: Receipt, before: Receipt | None, fetching: _Fetching
) -> Receipt:
    size, sha256 = PINS.get(model.name, (0, ""))
    weight = WeightFile(f"{model.folder}.zip", size, sha256, url=model.url, redirects=_REDIRECTS)
    archive = fetching.obtain(weight, staging.parent)
    fresh = replace(fresh, archive=digest(archive))
    if before is not None and before.archive and before.archive != fresh.archive:
        _refuse(model, staging.parent.parent, archive)
    fetching.report(f"Unpacking {archive.name}", None)
    shutil.rmtree(staging, ignore_errors=True)
    try:
        unpack(archive, staging)
    finally:
        archive.unlink()  # unpacked, or broken: in either case it has done what it can
    return fresh


def _from_hub(
    model: LibraryModel, staging: Path, fresh: Receipt, before: Receipt | None, fetching: _Fetching
) -> Receipt:
    commit, files = list_files(model, (before.revision if before else "") or "main", fetching.open_url)
    for file in files:
        path = fetching.obtain(file.weight, staging)
        if file.blob and not is_blob(path, file.blob):
            path.unlink()
            raise Unavailable(f"{file.weight.name} of {model.name} is not what the hub lists.", code="weights_missing")
    return replace(fresh, revision=commit)


def _refuse(model: LibraryModel, models: Path, path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    raise Unavailable(
        f"{model.name} is not what was fetched from there the first time, so it was not taken. If you know why it has"
        f" changed, delete {receipt_path(models, model.folder)} and fetch it again.",
        code="weights_changed",
    )
