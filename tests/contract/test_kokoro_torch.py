"""Kokoro on torch: a batch is its singles, the source and the spectra are right, nothing grows or leaks."""

from __future__ import annotations

import gc
import math
import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import Cancel, EngineContext, Job, SynthesisOptions
from server.engines.kokoro.utterance import Unit, unit
from server.engines.kokoro_torch.engine import KokoroTorch
from server.errors import Cancelled, InvalidRequest, SpeechError, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from server.engines.kokoro_torch import weights as weights_module  # noqa: E402
from server.engines.kokoro_torch.batch import Spoken, Utterance, bucket, parts_within  # noqa: E402
from server.engines.kokoro_torch.layers import MaskedLSTM, mask_of  # noqa: E402
from server.engines.kokoro_torch.model import Kokoro  # noqa: E402
from server.engines.kokoro_torch.shape import RATE, Shape  # noqa: E402
from server.engines.kokoro_torch.source import HarmonicSource, Spectrum  # noqa: E402
from server.engines.kokoro_torch.speaker import Speaker  # noqa: E402
from server.engines.torch_graphs import Graphs  # noqa: E402
from server.engines.torch_runtime import model_errors, open_device, runs_on  # noqa: E402

pytestmark = pytest.mark.contract

SMALL = Shape(
    hidden=16, style=8, layers=1, bert_embedding=8, bert_hidden=16, bert_inner=16, bert_heads=2, bert_layers=2,
    decoder=16, decoder_out=16, residual=4, block_kernels=(3, 5), dilations=(1, 3),
)  # fmt: skip


def small_model(seed: int = 0) -> Kokoro:
    """A random model whose phonemes last one to some ten frames."""
    torch.manual_seed(seed)
    model = Kokoro(SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.predictor.duration_proj.linear_layer.bias.fill_(-2.5)
        model.predictor.F0_proj.bias.fill_(150.0)
        for module in model.modules():
            if isinstance(module, MaskedLSTM):
                for name in ("weight_ih_l0", "weight_ih_l0_reverse"):
                    column = getattr(module, name)[:, -1]
                    column.zero_()
                    column[: module.hidden_size] = -1e4
    return model


def speaker(**options: Any) -> Speaker:
    return Speaker(small_model(), torch.device("cpu"), torch.float32, **options)


def sentence(length: int, seed: int = 0, **more: Any) -> Utterance:
    random = np.random.default_rng(1000 * length + seed)
    tokens = (0, *random.integers(1, SMALL.tokens, length - 2).tolist(), 0)
    return Utterance(tokens, random.normal(size=2 * SMALL.style).astype(np.float32), **more)


def sounds(items: Iterator[tuple[int, Spoken | SpeechError]]) -> dict[int, Spoken]:
    found = {}
    for place, item in items:
        assert isinstance(item, Spoken)
        found[place] = item
    return found


def test_a_batch_gives_what_single_runs_give() -> None:
    """Within 40 dB: rounding differs by shape, and the phase of a silent bin is anybody's guess."""
    sentences = [sentence(n, speed=1 + n / 100) for n in (5, 40, 17, 3, 26)]
    together = sounds(speaker(batches=True).speak(sentences))
    alone = speaker(batches=False)
    for place, utterance in enumerate(sentences):
        single = sounds(alone.speak([utterance]))[0]
        assert together[place].durations.tolist() == single.durations.tolist()
        assert len(single.samples) == single.durations.sum() * SMALL.frame
        error = together[place].samples - single.samples
        assert np.square(error).mean() < 1e-4 * np.square(single.samples).mean()


def test_the_same_sentence_is_the_same_sound_every_time() -> None:
    first, second = (sounds(speaker().speak([sentence(20)]))[0] for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_large_batches_are_decoded_in_parts_and_all_arrive() -> None:
    sentences = [sentence(n % 30 + 3, n) for n in range(40)]
    whole = sounds(speaker(batches=True).speak(sentences))
    parts = sounds(speaker(batches=True, seconds_at_once=3).speak(sentences))
    assert sorted(parts) == list(range(40))
    for place, spoken in whole.items():
        assert len(spoken.samples) == len(parts[place].samples)


def test_too_little_memory_makes_smaller_batches_then_an_honest_error() -> None:
    small = speaker(batches=True)
    plan = small._model.plan
    seen = []

    def tight(tokens: torch.Tensor, *rest: torch.Tensor) -> Any:
        seen.append(len(tokens))
        if len(tokens) > 2 or tokens.shape[1] > 64:
            raise torch.OutOfMemoryError("CUDA out of memory (as the card would say)")
        return plan(tokens, *rest)

    small._model.plan = tight  # type: ignore[method-assign]
    items = dict(small.speak([sentence(n) for n in (5, 6, 7, 8, 100)]))
    assert seen[0] == 8
    assert all(isinstance(items[place], Spoken) for place in range(4))
    failure = items[4]
    assert isinstance(failure, SynthesisFailed)
    assert failure.code == "out_of_memory"


def test_a_cancel_stops_inside_the_sentence() -> None:
    cancel = Cancel()
    one_by_one = speaker()
    calls = []

    def cancel_soon(module: Any, inputs: Any) -> None:
        calls.append(module)
        if len(calls) == 3:
            threading.Thread(target=cancel.set).run()

    for block in one_by_one._model.decoder.decode:
        block.register_forward_pre_hook(cancel_soon)
    items = dict(one_by_one.speak([sentence(30, cancel=cancel), sentence(5)]))
    assert isinstance(items[0], Cancelled)
    assert isinstance(items[1], Spoken)
    assert len(calls) < 8, "the decoder ran on after the cancel"


def test_an_utterance_cancelled_before_it_begins_is_left_out() -> None:
    cancel = Cancel()
    cancel.set()
    items = dict(speaker(batches=True).speak([sentence(9, cancel=cancel), sentence(12)]))
    assert isinstance(items[0], Cancelled)
    assert isinstance(items[1], Spoken)


def test_a_thousand_mixed_requests_leave_no_memory_behind() -> None:
    talker = speaker(batches=True)
    grown = []
    for round_number in range(10):
        for group in range(25):
            lengths = [3 + (round_number * 7 + group * 11 + i * 13) % 16 for i in range(4)]
            assert len(sounds(talker.speak([sentence(n) for n in lengths]))) == 4
        gc.collect()
        alive = sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())
        grown.append((alive, resident_bytes()))
    assert grown[-1][0] == grown[2][0], "tensors are kept"
    assert grown[-1][1] - grown[2][1] < 30e6, "the process grows"


def resident_bytes() -> int:
    """What the process holds, where the system says so cheaply; 0 elsewhere."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


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


@pytest.mark.parametrize(("size", "step", "expected"), [(1, 32, 32), (33, 32, 64), (512, 32, 512), (1030, 64, 1152)])
def test_buckets(size: int, step: int, expected: int) -> None:
    assert bucket(size, step) == expected


def test_parts_stay_within_the_limit_where_they_can() -> None:
    assert list(parts_within([1, 2, 3, 4], 6)) == [[0, 1], [2], [3]]
    assert list(parts_within([9], 6)) == [[0]]


class Payload:
    """What a hostile checkpoint does when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_hostile_checkpoint_does_nothing_and_is_named(tmp_path: Path) -> None:
    hostile = tmp_path / weights_module.CHECKPOINT
    torch.save({part: Payload(tmp_path / "ran") for part in weights_module.PARTS}, hostile)
    with pytest.raises(SynthesisFailed, match=weights_module.CHECKPOINT) as caught:
        weights_module.read_checkpoint(hostile)
    assert caught.value.code == "bad_weights"
    assert not (tmp_path / "ran").exists()
    hostile.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(SynthesisFailed):
        weights_module.read_checkpoint(hostile)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_with_weight_norms_reads_as_the_folded_model(tmp_path: Path) -> None:
    folded = dict(small_model().state_dict())
    published: dict[str, dict[str, torch.Tensor]] = {part: {} for part in weights_module.PARTS}
    for name, tensor in folded.items():
        part, _, rest = name.partition(".")
        if "conv1.weight" in name:
            length = tensor.norm(dim=(1, 2), keepdim=True)
            published[part][f"module.{rest}_g"] = length
            published[part][f"module.{rest}_v"] = tensor * 3
        else:
            published[part][f"module.{rest}"] = tensor
    published["bert"]["module.pooler.weight"] = torch.zeros(1)
    path = tmp_path / weights_module.CHECKPOINT
    torch.save(published, path)
    read = weights_module.read_checkpoint(path)
    assert set(read) == set(folded)
    for name, tensor in folded.items():
        torch.testing.assert_close(read[name], tensor)


def test_kept_weights_are_used_again_only_for_the_same_origin(tmp_path: Path) -> None:
    path = tmp_path / weights_module.TURNED
    weights_module._write_turned(path, {"a": torch.ones(2)}, "int8")
    kept = weights_module._read_turned(path, "int8")
    assert kept is not None
    assert kept["a"].tolist() == [1.0, 1.0]
    assert weights_module._read_turned(path, "kokoro-v1_0.pth 5") is None
    path.write_bytes(b"rubbish")
    assert weights_module._read_turned(path, "int8") is None


def test_a_checkpoint_of_another_model_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({part: {"module.a": torch.ones(1)} for part in weights_module.PARTS}, tmp_path / "kokoro-v1_0.pth")
    with pytest.raises(SynthesisFailed, match=r"kokoro-v1_0\.pth does not fit"):
        weights_module.load_weights(tmp_path, lambda: tmp_path / "unused", lambda detail: None)


class Letters:
    """A front end that says letters as they are written."""

    def units(self, piece: Piece, language: str) -> list[Unit]:
        words, at = [], 0
        for word in piece.text.split():
            begin = piece.text.index(word, at)
            at = begin + len(word)
            words.append(unit(word + " ", begin, at))
        return words


class Styles:
    """One vector for everybody."""

    def style(self, voice: Voice, phonemes: int) -> np.ndarray:
        return np.full((1, 2 * SMALL.style), 0.3, np.float32)


@pytest.fixture
def engine() -> KokoroTorch:
    made = KokoroTorch(EngineContext())
    made._frontend, made._book = Letters(), Styles()  # type: ignore[assignment]
    made._speaker = speaker(batches=True)
    return made


def job(number: int, text: str) -> Job:
    voice = Voice("af_heart", "kokoro-torch", "Heart", languages=("en-us",))
    return Job(number, Piece(text, 0, len(text)), voice, SynthesisOptions())


def test_the_engine_speaks_several_requests_together(engine: KokoroTorch) -> None:
    long = "abcdefghi " * 60  # more than the model takes at once
    items = list(engine.synthesize_batch([job(1, "hello there"), job(2, long), job(3, ""), job(4, "yes")]))
    ends = [number for number, item in items if item is None]
    assert sorted(ends) == [1, 2, 3, 4]
    chunks = {number: [item for n, item in items if n == number and isinstance(item, AudioChunk)] for number in ends}
    assert [len(chunks[number]) for number in (1, 2, 3, 4)] == [1, 2, 0, 1]
    assert [word.text_start for word in chunks[1][0].words] == [0, 6]
    said = [word.text_start for chunk in chunks[2] for word in chunk.words]
    assert said == sorted(said), "the parts of one piece come in order"
    alone = list(engine.synthesize(job(0, "yes").piece, job(0, "yes").voice, SynthesisOptions()))
    assert len(alone) == 1
    assert len(alone[0].samples) == len(chunks[4][0].samples)


def test_one_bad_request_does_not_spoil_the_others(engine: KokoroTorch) -> None:
    bad = replace(job(1, "hello"), options=SynthesisOptions(language="xx"))
    items = list(engine.synthesize_batch([bad, job(2, "there")]))
    assert isinstance(items[0][1], InvalidRequest)
    assert isinstance(items[1][1], AudioChunk)
    assert items[2] == (2, None)


def test_what_does_not_fit_the_card_is_spoken_on_the_cpu_if_that_is_allowed(engine: KokoroTorch) -> None:
    assert engine._speaker is not None

    def full(*inputs: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory (as the card would say)")

    engine._speaker._model.plan = full  # type: ignore[method-assign]
    ((number, failure),) = engine.synthesize_batch([job(1, "hello")])
    assert number == 1
    assert isinstance(failure, SynthesisFailed)
    assert failure.code == "out_of_memory"
    engine._spare = speaker()
    items = list(engine.synthesize_batch([job(1, "hello"), job(2, "there")]))
    assert [number for number, item in items if item is None] == [1, 2]


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
