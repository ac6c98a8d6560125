"""A loaded XTTS: what turns text and a voice's latents into sound. Imports torch: only for ``load``."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from server.audio.chunk import Samples
from server.engines.coqui.decode import GptDecoder, bytes_per_slot
from server.engines.coqui.gpt import Gpt
from server.engines.coqui.shared import ModelFolder
from server.engines.coqui.vocoder import StreamingVocoder
from server.engines.coqui.xtts_options import MOST_AT_ONCE
from server.engines.torch_runtime import free_memory
from server.engines.weights import Report
from server.errors import InvalidRequest, SynthesisFailed

SPEAKERS = "speakers_xtts.pth"
CLIP_RATE = 22_050
CLIP_SECONDS, LATENT_SECONDS = 30, 6
DENSE = {"zh", "ja", "ko"}
"""Languages whose characters are whole syllables."""


@dataclass(frozen=True, slots=True)
class Latents:
    """A voice as the model takes it."""

    conditioning: Tensor
    """[1, time, width] for the GPT; kept in main memory, as the next."""
    speaker: Tensor
    """[1, size, 1] for the vocoder."""


class XttsModel:
    """The library's network; decoding and vocoding in our own loops."""

    def __init__(
        self,
        folder: ModelFolder,
        device: torch.device,
        precision: torch.dtype,
        *,
        slots: int = 0,
        graphs: bool = False,
        report: Report = lambda detail, fraction: None,
    ) -> None:
        """``slots`` sentences at once (0: as memory allows); torch.OutOfMemoryError where not even one fits."""
        self.device = device
        self._graphs, self._report = graphs, report
        self._network = load_network(folder)
        self._gpt = Gpt.taken_from(self._network.gpt, precision)
        self.rate = int(self._network.args.output_sample_rate)
        self._decoder: GptDecoder | None = None
        self.slots = slots or _slots_for(device, bytes_per_slot(self._gpt))
        """Sentences at once; halved where they do not fit."""
        self.decoder()

    def decoder(self) -> GptDecoder:
        """The decoder, on its device and warm; made anew after ``rest`` or ``shrink``."""
        while self._decoder is None:
            try:
                self._decoder = self._made()
            except torch.OutOfMemoryError:
                if self.slots == 1:
                    raise
            else:
                break
            # Here, and not above: an error that is being handled holds on to all that was in its way.
            self.shrink()
        return self._decoder

    def _made(self) -> GptDecoder:
        self._network.to(self.device)
        self._gpt = self._gpt.to(self.device)
        decoder = GptDecoder(self._gpt, self.slots)
        for done in decoder.warm(graphs=self._graphs):
            self._report("Warming up", done)
        return decoder

    def shrink(self) -> None:
        """Give back half of what sentences at once take; never while one is being spoken."""
        self.slots = max(1, self.slots // 2)
        self._decoder = None
        free_memory(self.device)

    def rest(self) -> None:
        """Leave the card: the weights wait in main memory until ``decoder`` is asked for."""
        self._decoder = None
        self._network.to("cpu")
        self._gpt = self._gpt.to(torch.device("cpu"))
        free_memory(self.device)

    def builtin(self, name: str) -> Latents:
        """Latents of a built-in speaker."""
        data = self._network.speaker_manager.speakers[name]
        return Latents(data["gpt_cond_latent"].cpu(), data["speaker_embedding"].cpu())

    @torch.inference_mode()
    def clone(self, clips: list[tuple[Samples, int]]) -> Latents:
        """Latents of a voice from its reference clips, taken together."""
        self.decoder()  # the network may be resting elsewhere
        sounds, speakers = [], []
        for samples, rate in clips:
            sound = torch.from_numpy(samples)[None, : rate * CLIP_SECONDS]
            speakers.append(self._network.get_speaker_embedding(sound, rate))
            sounds.append(_at_rate(sound, rate, CLIP_RATE))
        whole = torch.cat(sounds, dim=1)
        if whole.shape[1] < CLIP_RATE:
            raise InvalidRequest("The reference clips hold less than a second of speech.", code="clip_too_short")
        conditioning = self._network.get_gpt_cond_latents(
            whole, CLIP_RATE, length=CLIP_SECONDS, chunk_length=LATENT_SECONDS
        )
        return Latents(conditioning.cpu(), torch.stack(speakers).mean(dim=0).cpu())

    @torch.inference_mode()
    def prefix(self, text: str, language: str, voice: Latents) -> Tensor:
        """What the decoder is to go on from, [1, places, width]."""
        tokens = torch.tensor([self.tokens(text, language)], device=self.device)
        self._network.gpt.compute_embeddings(voice.conditioning.to(self.device), tokens)
        prefix: Tensor = self._network.gpt.gpt_inference.cached_prefix_emb
        return prefix

    def vocoder(self, voice: Latents, speed: float) -> StreamingVocoder:
        """For one sentence."""
        return StreamingVocoder(self._network.hifigan_decoder, voice.speaker.to(self.device), speed)

    def parts(self, text: str, language: str) -> list[str]:
        """Halves of halves, cut at the blank nearest to the middle, until each fits the model."""
        limit = self._network.tokenizer.char_limits.get(language, 250)
        if len(text) <= limit and len(self.tokens(text, language)) < self._network.args.gpt_max_text_tokens - 2:
            return [text]
        if len(text) < 2:
            raise InvalidRequest("XTTS cannot say this text.", param="input")
        middle = len(text) // 2
        blanks = [at for at, character in enumerate(text) if character.isspace() and 0 < at < len(text) - 1]
        cut = min(blanks, key=lambda at: abs(at - middle)) if blanks else middle
        halves = (text[:cut].strip(), text[cut:].strip())
        return [part for half in halves if half for part in self.parts(half, language)]

    def tokens(self, text: str, language: str) -> list[int]:
        """Numbers of a text's pieces; InvalidRequest names what a language lacks here."""
        try:
            found: list[int] = self._network.tokenizer.encode(text.strip().lower(), lang=language)
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


def _slots_for(device: torch.device, bytes_each: int) -> int:
    """As many sentences as a tenth of the card's free memory holds.

    A CPU takes the memory only when it is used, and reads the weights once for all sentences of a step.
    """
    if device.type != "cuda":
        return MOST_AT_ONCE // 2
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(MOST_AT_ONCE, free // 10 // bytes_each))


def _at_rate(sound: Tensor, rate: int, wanted: int) -> Tensor:
    import torchaudio

    resampled: Tensor = torchaudio.functional.resample(sound, rate, wanted)
    return resampled


def load_network(folder: ModelFolder) -> Any:
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
