"""Fetching the Coqui library's models by name, from a real server on this machine, and every way it can go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.engines.coqui import fetch, receipts
from server.engines.coqui.fetch import fetch_model
from server.errors import Unavailable
from tests.unit.coqui_list import BASE, HUB, MEL, RESTRICTED, VITS
from tests.unit.coqui_origin import COMMIT, WEIGHTS, Origin, archive, hub

pytestmark = pytest.mark.unit


@pytest.fixture
def origin() -> Iterator[Origin]:
    """The official servers' stand-in."""
    made = Origin()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def get(
    origin: Origin, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Fetches a model by its name."""
    monkeypatch.setattr(fetch, "PINS", {})  # made here, these archives are not the published ones
    return partial(
        fetch_model, models=tmp_path / "models", report=lambda detail, share: None, open_url=origin.open, listed=listed
    )


def test_an_archive_becomes_a_folder_with_a_receipt(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive())
    get(VITS)
    folder = tmp_path / "models" / "tts_models--en--vctk--vits"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model_file.pth"]
    assert (folder / "model_file.pth").read_bytes() == WEIGHTS
    receipt = receipts.read_receipt(tmp_path / "models", folder.name)
    assert receipt is not None
    assert receipt.archive == hashlib.sha256(archive()).hexdigest()
    assert receipt.files["model_file.pth"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert (receipt.source, receipt.licence) == (BASE + "vits.zip", "apache 2.0")
    assert not list((tmp_path / "models" / ".fetching").glob("*.zip"))
    get(VITS)
    assert len(origin.asked) == 1, "what is there is not fetched again"


def test_a_broken_download_goes_on_where_it_stopped(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive())
    origin.break_after = 1_500_000
    with pytest.raises(Unavailable, match=r"install tts_models/en/vctk/vits"):
        get(VITS)
    have = (tmp_path / "models" / ".fetching" / "tts_models--en--vctk--vits.zip.partial").stat().st_size
    assert 0 < have <= 1_500_000
    get(VITS)
    assert origin.asked[-1][1] == f"bytes={have}-"
    assert (tmp_path / "models" / "tts_models--en--vctk--vits" / "model_file.pth").read_bytes() == WEIGHTS


def test_remains_longer_than_the_file_are_given_up(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive())
    partly = tmp_path / "models" / ".fetching" / "tts_models--en--vctk--vits.zip.partial"
    partly.parent.mkdir(parents=True)
    partly.write_bytes(b"x" * len(archive()))
    with pytest.raises(Unavailable, match="start again"):
        get(VITS)
    get(VITS)
    assert (tmp_path / "models" / "tts_models--en--vctk--vits").is_dir()


def test_progress_is_told_and_can_stop_it(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive())
    told: list[tuple[str, float | None]] = []
    get(VITS, report=lambda detail, share: told.append((detail, share)))
    assert any("MB" in detail and share == 1.0 for detail, share in told)

    def stop(detail: str, share: float | None) -> None:
        raise KeyboardInterrupt

    origin.offer("taco.zip", archive())
    origin.offer("gan.zip", archive())
    with pytest.raises(KeyboardInterrupt):
        get(MEL, report=stop)
    assert not (tmp_path / "models" / "tts_models--en--sam--tacotron2").exists()
    get(MEL)  # the lock was let go of


def test_a_mel_model_brings_its_vocoder(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("taco.zip", archive())
    with pytest.raises(Unavailable, match=f"run `python3 -m server install {MEL}`"):
        get(MEL)
    origin.offer("gan.zip", archive())
    get(MEL)
    made = {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()}
    assert made == {".fetching", "tts_models--en--sam--tacotron2", "vocoder_models--en--sam--gan"}


def test_a_licence_that_restricts_is_accepted_first(get: Any, origin: Origin) -> None:
    origin.offer("nc.zip", archive())
    with pytest.raises(Unavailable, match="NC-ND") as caught:
        get(RESTRICTED)
    assert caught.value.code == "licence_not_accepted"
    assert not origin.asked
    get(RESTRICTED, accepted=True)
    get(RESTRICTED)  # once is enough


def test_one_fetch_at_a_time(get: Any, tmp_path: Path) -> None:
    lock = fetch.FileLock(tmp_path / "models" / ".fetching" / "lock")
    assert lock.acquire(note="process 7")
    try:
        with pytest.raises(Unavailable, match="process 7"):
            get(VITS)
    finally:
        lock.release()


def test_an_archive_without_a_model_is_refused(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive({"readme.txt": b"words"}))
    with pytest.raises(Unavailable, match=r"config\.json"):
        get(VITS)
    assert not (tmp_path / "models" / "tts_models--en--vctk--vits").exists()


# Held against what is known of it


def test_a_second_fetch_is_measured_by_the_first(get: Any, origin: Origin, tmp_path: Path) -> None:
    models = tmp_path / "models"
    origin.offer("vits.zip", archive())
    get(VITS)
    folder = models / "tts_models--en--vctk--vits"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    origin.offer("vits.zip", archive({"config.json": b"{}", "model_file.pth": WEIGHTS[::-1]}))
    with pytest.raises(Unavailable, match="not what was fetched") as caught:
        get(VITS)
    assert caught.value.code == "weights_changed"
    assert not folder.exists()
    receipts.receipt_path(models, folder.name).unlink()
    get(VITS)
    assert (folder / "model_file.pth").read_bytes() == WEIGHTS[::-1]


def test_a_pinned_archive_is_taken_only_as_pinned(
    get: Any, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = archive()
    monkeypatch.setattr(fetch, "PINS", {VITS: (len(right), hashlib.sha256(right).hexdigest())})
    origin.offer("vits.zip", right[:-1] + b"!")
    with pytest.raises(Unavailable, match="not the expected file"):
        get(VITS)
    origin.offer("vits.zip", right)
    get(VITS)


def test_a_changed_file_is_found_at_the_next_fetch(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive())
    get(VITS)
    path = tmp_path / "models" / "tts_models--en--vctk--vits" / "model_file.pth"
    path.write_bytes(b"something else")
    with pytest.raises(Unavailable, match=r"model_file\.pth is not what was fetched"):
        get(VITS)
    path.unlink()
    with pytest.raises(Unavailable, match="gone"):
        get(VITS)


def test_a_damaged_receipt_is_named(get: Any, tmp_path: Path) -> None:
    receipts.receipt_path(tmp_path / "models", "tts_models--en--vctk--vits").parent.mkdir()
    receipts.receipt_path(tmp_path / "models", "tts_models--en--vctk--vits").write_text('{"odd": 1}')
    with pytest.raises(Unavailable, match=r"receipt\.json is damaged"):
        get(VITS)


# From the hub


FILES = {
    "config.json": b'{"a": 1}', "model_file.pth": WEIGHTS, "README.md": b"words", "extra.json": b"{}",
    "../evil.json": b"{}", "voices/a.pth": b"x",
}  # fmt: skip


def test_a_model_of_the_hub_is_fetched_at_one_state(get: Any, origin: Origin, tmp_path: Path) -> None:
    hub(origin, FILES)
    get(HUB)
    folder = tmp_path / "models" / "tts_models--zh-CN--baker--gst"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model_file.pth"]
    receipt = receipts.read_receipt(tmp_path / "models", folder.name)
    assert receipt is not None
    assert (receipt.revision, receipt.source) == (COMMIT, "https://huggingface.co/someone/gst")
    folder.rename(tmp_path / "away")
    origin.answers.pop("/api/models/someone/gst/revision/main?blobs=true")
    get(HUB)  # the same state again


@pytest.mark.parametrize(("lie", "words"), [("model_file.pth", "not the expected"), ("config.json", "what the hub")])
def test_a_file_that_the_hub_does_not_list_so_is_refused(lie: str, words: str, get: Any, origin: Origin) -> None:
    hub(origin, FILES, lie=lie)
    with pytest.raises(Unavailable, match=words):
        get(HUB)


@pytest.mark.parametrize("said", [b"{}", b"not json", b'{"sha": "a", "siblings": 1}', b" " * 5_000_000])
def test_a_listing_that_is_none_says_what_to_do(said: bytes, get: Any, origin: Origin) -> None:
    origin.answers["/api/models/someone/gst/revision/main?blobs=true"] = said
    with pytest.raises(Unavailable, match="by other means"):
        get(HUB)
