"""What every engine on torch does alike: its card, its memory ceiling, its errors.

Imports torch, so engines import it in ``load``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from server.errors import RESTART, SynthesisFailed, Unavailable


def open_device(name: str, memory_gb: float = 0.0) -> torch.device:
    """The device, with at most ``memory_gb`` of a card for this process (0: no ceiling)."""
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise Unavailable(
                f"This torch ({torch.__version__}) cannot use the graphics card:"
                " `python3 -m server doctor` says why.",
                code="device_not_usable",
            )
        _check_build(device)
        if memory_gb > 0:
            total = torch.cuda.get_device_properties(device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, memory_gb * 2**30 / total), device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise Unavailable(
            f"This torch ({torch.__version__}) cannot use Apple's GPU.", code="device_not_usable"
        )
    return device


def _check_build(device: torch.device) -> None:
    """A build that has no kernels for the card loads, and fails with the first sentence: say so before."""
    if torch.version.hip or runs_on(torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()):
        return
    raise Unavailable(
        f"This torch ({torch.__version__}) is not built for the {torch.cuda.get_device_name(device)}:"
        " `python3 -m server install torch` brings one that is.",
        code="device_not_usable",
    )


def runs_on(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether code for ``architectures`` (``sm_86``, ``compute_90``) runs on a card of this compute capability.

    Machine code runs on the same major version from its own minor version on; ``compute`` is compiled when loaded, on
    anything newer (CUDA programming guide, binary and PTX compatibility).
    """
    for name in architectures:
        kind, _, digits = name.partition("_")
        number = "".join(filter(str.isdigit, digits))
        made_for = (int(number[:-1]), int(number[-1]))
        if made_for <= capability and (kind == "compute" or made_for[0] == capability[0]):
            return True
    return False


def memory_in_use(device: torch.device) -> Mapping[str, int]:
    """Bytes that torch holds on the card, and the most it has held."""
    if device.type == "cuda":
        return {
            "cuda": torch.cuda.memory_reserved(device),
            "cuda_peak": torch.cuda.max_memory_reserved(device),
        }
    if device.type == "mps":
        return {"mps": torch.mps.driver_allocated_memory()}
    return {}


def free_memory(device: torch.device) -> None:
    """Give unused blocks back to the card, for whoever shares it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


@contextmanager
def model_errors(title: str) -> Iterator[None]:
    """Translate torch's failures: out of memory is said plainly, a broken card asks for a new process."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SynthesisFailed(
            f"{title} ran out of memory on the graphics card. Free some, or lower the engine's load.",
            code="out_of_memory",
        ) from error
    except RuntimeError as error:
        if is_sticky(error):
            raise SynthesisFailed(
                f"The graphics card failed while {title} was speaking.", code=RESTART
            ) from error
        raise SynthesisFailed(f"{title} failed: {error}") from error


def is_sticky(error: RuntimeError) -> bool:
    """Whether every later call in this process will fail too: torch offers no better sign than the words."""
    kind = getattr(torch, "AcceleratorError", ())
    return isinstance(error, kind) or str(error).startswith(("CUDA error", "CUDNN_STATUS", "cuDNN error"))
