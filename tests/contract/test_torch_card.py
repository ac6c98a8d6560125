"""Engines on torch and the graphics card: broken, unusable, without recording, of another generation."""

from __future__ import annotations

from typing import Any

import pytest

from server.errors import SynthesisFailed, Unavailable
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from server.engines.torch_graphs import Graphs  # noqa: E402
from server.engines.torch_runtime import model_errors, open_device, runs_on  # noqa: E402

pytestmark = pytest.mark.contract


def test_a_broken_card_asks_for_a_new_process() -> None:
    with pytest.raises(SynthesisFailed) as caught, model_errors("Kokoro"):
        raise RuntimeError("CUDA error: device-side assert triggered")
    assert caught.value.code == "restart_worker"
    with pytest.raises(SynthesisFailed, match="shapes") as caught, model_errors("Kokoro"):
        raise RuntimeError("shapes do not fit")
    assert caught.value.code == "synthesis_failed"
    with pytest.raises(SynthesisFailed) as caught, model_errors("Kokoro"):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert caught.value.code == "out_of_memory"


def test_a_card_that_torch_cannot_use_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine's card works")
    with pytest.raises(Unavailable, match="doctor"):
        open_device("cuda")


def test_what_cannot_be_recorded_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = Graphs(torch.device("cpu"))
    graphs._pool = (0, 1)  # as on a card

    def refuse() -> Any:
        raise RuntimeError("CUDA graphs want a newer driver (as torch would say)")

    monkeypatch.setattr(torch.cuda, "Stream", refuse)
    one = torch.ones(1)
    for _ in range(2):
        graphs.record("key", lambda x: (x + 1,), one)
        assert graphs.run("key", lambda x: (x + 1,), one)[0].item() == 2
    assert len(graphs) == 0


@pytest.mark.parametrize(
    ("capability", "architectures", "fits"),
    [
        ((8, 6), ["sm_75", "sm_80", "sm_90"], True),  # the 8.0 code runs on 8.6
        ((8, 9), ["sm_75", "sm_86"], True),
        ((6, 1), ["sm_75", "sm_80"], False),  # Pascal under a build for Turing and up
        ((12, 0), ["sm_80", "sm_90"], False),  # Blackwell under a build that ends with Hopper
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 1), ["sm_100", "sm_120"], True),
        ((9, 0), ["sm_90a"], True),
    ],
)
def test_a_build_is_held_against_the_card(capability: tuple[int, int], architectures: list[str], fits: bool) -> None:
    assert runs_on(capability, architectures) is fits
