"""From any Python to a running server: understand the command, have an environment, go on inside it."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from server import __version__
from server.boot.arguments import COMMAND, parse
from server.boot.environment import Environment
from server.boot.errors import BootError, Stopped
from server.boot.hardware import nvidia_cards
from server.boot.home import Places, find_home
from server.boot.install import Installer
from server.boot.launch import go_on_inside
from server.boot.lists import DEFAULT, FOR_MODELS, WITH_LICENCE, has_list, load_list, load_lists, names
from server.boot.port import TAKEN, answers, port_to_be, probe, runs_already, taken, url_at
from server.boot.progress import Progress
from server.boot.state import StateFile, new_instance
from server.boot.stop import never, polite_kill_is_ctrl_c, when_host_leaves
from server.boot.torch_build import for_this_machine


def main(argv: Sequence[str]) -> int:
    """Run one command line to its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A console's code page may lack a letter of a voice's name; a question mark is better than no word at all.
        sys.stdout.reconfigure(errors="replace")
    arguments = parse(argv)
    if arguments.version:
        print(__version__)
        return 0
    arguments.home = str(find_home(arguments.home))
    places = Places(Path(arguments.home))
    if places.home.exists() and not places.home.is_dir():
        print(f"Troupe: {places.home} is a file. --home and TROUPE_HOME name a folder.", file=sys.stderr)
        return 1
    try:
        match arguments.command:
            case "doctor":
                from server.boot.doctor import doctor

                return doctor(places)
            case "uninstall":
                from server.boot.uninstall import uninstall

                return uninstall(places, ask=not arguments.yes, everything=arguments.everything)
            case "install":
                return _install(arguments, places)
            case _:
                return _run(arguments, places, argv)
    except BootError as error:
        print(f"Troupe: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Troupe: {error.strerror or error}: {error.filename or places.home}", file=sys.stderr)
    return 1


def _run(arguments: argparse.Namespace, places: Places, argv: Sequence[str]) -> int:
    """Whatever wants the environment, going there first where we are not in it yet."""
    if arguments.this_python or _is_prepared(arguments):
        return _inside(arguments, places)
    state = StateFile(places.state, version=__version__, instance=new_instance())
    serving = arguments.command == "serve"
    if serving and state.claim():
        state.update("starting", "Looking for what is installed")
    wanted = _lists_for(arguments)
    if serving and not Installer(places, Progress(state), never).is_ready(wanted):
        status = _port_in_vain(arguments, places, state)
        if status is not None:
            return status
    first = not any(places.environments.glob("*/troupe.json"))
    environment = _prepare(places, state, wanted, arguments)
    if first:
        _offer_gpu()
    if serving and state.claim():
        state.update("starting", "Starting the server", 0.0)
    # Paths again, absolute: the folder changes on the way, and of two the last one counts.
    again = ["--home", arguments.home, "--instance", state.instance]
    if arguments.command == "say":
        again += ["--output", str(arguments.output)]
    if arguments.command == "import-alltalk":
        argv = [word for option, word in ((arguments.dry_run, "--dry-run"), (arguments.yes, "--yes")) if option]
        argv = [arguments.command, str(arguments.folder), *argv]
    return go_on_inside(environment, [*argv, *again])


def _port_in_vain(arguments: argparse.Namespace, places: Places, state: StateFile) -> int | None:
    """The exit status where the port is taken, so that nothing is installed for a start that must fail."""
    port = port_to_be(arguments, places.home)
    host = arguments.host or os.environ.get("TROUPE_SERVER__HOST") or "127.0.0.1"
    if not port or not answers(host, port):
        return None
    found = probe(host, port)
    if found is not None:
        state.remove()
        return runs_already(url_at(host, port), found, arguments)
    message = f"{taken(host, port)}. Nothing was installed."
    state.update("failed", message)
    print(f"Troupe: {message}", file=sys.stderr)
    return TAKEN


def _inside(arguments: argparse.Namespace, places: Places) -> int:
    if arguments.instance is None:
        arguments.instance = new_instance()
        state = StateFile(places.state, version=__version__, instance=arguments.instance)
        if arguments.command == "serve" and state.claim():
            # By what is written the server knows the claim for its own.
            state.update("starting", "Starting the server", 0.0)
    from server.cli import run

    return run(arguments)


def _install(arguments: argparse.Namespace, places: Places) -> int:
    models = [name for name in arguments.names if "/" in name]
    wanted = [name for name in arguments.names if name not in models]
    accepted = ["--accept-licence"] if arguments.accept_licence else []
    follows = [name for name in arguments.names if name in models or (accepted and name == WITH_LICENCE)]
    if accepted and not follows:
        raise BootError(f"--accept-licence is for models, and for {WITH_LICENCE}, which has one of its own.")
    if arguments.this_python:
        _check_models_only(models, wanted)
        return _inside(arguments, places)
    wanted += [FOR_MODELS] if models else []
    lists = load_lists(wanted)
    state = StateFile(places.state, version=__version__, instance=new_instance())
    state.claim()
    environment = _prepare(places, state, wanted, arguments)
    state.remove()
    print(f"{', '.join(item.title for item in lists) or 'Everything'}: installed in {environment.path}")
    if follows:
        # The library's list and all that reads it are in the environment only.
        return go_on_inside(environment, ["fetch", *follows, *accepted, "--home", arguments.home])
    return 0


def _check_models_only(models: Sequence[str], others: Sequence[str]) -> None:
    """A Python of the user's own is not changed by us."""
    if models and not others:
        return
    names = ", ".join(others or DEFAULT)
    lists = " ".join(f"-r server/requirements/{item.name}.txt" for item in load_lists(others or DEFAULT))
    raise BootError(
        f"Only models can be installed with --this-python, not {names}. Leave it out, or run there: pip install {lists}"
    )


def _prepare(
    places: Places, state: StateFile, wanted: Sequence[str], arguments: argparse.Namespace
) -> Environment:
    polite_kill_is_ctrl_c()
    stop = when_host_leaves if getattr(arguments, "host_owned", False) else never
    try:
        pypi = getattr(arguments, "pypi_torch", False)
        return Installer(places, Progress(state), stop, pypi_torch=pypi).prepare(wanted)
    except KeyboardInterrupt:
        state.update("failed", "The installation was stopped; the next start goes on from there.")
        raise Stopped("Stopped. The next start goes on from there.") from None
    except (BootError, OSError) as error:
        state.update("failed", str(error))
        raise


def _lists_for(arguments: argparse.Namespace) -> list[str]:
    engine = arguments.engine
    return [engine] if engine and has_list(engine) else []


def _is_prepared(arguments: argparse.Namespace) -> bool:
    here = Environment(Path(sys.prefix))
    return here.was_made() and not here.missing(load_lists([*DEFAULT, *_lists_for(arguments)]))


def _offer_gpu() -> None:
    """The first start stays on the CPU; who has a card learns what the faster engine costs."""
    offers = [item.name for item in map(load_list, names()) if item.offer == "nvidia"]
    cards = nvidia_cards() if offers else []
    there = {item.name for item in load_lists(DEFAULT)}
    for name in offers if cards else ():
        size = sum(item.size for item in for_this_machine(load_lists([name])) if item.name not in there)
        print(f"This machine has a graphics card ({cards[0]}). To speak on it:", file=sys.stderr)
        print(f"  {COMMAND} install {name}    ({size:.0f} MB to download)", file=sys.stderr)
