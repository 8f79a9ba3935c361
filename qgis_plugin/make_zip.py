"""Writes the plugin as QGIS installs it (Plugins > Install from ZIP).

python qgis_plugin/make_zip.py dist/landslide_processing.zip
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "landslide_processing"


def main(out: str) -> None:
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(HERE.parent / "LICENSE", f"{PLUGIN.name}/LICENSE")
        for path in sorted(PLUGIN.iterdir()):
            if path.is_file():
                file.write(path, f"{PLUGIN.name}/{path.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
