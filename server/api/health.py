"""Is it there, can it speak, how is it doing; and leases, which keep a host's server running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from server.api.schemas import EngineBody, Json
from server.api.state import troupe_of
from server.engines.table import is_installed
from server.troupe import Troupe

router = APIRouter(tags=["Server"])

_BEAT = 10.0
"""Seconds between two bytes of an endless response, so that a dead connection is noticed."""


@router.get("/api/ready", response_class=PlainTextResponse)
async def ready(request: Request) -> str:
    """``Ready`` when a request would be spoken at once, else ``Unloaded``."""
    return "Ready" if troupe_of(request).registry.state == "ready" else "Unloaded"


@router.get("/health")
async def health(request: Request) -> Json:
    """Which server this is and what it is doing; whoever has no key learns neither engine nor detail."""
    found = troupe_of(request).health()
    return found if request.state.trusted else {**found, "engine": "", "device": "", "detail": ""}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus figures."""
    return Response(troupe_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/lease")
async def lease(request: Request) -> StreamingResponse:
    """Counts as a user while it is open: a server started by a host runs on until the last one is closed."""
    return StreamingResponse(_held(troupe_of(request)), media_type="text/plain")


async def _held(troupe: Troupe) -> AsyncIterator[bytes]:
    life = troupe.life
    with life.lease():
        yield b"held\n"
        while not life.stopping.is_set():
            try:
                await asyncio.wait_for(life.stopping.wait(), _BEAT)
            except asyncio.TimeoutError:
                yield b"held\n"


@router.get("/api/engine")
async def get_engine(request: Request) -> Json:
    """The current engine, those that are loaded beside it, and those one can switch to."""
    troupe = troupe_of(request)
    registry = troupe.registry
    engines = []
    for name in registry.names():
        capabilities, slot = registry.capabilities(name), registry.slot(name)
        engines.append(
            {
                "name": name,
                "title": capabilities.title,
                "description": capabilities.description,
                "installed": is_installed(capabilities),
                "current": name == registry.current,
                "beside": name in registry.beside,
                "state": slot.state if slot else "unloaded",
                "detail": slot.detail if slot else "",
                "device": slot.device if slot else "",
                "languages": list(capabilities.languages),
                "clones": capabilities.clones,
                "blends": capabilities.blends,
                "streams": capabilities.streams,
                "code_licence": capabilities.code_licence,
                "weights_licence": capabilities.weights_licence,
                "download_mb": capabilities.download_mb,
            }
        )
    return {
        "current": registry.current,
        "state": registry.state,
        "detail": registry.detail,
        "device": registry.device,
        "rvc": troupe.settings.now.rvc.enabled,
        "engines": engines,
    }


@router.put("/api/engine")
async def put_engine(body: EngineBody, request: Request) -> Json:
    """Switch; when the new engine cannot be loaded the old one goes on speaking."""
    troupe = troupe_of(request)
    await troupe.registry.load(body.engine.strip().lower())
    return {"current": troupe.registry.current, "state": troupe.registry.state}
