"""Output files: what belongs to them, whether they can be written, and their names, which all get together.

An output is more than one path. SQLite applies a ``-wal`` to whatever file lies beside it, GDAL believes an
``.aux.xml``, a shapefile is six files. `FileSet` knows all of them.
"""

from landslide_cli.files.fileset import FileSet, refuse_unwritable, staged

__all__ = ["FileSet", "refuse_unwritable", "staged"]
