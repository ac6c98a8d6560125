"""espeak-ng as a shared library, which comes as a package: no program has to be on the machine."""

from __future__ import annotations

import ctypes
import threading
from functools import cache

from server.errors import SynthesisFailed

_RETRIEVE_SOUND, _DONT_EXIT = 2, 0x8000
_UTF8 = 1
_IPA, _TIES = 0x02, 0x80


@cache
def espeak_library() -> EspeakLibrary:
    """The one of this process: its voice is a global variable, so two would each think that theirs is set."""
    return EspeakLibrary()


class EspeakLibrary:
    """The library, one call at a time: it keeps its voice and its text in global variables."""

    def __init__(self) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        library.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int)
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
        library.espeak_SetVoiceByProperties.argtypes = (ctypes.POINTER(_Voice),)
        library.espeak_Info.restype = ctypes.c_char_p
        if library.espeak_Initialize(_RETRIEVE_SOUND, 0, data.encode(), _DONT_EXIT) <= 0:
            raise SynthesisFailed(f"espeak-ng found no data at {data}.")
        self._library = library
        self._lock = threading.Lock()
        self._voice = ""
        self.version: str = library.espeak_Info(None).decode()
        self.languages = self._listed()
        """Language codes and the names of their voices."""

    def clauses(self, text: str, voice: str, mark: str, *, ties: bool = False) -> list[str]:
        """IPA of each clause, stressed. ``voice``: a voice's file or name, or a language.

        ``mark`` stands between phonemes; with ``ties`` within those that are written with several letters.
        """
        mode = _IPA | (_TIES if ties else 0) | ord(mark) << 8
        with self._lock:
            self._set_voice(voice)
            rest = ctypes.c_char_p(text.replace("\0", " ").encode())
            found: list[bytes | None] = []
            while rest.value:
                found.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode))
        return [(clause or b"").decode("utf-8", "replace") for clause in found]

    def _set_voice(self, voice: str) -> None:
        if voice == self._voice:
            return
        wanted = _Voice(languages=voice.encode())
        # By name first and then by language, as the program understands ``-v``.
        if (
            self._library.espeak_SetVoiceByName(voice.encode()) != 0
            and self._library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0
        ):
            raise SynthesisFailed(f"espeak-ng has no voice for {voice}.")
        self._voice = voice

    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        voices = self._library.espeak_ListVoices(None)
        number = 0
        while voices[number]:
            voice = voices[number].contents
            # A byte of priority, then a language; a voice's further ones lie behind the zero that ends it.
            found[(voice.languages or b"")[1:].decode()] = voice.name.decode()
            number += 1
        return found


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )
