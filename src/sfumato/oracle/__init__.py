"""Exact denoisers for known distributions: the truth that everything else is tested against.

Numbers, under Gaussian processes:

mixture             a mixture of normal distributions, also once part of it has been observed
mixture_denoiser    its posterior mean and its density

Tokens, under categorical processes:

chain               Markov chains of any order
hidden              hidden Markov models
sequence_mixture    mixtures of these, in classes
sequence_denoiser   the posterior of all of them
messages            the forward-backward recursion that they share
sequence            what a distribution of sequences must be able to do
"""

from sfumato.oracle.markov import HiddenMarkovModel, MarkovChain
from sfumato.oracle.mixture import GaussianMixture, MixtureDenoiser
from sfumato.oracle.sequence import Reading, SequenceDistribution, SequenceMixture
from sfumato.oracle.sequence_denoiser import SequenceDenoiser

__all__ = [
    "GaussianMixture",
    "HiddenMarkovModel",
    "MarkovChain",
    "MixtureDenoiser",
    "Reading",
    "SequenceDenoiser",
    "SequenceDistribution",
    "SequenceMixture",
]
