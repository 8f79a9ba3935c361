"""A scene: its pixels, where they lie on the earth, and the part of it that is to be analysed."""
