"""Progress a run: how near its samples are to real items, how varied, how new, and how sure."""
