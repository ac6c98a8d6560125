"""A loaded XTTS: text and a voice's latents to sound in chunks. Imports torch: only for ``load``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from server.audio.chunk import Samples
from server.engines.base import Cancel
from server.engines.coqui.decode import GptDecoder, Sampling
from server.engines.coqui.shared import ModelFolder
from server.engines.coqui.vocoder import StreamingVocoder
from server.errors import InvalidRequest, SynthesisFailed

CHUNKS = (10, 20, 40)
"""Tokens of the first chunks, the last repeated: a short one first, so that sound comes early. 21.5 a second."""
SPEAKERS = "speakers_xtts.pth"
CLIP_RATE = 22_050
CLIP_SECONDS, LATENT_SECONDS = 30, 6
DENSE = {"zh", "ja", "ko"}
"""Languages whose characters are whole syllables."""


@dataclass(frozen=True, slots=True)
class Latents:
    """A voice as the model takes it."""

    conditioning: Tensor
    """[1, time, width] for the GPT."""
    speaker: Tensor
    """[1, size, 1] for the vocoder."""


class XttsModel:
    """The library's network; decoding and vocoding in our own loops."""

    def __init__(self, folder: ModelFolder, device: torch.device, precision: torch.dtype, *, graphs: bool) -> None:
        self.device = device
        self._model = _load(folder).to(device)
        self.rate = int(self._model.args.output_sample_rate)
        self._decoder = GptDecoder(self._model.gpt, precision=precision, graphs=graphs)

    def builtin(self, name: str) -> Latents:
        """Latents of a built-in speaker."""
        data = self._model.speaker_manager.speakers[name]
        return Latents(data["gpt_cond_latent"].to(self.device), data["speaker_embedding"].to(self.device))

    @torch.inference_mode()
    def clone(self, clips: list[tuple[Samples, int]]) -> Latents:
        """Latents of a voice from its reference clips, taken together."""
        sounds, speakers = [], []
        for samples, rate in clips:
            sound = torch.from_numpy(samples)[None, : rate * CLIP_SECONDS]
            speakers.append(self._model.get_speaker_embedding(sound, rate))
            sounds.append(_at_rate(sound, rate, CLIP_RATE))
        whole = torch.cat(sounds, dim=1)
        if whole.shape[1] < CLIP_RATE:
            raise InvalidRequest("The reference clips hold less than a second of speech.", code="clip_too_short")
        conditioning = self._model.get_gpt_cond_latents(
            whole, CLIP_RATE, length=CLIP_SECONDS, chunk_length=LATENT_SECONDS
        )
        return Latents(conditioning.to(self.device), torch.stack(speakers).mean(dim=0).to(self.device))

    def speak(
        self, text: str, language: str, voice: Latents, sampling: Sampling, speed: float, cancel: Cancel
    ) -> Iterator[Samples]:
        """Sound of one sentence as it is made; a text too long for the model is cut between words."""
        for part in self._parts(text, language):
            yield from self._speak_part(part, language, voice, sampling, speed, cancel)

    def _speak_part(
        self, text: str, language: str, voice: Latents, sampling: Sampling, speed: float, cancel: Cancel
    ) -> Iterator[Samples]:
        gpt = self._model.gpt
        tokens = torch.tensor([self._tokens(text, language)], device=self.device)
        with torch.inference_mode():
            gpt.compute_embeddings(voice.conditioning, tokens)
            prefix = gpt.gpt_inference.cached_prefix_emb
        least, most = token_limits(text, language)
        vocoder = StreamingVocoder(self._model.hifigan_decoder, voice.speaker, speed)
        sizes = chain(CHUNKS, repeat(CHUNKS[-1]))
        heard = False
        for latents in self._decoder.generate(prefix, sampling, sizes, least=least, most=most):
            cancel.check()
            sound = vocoder.add(latents)
            if len(sound):
                heard = True
                yield _samples(sound)
        rest = vocoder.finish()
        if len(rest):
            heard = True
            yield _samples(rest)
        if not heard:
            raise SynthesisFailed("XTTS made no sound of this text.")

    def _parts(self, text: str, language: str) -> list[str]:
        """Halves of halves, cut at the blank nearest to the middle, until each fits the model."""
        limit = self._model.tokenizer.char_limits.get(language, 250)
        if len(text) <= limit and len(self._tokens(text, language)) < self._model.args.gpt_max_text_tokens - 2:
            return [text]
        if len(text) < 2:
            raise InvalidRequest("XTTS cannot say this text.", param="input")
        middle = len(text) // 2
        blanks = [at for at, character in enumerate(text) if character.isspace() and 0 < at < len(text) - 1]
        cut = min(blanks, key=lambda at: abs(at - middle)) if blanks else middle
        halves = (text[:cut].strip(), text[cut:].strip())
        return [part for half in halves if half for part in self._parts(half, language)]

    def _tokens(self, text: str, language: str) -> list[int]:
        try:
            found: list[int] = self._model.tokenizer.encode(text.strip().lower(), lang=language)
        except ImportError as error:  # Japanese, Chinese and Korean want packages of their own
            raise InvalidRequest(
                f"XTTS needs one more package to speak {language}: {error}.", code="language_not_installed"
            ) from error
        return found


def speakers_of(folder: ModelFolder) -> list[str]:
    """Names of a model's built-in speakers, without loading it."""
    path = folder.path / SPEAKERS
    if not path.is_file():
        return []
    try:
        return sorted(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever a damaged or hostile file makes of the reader
        raise SynthesisFailed(f"{folder.name}: {SPEAKERS} cannot be read.", code="bad_weights") from error


def token_limits(text: str, language: str) -> tuple[int, int]:
    """Fewest and most tokens for a text: short ones are not cut off, and nothing babbles on for ever.

    People say 8 to 25 characters a second, 3 to 8 where a character is a syllable; a token is 46 ms.
    """
    slow, fast = (3, 8) if language.split("-")[0] in DENSE else (8, 25)
    count = max(1, sum(character.isalnum() for character in text))
    return max(3, int(21.5 * count / fast * 0.6)), int(21.5 * (count / slow * 1.5 + 1.5))


def _samples(sound: Tensor) -> Samples:
    return np.clip(sound.float().cpu().numpy(), -1, 1).astype(np.float32)


def _at_rate(sound: Tensor, rate: int, wanted: int) -> Tensor:
    import torchaudio

    resampled: Tensor = torchaudio.functional.resample(sound, rate, wanted)
    return resampled


def _load(folder: ModelFolder) -> Any:
    """The library's model; a folder that is not XTTS, or is damaged, is named in the error."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    try:
        if json.loads(folder.config.read_text(encoding="utf-8")).get("model") != "xtts":
            raise SynthesisFailed(f"{folder.name} is not an XTTS model.", code="bad_weights")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library about its own dependencies
            config = XttsConfig()
            config.load_json(str(folder.config))
            model = Xtts(config)
            model.load_checkpoint(
                config, checkpoint_path=str(folder.checkpoint), vocab_path=str(folder.path / "vocab.json")
            )
    except SynthesisFailed:
        raise
    except Exception as error:  # whatever a damaged or hostile folder makes of the reader
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SynthesisFailed(
            f"The model {folder.name} cannot be loaded: {words[:200]}.", code="bad_weights"
        ) from error
    model.eval()
    return model.requires_grad_(False)
