"""A stop while a client still takes what is made already, as fast as it is heard."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from server.api.policy import GatePolicy
from server.api.security import Gate
from server.graceful import Server
from server.life import Life
from tests.running import wait_for

pytestmark = pytest.mark.api

SOUND = b"\x07" * 120_000


def _with_small_buffers() -> tuple[socket.socket, socket.socket]:
    """A listening socket and a client's, between which little is under way."""
    listening, client = socket.socket(), socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening, client


def test_a_client_that_is_slow_gets_all_that_was_made() -> None:
    life = Life(host_owned=False)
    made = threading.Event()

    async def no_narrations() -> None:
        return None

    app = FastAPI()
    app.state.troupe = SimpleNamespace(life=life, narrations=SimpleNamespace(close=no_narrations), settings=None)
    app.add_middleware(Gate, policy=GatePolicy(), requests=life.requests)

    @app.get("/sound")
    async def sound() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(SOUND), 1000):
                yield SOUND[start : start + 1000]
            made.set()

        return StreamingResponse(chunks())

    listening, client = _with_small_buffers()
    server = Server(app, drain_seconds=60)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    with listening, client:
        client.connect(listening.getsockname())
        client.sendall(b"GET /sound HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while not made.is_set():
            got += client.recv(3000)
        wait_for(lambda: not life.requests)
        server.should_exit = True
        wait_for(life.stopping.is_set)
        assert got.count(SOUND[:1]) < len(SOUND), "there is something left to take"
        while data := _after_a_while(client):
            got += data
    thread.join(30)
    assert got.endswith(b"0\r\n\r\n")
    assert got.count(SOUND[:1]) == len(SOUND)
    assert not thread.is_alive()


def _after_a_while(client: socket.socket) -> bytes:
    threading.Event().wait(0.15)  # it plays
    return client.recv(3000)
