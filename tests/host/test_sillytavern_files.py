"""The SillyTavern extension's files, without SillyTavern: manifest, translations, and its modules under Node."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from server import __version__

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "extension" / "sillytavern"
MANIFEST = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))


def test_manifest_names_files_that_exist() -> None:
    for path in (MANIFEST["js"], MANIFEST["css"], *MANIFEST["i18n"].values()):
        assert (ROOT / path).is_file(), path


def test_manifest_has_the_version_of_the_server() -> None:
    assert MANIFEST["version"] == __version__


def test_loads_before_the_hosts_own_speech_extension() -> None:
    assert MANIFEST["loading_order"] < 10


def test_hooks_are_exported() -> None:
    source = (ROOT / MANIFEST["js"]).read_text(encoding="utf-8")
    for function in MANIFEST["hooks"].values():
        assert f"export async function {function}(" in source


@pytest.mark.parametrize("locale", MANIFEST["i18n"])
def test_translations_are_those_of_the_texts_in_use(locale: str) -> None:
    table = json.loads((ROOT / MANIFEST["i18n"][locale]).read_text(encoding="utf-8"))
    assert set(table) == _texts()
    for key, text in table.items():
        assert sorted(re.findall(r"\$\{\d\}", key)) == sorted(re.findall(r"\$\{\d\}", text)), key


def _texts() -> set[str]:
    """Every text in templates (``data-i18n``) and modules (the ``t`` tag), as the host looks it up."""
    found: set[str] = set()
    for template in FOLDER.glob("*.html"):
        for value in re.findall(r'data-i18n="([^"]*)"', template.read_text(encoding="utf-8")):
            found |= {re.sub(r"^\[[^\]]*\]", "", part) for part in value.split(";")}
    for module in FOLDER.glob("*.js"):
        for text in re.findall(r"(?<![\w.])t`([^`]*)`", module.read_text(encoding="utf-8")):
            pieces = re.split(r"\$\{[^}]*\}", text)
            found.add(pieces[0] + "".join(f"${{{i}}}{piece}" for i, piece in enumerate(pieces[1:])))
    return found


@pytest.mark.parametrize("module", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_modules_ask_to_be_type_checked(module: Path) -> None:
    assert module.read_text(encoding="utf-8").startswith("// @ts-check\n")


def test_modules_under_node(node: str) -> None:
    tests = sorted(str(path) for path in (Path(__file__).parent / "sillytavern" / "node").glob("*.test.mjs"))
    done = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
