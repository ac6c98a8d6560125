"""``python -m server``: prepares Troupe's own environment with any supported Python, then serves."""

import sys


def main():  # type: () -> int
    """Refuse a Python that cannot work in one sentence; this file must stay readable to an old one."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.stderr.write(
            f"Troupe needs Python 3.10, 3.11, 3.12 or 3.13, and this is {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}): "
            "install one from https://www.python.org/downloads/ and run the same command with it.\n"
        )
        return 1
    from server.bootstrap import main as bootstrap

    return bootstrap(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
