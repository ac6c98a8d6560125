"""What runs inside the environment: the server, ``say`` and ``voices``, its clients, fetching models, moving in."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

_TIMEOUT = 600.0
"""Seconds without a byte: the first sentence waits for the model to load."""


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``serve``, ``say``, ``voices``, ``import-alltalk``, or fetch models and accept licences."""
    if arguments.command in ("fetch", "install"):
        return _fetch(arguments)
    if arguments.command == "import-alltalk":
        return _import_alltalk(arguments)
    if arguments.command == "say" and not arguments.output.parent.is_dir():
        folder, name = arguments.output.parent, arguments.output.name
        print(f"Troupe: there is no folder {folder} to write {name} into", file=sys.stderr)
        return 1
    from server.serve import running_server, serve

    if arguments.command == "serve":
        return serve(arguments)
    from server.errors import ConfigError

    try:
        # A server that already runs has the model loaded; else one is started for as long as this takes.
        with running_server(arguments) as (url, key):
            return _say(url, key, arguments) if arguments.command == "say" else _voices(url, key)
    except ConfigError as error:
        print(f"Troupe: {error.message}", file=sys.stderr)
    except urllib.error.HTTPError as error:
        print(f"Troupe: {_reason(error)}", file=sys.stderr)
    except OSError as error:
        print(f"Troupe: {error}", file=sys.stderr)
    return 1


def _fetch(arguments: argparse.Namespace) -> int:
    from server import __version__
    from server.boot.home import Places
    from server.boot.lists import WITH_LICENCE
    from server.boot.progress import Progress
    from server.boot.state import StateFile, new_instance
    from server.engines.coqui.fetch import fetch_model, wanted_for
    from server.engines.coqui.library import ENGINE
    from server.engines.coqui.xtts_files import LICENCE, LICENCE_URL, accept_licence
    from server.errors import SpeechError

    places = Places(Path(arguments.home))
    state = StateFile(places.state, version=__version__, instance=new_instance())
    state.claim()
    progress = Progress(state)
    try:
        for name in arguments.names:
            if name == WITH_LICENCE and arguments.accept_licence:
                accept_licence(places.models / name)
                progress.say(f"{name}: licence {LICENCE}, for non-commercial use only ({LICENCE_URL}): accepted")
                continue
            for model in wanted_for(name):
                progress.say(f"{model.name}: licence {model.licence}")
            fetch_model(name, places.models / ENGINE, progress.at, accepted=arguments.accept_licence)
            progress.say(f"{name}: there. Speak with it: --engine {ENGINE}")
    except SpeechError as error:
        progress.say(f"Troupe: {error.message}")
    except OSError as error:
        progress.say(f"Troupe: {error}")
    except KeyboardInterrupt:
        progress.say("Stopped. The same command goes on from there.")
    else:
        return 0
    finally:
        state.remove()
    return 1


def _import_alltalk(arguments: argparse.Namespace) -> int:
    from server.errors import SpeechError
    from server.migration.alltalk import MoveIn
    from server.migration.alltalk_folder import look

    try:
        source = look(arguments.folder)
        move = MoveIn(source, Path(arguments.home), print, dry_run=arguments.dry_run)
        left = move.run(lambda count: arguments.yes or _agreed(count))
    except SpeechError as error:
        print(f"Troupe: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from there.", file=sys.stderr)
        return 1
    things = f"{left} thing{'' if left == 1 else 's'} left"
    print(f"Nothing was copied: this was a dry run; {things}." if arguments.dry_run else f"Done, {things}.")
    return 0


def _agreed(count: int) -> bool:
    voices = "the voice of somebody" if count == 1 else f"{count} voices of people"
    print(f"The clips hold {voices}. Has everybody who speaks agreed to be cloned? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(url: str, key: str | None, arguments: argparse.Namespace) -> int:
    from server.audio.formats import FORMATS

    output: Path = arguments.output
    ending = output.suffix.lstrip(".").lower()
    if ending and ending not in FORMATS:
        endings = ", ".join(f".{name}" for name in FORMATS)
        print(f"Troupe: a file's ending is its format, and {output.suffix} is none: {endings}", file=sys.stderr)
        return 1
    wanted = {
        "model": "tts-1",
        "input": arguments.text,
        "voice": arguments.voice,
        "response_format": ending or "wav",
    }
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with _open(f"{url}/v1/audio/speech", key, wanted) as answer, unfinished.open("wb") as file:
            while block := answer.read(65536):
                file.write(block)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    print(output)
    return 0


def _voices(url: str, key: str | None) -> int:
    with _open(f"{url}/v1/audio/voices", key) as answer:
        voices = json.load(answer)["voices"]
    for voice in voices:
        print(f"{voice['id']:<24} {voice['name']:<24} {', '.join(voice['languages']):<12} {voice['gender']}")
    return 0


def _open(url: str, key: str | None, body: dict[str, Any] | None = None) -> HTTPResponse:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    # No proxy stands between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer = opener.open(request, timeout=_TIMEOUT)
    assert isinstance(answer, HTTPResponse)  # http URLs have no other
    return answer


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {error.code} {error.reason}"
