"""torchaudio beside any build of torch.

Its compiled parts load only beside the build of torch they were made for, and fail the whole import beside
another. Coqui needs none of them: resampling and mel spectra are plain torch.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

_COMPILED = "torchaudio._extension"


def import_torchaudio() -> ModuleType:
    """The module, without its compiled parts where these do not load."""
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stand_in = ModuleType(_COMPILED)
        stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = stand_in._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
        stand_in.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
        sys.modules[_COMPILED] = stand_in
        return importlib.import_module("torchaudio")
