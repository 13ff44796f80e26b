"""Fifth floor: whole runs. A run is a directory, and these are the verbs on it.

The files of a run are the truth; everything here can be told from them again.
"""
