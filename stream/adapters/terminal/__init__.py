"""What people see in a terminal. Colour only repeats what a glyph and a word say; the sentences are the monitor's."""
