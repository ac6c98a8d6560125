"""On an engine's page: models of the Coqui library to be fetched by name, with the licence of each."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import gradio as gr

from server.boot.stop import StopCheck
from server.engines.coqui.fetch import check_licence, fetch_model, wanted_for
from server.engines.coqui.library import ENGINE, LibraryModel, speaking_models
from server.errors import InvalidRequest, SpeechError
from server.installs import Tell, Work
from server.studio.widgets import Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe

log = logging.getLogger("troupe.studio")


def build(troupe: Troupe, pulse: Component) -> None:
    """The section's content."""
    gr.Markdown("### Add a model of the library")
    models = widget("models", elem_id="library-models")
    done = notice("library-models-notice")

    async def act(wish: Act) -> Any:
        if wish.get("do") != "fetch":
            raise InvalidRequest(f"There is nothing to do called {wish.get('do')!r}.", param="do")
        name, accepted = str(wish.get("model")), wish.get("accepted") is True
        begin(troupe, name, accepted)
        return said(f"{name} is being fetched; see above.", "info"), models_value(troupe)

    on_act(models, act, [], [done, models], slow=True)
    on_topics(pulse, ["engine", "install"], lambda: models_value(troupe), [models])


def begin(troupe: Troupe, name: str, accepted: bool) -> None:
    """Fetch a model in the background; what can be refused is refused first. Must run on the event loop."""
    folder = _folder(troupe)
    for model in wanted_for(name):
        check_licence(model, folder, accepted=accepted)
    loop = asyncio.get_running_loop()
    fetch = _fetching(name, folder, accepted)

    def work(tell: Tell, stop: StopCheck) -> None:
        fetch(tell, stop)
        asyncio.run_coroutine_threadsafe(_loaded_again(troupe), loop)

    troupe.installs.begin(ENGINE, work)


def models_value(troupe: Troupe) -> dict[str, Any]:
    """What the section shows."""
    try:
        models = speaking_models()
    except SpeechError as error:
        return {"problem": error.message, "models": [], "busy": False}
    folder = _folder(troupe)
    return {
        "problem": "",
        "busy": troupe.installs.running,
        "models": [_row(model, (folder / model.folder).is_dir()) for model in models.values()],
    }


def _row(model: LibraryModel, there: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "languages": list(model.languages),
        "licence": model.licence,
        "asks": model.asks,
        "vocoder": model.vocoder,
        "there": there,
    }


def _fetching(name: str, folder: Path, accepted: bool) -> Work:
    def work(tell: Tell, stop: StopCheck) -> None:
        def report(detail: str, fraction: float | None) -> None:
            stop()
            tell(detail, fraction)

        fetch_model(name, folder, report, accepted=accepted)
        tell(f"{name}: there", 1.0)

    return work


async def _loaded_again(troupe: Troupe) -> None:
    """An engine finds its models when it is loaded."""
    try:
        await troupe.registry.reload(ENGINE)
    except SpeechError as error:
        log.warning("%s cannot be loaded again with its new model: %s", ENGINE, error.message)
    except Exception:  # nobody waits for it, so nobody else would tell
        log.exception("%s could not be loaded again with its new model", ENGINE)


def _folder(troupe: Troupe) -> Path:
    return troupe.registry.setup.models / ENGINE
