"""Backbones: networks that know nothing of diffusion.

Every backbone is an ``nn.Module`` with ``forward(x, level, label=None)``: x of shape
(B, C, *sides), the noise level (B,) as a feature of order 1 and labels (B,) to an output
(B, C_out, *sides), which is zero before training.

``specs`` describes them as data and imports torch only to build one.
"""
