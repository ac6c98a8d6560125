"""The form of ``tts-generate`` as AllTalk's clients fill it, oddities included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import UploadFile

from server.api.errors import Refused, readable
from server.api.schemas import LanguageTag
from server.files import is_device_name
from server.voices.alltalk_names import plain_rvc, plain_voice

UNSET = frozenset({"", "null", "undefined", "none", "please set a voice"})
"""What clients send for a setting that nobody has made; the last is SillyTavern's own placeholder."""

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _number(value: object) -> object:
    """A decimal comma is a point."""
    return value.strip().replace(",", ".") if isinstance(value, str) else value


def _no_device(value: str) -> str:
    if is_device_name(value):
        raise ValueError("Windows takes this for the name of a device")
    return value


Word = BeforeValidator(_lower)
FileStem = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,80}$"), AfterValidator(_no_device)]
Number = Annotated[float | None, BeforeValidator(_number), Field(allow_inf_nan=False)]
VoiceField = Annotated[str, AfterValidator(plain_voice)] | None
RvcField = Annotated[str, AfterValidator(plain_rvc)] | None


class GenerateForm(BaseModel):
    """Fields left out, blank or ``null`` take the server's settings."""

    model_config = ConfigDict(extra="ignore")

    text_input: str = Field(min_length=1)
    text_filtering: Annotated[Literal["none", "standard", "html"], Word] = "standard"
    character_voice_gen: VoiceField = None
    rvccharacter_voice_gen: RvcField = None
    rvccharacter_pitch: Number = Field(None, ge=-24, le=24)
    narrator_enabled: Annotated[Literal["true", "false", "silent"], Word] = "false"
    narrator_voice_gen: VoiceField = None
    rvcnarrator_voice_gen: RvcField = None
    rvcnarrator_pitch: Number = Field(None, ge=-24, le=24)
    text_not_inside: Annotated[Literal["character", "narrator", "silent"], Word] = "character"
    language: LanguageTag = None
    output_file_name: FileStem = "myoutputfile"
    output_file_timestamp: Annotated[bool, Word] = True
    autoplay: Annotated[bool, Word] = False
    autoplay_volume: Number = Field(0.8, ge=0.1, le=1.0)
    speed: Number = Field(None, ge=0.25, le=4.0)
    pitch: Number = Field(0, ge=-12, le=12)
    temperature: Number = Field(None, ge=0.0, le=2.0)
    repetition_penalty: Number = Field(None, ge=1.0, le=20.0)

    @model_validator(mode="before")
    @classmethod
    def _without_unset(cls, fields: Mapping[str, object]) -> dict[str, object]:
        return {
            name: value
            for name, value in fields.items()
            if name == "text_input" or not (isinstance(value, str) and value.strip().lower() in UNSET)
        }


async def generate_form(request: Request) -> GenerateForm:
    """The request's form; raises a refusal that names the field."""
    return read_form(await form_fields(request))


def read_form(fields: Mapping[str, object], called: Mapping[str, str] | None = None) -> GenerateForm:
    """Check fields, whatever they came in; ``called`` has the names that a route gives to some of them."""
    names = called or {}
    try:
        return GenerateForm.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        problems = [
            {**problem, "loc": ("body", *(names.get(str(step), step) for step in problem["loc"]))}
            for problem in error.errors()
        ]
        raise readable(problems, _FORMS[0]) from error


async def form_fields(request: Request) -> dict[str, str]:
    """Plain fields of a form; refuses other bodies."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        found = f", not as {kind}" if kind else "; the request has no Content-Type"
        raise Refused(415, f"Send the fields as a form ({' or '.join(_FORMS)}){found}.")
    form = await request.form(max_files=0)
    return {name: value for name, value in form.items() if not isinstance(value, UploadFile)}


def named_language(value: str | None) -> str | None:
    """AllTalk's ``zh-cn`` is our ``zh``; others are the same."""
    return re.sub(r"^zh-(cn|tw)$", "zh", value) if value else value
