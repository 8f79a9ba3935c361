"""What a GeoPackage at the place of an output holds, and who holds it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# The tables that an inventory has; demo scenes and merged inventories have some of them.
OURS = frozenset({"landslides", "analysed", "footprints", "runs", "changes", "points", "layer_styles"})
# Tables of the format (and of SQLite, and QGIS's undo) that hold no layer.
SYSTEM = ("gpkg_", "rtree_", "sqlite_", "ogr_empty_table")
MARK = "LANDSLIDE_VERSION"


def foreign_layers(path: Path) -> list[str]:
    """The tables of a GeoPackage that landslide didn't write; all of them, if it wrote none.

    Tables count, not registered layers: QGIS keeps its projects in one. Ask `is_held` first, which brings what a log
    holds into the file.
    """
    try:
        # A mere reader would leave a new log beside a file that was last written with one.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as file:
            tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            layers = [name for name in tables if not name.lower().startswith(SYSTEM)]
            marked = "gpkg_metadata" in tables and file.execute(
                "SELECT count(*) FROM gpkg_metadata WHERE metadata LIKE ?", (f"%{MARK}%",)
            ).fetchone() != (0,)
    except sqlite3.DatabaseError:
        return []  # No GeoPackage, or one that nobody can read any more.
    return sorted(name for name in layers if not marked or name not in OURS)


def is_held(path: Path) -> bool:
    """Whether another program has a GeoPackage open so that replacing it would spoil it.

    A program that has it open with a write-ahead log, as QGIS has, keeps a lock for as long. A log that a program
    left when it was killed is brought into the file, as whoever opens the file next does.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as file:
            file.execute("PRAGMA locking_mode = EXCLUSIVE")
            file.execute("BEGIN EXCLUSIVE")
            file.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    except sqlite3.DatabaseError:
        pass
    return False
