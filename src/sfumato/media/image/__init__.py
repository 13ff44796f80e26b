"""Images: files to arrays to tensors, and back."""

from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings

__all__ = ["ImageMedium", "ImageSettings"]
