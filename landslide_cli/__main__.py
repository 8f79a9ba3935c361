"""``python -m landslide_cli`` is ``landslide``."""

from landslide_cli.cli import main

# Worker processes import this module again, under another name.
if __name__ == "__main__":
    main()
