"""Small random-weight models of every kind that speaks, and vocoders, made with the library's own classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.engines.coqui.torchaudio_import import import_torchaudio

_SMALL_VITS = {
    "hidden_channels": 16,
    "hidden_channels_ffn_text_encoder": 16,
    "num_layers_text_encoder": 1,
    "num_layers_flow": 1,
    "num_layers_dp_flow": 1,
    "num_layers_posterior_encoder": 1,
    "upsample_initial_channel_decoder": 16,
    "init_discriminator": False,
}
_SMALL: dict[str, dict[str, Any]] = {
    "vits": {"model_args": _SMALL_VITS},
    "glow_tts": {
        "hidden_channels_enc": 16, "hidden_channels_dec": 16, "hidden_channels_dp": 16, "num_flow_blocks_dec": 2,
        "encoder_params": {
            "kernel_size": 3, "dropout_p": 0.1, "num_layers": 1, "num_heads": 2, "hidden_channels_ffn": 16,
            "input_length": None,
        },
    },
    "tacotron2": {"r": 2, "decoder_output_dim": 80, "model_args": {}},
    "fast_pitch": {"model_args": {"hidden_channels": 32}},
    "speedy_speech": {"model_args": {"hidden_channels": 32}},
    "overflow": {
        "encoder_in_out_features": 32, "prenet_dim": 16, "memory_rnn_dim": 32, "outputnet_size": [16],
        "hidden_channels_dec": 16, "num_flow_blocks_dec": 2, "kernel_size_dec": 3, "num_block_layers": 1,
        "max_sampling_time": 60, "prenet_n_layers": 1,
    },
    "neuralhmm_tts": {
        "encoder_in_out_features": 32, "prenet_dim": 16, "memory_rnn_dim": 32, "outputnet_size": [16],
        "max_sampling_time": 60, "prenet_n_layers": 1,
    },
}  # fmt: skip


def make_speaking(
    folder: Path,
    kind: str = "vits",
    *,
    speakers: tuple[str, ...] = (),
    languages: tuple[str, ...] = (),
    phonemes: str = "",
    rate: int = 22_050,
) -> Path:
    """A real model, shrunk, on characters unless ``phonemes`` names espeak's language."""
    import torch

    import_torchaudio()
    from TTS.config import register_config
    from TTS.tts.models import setup_model

    from server.engines.coqui.espeak import use_packaged_espeak

    use_packaged_espeak()
    folder.mkdir(parents=True)
    config: Any = register_config(kind)()
    config.text_cleaner = "basic_cleaners"
    config.use_phonemes, config.phonemizer, config.phoneme_language = bool(phonemes), "espeak", phonemes or "en-us"
    config.audio.sample_rate = rate
    for name, value in _SMALL[kind].items():
        if name == "model_args":
            for inner, number in value.items():
                setattr(config.model_args, inner, number)
        else:
            setattr(config, name, value)
    holders = [config, config.model_args]
    for field, names, file in (("speaker", speakers, "speaker_ids.json"), ("language", languages, "language_ids.json")):
        if names:
            (folder / file).write_text(json.dumps({name: at for at, name in enumerate(names)}), encoding="utf-8")
            for holder in holders:
                holder[f"use_{field}_embedding"] = True
                holder[f"num_{field}s"] = len(names)
                holder["speakers_file" if field == "speaker" else "language_ids_file"] = str(folder / file)
    torch.manual_seed(0)
    model = setup_model(config)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")
    return folder


def make_vocoder(folder: Path, *, rate: int = 22_050, published: bool = True) -> Path:
    """A real HiFi-GAN, shrunk; the published ones have the discriminator apart, one that was just trained within."""
    import torch

    import_torchaudio()
    from TTS.vocoder.configs import HifiganConfig
    from TTS.vocoder.models import setup_model

    folder.mkdir(parents=True)
    config: Any = HifiganConfig()
    config.audio.sample_rate = rate
    config.generator_model_params = {
        "upsample_factors": [8, 8, 2, 2], "upsample_kernel_sizes": [16, 16, 4, 4], "upsample_initial_channel": 16,
        "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]], "resblock_type": "1",
    }  # fmt: skip
    torch.manual_seed(0)
    model = setup_model(config)
    config.save_json(str(folder / "config.json"))
    state = {"model": model.model_g.state_dict(), "model_disc": {}} if published else {"model": model.state_dict()}
    torch.save(state, folder / "model_file.pth")
    return folder
