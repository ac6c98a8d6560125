"""Makes server/data/kokoro_moments.npz: what instance normalisation usually sees of each Kokoro voice.

    python tools/make_kokoro_moments.py MODELS_FOLDER

Speaks three sentences with each voice (four minutes on two cores), takes mean and deviation of every
channel of the generator, and keeps their sixteen strongest patterns over the voices. Wants Kokoro
installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from server.engines.base import Cancel
from server.engines.kokoro.engine import INSTALL, WEIGHTS
from server.engines.kokoro.frontend import Frontend
from server.engines.kokoro.model import Model
from server.engines.kokoro.moments import DATA, Floats
from server.engines.kokoro.utterance import tokens_of
from server.engines.kokoro.voices import VoiceBook
from server.engines.weights import obtain
from server.text.piece import Piece
from server.voices.voice import Voice

PATTERNS = 16
TEXTS = (
    "When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow.",
    "Are you sure about that? I thought we had agreed to meet her at seven, not eight!",
    "She gave him the old book with a smile; he never gave it back, though, and nobody in the whole village"
    " could ever understand why.",
)


def main(folder: Path) -> None:
    """Measure every voice and write the patterns."""
    path = obtain(WEIGHTS, folder, lambda detail, fraction: None, INSTALL)
    model, frontend, book = Model(path, 0), Frontend(), VoiceBook()
    measured = {}
    for voice in book.voices():
        measured[voice.id] = measure(voice, model, frontend, book)
        print(voice.id, flush=True)
    write(measured)


def measure(voice: Voice, model: Model, frontend: Frontend, book: VoiceBook) -> Floats:
    """Moments over all texts, shape (channels, 2)."""
    total, steps = np.zeros(1, np.float32), 0
    for text in TEXTS:
        tokens = tokens_of(frontend.units(Piece(text, 0, len(text)), "en-us"))
        style = book.style(voice, len(tokens))
        acoustics = model.acoustics(tokens, style, 1.0, Cancel())
        total = total + model.moments(acoustics, style)[0] * acoustics.steps
        steps += acoustics.steps
    return total / np.float32(steps)


def write(measured: dict[str, Floats]) -> None:
    """Means and deviations as a middle and its strongest patterns, in half precision."""
    moments = np.stack(list(measured.values())).astype(np.float64)
    deviation = np.sqrt(np.maximum(moments[:, :, 1] - moments[:, :, 0] ** 2, 0))
    table = np.concatenate([moments[:, :, 0], deviation], axis=1)
    middle = table.mean(axis=0)
    u, s, v = np.linalg.svd(table - middle, full_matrices=False)
    rows, columns = u[:, :PATTERNS] * s[:PATTERNS], v[:PATTERNS].astype("<f2")
    np.savez_compressed(
        DATA,
        names=np.array(list(measured)),
        rows=rows.astype("<f4"),
        columns=columns,
        middle=middle.astype("<f2"),
    )
    left = np.linalg.norm(rows @ columns.astype(np.float64) + middle - table) / np.linalg.norm(table - middle)
    print(f"{len(measured)} voices, {DATA.stat().st_size / 1e6:.2f} MB, unexplained share {left:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
