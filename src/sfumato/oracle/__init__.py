"""Exact denoisers for known distributions: the truth that everything else is tested against.

mixture    a mixture of normal distributions, under Gaussian processes
chain      a Markov chain of tokens, under categorical processes
"""

from sfumato.oracle.chain import ChainDenoiser, MarkovChain
from sfumato.oracle.mixture import GaussianMixture, MixtureDenoiser

__all__ = ["ChainDenoiser", "GaussianMixture", "MarkovChain", "MixtureDenoiser"]
