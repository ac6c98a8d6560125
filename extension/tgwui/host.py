"""Everything taken from the host's own modules, in one place: they are no fixed interface, so each is guarded."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Generate = Callable[..., Iterator[str]]

_THINKING_STARTS = ("<think>", "<seed:think>", "<|think|>", "<|channel>thought")
_TOOL_MARKERS = ("<tool_call>", "<function_call>", "[TOOL_CALLS]", "<|tool_call")
_STREAMING_LOADERS = ("LlamaServer", "Exllamav3Model", "TensorRTLLMModel")


def module(name: str) -> Any:
    """One of the host's modules; imported at use, since nothing may happen when this file is loaded."""
    return importlib.import_module(f"modules.{name}")


def session() -> str | None:
    """The browser that asked; None for requests of API clients."""
    try:
        request = importlib.import_module("gradio.context").LocalContext.request.get(None)
    except (ImportError, AttributeError, LookupError):
        return None
    found = getattr(request, "session_hash", None)
    return found if isinstance(found, str) else None


def has_interface() -> bool:
    """False when the host runs for its API alone."""
    return not getattr(module("shared").args, "nowebui", False)


def stopped() -> bool:
    """Somebody pressed Stop."""
    return bool(getattr(module("shared"), "stop_everything", False))


def generator(ours: Generate) -> Generate | None:
    """What would make the reply if we were not here; None where no model is loaded.

    The next extension's function comes first, as it would have without us; then the host's own choice, which it
    leaves to the extension together with the check for a model.
    """
    following = _following(ours)
    if following is not None:
        return following
    if not module("utils").check_model_loaded()[0]:
        return None
    generation = module("text_generation")
    streaming = type(module("shared").model).__name__ in _STREAMING_LOADERS
    chosen: Generate = generation.generate_reply_custom if streaming else generation.generate_reply_HF
    return chosen


def _following(ours: Generate) -> Generate | None:
    """Only those after us: one before us may itself have called us as its next."""
    passed = False
    for extension, _ in module("extensions").iterator():
        function: Generate | None = getattr(extension, "custom_generate_reply", None)
        if function is ours:
            passed = True
        elif passed and function is not None:
            return function
    return None


def without_reasoning(text: str) -> str:
    """The text after the thinking block, as the host itself would show it."""
    try:
        return str(module("reasoning").extract_reasoning(text)[1])
    except (ImportError, AttributeError, TypeError, IndexError):
        start, end, rest = text.partition("</think>")
        return rest if end else "" if start.lstrip().startswith("<think>") else text


def thinking_started_by(prompt: str) -> str:
    """The start of a thinking block, where the prompt's template has written it before the reply begins."""
    try:
        starts = [start for start, _, _ in module("reasoning").THINKING_FORMATS if start]
    except (ImportError, AttributeError, TypeError, ValueError):
        starts = list(_THINKING_STARTS)
    ending = prompt.rstrip("\n")
    return next((start for start in starts if ending.endswith(start)), "")


def before_tool_call(text: str) -> str:
    """The text up to where the model calls a tool."""
    try:
        markers = list(module("tool_parsing").TOOL_CALL_OPENING_MARKERS)
    except (ImportError, AttributeError, TypeError):
        markers = list(_TOOL_MARKERS)
    found = [at for marker in markers if (at := text.find(marker)) >= 0]
    return text[: min(found)] if found else text


def cache_folder() -> Path:
    """A folder whose files the host serves; audio goes through it where our own route could not be added."""
    folder = Path(module("shared").user_data_dir) / "cache" / "troupe"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
