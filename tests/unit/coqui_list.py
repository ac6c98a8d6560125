"""A list of models as the Coqui library has one, with an entry of every kind."""

from __future__ import annotations

from typing import Any

BASE = "https://github.com/coqui-ai/TTS/releases/download/v0/"
LIST: dict[str, Any] = {
    "tts_models": {
        "en": {
            "vctk": {
                "vits": {"github_rls_url": BASE + "vits.zip", "default_vocoder": None, "license": "apache 2.0"},
                "fast_pitch": {"github_rls_url": BASE + "nc.zip", "license": "CC BY-NC-ND 4.0"},
            },
            "sam": {"tacotron2": {
                "github_rls_url": BASE + "taco.zip", "default_vocoder": "vocoder_models/en/sam/gan", "license": "MIT",
            }},
        },
        "zh-CN": {"baker": {"gst": {"repo_id": "someone/gst", "license": "MIT", "ignore": ["*.wav", "extra.json"]}}},
        "tw_asante": {"openbible": {"vits": {"github_rls_url": BASE + "tw.zip", "license": "CC-BY-SA 4.0"}}},
        "multilingual": {"multi-dataset": {
            "xtts_v2": {"repo_id": "a/b", "license": "CPML"}, "bark": {"repo_id": "a/c", "license": "MIT"},
            "your_tts": {"github_rls_url": BASE + "your.zip", "license": "CC BY-NC-ND 4.0"},
        }},
    },
    "vocoder_models": {"en": {"sam": {"gan": {"github_rls_url": BASE + "gan.zip", "license": "apache 2.0"}}}},
    "voice_conversion_models": {"multilingual": {"x": {"knnvc": {"license": "MIT"}}}},
}  # fmt: skip
VITS, RESTRICTED, MEL, HUB = (
    "tts_models/en/vctk/vits", "tts_models/en/vctk/fast_pitch", "tts_models/en/sam/tacotron2",
    "tts_models/zh-CN/baker/gst",
)  # fmt: skip
