"""What the extension takes of text-generation-webui, as fakes; and both of the host's ways to load a script.py."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import shutil
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
REPLY = '*She looks up.* "Oh, it is you! Come in." The rain goes on.'


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


class LlamaServer:
    """The host chooses its code path by this name."""


class FakeWebUI:
    """The host's modules, put in place of real ones until ``close``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session: str | None = "browser-1"
        self.reply = REPLY
        self.model_loaded = True
        self.extensions: list[Any] = []
        self._before = dict(sys.modules)
        self._path = list(sys.path)
        self._put()

    def _put(self) -> None:
        modules = types.ModuleType("modules")
        modules.__path__ = []
        self.shared = _module(
            "modules.shared",
            gradio={},
            model=LlamaServer(),
            stop_everything=False,
            user_data_dir=self.folder / "user_data",
            args=types.SimpleNamespace(nowebui=False),
        )
        text_generation = _module(
            "modules.text_generation", generate_reply_custom=self.generate, generate_reply_HF=None
        )
        request = types.SimpleNamespace(get=self._request)
        context = _module("gradio.context", LocalContext=types.SimpleNamespace(request=request))
        gradio = _module("gradio", Markdown=self._show, HTML=self._show)
        gradio.__path__ = []
        self.shown: list[str] = []
        for module in (
            modules,
            self.shared,
            text_generation,
            context,
            gradio,
            _module("modules.extensions", iterator=lambda: ((item, "name") for item in self.extensions)),
            _module("modules.utils", check_model_loaded=lambda: (self.model_loaded, "No model is loaded.")),
        ):
            sys.modules[module.__name__] = module
        # The host's own server.py is what a bare "import server" finds in its process.
        sys.modules["server"] = _module("server", __getattr__=_never)

    def close(self) -> None:
        shelf = sys.modules.get("_troupe_in_text_generation_webui")
        if shelf is not None:
            shelf.runtime.launcher.stop()
        for name in set(sys.modules) - set(self._before):
            del sys.modules[name]
        sys.modules.update(self._before)
        sys.path[:] = self._path

    def install(self, name: str, *, user_data: bool) -> Path:
        """A clone of the repository under that folder name."""
        target = self.folder / ("user_data/extensions" if user_data else "extensions") / name
        shutil.copytree(
            REPOSITORY / "extension",
            target / "extension",
            ignore=shutil.ignore_patterns("__pycache__", "sillytavern"),
        )
        shutil.copy(REPOSITORY / "script.py", target)
        return target

    def load(self, name: str, *, user_data: bool) -> Any:
        """As modules/extensions.py does it."""
        if user_data:
            path = self.folder / "user_data" / "extensions" / name / "script.py"
            spec = importlib.util.spec_from_file_location(f"user_ext_{name}", str(path))
            assert spec is not None
            assert spec.loader is not None
            script = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = script
            spec.loader.exec_module(script)
        else:
            if str(self.folder) not in sys.path:
                sys.path.insert(0, str(self.folder))
                importlib.invalidate_caches()
            script = importlib.import_module(f"extensions.{name}.script")
        self.extensions = [script, *(item for item in self.extensions if item is not script)]
        return script

    def runtime(self) -> Any:
        return sys.modules["_troupe_in_text_generation_webui"].runtime

    def state(self, **values: Any) -> dict[str, Any]:
        history = {"internal": [["<|BEGIN-VISIBLE-CHAT|>", "Good evening."]], "visible": [["", "Good evening."]]}
        return {
            "mode": "chat",
            "character_menu": "Seraphina",
            "name1": "Ann",
            "name2": "Seraphina",
            "unique_id": "20260101-00-00-00",
            "history": history,
            "start_with": "",
            **values,
        }

    def generate(
        self, question: Any, original: Any, state: Any, stopping_strings: Any = None, is_chat: bool = False
    ) -> Iterator[str]:
        """The host's own generator: cumulative, word by word."""
        words = self.reply.split(" ")
        for count in range(1, len(words) + 1):
            yield " ".join(words[:count])

    def turn(self, script: Any, state: dict[str, Any], question: str = "Ann: Hi\nSeraphina:") -> list[str]:
        """One chat turn through all hooks, as the host makes it; what the person gets."""
        assert script.state_modifier(state) is state
        seen = list(script.custom_generate_reply(question, question, state, [], is_chat=True))
        visible = seen[-1].replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        assert script.output_modifier(visible, state, is_chat=True) == visible
        return seen

    def hear(self, clicked: str = "send", seconds: float = 10.0) -> dict[str, Any]:
        """What the page of this session is told at last."""
        return asyncio.run(asyncio.wait_for(self._hear(clicked), seconds))

    async def _hear(self, clicked: str) -> dict[str, Any]:
        message: dict[str, Any] = {}
        async for turn in self.runtime().sessions.of(self.session).follow(clicked, 5.0):
            message = turn.message(self.runtime().audio.address)
        return message

    def _request(self, default: Any = None) -> Any:
        return types.SimpleNamespace(session_hash=self.session) if self.session else default

    def _show(self, text: str) -> None:
        self.shown.append(text)


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


def _never(name: str) -> Any:
    raise AssertionError(f"the host's own server module was used: {name}")
