"""AllTalk's routes, so that its clients work unchanged: lists, switches and speech by form."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

from server.api.alltalk_form import GenerateForm, form_fields, generate_form, named_language, read_form
from server.api.schemas import Json
from server.api.state import troupe_of
from server.api.until import unless_gone
from server.api.visit import Visit
from server.audio.formats import FORMATS, AudioFormat
from server.audio.play import play
from server.engines.table import is_installed
from server.engines.torch_options import LOW_VRAM
from server.errors import InvalidRequest
from server.speech.rendition import Line
from server.speech.request import Delivery
from server.speech.service import Speech, collect
from server.speech.store import secret_name
from server.text.options import Markup
from server.text.roles import CHARACTER, NARRATOR, RoleRules
from server.troupe import Troupe

router = APIRouter(tags=["AllTalk"])

_MARKUP: dict[str, Markup] = {"none": "plain", "standard": "raw", "html": "html"}
_OPTIONS = ("temperature", "repetition_penalty")
_OWNER = "alltalk"
"""Whose these routes' places among the open requests are."""
_STREAMING = {"text_input": "text", "character_voice_gen": "voice"}
"""What the streaming route calls the form's fields."""


@router.get("/api/voices")
async def voices(request: Request) -> Json:
    """Names of the voices that can speak now."""
    troupe = troupe_of(request)
    await troupe.engine_answering()
    return {"status": "success", "voices": [name for name, _ in troupe.casting.choices()]}


@router.get("/api/rvcvoices")
async def rvc_voices(request: Request) -> Json:
    """``Disabled`` first; nothing else while RVC is off."""
    return {"status": "success", "rvcvoices": troupe_of(request).rvc_voices()}


@router.get("/api/currentsettings")
async def current_settings(request: Request) -> Json:
    """What the current engine is and can do. An engine is a model here: each has one."""
    troupe = troupe_of(request)
    registry = troupe.registry
    capabilities = registry.capabilities()
    options = {option.name: option.default for option in capabilities.options}
    options |= troupe.settings.now.engine.options.get(registry.current, {})
    installed = [name for name in registry.names() if is_installed(registry.capabilities(name))]
    return {
        "engines_available": installed,
        "current_engine_loaded": registry.current,
        "models_available": [{"name": name} for name in installed],
        "current_model_loaded": registry.current,
        "manufacturer_name": capabilities.title,
        "audio_format": "wav",
        "deepspeed_capable": False,
        "deepspeed_available": False,
        "deepspeed_enabled": False,
        "generationspeed_capable": True,
        "generationspeed_set": 1.0,
        "lowvram_capable": LOW_VRAM.name in options,
        "lowvram_enabled": options.get(LOW_VRAM.name, False),
        "pitch_capable": True,
        "pitch_set": 0,
        "repetitionpenalty_capable": "repetition_penalty" in options,
        "repetitionpenalty_set": options.get("repetition_penalty", 1.0),
        "streaming_capable": True,
        "temperature_capable": "temperature" in options,
        "temperature_set": options.get("temperature", 0.0),
        "ttsengines_installed": bool(installed),
        "languages_capable": len(capabilities.languages) > 1,
        "multivoice_capable": len(registry.voices()) > 1,
        "multimodel_capable": len(installed) > 1,
    }


@router.post("/api/reload")
async def reload_model(request: Request, tts_method: Annotated[str, Query(max_length=80)]) -> Json:
    """Switch to another model, which is another engine here."""
    await troupe_of(request).registry.load(tts_method.strip().lower())
    return {"status": "model-success"}


@router.post("/api/enginereload")
async def reload_engine(request: Request, engine: Annotated[str, Query(max_length=80)]) -> Json:
    """Switch to another engine."""
    await troupe_of(request).registry.load(engine.strip().lower())
    return {"status": "engine-success"}


@router.put("/api/stop-generation")
async def stop_generation(request: Request) -> Json:
    """Stop what AllTalk's routes are speaking, inside the sentence.

    What others listen to goes on: to AllTalk all speech was its one client's, here several share a server.
    """
    troupe = troupe_of(request)
    others = troupe.speech.scheduler.open_besides(_OWNER) + len(troupe.narrations.open)
    stopped = troupe.generations.stop()
    said = "Cancelling current TTS generation" if stopped else "Nothing is being generated"
    if others:
        by_whom = "" if stopped else " by AllTalk's routes"
        count = "1 request of other routes goes on" if others == 1 else f"{others} requests of other routes go on"
        said = f"{said}{by_whom}; {count}"
    return {"message": said}


@router.get("/api/reload_config", response_class=PlainTextResponse)
async def reload_config(request: Request) -> str:
    """Read the settings files again."""
    troupe_of(request).settings.reload()
    return "Config file reloaded successfully"


@router.post("/api/deepspeed")
async def deepspeed(request: Request, new_deepspeed_value: bool) -> Json:
    """DeepSpeed has no part in any engine here."""
    if new_deepspeed_value:
        return _not_of(troupe_of(request), "DeepSpeed")
    return {"status": "success", "message": "DeepSpeed is already off."}


@router.post("/api/lowvramsetting")
async def low_vram(request: Request, new_low_vram_value: bool) -> Json:
    """Whether the engine leaves the graphics card while nothing is to be said; it is loaded again for a change."""
    troupe = troupe_of(request)
    registry = troupe.registry
    name = registry.current
    kept = troupe.settings.now.engine.options.get(name, {})
    word = "on" if new_low_vram_value else "off"
    if new_low_vram_value == kept.get(LOW_VRAM.name, LOW_VRAM.default):
        return {"status": "success", "message": f"LowVRAM is already {word}."}
    if LOW_VRAM not in registry.capabilities().options:
        return _not_of(troupe, "LowVRAM")
    troupe.settings.change(f"engine.options.{name}", {**kept, LOW_VRAM.name: new_low_vram_value})
    await registry.reload(name)
    return {"status": "lowvram-success", "message": f"LowVRAM is {word}."}


def _not_of(troupe: Troupe, what: str) -> Json:
    return {"status": "error", "message": f"{what} is not something that {troupe.registry.capabilities().title} has."}


@router.post("/api/tts-generate")
async def generate(request: Request) -> Json:
    """Speak a form's text, with narrator and character, into a file."""
    troupe = troupe_of(request)
    form = await generate_form(request)
    answer = await unless_gone(request, troupe.generations.follow(_generate(troupe, form)))
    name = answer["output_file_path"]
    if form.autoplay and not play(troupe.audio.folder / name):
        answer["message"] = "autoplay: this machine has nothing to play sound with"
    return _placed(request, answer)


@router.post("/api/previewvoice")
async def preview_voice(request: Request) -> Json:
    """A sentence in a voice, to be listened to."""
    troupe = troupe_of(request)
    fields = await form_fields(request)
    voice = fields.get("voice", "")
    form = read_form(
        {
            "text_input": f"Hello, this is a preview of voice {voice.removesuffix('.wav')}.",
            "text_filtering": "none",
            "character_voice_gen": voice,
            "rvccharacter_voice_gen": fields.get("rvccharacter_voice_gen"),
            "rvccharacter_pitch": fields.get("rvccharacter_pitch"),
            "output_file_name": "api_preview_voice",
        }
    )
    return _placed(request, await unless_gone(request, troupe.generations.follow(_generate(troupe, form))))


@router.get("/api/tts-generate-streaming")
async def stream(
    request: Request,
    text: Annotated[str, Query(min_length=1, max_length=50_000)],
    voice: Annotated[str, Query(max_length=300)],
    language: Annotated[str | None, Query(max_length=20)] = None,
    output_file: Annotated[str, Query(max_length=200)] = "",
) -> StreamingResponse:
    """Speak while listening. WAV, but MP3 for a browser's audio element: it starts far sooner there."""
    troupe = troupe_of(request)
    in_player = request.headers.get("sec-fetch-dest") in ("audio", "video")
    audio_format = FORMATS["mp3" if in_player or output_file.lower().endswith(".mp3") else "wav"]
    form = read_form({"text_input": text, "character_voice_gen": voice, "language": language}, _STREAMING)
    speech = await unless_gone(request, troupe.generations.follow(_prepare(troupe, form, audio_format)))
    return StreamingResponse(
        troupe.generations.following(speech.stream()),
        media_type=speech.media_type,
        headers={"Cache-Control": "no-store"},
    )


@router.post("/api/tts-generate-streaming")
async def stream_to_file(request: Request) -> Json:
    """The same by form; as in AllTalk, it makes a file and answers with its name alone."""
    troupe = troupe_of(request)
    fields = await form_fields(request)
    form = read_form(
        {
            "text_input": fields.get("text", ""),
            "character_voice_gen": fields.get("voice"),
            "language": fields.get("language"),
            "output_file_name": "stream_output",
        },
        _STREAMING,
    )
    return await unless_gone(request, troupe.generations.follow(_generate(troupe, form)))


async def _generate(troupe: Troupe, form: GenerateForm) -> Json:
    audio_format = FORMATS["wav"]
    speech = await _prepare(troupe, form, audio_format, whole=True)
    async with aclosing(speech.stream()) as data:
        sound = await collect(data)
    stem = form.output_file_name
    if form.output_file_timestamp:
        # AllTalk's own names can be guessed and collide; the random part is the permission to fetch.
        stem = secret_name(f"{stem}_{int(time.time())}_")
    # Without a timestamp the client fetches the name that it gave, and the next sound of that name takes its place.
    name = f"{stem}{audio_format.extension}"
    await asyncio.to_thread(troupe.audio.save, name, sound)
    return {
        "status": "generate-success",
        "output_file_path": name,
        "output_file_url": f"/audio/{name}",
        "output_cache_url": f"/audiocache/{name}",
    }


def _placed(request: Request, answer: Json) -> Json:
    """With the file's place for a program of this machine, which may open it; others need not know our folders."""
    if not Visit.of(request.scope).from_program_here:
        return answer
    return {**answer, "output_file_path": str(troupe_of(request).audio.folder / answer["output_file_path"])}


async def _prepare(troupe: Troupe, form: GenerateForm, audio_format: AudioFormat, *, whole: bool = False) -> Speech:
    return await troupe.speech.prepare_lines(await _lines(troupe, form), audio_format, whole=whole, owner=_OWNER)


async def _lines(troupe: Troupe, form: GenerateForm) -> list[Line]:
    settings = troupe.settings.now
    if len(form.text_input) > settings.narration.max_text:
        raise InvalidRequest(
            f"text_input has {len(form.text_input)} characters; at most {settings.narration.max_text} are accepted.",
            param="text_input",
        )
    await troupe.engine_answering()
    values = {name: value for name in _OPTIONS if (value := getattr(form, name)) is not None}
    character = Delivery(
        voice=form.character_voice_gen or settings.narration.voice,
        speed=form.speed,
        pitch=form.pitch or 0.0,
        rvc=form.rvccharacter_voice_gen,
        rvc_pitch=form.rvccharacter_pitch,
        values=values,
    )
    cast = {CHARACTER: character}
    if form.narrator_enabled == "true":
        cast[NARRATOR] = Delivery(
            voice=form.narrator_voice_gen or character.voice,
            speed=form.speed,
            pitch=form.pitch or 0.0,
            rvc=form.rvcnarrator_voice_gen,
            rvc_pitch=form.rvcnarrator_pitch,
            rvc_role="narrator",
            values=values,
        )
    return await troupe.speech.lines(
        form.text_input,
        cast,
        _rules(form),
        language=named_language(form.language),
        markup=_MARKUP[form.text_filtering],
    )


def _rules(form: GenerateForm) -> RoleRules:
    if form.narrator_enabled == "false":
        return RoleRules(split=False)
    skip = frozenset({"actions"}) if form.narrator_enabled == "silent" else frozenset()
    return RoleRules(unmarked=form.text_not_inside, skip=skip)
