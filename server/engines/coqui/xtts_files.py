"""XTTS v2's files and its licence, which is accepted once, before anything is fetched."""

from __future__ import annotations

from pathlib import Path

from server.engines.coqui.shared import INSTALL, ModelFolder
from server.engines.weights import Report, WeightFile, obtain
from server.errors import Unavailable

NAME = "tts_models/multilingual/multi-dataset/xtts_v2"
FOLDER = NAME.replace("/", "--")
LICENCE = "CPML"
LICENCE_URL = "https://coqui.ai/cpml"
ACCEPTED = "cpml-accepted.txt"
_HOST = "https://huggingface.co/coqui/XTTS-v2/resolve/6c2b0d75eae4b7047358e3b6bd9325f857d43f77"
_REDIRECTS = ("huggingface.co", "hf.co")

FILES = tuple(
    WeightFile(name=name, size=size, sha256=sha256, url=f"{_HOST}/{name}", redirects=_REDIRECTS)
    for name, size, sha256 in (
        ("config.json", 4_368, "ef262b1454dd2a77e1461b0b2cd53e19b8a7624cc131b837d36df67356bc75e8"),
        ("vocab.json", 361_219, "928260878a59da8a72a2a5b7687fea29d5106137669d90945430fe17e415304a"),
        ("speakers_xtts.pth", 7_754_818, "f0f6137c19a4eab0cbbe4c99b5babacf68b1746e50da90807708c10e645b943b"),
        ("model.pth", 1_867_929_118, "c7ea20001c6a0a841c77e252d8409f6a74fb423e79b3206a0771ba5989776187"),
    )
)


def accept_licence(models: Path) -> None:
    """Remember that the user accepts the Coqui Public Model License: non-commercial use only."""
    models.mkdir(parents=True, exist_ok=True)
    (models / ACCEPTED).write_text(f"The Coqui Public Model License was accepted: {LICENCE_URL}\n", encoding="utf-8")


def is_licence_accepted(models: Path) -> bool:
    """Whether it was accepted on this machine."""
    return (models / ACCEPTED).is_file()


def obtain_xtts(models: Path, report: Report) -> ModelFolder:
    """The published model, fetched if it is not there; Unavailable until its licence is accepted."""
    folder = models / FOLDER
    if not is_licence_accepted(models):
        raise Unavailable(
            f"XTTS v2's weights are under the Coqui Public Model License ({LICENCE_URL}): for non-commercial use"
            " only. Read it, then accept it with the engine's option `accept_cpml`, or with: python3 -m server install"
            " xtts --accept-licence",
            code="licence_not_accepted",
        )
    for file in FILES:
        obtain(file, folder, report, INSTALL)
    return ModelFolder(NAME, folder, folder / "model.pth", folder / "config.json")
