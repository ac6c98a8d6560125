"""Who speaks and how: a request's names looked up, its wishes checked against what the engine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from server.conversion.base import converting
from server.conversion.rvc.settings import DISABLED
from server.engines.base import Capabilities, OptionValue
from server.engines.registry import EngineRegistry
from server.errors import InvalidRequest, NotFound
from server.settings import Settings
from server.speech.language import AUTO, guess_language
from server.speech.rendition import Rendition, RvcChoice
from server.speech.request import Delivery
from server.voices.library import Library
from server.voices.manifest import VoiceSettings
from server.voices.names import Catalogue, split_engine
from server.voices.voice import Voice
from server.voices.voicemap import VoiceMap


class Casting:
    """Looks up voices, languages and conversions: in the current engine, and where a name says so beside it."""

    def __init__(
        self,
        registry: EngineRegistry,
        voice_map: VoiceMap,
        library: Library,
        settings: Callable[[], Settings],
        rvc_voices: Callable[[], Sequence[str]],
    ) -> None:
        self._registry = registry
        self._map = voice_map
        self._library = library
        self._settings = settings
        self._rvc_voices = rvc_voices

    def catalogue(self, engine: str = "") -> Catalogue:
        """The current engine's voices and the user's; those of other engines can be asked for as ``engine:voice``.

        With ``engine``, what it would be while that engine is the current one.
        """
        current = engine or self._registry.current
        others = {name: partial(self._beside, current, name) for name in self._registry.names() if name != current}
        return self.catalogue_of(current, others) if current else Catalogue("", (), beside=others)

    def catalogue_of(self, name: str, beside: Mapping[str, Callable[[], Catalogue]] | None = None) -> Catalogue:
        """The voices of one engine, the user's included."""
        capabilities = self._registry.capabilities(name)
        voices = [*self._registry.voices(name), *self._own(capabilities)]
        return Catalogue(name, voices, blends=capabilities.blends, beside=beside)

    def voices(self) -> Sequence[Voice]:
        """Every voice that can speak now, the user's behind the engine's."""
        return self.catalogue().voices

    def choices(self, engine: str = "") -> Sequence[tuple[str, Voice]]:
        """Every voice with what to ask for to hear it: those of the current engine, then those beside it.

        With ``engine``, as ``catalogue`` has it.
        """
        catalogue = self.catalogue(engine)
        voices = [*catalogue.voices]
        for name in self._registry.beside_of(catalogue.engine):
            if self._registry.voices(name):
                voices += self.catalogue_of(name).voices
        return [(catalogue.called(voice), voice) for voice in voices]

    def called(self, voice: Voice) -> str:
        """What to ask for to hear that voice."""
        return self.catalogue().called(voice)

    def place(self, name: str) -> tuple[str, str]:
        """The engine that a voice's name means, and the voice's name there."""
        registry, (engine, own) = self._registry, split_engine(name)
        if engine not in (registry.current, *registry.beside):
            return registry.current, name
        is_id = any(voice.id.casefold() == name.strip().casefold() for voice in self.voices())  # ids may have colons
        return (registry.current, name) if is_id else (engine, own)

    async def ready(self, deliveries: Iterable[Delivery], timeout: float) -> None:
        """Wait until the engines of all those voices can speak; Unavailable with the reason when one will not."""
        for engine in dict.fromkeys(self.engine_of(delivery) for delivery in deliveries):
            # Without a name it is whichever is current then: somebody may switch meanwhile.
            await self._registry.ready(timeout, None if engine == self._registry.current else engine)

    def is_ready(self, delivery: Delivery) -> bool:
        """Whether the engine of that voice can speak now."""
        registry, engine = self._registry, self.engine_of(delivery)
        slot = registry.slot(engine)
        return (registry.state if engine == registry.current else slot.state if slot else "unloaded") == "ready"

    def engine_of(self, delivery: Delivery) -> str:
        """The engine that will speak it, by the voice's name alone: no voices need be known yet."""
        return self.place(self._map.meaning(delivery.voice, self._registry.current))[0]

    def voice(self, name: str, param: str = "voice") -> Voice:
        """The voice a client means; InvalidRequest with ``param`` lists what is accepted."""
        return self._map.resolve(name, self.catalogue(), param=param)

    def language(self, delivery: Delivery, asked: str | None, text: str = "") -> str:
        """The language in which it will be spoken, whoever converts it."""
        voice = self.voice(delivery.voice)
        return self._language(asked, voice, self._registry.capabilities(voice.engine), text)

    def languages(self, delivery: Delivery) -> Sequence[str]:
        """Those that its engine speaks."""
        return self._registry.capabilities(self.engine_of(delivery)).languages

    def rendition(
        self,
        delivery: Delivery,
        language: str | None,
        text: str = "",
        *,
        param: str = "voice",
        rvc_param: str | None = None,
    ) -> Rendition:
        """Everything looked up; raises InvalidRequest naming the field at fault.

        ``rvc_param`` is the field in which a request says who converts, where it has one.
        """
        voice = self.voice(delivery.voice, param)
        capabilities = self._registry.capabilities(voice.engine)
        own = self._library.settings(voice.engine, voice.id)
        with converting():
            rvc = self._conversion(delivery, own, rvc_param)
        speed = delivery.speed if delivery.speed is not None else own.speed
        return Rendition(
            voice=voice,
            language=self._language(language, voice, capabilities, text),
            speed=1.0 if speed is None else speed,
            pitch=delivery.pitch,
            volume=delivery.volume,
            rvc=rvc,
            values=self._values(delivery, capabilities),
        )

    def _beside(self, current: str, name: str) -> Catalogue:
        registry = self._registry
        if name not in registry.beside_of(current):
            raise InvalidRequest(f"The engine {name} is not loaded beside {current} (engine.beside).")
        if not registry.voices(name):
            raise registry.refusal(name)
        return self.catalogue_of(name)

    def _own(self, capabilities: Capabilities) -> list[Voice]:
        """The user's voices that the engine can speak with."""
        usable = {"blend": capabilities.blends, "clone": capabilities.clones}
        return [voice for voice in self._library.voices(capabilities.name) if usable.get(voice.kind, True)]

    def _language(self, asked: str | None, voice: Voice, capabilities: Capabilities, text: str) -> str:
        """Asked for, else the voice's own, else the setting; guessed only when ``auto`` says so."""
        wanted = (asked or (voice.languages[0] if voice.languages else self._settings().language)).lower()
        if wanted == AUTO:
            wanted = guess_language(text, capabilities.languages) or capabilities.languages[0]
        known = capabilities.languages
        if wanted in known:
            return wanted
        base = wanted.partition("-")[0]
        # A voice's own variety first: en means British English to a British voice.
        alike = [tag for tag in (*voice.languages, *known) if tag.partition("-")[0] == base and tag in known]
        if alike:
            return alike[0]
        raise InvalidRequest(
            f"{capabilities.title} does not speak {wanted!r}. Its languages: {', '.join(known)}.",
            param="language",
            code="unsupported_language",
        )

    def _conversion(self, delivery: Delivery, own: VoiceSettings, param: str | None) -> RvcChoice | None:
        """Request, else voice, else global; ``Disabled`` at any level ends the search, the switch wins over all."""
        settings = self._settings().rvc
        if not settings.enabled:
            return None
        narrates = delivery.rvc_role == "narrator"
        chosen = delivery.rvc or own.rvc or (settings.narrator if narrates else settings.character)
        if chosen.strip().casefold() == DISABLED.casefold():
            return None
        # Refused here and not by the model: then it is before anything was spoken, and the field is known.
        known = self._rvc_voices()
        if chosen not in known:
            there = ", ".join(name for name in known if name != DISABLED) or "none yet"
            message = f"There is no RVC voice {chosen!r}. There is: {there}."
            if delivery.rvc:
                raise InvalidRequest(message, param=param, code="rvc_voice_not_found")
            set_for = f"the voice {delivery.voice}" if own.rvc else "the narrator" if narrates else "characters"
            raise NotFound(f"{message} It is set for {set_for}.", param=param, code="rvc_voice_not_found")
        pitch = delivery.rvc_pitch if delivery.rvc_pitch is not None else own.rvc_pitch
        if pitch is None:
            pitch = settings.narrator_pitch if narrates else settings.character_pitch
        return RvcChoice(
            chosen, pitch, index_rate=settings.index_rate, protect=settings.protect, f0_method=settings.f0_method
        )

    def _values(self, delivery: Delivery, capabilities: Capabilities) -> dict[str, OptionValue]:
        """The engine's options: defaults, then settings, then the request's, each checked."""
        settings = self._settings().engine.options.get(capabilities.name, {})
        values: dict[str, OptionValue] = {}
        for option in capabilities.options:
            value = delivery.values.get(option.name, settings.get(option.name, option.default))
            values[option.name] = option.check(value)
        return values
