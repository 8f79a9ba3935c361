"""The networks by name: mathematics alone, no files and no pixels of scenes."""
