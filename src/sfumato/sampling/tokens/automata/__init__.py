"""Sets of texts as finite automata: regular expressions, lists of words, and their UTF-8."""

from sfumato.sampling.tokens.automata.automaton import Automaton as Automaton
from sfumato.sampling.tokens.automata.automaton import of_words as of_words
from sfumato.sampling.tokens.automata.pattern import of_pattern as of_pattern
