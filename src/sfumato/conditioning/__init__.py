"""Conditions as parts of a recipe: what a model learns of an item besides its content."""
