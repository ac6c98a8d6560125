"""TTS Engine Settings: a page for each engine, made from what the engine says it can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from server.engines.base import Capabilities, OptionValue
from server.engines.coqui.library import ENGINE
from server.engines.slot import Slot
from server.engines.table import is_installed
from server.engines.weights import is_packaged
from server.errors import InvalidRequest, SpeechError
from server.settings import where
from server.studio import mappings, models
from server.studio.forms import form, option_row
from server.studio.widgets import Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe

_BESIDE = "Saved. It is loaded now, and at every start; its voices stand at the end of every list of voices."


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    current = troupe.registry.current
    with gr.Tabs(selected=_tab(current) if current else None):
        for name in troupe.registry.names():
            with gr.Tab(troupe.registry.capabilities(name).title, id=_tab(name)):
                _page(troupe, pulse, name)


def _tab(engine: str) -> str:
    return f"engine-{engine}"


def _page(troupe: Troupe, pulse: Component, name: str) -> None:
    state = widget("engine", elem_id=f"engine-{name}")
    done = notice(f"engine-notice-{name}")
    if troupe.registry.capabilities(name).options:
        gr.Markdown("### Options")
        _options(troupe, pulse, name)
    if name == ENGINE:
        models.build(troupe, pulse)
    gr.Markdown("### OpenAI Voice Mappings\nWhich voice a program hears when it asks for one of OpenAI's names.")
    mappings.build(troupe, pulse, name)

    async def act(wish: Act) -> Any:
        registry = troupe.registry
        match wish.get("do"):
            case "load":
                await registry.load(name)
                text = f"{registry.capabilities(name).title} speaks now."
            case "unload":
                await registry.unload(name)
                text = "Unloaded: its memory is given back. The next request loads it again."
            case "beside" | "alone":
                kept = [other for other in troupe.settings.now.engine.beside if other != name]
                wanted = wish.get("do") == "beside"
                troupe.settings.change("engine.beside", [*kept, name] if wanted else kept or None)
                text = _BESIDE if wanted else "Saved. Its memory is given back."
            case "install":
                troupe.installs.start(name)
                text = ""
            case "stop":
                troupe.installs.stop()
                text = ""
            case _:
                troupe.settings.change(f"engine.devices.{name}", str(wish.get("device") or "") or None)
                text = "Saved. The device is taken when the engine is loaded the next time."
        return said(text), engine_value(troupe, name)

    on_act(state, act, [], [done, state], slow=True)
    on_topics(pulse, ["engine", "install", "settings"], lambda: engine_value(troupe, name), [state])


def engine_value(troupe: Troupe, name: str) -> dict[str, Any]:
    """What the page's head shows."""
    registry, installs = troupe.registry, troupe.installs
    capabilities = registry.capabilities(name)
    current = registry.current == name
    installed = is_installed(capabilities)
    slot, beside = registry.slot(name), name in registry.beside
    state: str = registry.state if current else "other" if installed else "missing"
    if beside and slot and slot.state != "unloaded":
        state = "beside" if slot.state == "ready" else slot.state
    elif slot and slot.state == "loading":
        state = "loading"  # it will be the current one
    if (current or beside) and not installed:
        state = "missing"
    mine = installs.name == name
    return {
        "name": name,
        "description": capabilities.description,
        "state": state,
        "detail": slot.detail if slot and state in ("loading", "degraded") else "",
        "fraction": slot.fraction if slot else None,
        "download": capabilities.download_mb,
        "install": {
            "possible": installs.possible,
            "how": f"This server runs in a Python of its own choice. Install there: pip install -r "
            f"server/requirements/{name}.txt",
            "running": mine and installs.running,
            "fraction": installs.fraction,
            "lines": [*installs.lines] if mine else [],
            "problem": installs.problem if mine else "",
        },
        "now": registry.capabilities().title if registry.current else "",
        "beside": beside,
        "beside_source": where(troupe.settings.now, "engine.beside"),
        "devices": ["auto", *capabilities.devices],
        "device_setting": troupe.settings.now.engine.devices.get(name, ""),
        "device_inherited": troupe.settings.now.engine.device,
        "device_locked": where(troupe.settings.now, f"engine.devices.{name}") in ("environment", "command line"),
        "facts": _facts(capabilities, slot),
        "languages": list(capabilities.languages),
        "weights": [
            {
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "licence": capabilities.weights_licence,
                "there": (registry.setup.models / name / file.name).is_file() or is_packaged(file),
            }
            for file in capabilities.weights
        ],
    }


def _facts(capabilities: Capabilities, slot: Slot | None) -> list[tuple[str, str]]:
    able = {
        "streams": capabilities.streams,
        "word times": capabilities.word_times,
        "phonemes": capabilities.phonemes,
        "blends": capabilities.blends,
        "clones": capabilities.clones,
    }
    facts = [
        ("Can", ", ".join(name for name, can in able.items() if can) or "speak"),
        ("Licence of the code", capabilities.code_licence),
        ("Licence of the weights", capabilities.weights_licence),
        ("Sample rate", f"{capabilities.sample_rate / 1000:g} kHz"),
    ]
    if slot and slot.state == "ready":
        memory = [f"{count / 1e6:.0f} MB ({kind})" for kind, count in slot.memory().items()]
        facts += [("Device", slot.device), ("Memory used", ", ".join(memory) or "not known")]
    return facts


def _options(troupe: Troupe, pulse: Component, name: str) -> None:
    rows = widget("form", elem_id=f"options-{name}")
    done = notice(f"options-notice-{name}")
    options = {option.name: option for option in troupe.registry.capabilities(name).options}

    def held() -> Mapping[str, OptionValue]:
        return troupe.settings.now.engine.options.get(name, {})

    def value(wrong: str = "", problem: str = "") -> dict[str, Any]:
        source = where(troupe.settings.now, f"engine.options.{name}")
        fields = [
            option_row(option, held(), source, problem if option.name == wrong else "")
            for option in options.values()
        ]
        return form([("", fields)])

    def act(wish: Act) -> Any:
        key = str(wish.get("key"))
        if key not in options:
            raise InvalidRequest(f"There is no option {key!r}.", param=key)
        chosen = {option: kept for option, kept in held().items() if option != key}
        if wish.get("do") == "set":
            try:
                chosen[key] = options[key].check(wish.get("value"))  # type: ignore[arg-type] # checked by it
            except SpeechError as error:
                return said(""), value(key, error.message)
        troupe.settings.change(f"engine.options.{name}", chosen or None)
        return said("Saved. In force from the next request on."), value()

    on_act(rows, act, [], [done, rows])
    on_topics(pulse, ["settings"], value, [rows])
