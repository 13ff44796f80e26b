"""How likely a trained model finds files, each by itself, and which it finds least likely."""
