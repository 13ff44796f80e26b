"""What can be done with a run: one file for each verb."""
