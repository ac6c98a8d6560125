"""What a person does and hears in the real web UI, run by hand; prints one line for each thing looked at.

    python tests/host/tgwui/scenarios.py --tgwui CHECKOUT --out FOLDER [NAME ...]

The speech server is the stub beside the tests, unless ``--server URL`` names a running one.
See README.md for what has to be installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the stub beside the tests
from scenes import Scenes
from scenes_block import block, conversion
from scenes_chat import buttons, modes, touch, twins, typing
from scenes_server import absent, bundled, killed, live
from scenes_surroundings import clients, folders, neighbours
from web_ui import CHROME, free

SCENARIOS: dict[str, Callable[[Scenes], None]] = {
    function.__name__: function
    for function in (
        *(typing, buttons, twins, modes, folders, killed),
        *(absent, neighbours, touch, block, conversion, clients),
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tgwui", required=True, help="a checkout of the web UI")
    parser.add_argument("--out", default="results")
    parser.add_argument("--port", type=int, default=8210, help="of the host")
    parser.add_argument("--server", help="a running server; the scenario 'live' measures it")
    parser.add_argument("names", nargs="*", help=", ".join([*SCENARIOS, "live", "bundled"]))
    options = parser.parse_args()
    if not free(options.port):
        parser.error(f"port {options.port} is in use")
    Path(options.out).mkdir(parents=True, exist_ok=True)
    os.environ.pop("TROUPE_HOME", None)
    known = {**SCENARIOS, "live": live, "bundled": bundled}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*CHROME, "--autoplay-policy=document-user-activation-required"],
        )
        scenes = Scenes(options, browser)
        for name in options.names or (["live"] if options.server else list(SCENARIOS)):
            scenes.name = name
            try:
                known[name](scenes)
            except Exception:  # noqa: BLE001 - the next scenario is worth running
                scenes.check(f"ran to its end\n{traceback.format_exc()}", False)
            for context in browser.contexts:
                context.close()
        browser.close()
    scenes.say(f"{scenes.failures} failures")
    return 1 if scenes.failures else 0


if __name__ == "__main__":
    sys.exit(main())
