"""Several texts spoken at once by one XTTS model: each joins when there is room and leaves when it is said."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from server.audio.chunk import Samples
from server.engines.base import Cancel
from server.engines.coqui.decode import Sentence
from server.engines.coqui.sampling import Sampling
from server.engines.coqui.vocoder import StreamingVocoder
from server.engines.coqui.xtts_model import Latents, XttsModel, token_limits
from server.engines.torch_runtime import model_errors
from server.errors import RESTART, SpeechError, SynthesisFailed

log = logging.getLogger("troupe.xtts")

CHUNKS = (10, 20, 40)
"""Tokens of the first chunks, the last repeated: a short one first, so that sound comes early. 21.5 a second."""
Item = Samples | SpeechError | None
"""Sound; or why there is no more of it, None at a text's end."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text and how it is to be said."""

    text: str
    language: str
    voice: Latents
    sampling: Sampling
    speed: float
    cancel: Cancel


class _Running:
    """An utterance on its way: the part being spoken, and those still to come."""

    def __init__(self, key: int, utterance: Utterance, parts: deque[str], vocoder: StreamingVocoder) -> None:
        self.key, self.utterance, self.parts, self.vocoder = key, utterance, parts, vocoder
        self.sentence: Sentence | None = None
        self.chunks = 0
        """Chunks of the part that were given out."""
        self.heard = False

    def is_due(self, sentence: Sentence) -> bool:
        """Whether enough has been made for the next chunk."""
        return sentence.ended or sentence.waiting >= CHUNKS[min(self.chunks, len(CHUNKS) - 1)]


class SpeakingBatch:
    """What ``model`` is speaking; each ``round`` goes on with all of it."""

    def __init__(self, model: XttsModel) -> None:
        self.model = model
        self._running: list[_Running] = []

    def __len__(self) -> int:
        return len(self._running)

    @property
    def free(self) -> int:
        """Utterances that may still join."""
        return self.model.slots - len(self._running)

    def add(self, key: int, utterance: Utterance) -> None:
        """Join in; raises InvalidRequest for a text that the model cannot say."""
        parts = deque(self.model.parts(utterance.text, utterance.language))
        self._running.append(_Running(key, utterance, parts, self.model.vocoder(utterance.voice, utterance.speed)))

    def round(self) -> Iterator[tuple[int, Item]]:
        """Some tokens for everyone; yields (key, sound), then (key, None) at an end or (key, error).

        Raises only what a new process alone can mend; then nothing that lies on the card may be touched any more.
        """
        for one in self._running.copy():
            if one.sentence is None:
                yield from self._guarded(one, self._begin(one))
        try:
            with model_errors("XTTS"):
                self.model.decoder().advance(self._is_abandoned)
        except SynthesisFailed as error:
            if error.code == RESTART:
                raise
            for one in self._running.copy():
                self._remove(one)
                yield one.key, error
        for one in self._running.copy():
            yield from self._guarded(one, self._collect(one))

    def clear(self) -> None:
        """Everybody stops."""
        for one in self._running.copy():
            self._remove(one)

    def _is_abandoned(self) -> bool:
        return all(one.utterance.cancel.is_set() for one in self._running)

    def _guarded(self, one: _Running, work: Iterator[Samples | None]) -> Iterator[tuple[int, Item]]:
        """``work`` for one of them, whose failure is its own."""
        try:
            with own_failure("XTTS"):
                one.utterance.cancel.check()
                for item in work:
                    yield one.key, item
        except SpeechError as error:
            if error.code == RESTART:
                raise
            with own_failure("XTTS"):
                self._remove(one)
            yield one.key, error

    def _begin(self, one: _Running) -> Iterator[Samples | None]:
        said, text = one.utterance, one.parts.popleft()
        least, most = token_limits(text, said.language)
        decoder = self.model.decoder()
        prefix = self.model.prefix(text, said.language, said.voice)
        one.sentence = decoder.begin(prefix, said.sampling, least=least, most=most)
        yield from ()

    def _collect(self, one: _Running) -> Iterator[Samples | None]:
        """What the round has brought: sound when a chunk is full, the next part or the end when it is said."""
        sentence = one.sentence
        if sentence is None or not one.is_due(sentence):
            return
        latents = sentence.take()
        if latents is not None:
            one.chunks += 1
            yield from _heard(one, one.vocoder.add(latents))
        if not sentence.ended:
            return
        self._free_row(one)
        yield from _heard(one, one.vocoder.finish())
        if one.parts:
            one.chunks = 0
            one.vocoder = self.model.vocoder(one.utterance.voice, one.utterance.speed)
            return
        if not one.heard:
            raise SynthesisFailed("XTTS made no sound of this text.")
        self._remove(one)
        yield None

    def _free_row(self, one: _Running) -> None:
        if one.sentence is not None:
            self.model.decoder().drop(one.sentence)
            one.sentence = None

    def _remove(self, one: _Running) -> None:
        self._running.remove(one)
        self._free_row(one)


@contextmanager
def own_failure(title: str) -> Iterator[None]:
    """Whatever one utterance raises is its own SpeechError: others are spoken in the same batch."""
    try:
        with model_errors(title):
            yield
    except SpeechError:
        raise
    except Exception as error:  # of a library, over one text or one clip; the trace is for whoever mends it
        log.exception("one utterance failed")
        raise SynthesisFailed(f"{title} failed: {type(error).__name__}: {error}") from error


def _heard(one: _Running, sound: Tensor) -> Iterator[Samples]:
    if len(sound):
        one.heard = True
        yield np.clip(sound.float().cpu().numpy(), -1, 1).astype(np.float32)
