"""``python3 -m tests [long] [pytest's arguments]``: installs what is missing, then runs the tests.

``python3 -m tests check`` runs the linters instead, ``python3 -m tests bench server`` a bench of ``tests/bench``,
``python3 -m tests gpu`` what only a graphics card can show.
"""

import sys
import time
from pathlib import Path


def main(argv: "list[str]") -> int:
    """Prepare an environment beside the server's own and run pytest in it."""
    from server.boot.errors import BootError

    started = time.monotonic()
    try:
        python = _prepare()
    except BootError as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1
    if argv[:1] == ["check"]:
        return _check(python)
    if argv[:1] == ["bench"]:
        return _bench(python, argv[1:])
    if argv[:1] == ["gpu"]:
        return _module(python, "tests.gpu", argv[1:])
    return _run(python, argv, time.monotonic() - started)


def _prepare() -> Path:
    from server import __version__
    from server.boot.home import Places, find_home
    from server.boot.install import Installer
    from server.boot.lists import RequirementsList, load_list, load_lists
    from server.boot.pip import PipFailed
    from server.boot.progress import Progress
    from server.boot.state import StateFile
    from server.boot.stop import never
    from tests.machine import install_node_packages

    own = Path(__file__).with_name("requirements")
    engines = ["piper", "kokoro-torch", "xtts", "coqui-vits", "rvc"]

    def lists(wanted: "list[str] | tuple[str, ...]") -> "list[RequirementsList]":
        ours = [load_list(path.stem, own) for path in sorted(own.glob("*.txt"))]
        named = load_lists([*wanted, *engines])
        # Its pin comes before the engines' range, which pip would begin with the newest of.
        pinned = [item for item in ours if item.build and any(other.build for other in named)]
        return [*pinned, *named, *(item for item in ours if not item.build)]

    places = Places(find_home())
    # Its state is nobody's business: this file is not the one that hosts read.
    state = StateFile(places.home / "tests" / "state.json", version=__version__, instance="")
    progress = Progress(state)
    installer = Installer(places, progress, never, lists, places.home / "tests" / "env")
    try:
        try:
            environment = installer.prepare()
        except PipFailed as error:
            progress.say(f"Without the engines on PyTorch, whose tests are skipped: {error}")
            engines = ["piper"]
            environment = installer.prepare()
    except KeyboardInterrupt:
        sys.exit("tests: stopped; the next run goes on from there.")
    if sorry := install_node_packages(places.home):
        progress.say(sorry)
    return environment.python


def _bench(python: Path, argv: "list[str]") -> int:
    benches = sorted(path.stem for path in Path(__file__).with_name("bench").glob("*.py") if path.stem != "__init__")
    if not argv or argv[0] not in benches:
        print(f"tests: name a bench: {', '.join(benches)}", file=sys.stderr)
        return 2
    return _module(python, f"tests.bench.{argv[0]}", argv[1:])


def _module(python: Path, name: str, argv: "list[str]") -> int:
    import os
    import subprocess

    from server.boot.launch import REPOSITORY, child_environment

    command = [str(python), "-m", name, *argv]
    return subprocess.run(command, cwd=REPOSITORY, env=child_environment(os.environ), check=False).returncode


def _check(python: Path) -> int:
    import os
    import subprocess

    from server.boot.launch import REPOSITORY, child_environment

    failed = []
    for name, command in {
        "ruff": ["-m", "ruff", "check", "."],
        "mypy": ["-m", "mypy"],
        "import-linter": ["-c", "from importlinter.cli import lint_imports_command as main; main()"],
    }.items():
        print(f"{name}:", flush=True)
        environ = child_environment(os.environ)
        if subprocess.run([str(python), *command], cwd=REPOSITORY, env=environ, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"tests: {', '.join(failed)} found something.", file=sys.stderr)
    return len(failed)


def _run(python: Path, argv: "list[str]", installation: float) -> int:
    import os
    import subprocess

    from server.boot.launch import REPOSITORY, child_environment

    long = argv[:1] == ["long"]
    command = [str(python), "-m", "pytest", "-p", "tests.minutes", f"--installation={installation:.1f}"]
    command += argv[1:] if long else ["-m", "not long", *argv]
    # Output goes straight through, so that pytest's summary is the last thing said.
    child = subprocess.Popen(command, cwd=REPOSITORY, env=child_environment(os.environ))
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # pytest got it too, and prints what it knows before it ends.
            continue


if __name__ == "__main__":
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit("The tests need Python 3.10, 3.11, 3.12 or 3.13.")
    sys.exit(main(sys.argv[1:]))
