"""Images: files to arrays to tensors, and back."""
