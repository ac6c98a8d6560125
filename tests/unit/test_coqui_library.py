"""The library's list and fetching by name: from a real server on this machine, and every way it can go wrong."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from server.engines import unpack as unpacking
from server.engines.coqui import fetch, library, receipts
from server.engines.coqui.fetch import fetch_model
from server.engines.coqui.library import find_model, read_list, speaking_models
from server.engines.coqui.pins import PINS
from server.engines.coqui.vits import LANGUAGES
from server.engines.unpack import unpack
from server.engines.weights import Response, package_file
from server.errors import InvalidRequest, NotFound, Unavailable

pytestmark = pytest.mark.unit

BASE = "https://github.com/coqui-ai/TTS/releases/download/v0/"
LIST: dict[str, Any] = {
    "tts_models": {
        "en": {
            "vctk": {
                "vits": {"github_rls_url": BASE + "vits.zip", "default_vocoder": None, "license": "apache 2.0"},
                "fast_pitch": {"github_rls_url": BASE + "nc.zip", "license": "CC BY-NC-ND 4.0"},
            },
            "sam": {"tacotron2": {
                "github_rls_url": BASE + "taco.zip", "default_vocoder": "vocoder_models/en/sam/gan", "license": "MIT",
            }},
        },
        "zh-CN": {"baker": {"gst": {"repo_id": "someone/gst", "license": "MIT", "ignore": ["*.wav", "extra.json"]}}},
        "tw_asante": {"openbible": {"vits": {"github_rls_url": BASE + "tw.zip", "license": "CC-BY-SA 4.0"}}},
        "multilingual": {"multi-dataset": {
            "xtts_v2": {"repo_id": "a/b", "license": "CPML"}, "bark": {"repo_id": "a/c", "license": "MIT"},
            "your_tts": {"github_rls_url": BASE + "your.zip", "license": "CC BY-NC-ND 4.0"},
        }},
    },
    "vocoder_models": {"en": {"sam": {"gan": {"github_rls_url": BASE + "gan.zip", "license": "apache 2.0"}}}},
    "voice_conversion_models": {"multilingual": {"x": {"knnvc": {"license": "MIT"}}}},
}  # fmt: skip
VITS, RESTRICTED, MEL, HUB = (
    "tts_models/en/vctk/vits", "tts_models/en/vctk/fast_pitch", "tts_models/en/sam/tacotron2",
    "tts_models/zh-CN/baker/gst",
)  # fmt: skip
WEIGHTS = bytes(range(256)) * 9_000
COMMIT = "0123456789abcdef"


def archive(files: dict[str, bytes] | None = None, inner: str = "tts_models--x/") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name, content in (files or {"config.json": b"{}", "model_file.pth": WEIGHTS}).items():
            opened.writestr(inner + name, content)
    return made.getvalue()


class Origin:
    """A server on this machine in the place of the official ones: ranges, breaks, and answers that can be changed."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.break_after: int | None = None
        """Bytes after which the next answer is cut off."""
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                origin.asked.append((self.path, asked))
                body = origin.answers.get(self.path)
                if body is None:
                    return self.send_error(404)
                begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                if asked and begin >= len(body):
                    return self.send_error(416)
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(body) - begin))
                self.end_headers()
                cut, origin.break_after = origin.break_after, None
                self.wfile.write(body[begin : None if cut is None else begin + cut])

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def open(self, request: urllib.request.Request) -> Response:
        """As the pinned opener does, to the same path of this server."""
        path = "/" + request.full_url.split("/", 3)[3]
        here = urllib.request.Request(
            f"http://127.0.0.1:{self.server.server_port}{path}", headers=dict(request.header_items())
        )
        answer: Response = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(here, timeout=10)
        return answer

    def offer(self, name: str, body: bytes) -> None:
        self.answers[f"/coqui-ai/TTS/releases/download/v0/{name}"] = body


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "models.json"
    path.write_text(json.dumps(LIST), encoding="utf-8")
    return path


@pytest.fixture
def get(
    origin: Origin, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    monkeypatch.setattr(fetch, "PINS", {})  # made here, these archives are not the published ones
    return partial(
        fetch_model, models=tmp_path / "models", report=lambda detail, share: None, open_url=origin.open, listed=listed
    )


def test_the_list_is_what_can_speak(listed: Path) -> None:
    models = speaking_models(listed)
    assert [*models] == [
        VITS, RESTRICTED, MEL, HUB, "tts_models/tw_asante/openbible/vits",
        "tts_models/multilingual/multi-dataset/your_tts",
    ]  # fmt: skip
    assert models[MEL].vocoder == "vocoder_models/en/sam/gan"
    assert models[HUB].languages == ("zh",)
    assert models["tts_models/tw_asante/openbible/vits"].languages == ("tw",)
    assert [name for name, model in models.items() if model.asks] == [
        RESTRICTED, "tts_models/multilingual/multi-dataset/your_tts"
    ]  # fmt: skip
    assert "voice_conversion_models/multilingual/x/knnvc" not in read_list(listed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tts_models/multilingual/multi-dataset/xtts_v2", "install xtts"),
        ("tts_models/multilingual/multi-dataset/bark", "no speakers"),
        ("tts_models/en/multi-dataset/tortoise-v2", "minutes"),
        ("voice_conversion_models/multilingual/x/knnvc", "does not speak"),
        ("vocoder_models/en/sam/gan", "vocoder"),
        ("tts_models/deu/fairseq/vits", "not in the library's list"),
    ],
)
def test_what_cannot_speak_says_why(name: str, words: str, listed: Path) -> None:
    with pytest.raises(InvalidRequest, match=words):
        find_model(name, listed)


def test_an_unknown_name_is_answered_with_near_ones(listed: Path) -> None:
    with pytest.raises(NotFound, match=f"Near to it: {VITS}"):
        find_model("tts_models/en/vctk/vitz", listed)
    with pytest.raises(NotFound, match="for example"):
        find_model("tts_models/q/q/q", listed)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "package_file", lambda package, path: None)
    with pytest.raises(Unavailable, match="install coqui-vits"):
        speaking_models()


@pytest.mark.skipif(package_file("TTS", ".models.json") is None, reason="python3 -m server install coqui-vits")
def test_every_language_of_the_installed_list_can_be_spoken() -> None:
    models = speaking_models()
    assert len(models) > 60
    assert {tag for model in models.values() for tag in model.languages} <= set(LANGUAGES)
    assert all(model.url.startswith("https://github.com/") or model.repo for model in models.values())
    assert {*PINS} <= {*read_list()}
    assert all(size > 0 and len(sha256) == 64 for size, sha256 in PINS.values())
    assert all(model.vocoder in read_list() for model in models.values() if model.vocoder)


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


def test_one_fetch_at_a_time(get: Any, tmp_path: Path) -> None:
    lock = fetch.FileLock(tmp_path / "models" / ".fetching" / "lock")
    assert lock.acquire(note="process 7")
    try:
        with pytest.raises(Unavailable, match="process 7"):
            get(VITS)
    finally:
        lock.release()


def hub(origin: Origin, files: dict[str, bytes], *, lie: str = "") -> None:
    siblings = []
    for name, content in files.items():
        item: dict[str, Any] = {"rfilename": name, "size": len(content)}
        if name.endswith(".pth"):
            item["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        item["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        siblings.append(item)
        origin.answers[f"/someone/gst/resolve/{COMMIT}/{name}"] = content[::-1] if name == lie else content
    listing = json.dumps({"sha": COMMIT, "siblings": siblings}).encode()
    for revision in ("main", COMMIT):
        origin.answers[f"/api/models/someone/gst/revision/{revision}?blobs=true"] = listing


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


def test_an_archive_without_a_model_is_refused(get: Any, origin: Origin, tmp_path: Path) -> None:
    origin.offer("vits.zip", archive({"readme.txt": b"words"}))
    with pytest.raises(Unavailable, match=r"config\.json"):
        get(VITS)
    assert not (tmp_path / "models" / "tts_models--en--vctk--vits").exists()


def zipped(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            opened.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("../evil.json", 0, "points out"),
        ("a/../../evil.json", 0, "points out"),
        ("/etc/evil", 0, "points out"),
        ("C:evil", 0, "points out"),
        ("..\\evil", 0, "points out"),
        ("link", stat.S_IFLNK | 0o777, "not a plain file"),
        ("pipe", stat.S_IFIFO | 0o600, "not a plain file"),
        ("inner/CONFIG.json", 0, "twice"),
    ],
)
def test_an_archive_that_reaches_out_writes_nothing(name: str, mode: int, words: str, tmp_path: Path) -> None:
    bad = zipped(tmp_path / "bad.zip", ("config.json", b"{}", 0), (name, b"/etc/passwd", mode))
    with pytest.raises(Unavailable, match=words):
        unpack(bad, tmp_path / "inside" / "folder")
    assert not list((tmp_path / "inside" / "folder").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "inside"]


def test_an_archive_that_is_too_much_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(tmp_path / "bomb.zip", ("a.pth", bytes(3_000_000), 0), ("b.pth", bytes(3_000_000), 0))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(Unavailable, match="larger than"):
        unpack(bomb, tmp_path / "bomb", most_bytes=5_000_000)
    monkeypatch.setattr(unpacking, "MOST_FILES", 1)
    with pytest.raises(Unavailable, match="2 files"):
        unpack(bomb, tmp_path / "many")
    assert not [*(tmp_path / "bomb").iterdir(), *(tmp_path / "many").iterdir()]


def test_an_archive_that_lies_about_a_size_is_stopped_there(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "lie.zip", ("a.pth", bytes(300_000), 0)).read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    for at in (22, directory + 24):
        content[at : at + 4] = (1_000).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(content)
    with pytest.raises(Unavailable, match="cannot be unpacked"):
        unpack(tmp_path / "lie.zip", tmp_path / "lie")
    assert all(path.stat().st_size <= 1_000 for path in (tmp_path / "lie").iterdir())


@pytest.mark.parametrize("content", [b"no zip", archive()[:-40], archive()[:200] + b"!" * 99 + archive()[299:]])
def test_a_damaged_archive_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(Unavailable, match=r"odd\.zip cannot be unpacked"):
        unpack(tmp_path / "odd.zip", tmp_path / "odd")


def test_what_a_mac_adds_is_left_out(tmp_path: Path) -> None:
    entries = (("a/config.json", b"{}", 0), ("__MACOSX/a/._config.json", b"x", 0), ("a/.DS_Store", b"x", 0))
    unpack(zipped(tmp_path / "mac.zip", *entries), tmp_path / "mac")
    assert [path.name for path in (tmp_path / "mac").iterdir()] == ["config.json"]
