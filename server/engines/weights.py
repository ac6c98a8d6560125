"""Model weights: where each file can come from, and how it is checked before anything reads it.

A file is looked for in the engine's models folder (put there by an earlier start, or dropped in by
hand), then in the installed pip packages that carry it, then at its official address. Whatever the
source, nothing gets its final name before its size and SHA-256 are right. Where nobody has published
them, the answer says the size, and who asked for the file keeps and compares its SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from server.errors import Unavailable

Report = Callable[[str, float | None], None]

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 20.0
_LARGEST = 8_000_000_000
"""Bytes an answer may announce: no model we offer comes near, and a disk is soon full."""


@dataclass(frozen=True, slots=True)
class PackagedPart:
    """A file inside an installed Python package."""

    package: str
    """Import name."""
    path: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of weights, pinned as far as it is known."""

    name: str
    """File name in the models folder."""
    size: int
    """Bytes; 0 where only the answer says it."""
    sha256: str
    """Empty where it is not known: then any whole file is taken."""
    parts: tuple[PackagedPart, ...] = ()
    """Packages that carry it, in pieces to be joined in order."""
    url: str = ""
    """Official address; https only."""
    redirects: tuple[str, ...] = ()
    """Further hosts, subdomains included, that the address may redirect to."""


class Response(Protocol):
    """What a download is read from."""

    status: int
    headers: Message

    def read(self, amount: int, /) -> bytes: ...
    def close(self) -> None: ...


Open = Callable[[urllib.request.Request], Response]


def obtain(
    weight: WeightFile, folder: Path, report: Report, install: str, open_url: Open | None = None
) -> Path:
    """Path of the verified file; Unavailable says what to do. ``install`` is the command that brings it."""
    target = folder / weight.name
    problem = ""
    if target.is_file():
        if not weight.sha256 or digest(target) == weight.sha256:
            return target
        problem = f"{target} is damaged or another version. "
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (parts := _installed(weight)) is not None:
            report(f"Joining {weight.name}", 0.0)
            return _join(weight, parts, target, report)
        if weight.url:
            return _download(weight, target, report, open_url or pinned_opener(weight))
    except (OSError, HTTPException) as error:
        problem += f"{weight.name} could not be fetched ({error}). "
    raise Unavailable(
        f"{problem}The weights {weight.name} are missing: run `{install}`, or put the file at {target}.",
        code="weights_missing",
    )


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def package_file(package: str, path: str) -> Path | None:
    """A data file of an installed package, found without importing the package; None where it is absent."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / path
        if file.is_file():
            return file
    return None


def is_packaged(weight: WeightFile) -> bool:
    """Whether installed packages carry the file."""
    return _installed(weight) is not None


def _installed(weight: WeightFile) -> list[Path] | None:
    found = [package_file(part.package, part.path) for part in weight.parts]
    files = [file for file in found if file is not None]
    return files if files and len(files) == len(found) else None


def _join(weight: WeightFile, parts: list[Path], target: Path, report: Report) -> Path:
    def blocks() -> Iterator[bytes]:
        for part in parts:
            with part.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    yield block

    partial = target.with_name(f"{target.name}.joining")
    partial.unlink(missing_ok=True)
    _append(weight, blocks(), partial, report, "Joining")
    return _finish(weight, partial, target)


def _download(weight: WeightFile, target: Path, report: Report, open_url: Open) -> Path:
    """Fetch, going on where an earlier attempt stopped."""
    partial = target.with_name(f"{target.name}.partial")
    have = partial.stat().st_size if partial.is_file() else 0
    if weight.size and have >= weight.size:  # complete but never renamed, or rubbish: the hash decides
        return _finish(weight, partial, target)
    request = urllib.request.Request(weight.url, headers={"User-Agent": "troupe"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = open_url(request)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies behind what we have: it is of another file
            partial.unlink()
            raise OSError("it has changed since the download began; start again") from error
        raise
    try:
        if response.status != 206:
            partial.unlink(missing_ok=True)
            have = 0
        if not weight.size:
            weight = replace(weight, size=have + _announced(response))
        _append(weight, iter(lambda: response.read(_BLOCK), b""), partial, report, "Downloading")
    finally:
        response.close()
    return _finish(weight, partial, target)


def _announced(response: Response) -> int:
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() or not 0 < int(length) <= _LARGEST:
        raise OSError(f"its length is said to be {length or 'nothing'}")
    return int(length)


def _append(weight: WeightFile, blocks: Iterator[bytes], partial: Path, report: Report, verb: str) -> None:
    with partial.open("ab") as stream:
        done = stream.tell()
        for block in blocks:
            stream.write(block)
            done += len(block)
            if done > weight.size:
                break  # not our file; the check in _finish refuses it
            report(
                f"{verb} {weight.name}, {done / 1e6:.0f} of {weight.size / 1e6:.0f} MB", done / weight.size
            )


def _finish(weight: WeightFile, partial: Path, target: Path) -> Path:
    size = partial.stat().st_size
    if size < weight.size:
        raise OSError(f"the connection ended after {size} of {weight.size} bytes; start again to go on")
    if size > weight.size or (weight.sha256 and digest(partial) != weight.sha256):
        partial.unlink()
        raise OSError("what arrived is not the expected file")
    partial.replace(target)
    return target


def check_source(weight: WeightFile, url: str) -> None:
    """URLError unless ``url`` is https on the weight's own host, or on or under one it may redirect to."""
    address = urlsplit(url)
    host = address.hostname or ""
    known = host == urlsplit(weight.url).hostname or any(
        host == redirect or host.endswith(f".{redirect}") for redirect in weight.redirects
    )
    if address.scheme != "https" or not known:
        raise urllib.error.URLError(f"{address.scheme}://{host} is not a source of {weight.name}")


def pinned_opener(weight: WeightFile) -> Open:
    """Opens the weight's address; follows redirects only to its hosts."""

    class Pinned(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
            check_source(weight, newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    def open_url(request: urllib.request.Request) -> Response:
        check_source(weight, request.full_url)
        response: Response = urllib.request.build_opener(Pinned).open(request, timeout=_TIMEOUT_SECONDS)
        return response

    return open_url
