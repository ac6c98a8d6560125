"""``/api/voices``: the user's own voices, settings of any voice, previews."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from server.api.errors import Refused, readable
from server.api.schemas import BlendBody, Json, VoicePatch
from server.api.state import troupe_of
from server.api.until import unless_gone
from server.errors import InvalidRequest
from server.speech.request import Delivery, SpeechRequest
from server.speech.voices import NewClone
from server.troupe import ENGINE_WAIT, Troupe
from server.voices.manifest import VoiceSettings
from server.voices.voice import Gender, Voice

router = APIRouter(prefix="/api/voices", tags=["Voices"])

_MOST_CLIPS = 8
_GENDERS: dict[str, Gender] = {"female": "female", "male": "male", "neutral": "neutral"}
_PREVIEWS = {
    "de": "Hallo! So klinge ich, wenn ich dir eine Geschichte erzähle.",
    "es": "¡Hola! Así sueno cuando te cuento una historia.",
    "fr": "Bonjour ! Voici ma voix quand je vous raconte une histoire.",
    "hi": "नमस्ते! जब मैं कहानी सुनाती हूँ तो मेरी आवाज़ ऐसी होती है।",
    "it": "Ciao! Ecco la mia voce quando ti racconto una storia.",
    "ja": "こんにちは。物語を語るとき、私はこんな声です。",
    "pt": "Olá! É assim que eu soo quando conto uma história.",
    "zh": "你好！我讲故事的时候就是这个声音。",
}
_PREVIEW = "Hello! This is how I sound when I tell you a story."


@router.post("", status_code=201)
async def add_voice(request: Request) -> Json:
    """Keep a blend (JSON ``{name, blend}``) or clone a voice (multipart: name, clip, consent, ...).

    A blend is of the current engine; where that cannot clone, the first engine beside it that can does.
    """
    troupe = troupe_of(request)
    await troupe.engine_answering()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _json(troupe, troupe.voice_maker.blend(*await _blend(request)))
    if kind == "multipart/form-data":
        async with request.form(max_files=_MOST_CLIPS, max_fields=20) as form:
            wish = await _clone(form)
        voice, warnings = await troupe.voice_maker.clone(wish)
        return {**_json(troupe, voice), "warnings": list(warnings)}
    raise Refused(415, "Send a blend as application/json, or clips as multipart/form-data.")


@router.patch("/{voice_id:path}")
async def change_voice(voice_id: str, patch: VoicePatch, request: Request) -> Json:
    """Rename one of the user's voices; set speed and conversion of any voice (``null`` resets them)."""
    troupe = troupe_of(request)
    await troupe.engine_answering()
    voice = troupe.casting.catalogue().resolve(voice_id, param="id")
    if patch.name is not None:
        voice = troupe.library.rename(voice.engine, voice.id, patch.name)
    changes = {name: value for name, value in patch.model_dump(exclude_unset=True).items() if name != "name"}
    if changes:
        before = troupe.library.settings(voice.engine, voice.id)
        kept = {name: getattr(before, name) for name in ("speed", "rvc", "rvc_pitch")}
        troupe.library.set_settings(voice.engine, voice.id, VoiceSettings(**{**kept, **changes}))
    after = troupe.library.settings(voice.engine, voice.id)
    return {**_json(troupe, voice), "speed": after.speed, "rvc": after.rvc, "rvc_pitch": after.rvc_pitch}


@router.delete("/{voice_id:path}")
async def delete_voice(voice_id: str, request: Request) -> Json:
    """Delete one of the user's voices; ``POST .../restore`` brings it back within a week."""
    troupe = troupe_of(request)
    troupe.library.delete(*troupe.casting.place(voice_id))
    return {"deleted": voice_id}


@router.post("/{voice_id:path}/restore")
async def restore_voice(voice_id: str, request: Request) -> Json:
    """Bring a deleted voice back."""
    troupe = troupe_of(request)
    return _json(troupe, troupe.library.restore(*troupe.casting.place(voice_id)))


@router.get("/{voice_id:path}/preview")
async def preview(voice_id: str, request: Request) -> StreamingResponse:
    """A sentence in the voice's own language, MP3."""
    troupe = troupe_of(request)
    await troupe.casting.ready([Delivery(voice_id)], ENGINE_WAIT)
    text = preview_text(troupe, voice_id)
    wish = SpeechRequest(text=text, delivery=Delivery(voice=voice_id), format="mp3", plain=True)
    speech = await unless_gone(request, troupe.speech.prepare(wish))
    return StreamingResponse(speech.stream(), media_type=speech.media_type, headers={"Cache-Control": "no-store"})


def preview_text(troupe: Troupe, voice_id: str) -> str:
    """What a voice says of itself."""
    voice = troupe.casting.voice(voice_id)
    return _PREVIEWS.get(voice.languages[0].partition("-")[0], _PREVIEW) if voice.languages else _PREVIEW


async def _blend(request: Request) -> tuple[str, str]:
    try:
        body = BlendBody.model_validate_json(await request.body())
    except ValidationError as error:
        raise readable([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from error
    return body.name, body.blend


async def _clone(form: FormData) -> NewClone:
    uploads = [value for value in form.getlist("clip") if isinstance(value, UploadFile)]
    if not uploads:
        raise InvalidRequest(
            "Send the recording as the file field 'clip'.", code="missing_required_parameter", param="clip"
        )

    def text(name: str) -> str:
        value = form.get(name)
        return value.strip() if isinstance(value, str) else ""

    gender = text("gender").lower() or "neutral"
    if gender not in _GENDERS:
        raise InvalidRequest(f"gender must be one of {', '.join(_GENDERS)}, not {gender[:40]!r}.", param="gender")
    if not text("name"):
        raise InvalidRequest("The voice needs a name.", code="missing_required_parameter", param="name")
    return NewClone(
        name=text("name"),
        clips=[await upload.read() for upload in uploads],
        consent=text("consent").lower() in ("true", "1", "yes", "on"),
        languages=tuple(tag.strip().lower() for tag in text("languages").split(",") if tag.strip()),
        gender=_GENDERS[gender],
        transcript=text("transcript")[:1000] or None,
    )


def _json(troupe: Troupe, voice: Voice) -> Json:
    return {
        "id": troupe.casting.called(voice),
        "name": voice.name,
        "engine": voice.engine,
        "kind": voice.kind,
        "languages": list(voice.languages),
        "gender": voice.gender,
        "licence": voice.licence,
        "blend": dict(voice.blend),
    }
