"""Where XTTS speaks: on its device, with fewer sentences at once when that is full, then on the CPU if allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from server.engines.coqui.batch import Item, SpeakingBatch
from server.engines.coqui.shared import ModelFolder
from server.engines.coqui.xtts_model import XttsModel
from server.engines.torch_runtime import free_memory
from server.engines.weights import Report
from server.errors import NotFound, SynthesisFailed, Unavailable


class Placement:
    """One loaded model of those in ``folders``: each takes a gigabyte or two."""

    def __init__(
        self,
        folders: Mapping[str, ModelFolder],
        device: torch.device,
        precision: torch.dtype,
        *,
        slots: int,
        graphs: bool,
        cpu_fallback: bool,
        report: Report,
    ) -> None:
        self._folders = folders
        self._device, self._precision = device, precision
        self._slots, self._graphs, self._report = slots, graphs, report
        self._cpu_fallback = cpu_fallback and device.type != "cpu"
        self.name = ""
        """Of the model that is loaded."""
        self._batch: SpeakingBatch | None = None
        self._spare: SpeakingBatch | None = None
        """The same model on the CPU; loaded when first needed."""
        self._is_full = False
        """The device had no room for all that was being said."""

    @property
    def model(self) -> XttsModel:
        """The one that is loaded."""
        if self._batch is None:
            raise Unavailable("XTTS is not loaded.")
        return self._batch.model

    def switch(self, name: str) -> None:
        """Have ``name`` loaded, when nothing is being said; NotFound where there is no such model."""
        if self.name == name and self._batch is not None:
            return
        if name not in self._folders:
            raise NotFound(f"There is no XTTS model {name!r}.", param="voice")
        # The name of the one before stays until there is another, so that clones find back to a model that works.
        self._batch = self._spare = None
        free_memory(self._device)
        self._report(f"Loading {name}", None)
        self._batch, self.name = SpeakingBatch(self._made(name)), name

    def batch_for(self, name: str) -> SpeakingBatch | None:
        """Where a voice of the model ``name`` can join now; None while it has to wait for others to end."""
        if name != self.name or self._batch is None:
            if any(len(batch) for batch in self._batches()):
                return None
            self.switch(name)
        batch = self._batch
        assert batch is not None
        if self._is_full:
            if len(batch):
                return None
            if batch.model.slots == 1:
                spare = self._on_cpu()
                self._is_full = spare.free == 0
                return spare if spare.free else None
            batch.model.shrink()
            self._is_full = False
        try:
            batch.model.decoder()  # made again after a rest, perhaps with less room: only now is it known how much
        except torch.OutOfMemoryError:
            if not self._cpu_fallback:
                raise
            batch = self._on_cpu()
        return batch if batch.free else None

    def _made(self, name: str) -> XttsModel:
        """On the device, else on the CPU where that is allowed."""
        folder, at_once, report = self._folders[name], self._slots, self._report
        try:
            return XttsModel(folder, self._device, self._precision, slots=at_once, graphs=self._graphs, report=report)
        except torch.OutOfMemoryError:
            if not self._cpu_fallback:
                raise
        free_memory(self._device)
        self._report(f"Loading {name} on the CPU: the graphics card has no room", None)
        return XttsModel(folder, torch.device("cpu"), torch.float32, slots=at_once, report=report)

    def makes_room(self, item: Item) -> bool:
        """Whether ``item`` says that the device is full, and its text may be tried again: smaller, or elsewhere."""
        if not isinstance(item, SynthesisFailed) or item.code != "out_of_memory":
            return False
        self._is_full = self.model.slots > 1 or self._cpu_fallback
        return self._is_full

    def round(self) -> Iterator[tuple[int, Item]]:
        """Go on with everything; see ``SpeakingBatch.round``."""
        for batch in self._batches():
            if len(batch):
                yield from batch.round()

    def clear(self) -> None:
        """Everybody stops."""
        for batch in self._batches():
            batch.clear()

    def rest(self) -> None:
        """Leave the device until somebody speaks again."""
        self._spare = None
        if self._batch is not None:
            self._batch.model.rest()

    def _on_cpu(self) -> SpeakingBatch:
        if self._spare is None:
            self._report(f"Loading {self.name} on the CPU", None)
            self._spare = SpeakingBatch(
                XttsModel(self._folders[self.name], torch.device("cpu"), torch.float32, slots=1, report=self._report)
            )
        return self._spare

    def _batches(self) -> list[SpeakingBatch]:
        return [batch for batch in (self._batch, self._spare) if batch is not None]
