"""Small random-weight models, made with the library's own classes and saved in its own format."""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.engines.coqui.torchaudio_import import import_torchaudio

SPEAKERS = ("Ann", "Bob")


@contextmanager
def small_vocoder() -> Iterator[None]:
    """Within it the library builds XTTS with a slim vocoder: no config tells its size, and it takes nearly all time."""
    import_torchaudio()
    from TTS.tts.models import xtts

    whole = xtts.HifiDecoder
    xtts.HifiDecoder = functools.partial(whole, upsample_initial_channel_decoder=32)
    try:
        yield
    finally:
        xtts.HifiDecoder = whole


def make_xtts(
    folder: Path,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    codes: int = 64,
    audio_tokens: int = 120,
    speakers: tuple[str, ...] = SPEAKERS,
) -> Path:
    """A real XTTS as the published one lies on disk, with its config, vocabulary and speakers; shrunk unless told."""
    import torch

    import_torchaudio()
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    folder.mkdir(parents=True)
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[de]", "[fr]"]
    letters = string.ascii_lowercase + string.digits + ".,!?'-"
    vocabulary = {token: number for number, token in enumerate([*special, *letters])}
    tokenizer = Tokenizer(BPE(vocabulary, [], unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "vocab.json"))

    config = XttsConfig()
    args = config.model_args
    args.gpt_layers, args.gpt_n_model_channels, args.gpt_n_heads = layers, width, heads
    args.gpt_use_perceiver_resampler = True
    args.gpt_number_text_tokens = len(vocabulary)
    args.gpt_start_text_token, args.gpt_stop_text_token = vocabulary["[START]"], vocabulary["[STOP]"]
    args.gpt_num_audio_tokens, args.gpt_start_audio_token, args.gpt_stop_audio_token = codes + 2, codes, codes + 1
    args.decoder_input_dim = width
    args.gpt_max_audio_tokens, args.gpt_max_text_tokens = audio_tokens, 100
    args.tokenizer_file = str(folder / "vocab.json")
    torch.manual_seed(0)
    model = Xtts(config)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    torch.save(
        {
            name: {
                "gpt_cond_latent": torch.randn(1, 32, width),
                "speaker_embedding": torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1),
            }
            for name in speakers
        },
        folder / "speakers_xtts.pth",
    )
    return folder


def make_vits(folder: Path, speakers: tuple[str, ...] = (), *, slim: bool = True) -> Path:
    """A real VITS on characters, shrunk unless told; several speakers if they are named."""
    import torch

    import_torchaudio()
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    folder.mkdir(parents=True)
    config = VitsConfig(use_phonemes=False, text_cleaner="basic_cleaners")
    args: Any = config.model_args
    if slim:
        args.hidden_channels, args.hidden_channels_ffn_text_encoder = 16, 16
        args.num_layers_text_encoder, args.num_layers_flow, args.num_layers_dp_flow = 1, 1, 1
        args.num_layers_posterior_encoder = 1
        args.upsample_initial_channel_decoder = 16
    if speakers:
        args.use_speaker_embedding, args.num_speakers = True, len(speakers)
        args.speakers_file = str(folder / "speakers.json")
        config.use_speaker_embedding, config.num_speakers = True, len(speakers)
        config.speakers_file = args.speakers_file
        numbers = {name: number for number, name in enumerate(speakers)}
        (folder / "speakers.json").write_text(json.dumps(numbers), encoding="utf-8")
    torch.manual_seed(0)
    model = Vits.init_from_config(config)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")
    return folder
