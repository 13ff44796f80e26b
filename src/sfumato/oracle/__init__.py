"""Exact denoisers of known distributions, the ground truth of the tests.

::

    mixture             mixtures of normal distributions, and their exact denoiser
    sequence            the interface of a distribution of sequences of tokens; mixtures of them
    markov              Markov chains of any order, and hidden Markov models
    accepted            such models given that a finite automaton accepts the sequence
    sequence_denoiser   the exact denoiser of distributions of sequences
    messages            the forward-backward recursion
    components          weighted components of a mixture that belong to classes
"""

from sfumato.oracle.accepted import AcceptedSequences
from sfumato.oracle.markov import HiddenMarkovModel, MarkovChain
from sfumato.oracle.mixture import GaussianMixture, MixtureDenoiser
from sfumato.oracle.sequence import SequenceDistribution, SequenceMixture, SequencePosterior
from sfumato.oracle.sequence_denoiser import SequenceDenoiser

__all__ = [
    "AcceptedSequences",
    "GaussianMixture",
    "HiddenMarkovModel",
    "MarkovChain",
    "MixtureDenoiser",
    "SequenceDenoiser",
    "SequenceDistribution",
    "SequenceMixture",
    "SequencePosterior",
]
