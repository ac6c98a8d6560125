"""Facts that stand in several places agree; what the documents name exists."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from server import __version__
from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, SynthesisOptions
from server.engines.table import ENGINES, engine_class
from server.settings_tree import setting_fields
from server.text.piece import Piece
from server.voices.voice import Voice

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SETTINGS = {field.key for field in setting_fields()}
NOT_HERE = (
    *("voicemap.yaml", "hosts/", "audio/", "models/", "rvc/", "logs/"),  # made at run time
    *("server/engines/hum.py", "server/requirements/hum.txt"),  # the tutorial's
)


def test_versions_agree() -> None:
    manifest = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
    newest = re.search(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert __version__ == manifest["version"] == newest[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_links_in_the_documents_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:server|extension|tests|tools|docs)/[\w./-]+|[\w-]+\.(?:yaml|toml|bat|sh))`", text))
    linked = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    missing = [name for name in named if not (ROOT / name).exists() and not name.startswith(NOT_HERE)]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_in_the_documents_exist(page: Path) -> None:
    sections = {key.partition(".")[0] for key in SETTINGS if "." in key}
    named = re.findall(r"`(\w+\.\w+)(?:: [^`]*)?`", page.read_text(encoding="utf-8"))
    wrong = [key for key in named if key.partition(".")[0] in sections and key not in SETTINGS]
    # file names look alike
    assert not [key for key in wrong if not key.endswith((".py", ".js", ".md", ".yaml", ".json", ".txt"))]


def test_the_engine_of_the_tutorial_works() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = textwrap.dedent(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0])
    names = {"Engine": Engine, "Capabilities": Capabilities, "Voice": Voice, "AudioChunk": AudioChunk, "np": np}
    exec(code, names)
    engine: Engine = names["Hum"](EngineContext())  # type: ignore[operator]
    engine.load()
    (voice,) = engine.voices()
    (chunk,) = engine.synthesize(Piece("Hello there.", 0, 12), voice, SynthesisOptions())
    assert chunk.seconds == pytest.approx(0.72, abs=0.01)
    assert np.abs(chunk.samples).max() > 0.1


@pytest.mark.parametrize("name", ENGINES)
def test_engines_say_what_they_can_without_their_libraries(name: str) -> None:
    capabilities = engine_class(name).capabilities
    assert capabilities.name == name
    assert capabilities.languages
    assert capabilities.sample_rate >= 16_000
    low, high = capabilities.speed_range
    assert low <= 1.0 <= high
    assert capabilities.modules or not capabilities.requirements, "nothing tells whether it is installed"
    for listed in capabilities.requirements:
        assert (ROOT / "server" / "requirements" / f"{listed}.txt").is_file()


def test_every_module_begins_with_what_it_is() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for folder in ("server", "extension", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


