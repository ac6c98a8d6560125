"""The settings tree: every setting with its default, type, bounds, unit and meaning."""

from __future__ import annotations

import ipaddress
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

AudioFormat = Literal["mp3", "opus", "ogg", "aac", "flac", "wav", "pcm"]
OptionValue = bool | int | float | str


def _split_commas(value: object) -> object:
    """``a, b`` is a list too: that is how an environment variable holds one."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Device = Annotated[str, StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def setting(
    default: object, description: str, *, unit: str = "", restart: bool = False, **bounds: float
) -> Any:  # as pydantic's own Field: it stands where a value of the field's type is declared
    """A field: what it means in one line, its unit, whether a change needs a restart, its bounds (ge, le)."""
    extra: dict[str, Any] = {"unit": unit, "restart": restart}
    return Field(default, description=description, json_schema_extra=extra, **bounds)  # type: ignore[call-overload]


class Section(BaseModel):
    """Frozen; a key that does not exist is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class ServerSettings(Section):
    """Where the server listens and whom it answers."""

    host: Name = setting(
        "127.0.0.1", "Address to bind; another machine can reach it only with listen", restart=True
    )
    port: int = setting(7851, "TCP port; 0 takes any free one", ge=0, le=65535, restart=True)
    listen: bool = setting(False, "Answer other machines in the network; asks them for the key", restart=True)
    no_key: bool = setting(False, "Ask nobody for a key", restart=True)
    require_key: bool = setting(False, "Ask programs on this machine for the key too", restart=True)
    open_network: bool = setting(False, "Allow listen together with no_key: anybody can use it", restart=True)
    host_names: Names = setting((), "Further names under which this server is reached", restart=True)
    allow_origins: Names = setting((), "Web pages allowed besides those on this machine", restart=True)
    max_connections: int = setting(
        64, "Connections at once", unit="connections", ge=1, le=10000, restart=True
    )
    queue: int = setting(
        16, "Requests that may wait; further ones get a 503", unit="requests", ge=1, le=10000
    )
    drain_seconds: float = setting(
        10, "Time for running requests when stopping", unit="seconds", ge=0, le=600
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "How much is written to the log", restart=True
    )

    @property
    def bind_host(self) -> str:
        """The address to bind: all interfaces where ``listen`` is on and no other address is named."""
        return "0.0.0.0" if self.listen and is_loopback(self.host) else self.host

    @property
    def wants_key(self) -> bool:
        """True where requests must carry the key."""
        return not self.no_key and (self.listen or self.require_key)

    @model_validator(mode="after")
    def _open_only_when_said(self) -> ServerSettings:
        if not self.listen and not is_loopback(self.host):
            raise ValueError(f"host {self.host} can be reached from the network: add listen (--listen)")
        if self.listen and self.no_key and not self.open_network:
            raise ValueError(
                "listen without a key lets anybody in the network use this server: "
                "drop no_key (--no-key), or confirm with open_network (--i-know-this-is-open)"
            )
        if self.require_key and self.no_key:
            raise ValueError("require_key and no_key contradict each other: drop one")
        return self


class EngineSettings(Section):
    """Which engine speaks, and on what."""

    name: Name = setting("kokoro", "Engine at the start; python3 -m server doctor lists them")
    beside: Names = setting((), "Engines loaded beside it; their voices are asked for as engine:voice")
    device: Device = setting("auto", "auto, cpu, cuda, cuda:N or mps; auto takes the best that works")
    devices: dict[str, Device] = setting({}, "Devices of single engines, as their pages in the studio have them")
    threads: int = setting(
        0, "Threads to compute with; 0 is the engine's choice", unit="threads", ge=0, le=256, restart=True
    )
    idle_unload_minutes: float = setting(
        0, "Give the memory back when unused for so long; 0 is never", unit="minutes", ge=0, le=10080
    )
    options: dict[str, dict[str, OptionValue]] = setting(
        {}, "Options by engine, as its page in the studio has them"
    )

    def device_of(self, engine: str) -> str:
        """The device that is set for one engine."""
        return self.devices.get(engine, self.device)


class OpenAISettings(Section):
    """POST /v1/audio/speech."""

    default_format: AudioFormat = setting("mp3", "Format when none is asked; wav suits old AllTalk clients")
    max_input: int = setting(4096, "Longest input accepted", unit="characters", ge=1, le=50000)
    wav_header: Literal["auto", "exact", "streaming"] = setting(
        "auto", "Sizes in WAV headers: exact needs the whole take first, auto does so for short text"
    )


class TextSettings(Section):
    """What is made of chat text before it is spoken; the switches of text.options.TextOptions."""

    markdown: bool = setting(True, "Headings, lists, tables, links, images and emphasis are read as meant")
    html: bool = setting(True, "Tags are dropped, entities such as &amp; are read as characters")
    reasoning: Literal["skip", "say"] = setting("skip", "Blocks such as <think>...</think>")
    code: Literal["skip", "say"] = setting("skip", "Code blocks are left out, or announced")
    inline_code: Literal["read", "skip"] = setting("read", "Code within a sentence")
    urls: Literal["host", "skip", "read"] = setting(
        "host", "Web addresses: the host's name alone, nothing, or all of it"
    )
    emoji: Literal["skip", "name"] = setting("skip", "Emoji are left out, or named")
    kaomoji: bool = setting(True, "Faces such as :-) and (^_^) are left out")
    brackets: Literal["read", "cues", "skip"] = setting(
        "cues", "Text in brackets: cues leaves out stage directions such as [sighs], skip all of it"
    )
    punctuation: bool = setting(True, "Repeated marks, ellipses, dashes and ~ become pauses")
    stretched: bool = setting(True, "soooo is shortened to soo")
    numbers: bool = setting(True, "Numbers, dates, times, money and units become words")
    abbreviations: bool = setting(True, "Dr., e.g., initials and Roman numerals become words")
    symbols: bool = setting(True, "Signs such as & and % become words")
    controls: bool = setting(True, "[pause:1.5s] and [word](/phonemes/) are obeyed")


class NarrationSettings(Section):
    """Speaking a text while it is being written (docs/narration.md)."""

    voice: Name = setting("alloy", "Voice where a cast names none")
    unmarked: Literal["character", "narrator", "silent"] = setting(
        "character", "Who speaks text outside of quotes and asterisks"
    )
    max_sessions: int = setting(32, "Narrations open at once", unit="narrations", ge=1, le=1000)
    max_text: int = setting(50000, "Longest text of one narration", unit="characters", ge=100, le=1000000)
    ahead: float = setting(
        30, "Sound made ahead of the listener, two clips at least", unit="seconds", ge=0, le=600
    )
    idle_seconds: float = setting(
        60, "End a narration that nobody reads for so long", unit="seconds", ge=5, le=86400
    )


class AudioSettings(Section):
    """Sound kept in TROUPE_HOME/audio."""

    keep_hours: float = setting(24, "Delete clips older than this", unit="hours", ge=0.1, le=8760)
    keep_mb: int = setting(1024, "Delete the oldest clips beyond this", unit="megabytes", ge=10, le=1000000)


class RvcSettings(Section):
    """Voice conversion behind the engine (RVC)."""

    enabled: bool = setting(False, "Convert voices; off wins over every other RVC setting")
    device: Device = setting("auto", "auto, cpu, cuda, cuda:N or mps; auto takes the best that works")
    memory_gb: float = setting(
        0, "Most of a card's memory that RVC may take; 0 is no limit", unit="gigabytes", ge=0, le=1000
    )
    character: Name = setting("Disabled", "RVC voice of characters and of plain requests; Disabled is none")
    narrator: Name = setting("Disabled", "RVC voice of the narrator; Disabled is none")
    character_pitch: float = setting(0, "Pitch of the character's RVC voice", unit="semitones", ge=-24, le=24)
    narrator_pitch: float = setting(0, "Pitch of the narrator's RVC voice", unit="semitones", ge=-24, le=24)
    index_rate: float = setting(0.75, "How much of the index's timbre is used; 0 is none", ge=0, le=1)
    protect: float = setting(0.33, "Protection of breath and consonants; 0.5 is off", ge=0, le=0.5)
    f0_method: Literal["rmvpe", "yin"] = setting("rmvpe", "Pitch tracker; yin is lighter and rougher")


class DeadlineSettings(Section):
    """When a silent engine is given up and how it is restarted."""

    first_chunk_seconds: float = setting(
        120, "Longest wait for the first sound of a piece", unit="seconds", ge=1, le=3600
    )
    stall_seconds: float = setting(
        60, "Longest wait for each further sound; a slow CPU needs most of it", unit="seconds", ge=1, le=3600
    )
    restart_seconds: float = setting(
        1,
        "Wait before a crashed engine's first restart; doubles each time",
        unit="seconds",
        ge=0,
        le=60,
        restart=True,
    )
    restart_max_seconds: float = setting(
        60, "Longest wait between restarts", unit="seconds", ge=1, le=3600, restart=True
    )
    degraded_after: int = setting(
        5,
        "Crashes within 5 minutes after which the server calls itself degraded",
        unit="crashes",
        ge=1,
        le=100,
        restart=True,
    )


class SettingsTree(Section):
    """Every setting of the server."""

    language: Annotated[str, StringConstraints(pattern=r"^(auto|[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)$")] = (
        setting(
            "en",
            "Language where neither request nor voice has one (BCP 47 tag); auto guesses it from the text",
        )
    )
    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    openai: OpenAISettings = OpenAISettings()
    text: TextSettings = TextSettings()
    narration: NarrationSettings = NarrationSettings()
    audio: AudioSettings = AudioSettings()
    rvc: RvcSettings = RvcSettings()
    deadlines: DeadlineSettings = DeadlineSettings()


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as a form shows it."""

    key: str
    """``openai.default_format``."""
    description: str
    kind: Literal["bool", "int", "float", "text", "choice", "list", "map"]
    default: object
    unit: str = ""
    restart: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def setting_fields(model: type[BaseModel] = SettingsTree, prefix: str = "") -> Iterator[SettingField]:
    """Every setting, in the order of settings.yaml."""
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from setting_fields(annotation, f"{prefix}{name}.")
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        kind, choices = _kind(annotation)
        yield SettingField(
            key=prefix + name,
            description=info.description or "",
            kind=kind,
            default=info.default,
            unit=str(extra.get("unit", "")),
            restart=bool(extra.get("restart")),
            choices=choices,
            low=next((m.ge for m in info.metadata if hasattr(m, "ge")), None),
            high=next((m.le for m in info.metadata if hasattr(m, "le")), None),
        )


def _kind(
    annotation: Any,
) -> tuple[Literal["bool", "int", "float", "text", "choice", "list", "map"], tuple[str, ...]]:
    origin = get_origin(annotation)
    if origin is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation))
    if origin is tuple:
        return "list", ()
    if origin is dict:
        return "map", ()
    if annotation is bool:
        return "bool", ()
    if annotation is int:
        return "int", ()
    if annotation is float:
        return "float", ()
    if annotation is str:
        return "text", ()
    if origin in (Union, types.UnionType):
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    raise TypeError(f"No form for a setting of type {annotation!r}.")
