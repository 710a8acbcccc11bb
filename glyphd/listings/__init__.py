"""Questions to the archive: which listings, in which order, which page, written how."""
