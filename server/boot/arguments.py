"""The command line. Options not given are None or empty, so that files and variables can speak for them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = "py -m server" if sys.platform == "win32" else "python3 -m server"
"""How a person calls us."""
FETCH = "fetch"
"""What follows ``install`` inside the environment: no command for people, so they are not told of it."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Understand a command line; without a sub-command it means ``serve``."""
    arguments = _parser(FETCH in argv).parse_args(argv)
    arguments.command = arguments.command or "serve"
    # Going on inside the environment changes the folder.
    if arguments.command == "say":
        arguments.output = arguments.output.absolute()
    if arguments.command == "import-alltalk":
        arguments.folder = arguments.folder.expanduser().absolute()
    return arguments


def _parser(inside: bool) -> argparse.ArgumentParser:
    # A sub-command's own defaults would overwrite what was given before it, so it has none.
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Troupe: a speech server with one set of voices for every chat host and OpenAI client.",
        epilog="Without a command it serves. The first start installs what it needs into its own folder.",
        parents=[_shared(None), _serving(None)],
    )
    parser.set_defaults(host_name=[], allow_origin=[])
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    shared = _shared(argparse.SUPPRESS)
    commands.add_parser(
        "serve",
        help="serve (the default)",
        parents=[shared, _serving(argparse.SUPPRESS)],
        argument_default=argparse.SUPPRESS,
    )
    install = commands.add_parser("install", help="install an engine, an extra or a model", parents=[shared])
    install.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="an engine, or a model of the Coqui library (tts_models/en/vctk/vits); none: what a first start installs",
    )
    install.add_argument(
        "--pypi-torch",
        action="store_true",
        help="take PyTorch as PyPI has it, where the site of the build that fits this machine does not answer",
    )
    fetching = [install]
    if inside:
        fetch = commands.add_parser(FETCH, parents=[shared])
        fetch.add_argument("names", nargs="+")
        fetching.append(fetch)
    for command in fetching:
        command.add_argument(
            "--accept-licence",
            action="store_true",
            help="I have read and accept the licence of the models named, and with xtts that of XTTS v2",
        )
    say = commands.add_parser("say", help="speak a text into a file", parents=[shared])
    say.add_argument("text", metavar="TEXT")
    say.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="its suffix is the format"
    )
    say.add_argument("--voice", default="alloy", help="an OpenAI name, a voice of the engine or a blend")
    voices = commands.add_parser("voices", help="list the voices", parents=[shared])
    for command in (say, voices):
        command.add_argument("--engine", default=argparse.SUPPRESS, help="engine to speak with")
        command.add_argument("--device", default=argparse.SUPPRESS, help="auto, cpu, cuda, cuda:N or mps")
    moving = commands.add_parser(
        "import-alltalk", help="copy voices, models and choices from a folder of AllTalk TTS v2", parents=[shared]
    )
    moving.add_argument("folder", type=Path, metavar="FOLDER", help="AllTalk's folder; nothing in it is changed")
    moving.add_argument("--dry-run", action="store_true", help="only say what would be copied")
    moving.add_argument(
        "--yes", action="store_true", help="do not ask: everybody whose voice lies there agrees to be cloned"
    )
    commands.add_parser("doctor", help="what is installed, what is missing, what mends it", parents=[shared])
    uninstall = commands.add_parser("uninstall", help="remove what was installed", parents=[shared])
    uninstall.add_argument("--yes", action="store_true", help="do not ask")
    uninstall.add_argument(
        "--everything", action="store_true", help="voices, models and settings too: all that Troupe has made"
    )
    return parser


def _shared(missing: str | None) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, argument_default=missing)
    options.add_argument(
        "--home", metavar="FOLDER", help="where everything made at run time lies (TROUPE_HOME)"
    )
    options.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="how much is written to the log"
    )
    options.add_argument(
        "--this-python",
        action="store_true",
        help="use this very Python, which has everything already (containers, packagers)",
    )
    options.add_argument("--instance", help=argparse.SUPPRESS)
    return options


def _serving(missing: str | None) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, argument_default=missing)
    group = options.add_argument_group("serving")
    group.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    group.add_argument("--port", type=_port, help="port to listen on (default 7851)")
    group.add_argument("--engine", help="engine to speak with; installed first where it is not yet")
    group.add_argument("--device", help="auto, cpu, cuda, cuda:N or mps")
    group.add_argument("--listen", action="store_true", help="listen on the network; needs a key or --no-key")
    group.add_argument("--no-key", action="store_true", help="ask nobody for a key")
    group.add_argument(
        "--i-know-this-is-open", action="store_true", help="with --listen --no-key: anybody may use it"
    )
    group.add_argument(
        "--host-name", action="append", metavar="NAME", help="a name this server is reached by"
    )
    group.add_argument(
        "--allow-origin", action="append", metavar="ORIGIN", help="a web page that may call it"
    )
    group.add_argument("--host-owned", action="store_true", help="end when standard input is closed")
    return options


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a number from 0 (any free port) to 65535, found {text!r}")
    return int(text)
