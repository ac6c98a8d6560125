"""What a worker has been asked to do, in order: jobs to speak, and short tasks between them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from server.engines.base import Engine, Job

Task = Callable[[Engine], None]


class Inbox:
    """Filled by the thread that reads messages, emptied by the one that owns the model."""

    def __init__(self) -> None:
        self._waiting: deque[Job | Task] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Job | Task) -> None:
        """Append; what comes after ``close`` is nobody's."""
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()

    def close(self) -> None:
        """No more will come; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Job | Task | None:
        """The next of either kind; None once closed and empty. TimeoutError after ``timeout`` seconds of nothing."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting or self._closed, timeout):
                raise TimeoutError
            return self._waiting.popleft() if self._waiting else None

    def jobs(self, most: int, engine: Engine) -> list[Job]:
        """Up to ``most`` jobs that wait. Tasks in front of them are done on the way: a batch may never end."""
        found: list[Job] = []
        while True:
            with self._changed:
                if not self._waiting or (isinstance(self._waiting[0], Job) and len(found) >= most):
                    return found
                item = self._waiting.popleft()
            if isinstance(item, Job):
                found.append(item)
            else:
                item(engine)
