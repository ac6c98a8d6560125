"""script.py in text-generation-webui: both loaders, the host's restart, a clone that is broken or one too many."""

from __future__ import annotations

import ast
import sys
import time
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, REPOSITORY, FakeWebUI, wait_for
from tests.host.stub_server import StubServer

pytestmark = pytest.mark.host

PLACES = [
    pytest.param("troupe", False, id="extensions"),
    pytest.param("my-troupe-main", False, id="extensions-dash"),
    pytest.param("Troupe-main", True, id="user_data"),
]


@pytest.mark.parametrize(("name", "user_data"), PLACES)
def test_loads_from_any_folder_and_survives_the_hosts_restart(
    name: str, user_data: bool, web_ui: FakeWebUI, stub: StubServer
) -> None:
    web_ui.install(name, user_data=user_data)
    script = web_ui.load(name, user_data=user_data)
    script.setup()
    wait_for(lambda: stub.leases == 1)
    again = web_ui.load(name, user_data=user_data)
    assert (again is script) == (not user_data)
    if user_data:
        again.setup()
        wait_for(lambda: stub.leases == 1 and web_ui.runtime().launcher.status.phase == "ready")
    assert web_ui.turn(again, web_ui.state())[-1] == REPLY
    assert len(web_ui.hear()["clips"]) == 4
    assert "troupe.news" in again.custom_js()
    assert "troupe-player" in again.custom_css()


def test_setup_goes_on_at_once_and_starts_nothing_without_an_interface(web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.shared.args.nowebui = True
    web_ui.install("troupe", user_data=False)
    web_ui.load("troupe", user_data=False).setup()
    time.sleep(0.3)
    assert stub.requests == []


def test_switched_off_starts_nothing_and_marks_nothing(web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.install("troupe", user_data=False)
    script = web_ui.load("troupe", user_data=False)
    script.custom_css()
    web_ui.runtime().choices.change(on=False)
    script.setup()
    state = web_ui.state()
    assert web_ui.turn(script, state)[-1] == REPLY
    assert stub.requests == []
    assert state == web_ui.state()


@pytest.mark.parametrize("missing", ["hooks.py", "choices.py", "../client.py"])
def test_a_broken_clone_leaves_a_block_with_the_reason(missing: str, web_ui: FakeWebUI, capsys: Any) -> None:
    folder = web_ui.install("troupe", user_data=False)
    (folder / "extension" / "tgwui" / missing).unlink()
    script = web_ui.load("troupe", user_data=False)
    script.ui()
    assert "ModuleNotFoundError" in web_ui.shown[0]
    assert not hasattr(script, "custom_generate_reply")
    assert "could not be loaded" in capsys.readouterr().err


def test_a_ui_that_cannot_be_built_says_why(script: Any, web_ui: FakeWebUI) -> None:
    script.ui()  # the fake Gradio has next to nothing
    assert "could not build its settings" in web_ui.shown[0]


def test_a_second_clone_stands_back(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.install("Troupe-main", user_data=True)
    second = web_ui.load("Troupe-main", user_data=True)
    second.setup()
    second.ui()
    assert "loaded twice" in web_ui.shown[0]
    assert second.custom_js() == ""
    state = web_ui.state()
    second.state_modifier(state)
    assert state == web_ui.state()


def test_every_python_that_a_host_has_can_read_it() -> None:
    files = [REPOSITORY / "script.py", *(REPOSITORY / "extension").rglob("*.py")]
    assert len(files) > 15
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 10))


def test_the_host_needs_nothing_but_what_it_has() -> None:
    allowed = {"gradio", "starlette"}
    for file in [REPOSITORY / "script.py", *(REPOSITORY / "extension").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names | allowed, f"{file}: {name}"
