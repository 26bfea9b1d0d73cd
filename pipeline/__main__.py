"""``python -m pipeline`` is ``okta-plan``."""

from pipeline.cli import main

main()
