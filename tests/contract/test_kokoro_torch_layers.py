"""Kokoro on torch, its parts: padding is not heard, the source and the spectra are right."""

from __future__ import annotations

import math

import pytest

from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from server.engines.kokoro_torch.layers import MaskedLSTM, mask_of  # noqa: E402
from server.engines.kokoro_torch.shape import RATE  # noqa: E402
from server.engines.kokoro_torch.source import HarmonicSource, Spectrum  # noqa: E402
from tests.contract.kokoro_small import SMALL  # noqa: E402

pytestmark = pytest.mark.contract


def test_padding_never_reaches_the_backward_direction() -> None:
    torch.manual_seed(0)
    lstm = MaskedLSTM(6, 4)
    plain = torch.nn.LSTM(6, 4, batch_first=True, bidirectional=True)
    lstm.load_state_dict(plain.state_dict())
    x = torch.randn(1, 6, 9)
    mask = mask_of(torch.tensor([5]), 9, torch.float32)
    expected = plain(x[:, :, :5].transpose(1, 2))[0].transpose(1, 2)
    out = lstm(x, mask)
    torch.testing.assert_close(out[:, :, :5], expected)
    assert not out[:, :, 5:].any()


def test_the_source_is_a_tone_at_the_pitch() -> None:
    torch.manual_seed(0)
    source = HarmonicSource(SMALL)
    with torch.no_grad():
        source.l_linear.weight.fill_(0)
        source.l_linear.weight[0, 0] = 1.0
        source.l_linear.bias.fill_(0)
    pitch = torch.full((1, 160), 200.0)
    samples = source(pitch, torch.ones(1, 160))[0].detach()
    assert len(samples) == 160 * SMALL.half_frame
    spectrum = torch.fft.rfft(samples).abs()
    assert int(spectrum.argmax()) * RATE / len(samples) == pytest.approx(200.0, abs=1.0)
    unvoiced = source(torch.zeros(1, 160), torch.ones(1, 160))[0].detach()
    assert unvoiced.std() == pytest.approx(0.1 / 3, rel=0.1)


def test_spectra_are_torchs_own_at_every_length_of_a_batch() -> None:
    torch.manual_seed(0)
    spectrum = Spectrum(SMALL)
    lengths = torch.tensor([600, 300])
    sound = torch.randn(2, 600)
    sound[1, 300:] = 0
    parts = spectrum(sound, lengths)
    window = torch.hann_window(SMALL.window)
    for row, length in enumerate(lengths.tolist()):
        frames = length // SMALL.hop + 1
        own = sound[row, :length]
        reference = torch.stft(own, SMALL.window, SMALL.hop, window=window, return_complex=True)
        magnitude, phase = parts[row, :, :frames].chunk(2)
        torch.testing.assert_close(magnitude, reference.abs(), atol=1e-4, rtol=1e-4)
        turned = torch.polar(magnitude, phase)
        torch.testing.assert_close(turned, reference, atol=1e-4, rtol=1e-4)
        mask = mask_of(lengths[row : row + 1] // SMALL.hop + 1, frames, torch.float32)
        back = spectrum.inverse(magnitude[None], phase[None], mask)
        torch.testing.assert_close(back[0], own, atol=1e-4, rtol=1e-4)


def test_a_real_outermost_bin_has_phase_pi_not_minus_pi() -> None:
    phases = Spectrum(SMALL)(-torch.ones(1, 300), torch.tensor([300]))[0, SMALL.window // 2 + 1]
    assert phases.min() == pytest.approx(math.pi)
