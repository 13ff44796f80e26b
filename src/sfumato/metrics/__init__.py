"""First floor: measures of data, strangers to how it was made."""
