"""The studio's parts that need neither Gradio nor a browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from server.app import build
from server.boot.errors import BootError
from server.engines.table import ENGINES, engine_class
from server.errors import Conflict, InvalidRequest, Unavailable
from server.installs import Installs
from server.life import Life
from server.logs import Memory
from server.settings import load_settings
from server.settings_tree import setting_fields
from server.studio.choices import clone_languages, engine_choices, languages
from server.studio.forms import TITLES
from server.studio.languages import language_name
from server.studio.lexicon import lexicon_value
from server.studio.mount import Door
from server.studio.usage import characters_by_voice
from server.troupe import Troupe

pytestmark = pytest.mark.unit


@pytest.fixture
def troupe(home: Path) -> Troupe:
    """The parts of a server whose engine is not loaded."""
    return build(load_settings(None, {}, home), "test", Life(host_owned=False), Memory())


def test_until_the_studio_is_there_a_page_waits_for_it(troupe: Troupe):
    async def visit(*requests: tuple[str, str]) -> list[httpx.Response]:
        app = Starlette(routes=[Mount("/", Door(troupe))])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.request(method, path) for method, path in requests]

    page, head, other, posted = asyncio.run(visit(("GET", "/"), ("HEAD", "/"), ("GET", "/assets/x.js"), ("POST", "/")))
    assert page.status_code == head.status_code == 200
    assert page.headers["x-troupe-studio"] == head.headers["x-troupe-studio"] == "opening"
    assert page.headers["cache-control"] == "no-store"
    assert "The studio is opening" in page.text
    assert "//" not in page.text.replace("https://", "!").replace("http://", "!").split("<script>")[0]
    assert other.status_code == posted.status_code == 404


def test_characters_are_read_from_what_hosts_have_written(home: Path):
    hosts = home / "hosts"
    assert characters_by_voice(home) == {}
    hosts.mkdir()
    (hosts / "a.json").write_text(
        '{"characters": {"Aria": {"voice": "af_sky", "narrator": "am_onyx"}, "": {"voice": "af_sky"}, "Bo": 3}}',
        encoding="utf-8",
    )
    (hosts / "b.json").write_text('{"characters": ["not", "a", "map"]}', encoding="utf-8")
    (hosts / "c.json").write_text("{broken", encoding="utf-8")
    (hosts / "d.json").write_bytes(b"\xff\xfe")
    assert characters_by_voice(home) == {"af_sky": ["Aria", "instruct"], "am_onyx": ["Aria"]}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_an_installation_tells_what_it_does(home: Path):
    steps = iter([("Looking up", 0.0), ("Downloading", 0.5), ("Downloading", 0.7)])

    def install(name: str, tell, stop) -> None:
        for detail, fraction in steps:
            tell(detail, fraction)

    installs = Installs(home, install)
    assert installs.possible
    installs.start("piper")
    until(lambda: not installs.running)
    assert (installs.name, installs.problem, installs.fraction) == ("piper", "", 1.0)
    assert list(installs.lines) == ["Looking up", "Downloading"]


def test_one_installation_at_a_time_and_it_can_be_stopped(home: Path):
    def install(name: str, tell, stop) -> None:
        while True:
            stop()
            time.sleep(0.005)

    installs = Installs(home, install)
    installs.start("piper")
    with pytest.raises(Conflict, match="piper is being installed"):
        installs.start("kokoro")
    installs.stop()
    until(lambda: not installs.running)
    assert installs.problem == "Stopped. Installing again goes on from there."


def test_why_an_installation_failed_is_kept_until_the_next(home: Path):
    failing = iter([True, False])

    def install(name: str, tell, stop) -> None:
        if next(failing):
            raise BootError("The disk is full.")

    installs = Installs(home, install)
    installs.start("piper")
    until(lambda: not installs.running)
    assert installs.problem == "The disk is full."
    installs.start("piper")
    until(lambda: not installs.running)
    assert installs.problem == ""


def test_a_python_that_is_not_ours_is_not_changed(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.prefix", str(home))
    installs = Installs(home)
    assert not installs.possible
    with pytest.raises(Unavailable, match=r"requirements/piper\.txt"):
        installs.start("piper")
    with pytest.raises(InvalidRequest, match="nothing to install"):
        installs.start("../piper")


def test_other_work_is_watched_in_the_same_way(home: Path):
    installs = Installs(home)

    def refuse(tell, stop) -> None:
        tell("Fetching", 0.5)
        raise Unavailable("There is no network.")

    installs.begin("piper", refuse)
    until(lambda: not installs.running)
    assert (installs.name, installs.problem, list(installs.lines)) == ("piper", "There is no network.", ["Fetching"])


def test_a_mistake_of_ours_is_shown_and_logged(home: Path, caplog: pytest.LogCaptureFixture):
    installs = Installs(home)

    def fail(tell, stop) -> None:
        raise ValueError("not a number")

    installs.begin("piper", fail)
    until(lambda: not installs.running)
    assert installs.problem == "piper failed (ValueError: not a number). The log has more."
    assert "Traceback" in caplog.text


def test_every_language_of_an_engine_has_a_name():
    tags = {tag for name in ENGINES for tag in engine_class(name).capabilities.languages}
    assert len(tags) > 40
    assert {tag for tag in tags if language_name(tag) == tag} == set()
    assert language_name("en-gb") == "British English"
    assert language_name("tlh") == "tlh"


def test_titles_are_of_settings_that_there_are():
    assert set(TITLES) - {field.key for field in setting_fields()} == set()


def test_a_clone_is_of_all_languages_or_of_one_of_its_engine(troupe: Troupe):
    assert clone_languages(troupe, None) == [("All that the engine speaks", "")]
    assert ("German", "de") in clone_languages(troupe, "tone")


def test_engines_that_are_not_installed_say_so(home: Path):
    table = {"tone": "server.engines.tone:Tone", "absent": "tests.contract.broken_engine:Absent"}
    found = build(load_settings(None, {}, home), "test", Life(host_owned=False), Memory(), table)
    assert engine_choices(found) == [("Tone", "tone"), ("Tone (not installed)", "absent")]


def test_languages_are_those_of_all_engines_that_speak(home: Path):
    settings = load_settings(None, {"TROUPE_ENGINE__BESIDE": "piper"}, home)
    found = build(settings, "test", Life(host_owned=False), Memory())
    assert languages(found) == []
    found.registry.current = "tone"
    assert languages(found)[:2] == ["en", "de"]
    assert lexicon_value(found)["languages"] == languages(found)
    assert "sv" in languages(found), "which only Piper speaks"
