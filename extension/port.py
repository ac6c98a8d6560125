"""The port of the bundled server, read from the person's settings before any server runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

USUAL = 7851

_SERVER = re.compile(r"""(["']?)server\1\s*:""")
_PORT = re.compile(r"""(?:^|[{,\s])(["']?)port\1\s*:\s*(["']?)(\d+)\2\s*(?:$|[,}])""")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def configured_port(home: Path) -> int:
    """The port that the bundled server will use: environment, the person's settings, 7851."""
    chosen = os.environ.get("TROUPE_SERVER__PORT", "").strip()
    if not chosen:
        try:
            # What is no UTF-8 can only matter in a comment; about all else the server complains by itself.
            text = (home / "settings.yaml").read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            text = ""
        chosen = _port_in(text)
    return int(chosen) if chosen.isdecimal() and len(chosen) <= 5 and 0 < int(chosen) < 65536 else USUAL


def _port_in(text: str) -> str:
    """``server.port`` as written, else nothing.

    YAML is not in the standard library, and this is one value of it, as people write it: not a whole file in braces,
    not a number in another base. Once a server has run, ``state.json`` says where it is.
    """
    found, inside, indent = "", False, ""
    # Line by line: one expression for the whole file went wild on blank lines, and with it the host, as `re`
    # lets no other thread run meanwhile.
    for line in text.splitlines():
        line = _COMMENT.sub("", line).rstrip()
        if not line:
            continue
        if not line[0].isspace():
            section = _SERVER.match(line)
            inside, line, indent = section is not None, line[section.end() :] if section else "", ""
        elif inside:
            space = line[: len(line) - len(line.lstrip())]
            indent = indent or space
            if space != indent:
                continue  # the text of a value above it
        if inside and (port := _PORT.search(line)):
            found = port[3]  # of two the last counts, as in the server
    return found
