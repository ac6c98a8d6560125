#!/bin/sh
# Starts Troupe: finds a Python that works and runs "python -m server" with it. Arguments are passed on.
cd "$(dirname "$0")" || exit 1

for python in python3.12 python3.11 python3.13 python3.10 python3 python; do
    if command -v "$python" >/dev/null 2>&1 &&
        "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
        [ -t 0 ] || exec "$python" -m server "$@"
        # A window opened by a double-click would close with the message in it.
        "$python" -m server "$@" && exit 0
        status=$?
        printf "Press Enter to close. "
        read -r _
        exit $status
    fi
done

echo "Troupe needs Python 3.10, 3.11, 3.12 or 3.13, and found none." >&2
echo "Install one from https://www.python.org/downloads/ (Debian, Ubuntu: sudo apt install python3 python3-venv)." >&2
if [ -t 0 ]; then
    printf "Press Enter to close. "
    read -r _
fi
exit 1
