"""``python -m landslide_cli`` is ``landslide``."""

from landslide_cli.cli import main

main()
