"""Makes server/data/kokoro_voices.npz out of the voice files of the npm package kokoro-js 1.2.1.

    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz
    python tools/make_kokoro_voices.py package/voices

A voice is a table of 510 styles of 256 numbers, one for each length in phonemes. Every table is of rank 8 or
less, so it is stored as two factors in half precision: 54 voices in 0.6 MB. Prints the worst error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

LENGTHS, WIDTH, RANK = 510, 256, 8
TARGET = Path(__file__).parent.parent / "server" / "data" / "kokoro_voices.npz"


def main(folder: Path) -> None:
    """Factor every voice and write them all."""
    arrays, worst = {}, 0.0
    for path in sorted(folder.glob("*.bin")):
        table = np.fromfile(path, dtype="<f4").reshape(LENGTHS, WIDTH).astype(np.float64)
        u, s, v = np.linalg.svd(table, full_matrices=False)
        root = np.sqrt(s[:RANK])  # both factors of one size, so that half precision serves both
        rows, columns = (u[:, :RANK] * root).astype("<f2"), (root[:, None] * v[:RANK]).astype("<f2")
        made = rows.astype(np.float32) @ columns.astype(np.float32)
        worst = max(worst, float(np.linalg.norm(made - table) / np.linalg.norm(table)))
        arrays[f"{path.stem}.rows"], arrays[f"{path.stem}.columns"] = rows, columns
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, **arrays)  # type: ignore[arg-type]  # numpy's stub wants the flag named too
    print(
        f"{len(arrays) // 2} voices, {TARGET.stat().st_size / 1e6:.2f} MB, worst relative error {worst:.1e}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
