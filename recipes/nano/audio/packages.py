"""Which Debian packages the sounds come from, and how much may be taken of each; nothing here is a benchmark."""

from dataclasses import dataclass
from typing import final

__all__ = ["PACKAGES", "SOUNDFONT", "Source"]

SOUNDFONT = "fluid-soundfont-gm"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One package; ``most_files`` bounds it, taken in the order of their hashes.

    ``licence`` is what its copyright file says where that file is not machine-readable.
    """

    name: str
    most_files: int = 250
    licence: str | None = None


PACKAGES = (
    # animals, nature, crafts and voices of strategy games and children's programs
    Source(name="0ad-data", most_files=900),
    Source(name="gcompris-qt-data", most_files=400),
    Source(name="sonic-pi-samples", most_files=400),
    Source(name="unknown-horizons", most_files=400),
    Source(name="widelands-data", most_files=500),
    Source(name="lincity-ng-data", most_files=300),
    Source(name="megaglest-data", most_files=500),
    Source(name="wesnoth-1.16-data", most_files=500, licence="GPL-2+"),
    Source(name="minetest-data"),
    Source(name="gamine-data"),
    Source(name="tuxmath-data"),
    Source(name="tuxtype-data", licence="GPL-2"),
    # engines, roads, rails, water and air
    Source(name="openttd-opensfx"),
    Source(name="simutrans-pak64"),
    Source(name="searchandrescue-data", licence="GPL"),
    Source(name="opencity-data"),
    Source(name="ri-li-data"),
    Source(name="xmoto-data"),
    Source(name="extremetuxracer-data"),
    # effects, weapons, machines
    Source(name="ufoai-sound", most_files=400),
    Source(name="scorched3d-data"),
    Source(name="openarena-data", most_files=300),
    Source(name="lugaru-data"),
    Source(name="bzflag-data"),
    Source(name="enigma-data", licence="GPL-2+"),
    Source(name="lordsawar-data"),
    Source(name="pingus-data", licence="GPL-2+"),
    Source(name="trackballs-data"),
    Source(name="frozen-bubble-data"),
    Source(name="pathological"),
    Source(name="powermanga-data"),
    Source(name="bucklespring-data", most_files=120),
    # desktop signals
    Source(name="sound-theme-freedesktop"),
    Source(name="sound-icons"),
    Source(name="oxygen-sounds"),
    Source(name="yaru-theme-sound"),
    Source(name="lomiri-sounds"),
    Source(name="deepin-sound-theme"),
    # speech and music
    Source(name="asterisk-core-sounds-en-g722", most_files=200),
    Source(name="asterisk-core-sounds-es-g722", most_files=100),
    Source(name="asterisk-core-sounds-fr-g722", most_files=100),
    Source(name="asterisk-core-sounds-it-wav", most_files=60),
    Source(name="asterisk-core-sounds-ru-wav", most_files=60),
    Source(name="klettres-data", most_files=200),
    Source(name="ktuberling-data", most_files=200),
    Source(name="asterisk-moh-opsound-g722", licence="CC-BY-SA-3.0"),
    Source(name="hydrogen-data"),
    Source(name="lmms-common"),
    # more games: creatures, voices, machines, music
    Source(name="hedgewars-data", most_files=400),
    Source(name="warzone2100-data", most_files=400),
    Source(name="freedroidrpg-data"),
    Source(name="supertux-data"),
    Source(name="trigger-rally-data"),
    Source(name="endless-sky-data"),
    Source(name="marsshooter-data"),
    Source(name="colobot-common-sounds"),
    Source(name="fillets-ng-data", licence="GPL-2+"),
    Source(name="singularity-music", licence="CC-BY-SA-3.0"),
    Source(name="btanks-data", most_files=500),
    Source(name="netpanzer-data", most_files=500),
    Source(name="dustracing2d-data", most_files=500),
    Source(name="stormbaancoureur-data", most_files=500, licence="GPL-3"),
    Source(name="openssn-data", most_files=500),
    Source(name="freedink-data", most_files=500, licence="GPL-3+, GPL-2, CC-BY-3.0"),
    Source(name="pachi-data", most_files=500, licence="GPL-2+"),
    Source(name="glob2-data", most_files=500, licence="GPL-3"),
    # everyday things: animals, people, household, town, sports
    Source(name="scratch", most_files=500),
    Source(name="minetest-mod-homedecor", most_files=500),
    Source(name="minetest-mod-mesecons", most_files=500),
    Source(name="minetest-mod-mobs-redo", most_files=500),
    Source(name="minetest-mod-nether", most_files=500),
    Source(name="minetest-mod-xdecor", most_files=500),
    Source(name="micropolis-data", most_files=500),
    Source(name="foobillardplus-data", most_files=500),
    Source(name="freetennis-common", most_files=500),
    Source(name="csmash-data", most_files=500, licence="GPL-2+"),
    Source(name="blobby-data", most_files=500),
    Source(name="workrave-data", most_files=500),
    Source(name="tuxfootball", most_files=500),
    Source(name="sugar-memorize-activity", most_files=500),
    Source(name="ksirk", most_files=500),
    Source(name="warmux-data", most_files=500, licence="GPL-2+"),
    Source(name="wordwarvi-sound", most_files=500),
    Source(name="hydrogen-drumkits-effects", most_files=500),
)
