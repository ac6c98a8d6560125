"""A model on a device, speaking many sentences at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from server.engines.base import Cancel
from server.engines.kokoro_torch.batch import Batch, Spoken, Utterance, bucket, parts_within, rows_for
from server.engines.kokoro_torch.layers import SnakeBlock, StyleBlock
from server.engines.kokoro_torch.model import Kokoro, Plan
from server.engines.kokoro_torch.shape import RATE
from server.engines.torch_graphs import Graphs
from server.engines.torch_runtime import free_memory
from server.errors import Cancelled, SpeechError, SynthesisFailed

GRAPHED_ROWS = (1, 2, 4)
"""Larger batches keep the card busy by themselves."""
TOKEN_STEP, FRAME_STEP = 32, 64
GRAPHED_TOKENS = tuple(range(TOKEN_STEP, 4 * TOKEN_STEP + 1, TOKEN_STEP))
GRAPHED_FRAMES = tuple(range(FRAME_STEP, 6 * FRAME_STEP + 1, FRAME_STEP))
SECONDS_AT_ONCE = 40.0
"""Sound decoded in one go: enough to fill a large card, little enough that the first sentences of a big batch
are heard early and that memory stays small beside a language model."""


class Speaker:
    """Batches on a card; on a CPU, where padding costs and gains nothing, sentences one by one."""

    def __init__(
        self,
        model: Kokoro,
        device: torch.device,
        precision: torch.dtype,
        *,
        seconds_at_once: float = SECONDS_AT_ONCE,
        batches: bool | None = None,
    ) -> None:
        self.device = device
        self.shape = model.shape
        model.set_precision(precision)
        self._model = model.eval().requires_grad_(False).to(device)
        self._graphs = Graphs(device)
        self._batches = device.type != "cpu" if batches is None else batches
        self._most_frames = max(1, int(seconds_at_once * RATE / self.shape.frame))
        self._cancel: Cancel | None = None
        if device.type == "cpu":  # slow enough there that a cancel inside the sentence is worth having
            for module in model.modules():
                if isinstance(module, (SnakeBlock, StyleBlock)):
                    module.register_forward_pre_hook(lambda module, inputs: self._check_cancel())

    @torch.inference_mode()
    def warm(self, graphs: bool) -> Iterator[float]:
        """Run the shapes of short sentences, and record them as graphs if asked to; yields the share done."""
        record = graphs and self.device.type == "cuda"
        shapes = [
            (rows, size, frames)
            for rows in (GRAPHED_ROWS if record else GRAPHED_ROWS[:1])
            for size in (GRAPHED_TOKENS if record else GRAPHED_TOKENS[:1])
            for frames in (GRAPHED_FRAMES if record else GRAPHED_FRAMES[:1])
            if size <= frames <= 5 * size  # phonemes last one to five frames
        ]
        silence = np.zeros(2 * self.shape.style, np.float32)
        for done, (rows, size, frames) in enumerate(shapes):
            blank = Utterance((0,) * min(size, self.shape.context), silence)
            batch = Batch.of([blank], self.device, rows, len(blank.tokens))
            plan = self._plan(batch, record=record)
            self._decode((plan.durations, plan.encoded, plan.spoken, batch.styles), frames, record=record)
            yield (done + 1) / len(shapes)

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[tuple[int, Spoken | SpeechError]]:
        """(place in ``utterances``, its sound or why there is none), the shortest first."""
        order = sorted(range(len(utterances)), key=lambda place: len(utterances[place].tokens))
        waiting = [order] if self._batches else [[place] for place in order]
        while waiting:
            group = []
            for place in waiting.pop(0):
                if utterances[place].is_cancelled:
                    yield place, Cancelled("Stopped.")
                else:
                    group.append(place)
            done = 0
            try:
                for spoken in self._speak_group([utterances[place] for place in group]):
                    yield group[done], spoken
                    done += 1
            except Cancelled as error:
                yield group[done], error
            except torch.OutOfMemoryError as error:
                free_memory(self.device)
                rest = group[done:]
                if len(rest) > 1:
                    waiting[:0] = [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
                else:
                    yield rest[0], _out_of_memory(error)

    @torch.inference_mode()
    def _speak_group(self, utterances: Sequence[Utterance]) -> Iterator[Spoken]:
        if not utterances:
            return
        self._cancel = None if self._batches else utterances[0].cancel
        longest = max(len(utterance.tokens) for utterance in utterances)
        if self._batches:
            size = min(bucket(longest, TOKEN_STEP), self.shape.context)
            batch = Batch.of(utterances, self.device, rows_for(len(utterances)), size)
        else:
            batch = Batch.of(utterances, self.device, len(utterances), longest)
        plan = self._plan(batch)
        durations = plan.durations.cpu().numpy()
        lengths = [int(row.sum()) for row in durations[: len(utterances)]]
        for part in parts_within(lengths, self._most_frames):
            for row, sound in zip(part, self._sound(plan, batch, part, max(lengths[r] for r in part)), strict=False):
                samples = sound[: lengths[row] * self.shape.frame].copy()
                yield Spoken(samples, durations[row, : len(utterances[row].tokens)].copy())

    def _sound(self, plan: Plan, batch: Batch, part: list[int], frames: int) -> npt.NDArray[np.float32]:
        """The rows ``part`` of a plan as samples; spare rows may follow."""
        inputs: tuple[Tensor, ...] = (plan.durations, plan.encoded, plan.spoken, batch.styles)
        rows = rows_for(len(part)) if self._batches else len(part)
        if rows < len(batch.tokens):
            index = torch.tensor(part + part[:1] * (rows - len(part)), device=self.device)
            inputs = tuple(tensor[index] for tensor in inputs)
        # else the part is all utterances: it begins with row 0, and no row was left out
        sound = self._decode(inputs, bucket(frames, FRAME_STEP) if self._batches else frames)
        samples: npt.NDArray[np.float32] = sound.float().cpu().numpy()
        return samples

    def _plan(self, batch: Batch, *, record: bool = False) -> Plan:
        inputs = (batch.tokens, batch.lengths, batch.styles, batch.speeds)
        return Plan(*self._run(("plan", *batch.tokens.shape), self._plan_step, inputs, record))

    def _decode(self, inputs: tuple[Tensor, ...], frames: int, *, record: bool = False) -> Tensor:
        def step(durations: Tensor, encoded: Tensor, spoken: Tensor, styles: Tensor) -> tuple[Tensor]:
            return (self._model.speak(Plan(durations, encoded, spoken), styles, frames),)

        return self._run(("speak", *inputs[0].shape, frames), step, inputs, record)[0]

    def _plan_step(
        self, tokens: Tensor, lengths: Tensor, styles: Tensor, speeds: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        plan = self._model.plan(tokens, lengths, styles, speeds)
        return plan.durations, plan.encoded, plan.spoken

    def _run(
        self,
        key: tuple[object, ...],
        step: Callable[..., tuple[Tensor, ...]],
        inputs: tuple[Tensor, ...],
        record: bool,
    ) -> tuple[Tensor, ...]:
        if record:
            self._graphs.record(key, step, *inputs)
        return self._graphs.run(key, step, *inputs)

    def _check_cancel(self) -> None:
        if self._cancel is not None:
            self._cancel.check()


def _out_of_memory(cause: torch.OutOfMemoryError) -> SynthesisFailed:
    failure = SynthesisFailed("The graphics card is out of memory.", code="out_of_memory")
    failure.__cause__ = cause
    return failure
