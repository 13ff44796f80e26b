"""A trained model, ready for use: requests, samples, and how likely it finds items."""
