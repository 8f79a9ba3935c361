"""Writes the plugin as QGIS installs it (Plugins > Install from ZIP).

python qgis_plugin/make_zip.py dist/landslide_processing.zip

For the plugin repository of QGIS, with the address that answers and the public place of the code:

python qgis_plugin/make_zip.py dist/landslide_processing.zip --email me@example.org --repository https://example.org/x
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "landslide_processing"
METADATA = "metadata.txt"


def main(out: Path, email: str | None, repository: str | None) -> None:
    """Write the zip: the plugin's folder, with the licence in it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    public = [f"email={email}"] if email else []
    if repository:
        place = repository.rstrip("/")
        public += [f"homepage={place}", f"repository={place}", f"tracker={place}/issues"]
    metadata = (PLUGIN / METADATA).read_text(encoding="utf-8")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(HERE.parent / "LICENSE", f"{PLUGIN.name}/LICENSE")
        file.writestr(f"{PLUGIN.name}/{METADATA}", "\n".join([metadata.rstrip(), *public, ""]))
        for path in sorted(PLUGIN.iterdir()):
            if path.is_file() and path.name != METADATA:
                file.write(path, f"{PLUGIN.name}/{path.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--email")
    parser.add_argument("--repository")
    main(**vars(parser.parse_args()))
