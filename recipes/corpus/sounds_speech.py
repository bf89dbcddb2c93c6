"""The words of spoken recordings, where the file's name is what is said; kept apart from what the sound is like."""

import re

from recipes.corpus.sounds import name_words

__all__ = ["transcript"]

_SAYS_ITS_NAME = (
    (re.compile(r"trigger-rally-data"), re.compile(r"/codriver/|sounds/codriver")),
    (re.compile(r"sound-theme-freedesktop"), re.compile(r"audio-channel-")),
    (re.compile(r"openarena-data"), re.compile(r"sound/voices/")),
    (
        re.compile(r"hedgewars-data"),
        re.compile(r"voices/(British|Classic|Default|HillBilly|Mobster|Pirate|Robot|Surfer)/"),
    ),
    (re.compile(r"asterisk-core-sounds-en-.*"), re.compile(r"/digits/(?:[a-z]{3,})\.")),
)
_RUN_TOGETHER = {
    "bugger": "", "byebye": "bye bye", "comeonthen": "come on then", "cutitout": "cut it out",
    "enemydown": "enemy down",
    "firepunch": "", "firstblood": "first blood", "flyaway": "fly away", "gonnagetyou": "gonna get you", "hmm": "",
    "illgetyou": "I'll get you", "justyouwait": "just you wait", "laugh": "", "leavemealone": "leave me alone",
    "nooo": "no", "ohdear": "oh dear", "ooff": "", "ouch": "ouch", "ow": "", "poisoncough": "", "runaway": "run away",
    "sameteam": "same team", "solong": "so long", "takecover": "take cover", "thisoneismine": "this one is mine",
    "uh oh": "uh oh", "watchit": "watch it", "watchthis": "watch this", "whatthe": "what the", "yessir": "yes sir",
    "youllregretthat": "you'll regret that", "jump": "", "melon": "melon", "dont": "don't", "poisonmoan": "",
}  # fmt: skip
_CHANNEL = "audio channel "


def transcript(package: str, path: str) -> str:
    """What is said in the recording, or an empty text where its name does not tell."""
    if not any(whose.fullmatch(package) and where.search(path) for whose, where in _SAYS_ITS_NAME):
        return ""
    words = name_words(path).removeprefix(_CHANNEL)
    if words in _RUN_TOGETHER:
        return _RUN_TOGETHER[words]
    if package == "openarena-data":  # its names run words together in too many ways
        return words if words in {"yes", "no", "negative", "affirmative", "okay", "ok"} else ""
    return re.sub(r"\bdont\b", "don't", words)
