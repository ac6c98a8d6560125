"""``python -m server``: prepares Troupe's own environment with any supported Python, then serves."""

import sys


def main():  # type: () -> int
    """Refuse a Python that cannot work in one sentence; this file must stay readable to an old one."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        this = sys.version.split()[0] + " (" + sys.executable + ")"
        sys.stderr.write("Troupe needs Python 3.10, 3.11, 3.12 or 3.13, and this is " + this + ". ")
        sys.stderr.write("Install one from https://www.python.org and run the same command with it.\n")
        return 1
    try:
        from server.bootstrap import main as bootstrap

        return bootstrap(sys.argv[1:])
    except KeyboardInterrupt:
        # Where more is to be said or tidied it was caught before; this is mostly in the middle of an import.
        sys.stderr.write("Troupe: Stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
