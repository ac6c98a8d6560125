"""``python -m tests.gpu [PART ...] [--cpu] [--quick]``: checks and measures, prints one table."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import platform
import sys
import time

from tests.gpu.table import Row, Skip, show

PARTS = ("kokoro", "xtts", "coqui", "rvc", "memory")


def main(argv: list[str]) -> int:
    """Run the parts; 1 if a target was missed or a part broke."""
    asked = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    asked.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    asked.add_argument("--cpu", action="store_true", help="without a card: to see that it runs; targets do not count")
    asked.add_argument("--quick", action="store_true", help="fewer rounds and small models")
    wanted = asked.parse_args(argv)
    unknown = [part for part in wanted.parts if part not in PARTS]
    if unknown:
        asked.error(f"there is no part {unknown[0]!r}; there is {', '.join(PARTS)}")
    if importlib.util.find_spec("torch") is None:
        print("tests.gpu: skipped, torch is not installed: python3 -m server install kokoro-torch rvc coqui-vits")
        return 0
    import torch

    if not wanted.cpu and not torch.cuda.is_available():
        print(f"tests.gpu: skipped, torch {torch.__version__} sees no card (--cpu runs without one)")
        return 0
    device = "cpu" if wanted.cpu else "cuda"
    name = platform.processor() or "CPU" if wanted.cpu else torch.cuda.get_device_name()
    rows = [Row("", "machine", f"{name}, torch {torch.__version__}")]
    broken = False
    for part in wanted.parts or PARTS:
        begin = time.perf_counter()
        try:
            for row in importlib.import_module(f"tests.gpu.{part}").run(device, wanted.quick):
                rows.append(row)
                print(f"{row.part}: {row.what}: {row.value}", flush=True)
        except Skip as word:
            rows.append(Row(part, "skipped", str(word)))
        except Exception as error:  # noqa: BLE001 - one part's failure is a row, the others still run
            broken = True
            rows.append(Row(part, "failed", f"{type(error).__name__}: {str(error)[:150]}", ok=False))
        rows.append(Row(part, "took", f"{time.perf_counter() - begin:.0f} s"))
    print("\n" + show(rows))
    return 1 if broken or (not wanted.cpu and any(row.ok is False for row in rows)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
