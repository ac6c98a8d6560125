"""``/api/recordings``: what the studio's player listens to. Recordings are begun on the studio's page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from server.api.schemas import Json
from server.api.state import troupe_of
from server.errors import NotFound

router = APIRouter(prefix="/api/recordings", include_in_schema=False)

_PRIVATE = {"Cache-Control": "private, no-store"}


@router.get("")
async def list_recordings(request: Request) -> Json:
    """The last ones, the latest first."""
    recent = troupe_of(request).recordings.recent()
    return {"recordings": [recording.to_json() for recording in recent]}


@router.get("/{recording_id}")
async def get_recording(recording_id: str, request: Request) -> Json:
    """How far it is."""
    return troupe_of(request).recordings.find(recording_id).to_json()


@router.get("/{recording_id}/audio")
async def listen(recording_id: str, request: Request) -> Response:
    """MP3 that goes on while it is made; a finished one is a file, so that ``Range`` is answered."""
    recordings = troupe_of(request).recordings
    recording = recordings.find(recording_id)
    if recording.state == "making":
        return StreamingResponse(recordings.listen(recording), media_type="audio/mpeg", headers=_PRIVATE)
    if not recording.listen_file.is_file():
        raise NotFound("Nothing was recorded, or it was pruned.", code="recording_not_found")
    return FileResponse(recording.listen_file, media_type="audio/mpeg", headers=_PRIVATE)


@router.get("/{recording_id}/file")
async def download(recording_id: str, request: Request) -> FileResponse:
    """The recording in the format that was asked for, to be saved."""
    recording = troupe_of(request).recordings.find(recording_id)
    if recording.state == "making" or not recording.file.is_file():
        raise NotFound("The file is not there (yet, or any more).", code="recording_not_found")
    return FileResponse(
        recording.file, media_type=recording.format.media_type, filename=recording.file.name, headers=_PRIVATE
    )


@router.delete("/{recording_id}")
async def stop(recording_id: str, request: Request) -> Json:
    """Stop inside the sentence; what was made stays."""
    recordings = troupe_of(request).recordings
    recording = recordings.find(recording_id)
    return {"stopped": await recordings.stop(recording.id)}
