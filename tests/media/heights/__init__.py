"""A medium of one's own: maps of height, moisture and warmth in ``.npy`` files."""
