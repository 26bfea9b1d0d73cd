"""The program ``okta-plan``, also as ``python -m pipeline``.

Help and version are answered before anything else is imported: the parser alone takes six times as long to
load as Python takes to start.
"""

import sys
from pathlib import Path

from pipeline import __version__

HELP = Path(__file__).with_name("help.txt")
"""What the parser answers to --help, kept fresh by tests/test_start_up.py."""


def main() -> None:
    """The console script."""
    match sys.argv[1:]:
        case ["--help"]:
            sys.stdout.write(HELP.read_text("utf-8"))
        case ["--version"]:
            sys.stdout.write(f"okta-plan {__version__}\n")
        case _:
            from pipeline import cli

            cli.main()


if __name__ == "__main__":
    main()
