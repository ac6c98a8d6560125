"""``/docs``: every route with its fields and examples, made from the OpenAPI description, from this server alone."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = Path(__file__).with_name("reference.html")


@router.get("/docs", response_class=HTMLResponse)
async def reference() -> str:
    """The page; it reads ``/openapi.json`` and contacts nobody else."""
    return _PAGE.read_text(encoding="utf-8")
