"""Bodies of requests as clients write them: lenient where clients differ, bounded everywhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _voice(value: object) -> object:
    """``{"id": "x"}`` is as good as ``"x"``."""
    if isinstance(value, dict) and set(value) == {"id"}:
        return value["id"]
    return value


def _language(value: object) -> object:
    """Blank means none; ``en_US`` is ``en-us``."""
    if isinstance(value, str):
        return value.strip().lower().replace("_", "-") or None
    return value


VoiceName = Annotated[str, BeforeValidator(_voice), Field(min_length=1, max_length=300)]
_Tag = Annotated[str, Field(max_length=20, pattern=r"^([a-z]{2,3}(-[a-z0-9]+)*|auto)$")]
LanguageTag = Annotated[_Tag | None, BeforeValidator(_language)]
FormatName = Annotated[str, BeforeValidator(_lower), Field(max_length=40)]
Speed = Annotated[float, Field(ge=0.25, le=4.0, allow_inf_nan=False)]


class SpeechBody(BaseModel):
    """OpenAI's ``CreateSpeechRequest``, with ``language`` and ``timestamps`` added; unknown keys are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "model": "any_model_name",
                    "input": "Hello, this is a test.",
                    "voice": "nova",
                    "response_format": "wav",
                    "speed": 1.0,
                }
            ]
        },
    )

    model: str = Field(min_length=1, max_length=200, description="Any name; required, and not looked at")
    input: str = Field(description="What to say, 1 to 4096 characters unless the server is set otherwise")
    voice: VoiceName = Field(
        description="One of OpenAI's 13 names, a voice id, a blend: af_heart(2)+am_onyx(1), or engine:voice"
    )
    response_format: FormatName | None = Field(None, description="mp3, opus, aac, flac, wav, pcm, ogg or m4a")
    speed: Speed | None = Field(None, description="0.25 to 4; the pitch stays")
    instructions: str | None = Field(None, max_length=4096, description="Accepted; no engine follows them yet")
    stream_format: Annotated[Literal["audio", "sse"], BeforeValidator(_lower)] = "audio"
    language: LanguageTag = Field(None, description="Such as en or pt-br; auto guesses from the text")
    timestamps: Literal["none", "word"] = Field(
        "none",
        description="word sends word times (stream_format sse only); from and to count code points of the input",
    )


class CaptionsBody(SpeechBody):
    """The same, and what kind of captions."""

    captions: Annotated[Literal["srt", "vtt"], BeforeValidator(_lower)] = "srt"


class EngineBody(BaseModel):
    """``PUT /api/engine``."""

    engine: str = Field(min_length=1, max_length=80)


class BlendBody(BaseModel):
    """``POST /api/voices`` with a blend."""

    name: str = Field(min_length=1, max_length=80)
    blend: str = Field(min_length=1, max_length=300, description="Such as af_heart(2)+am_onyx(1)")


class VoicePatch(BaseModel):
    """``PATCH /api/voices/{id}``; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=80)
    speed: Speed | None = None
    rvc: str | None = Field(None, max_length=200)
    rvc_pitch: float | None = Field(None, ge=-24, le=24, allow_inf_nan=False)


class CastMember(BaseModel):
    """How one role of a narration sounds."""

    model_config = ConfigDict(extra="forbid")

    voice: VoiceName | None = None
    speed: Speed | None = None
    pitch: float = Field(0, ge=-12, le=12, allow_inf_nan=False)
    volume: float = Field(1, ge=0, le=2, allow_inf_nan=False)
    rvc: str | None = Field(None, max_length=200)
    rvc_pitch: float | None = Field(None, ge=-24, le=24, allow_inf_nan=False)


class NarrationBody(BaseModel):
    """``POST /api/narrations``; see docs/narration.md."""

    model_config = ConfigDict(extra="forbid")

    cast: dict[Annotated[str, Field(min_length=1, max_length=100)], CastMember] = Field({}, max_length=64)
    speaker: str = Field("character", min_length=1, max_length=100)
    unmarked: Literal["character", "narrator", "silent"] | None = None
    skip: list[Literal["actions", "speech", "code", "reasoning", "urls", "emoji"]] | None = None
    language: LanguageTag = None
    format: FormatName = "mp3"
    markup: Literal["raw", "html", "plain"] = "raw"
    context: str = Field("", max_length=20_000)
    text: str = ""
    final: bool = False


class TextBody(BaseModel):
    """``POST /api/narrations/{id}/text``."""

    model_config = ConfigDict(extra="forbid")

    offset: int = Field(ge=0)
    text: str
    final: bool = False


Json = dict[str, Any]


def revision_of(if_match: str | None) -> str | None:
    """The revision an ``If-Match`` header asks for; None where it asks for none."""
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')
