"""Captions of drums and one-shots in plain words, from the names of folders, instruments and kits.

The words for a class of sounds agree with the class, so that a caption never contradicts it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "kick": "kick drum",
        "snare": "snare drum",
        "hihat": "hi-hat",
        "tom": "tom",
        "crash": "crash cymbal",
        "ride": "ride cymbal",
        "cymbal": "cymbal",
        "clap": "clap",
        "click": "click",
        "bell": "bell",
        "hand-drum": "hand drum",
        "shaker": "shaker",
        "metal": "metal hit",
        "voice": "voice",
        "noise": "noise",
        "beep": "beep",
        "stab": "stab",
        "effect": "sound effect",
        "found": "found sound",
        "other": "percussion",
    }
)

# What the folders of FoxDot hold, for files of the class that most of the folder has.
_FOLDERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "_/1": ("voice", "voice says one"),
        "_/2": ("voice", "voice says two"),
        "_/3": ("voice", "voice says three"),
        "_/4": ("voice", "voice says four"),
        "_/ampersand": ("metal", "chime"),
        "_/asterix": ("clap", "hand clap"),
        "_/at": ("noise", "game boy noise"),
        "_/backslash": ("effect", "laser"),
        "_/bar": ("metal", "hang drum"),
        "_/caret": ("kick", "low donk"),
        "_/colon": ("hihat", "hi-hat"),
        "_/equals": ("hihat", "open hi-hat"),
        "_/exclamation": ("voice", "voice shouts yeah"),
        "_/hash": ("cymbal", "crash cymbal"),
        "_/hyphen": ("hihat", "closed hi-hat"),
        "_/percent": ("noise", "noise burst"),
        "_/plus": ("click", "woodblock click"),
        "_/semicolon": ("found", "knock on furniture"),
        "_/tilde": ("cymbal", "ride cymbal"),
        "a/lower": ("hihat", "game boy hi-hat"),
        "a/upper": ("kick", "distorted kick drum"),
        "b/lower": ("beep", "noisy beep"),
        "b/upper": ("beep", "short saw beep"),
        "c/upper": ("voice", "choir voice"),
        "d/lower": ("click", "woodblock"),
        "d/upper": ("snare", "dirty snare drum"),
        "e/lower": ("metal", "electronic cowbell"),
        "e/upper": ("metal", "ringing percussion"),
        "f/lower": ("click", "pop"),
        "f/upper": ("stab", "trumpet stab"),
        "g/lower": ("stab", "ominous stab"),
        "g/upper": ("stab", "ambient stab"),
        "h/lower": ("clap", "finger snap"),
        "h/upper": ("clap", "hand clap"),
        "i/lower": ("snare", "jungle snare drum"),
        "i/upper": ("snare", "rock snare drum"),
        "j/lower": ("effect", "whine"),
        "j/upper": ("stab", "ambient stab"),
        "k/lower": ("shaker", "wood shaker"),
        "k/upper": ("click", "percussive click"),
        "l/lower": ("found", "percussive noise"),
        "l/upper": ("noise", "glitch noise"),
        "m/lower": ("tom", "electronic tom"),
        "m/upper": ("tom", "acoustic tom"),
        "n/lower": ("hihat", "closed hi-hat"),
        "n/upper": ("hihat", "open hi-hat"),
        "o/lower": ("snare", "snare drum"),
        "o/upper": ("snare", "heavy snare drum"),
        "p/lower": ("hand-drum", "tabla"),
        "p/upper": ("hand-drum", "long tabla"),
        "q/lower": ("stab", "ambient stab"),
        "q/upper": ("stab", "electronic stab"),
        "r/lower": ("metal", "metal hit"),
        "r/upper": ("metal", "metallic hit"),
        "s/lower": ("shaker", "shaker"),
        "s/upper": ("shaker", "tambourine"),
        "t/lower": ("click", "rimshot"),
        "t/upper": ("metal", "cowbell"),
        "u/lower": ("snare", "soft snare drum"),
        "v/lower": ("kick", "soft kick drum"),
        "v/upper": ("kick", "hard kick drum"),
        "w/lower": ("stab", "dub stab"),
        "w/upper": ("kick", "game boy kick drum"),
        "x/lower": ("kick", "kick drum"),
        "x/upper": ("kick", "heavy kick drum"),
        "y/lower": ("metal", "metal can"),
        "y/upper": ("beep", "high buzzing beep"),
        "z/lower": ("effect", "scratch"),
        "z/upper": ("stab", "loud stab"),
    }
)
# Files of a folder in which beatboxing imitates several classes.
_BEATBOX = "_/dollar"

_KITS: Mapping[str, str] = MappingProxyType(
    {
        "Audiophob": "mixed kit",
        "BJA_Pacific": "acoustic kit",
        "ColomboAcousticDrumkit": "acoustic kit",
        "ElectricEmpireKit": "electronic kit",
        "ForzeeStereo": "acoustic kit",
        "Gimme A Hand 1.0": "hand percussion",
        "HardElectro1": "electronic kit",
        "Millo-Drums_v.1": "acoustic kit",
        "Millo_MultiLayered2": "acoustic kit",
        "Millo_MultiLayered3": "acoustic kit",
        "The Black Pearl 1.0": "acoustic kit",
        "VariBreaks": "breakbeat kit",
        "circAfrique v4": "african percussion",
        "rumpf_kit_z01_h2": "analog kit",
    }
)

# Words for an instrument of a class, by the first pattern that its name contains.
_INSTRUMENTS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "hihat": (
            (r"semi-?open", "half-open hi-hat"),
            (r"closed|\bcl\b", "closed hi-hat"),
            (r"open|\bop\b|\bohh\b", "open hi-hat"),
            (r"pedal|\bpd\b", "pedal hi-hat"),
            (r"choke", "choked hi-hat"),
        ),
        "snare": (
            (r"rimshot", "snare drum rimshot"),
            (r"roll", "snare drum roll"),
            (r"jazz", "jazz snare drum"),
            (r"rock", "rock snare drum"),
            (r"dry", "dry snare drum"),
        ),
        "kick": (
            (r"dist", "distorted kick drum"),
            (r"hard|power", "hard kick drum"),
            (r"lite", "light kick drum"),
            (r"low", "low kick drum"),
        ),
        "tom": (
            (r"floor", "floor tom"),
            (r"hi(gh)?\b", "high tom"),
            (r"mid", "middle tom"),
            (r"low", "low tom"),
        ),
        "crash": ((r"china", "china cymbal"), (r"splash", "splash cymbal")),
        "ride": ((r"bell", "ride cymbal bell"), (r"jazz", "jazz ride cymbal")),
        "clap": ((r"finger", "finger snap"), (r"hand", "hand clap")),
        "click": (
            (r"stick", "stick click"),
            (r"rim", "rim click"),
            (r"clave", "claves"),
            (r"woodblock", "woodblock"),
        ),
        "bell": (
            (r"cowbell", "cowbell"),
            (r"agogo high", "high agogo bell"),
            (r"agogo low", "low agogo bell"),
            (r"waterglasshi", "high water glass"),
            (r"waterglasslo", "low water glass"),
        ),
        "hand-drum": (
            (r"bongo hi", "high bongo"),
            (r"bongo lo", "low bongo"),
            (r"cajon slap", "cajon slap"),
            (r"cajon", "cajon"),
            (r"conga", "conga"),
            (r"djembe\d* bass", "djembe bass"),
            (r"djembe\d* slap", "djembe slap"),
            (r"djembe\d* tone", "djembe tone"),
            (r"dununba", "dununba drum"),
            (r"kenkeni", "kenkeni drum"),
            (r"sangban", "sangban drum"),
        ),
        "shaker": ((r"tambourine", "tambourine"), (r"maraca", "maraca")),
        "other": ((r"whistle", "whistle"), (r"zap", "electronic zap"), (r"fx", "sound effect")),
    }
)


def one_shot_captions(name: str, label: str) -> tuple[str, ...]:
    """Captions of a sample of FoxDot.

    Args:
        name: Its folder and file, such as ``a/lower/gb_hihat 0.wav``.
        label: Its class.

    Returns:
        Words for the sound, and these with the words for the class if they do not contain its noun.
    """
    folder = name.rpartition("/")[0]
    kind = _CLASSES[label]
    if folder == _BEATBOX:
        return f"beatbox {kind}", f"{kind}, beatbox"
    of_folder, words = _FOLDERS.get(folder, ("", ""))
    return _variants(words if of_folder == label else kind, kind)


def drum_captions(instrument: str, label: str, kit: str) -> tuple[str, ...]:
    """Captions of a sample of a drum kit.

    Args:
        instrument: The name that the kit gives the instrument.
        label: Its class.
        kit: The name of the kit.

    Returns:
        Words for the instrument, these with the kind of kit, and with the words for the class.
    """
    plain = instrument.lower()
    kind = _CLASSES[label]
    patterns = _INSTRUMENTS.get(label, ())
    words = next((words for pattern, words in patterns if re.search(pattern, plain)), kind)
    return tuple(dict.fromkeys((words, f"{words}, {_KITS[kit]}", *_variants(words, kind))))


def _variants(words: str, kind: str) -> tuple[str, ...]:
    return (words,) if kind.split()[-1] in words else (words, f"{words}, {kind}")
