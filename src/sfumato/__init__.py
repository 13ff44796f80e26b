"""Sfumato: diffusion models for images, text and audio."""
