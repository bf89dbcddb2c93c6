"""Which packages the pictures come from; nothing here is a benchmark, and nothing comes from tuxpaint.

Debian packages are taken in the version that the release has; npm packages in the version written here.
"""

from recipes.corpus.artwork import Artwork
from recipes.corpus.emoji import IconSet

__all__ = ["ARTWORK", "CLIPART", "FURNITURE", "ICON_SETS", "NPM_VERSIONS", "OPENMOJI", "WORDNET"]

CLIPART = ("openclipart-png", "openclipart-svg")
FURNITURE = "sweethome3d-furniture"
OPENMOJI = "openmoji"
WORDNET = "wordnet-base"

_GCOMPRIS = (
    r"words_sample/[a-z_]+\.webp$|explore_\w+_animals/resource/animals/([a-z_]+)\.webp$|"
    r"erase/resource/([a-z_]+)\.webp$|memory/resource/\d+_([a-z]+)\.svg$|"
    r"(babymatch/resource/images|instruments/resource|explore_world_music/resource)/([a-z_]+)\.(svg|webp)$|"
    r"categorization/resource/images/(fishes|tools|monuments|renewable|others)/([a-zA-Z_]+)\.(svg|webp)$|"
    r"explore_monuments/resource/\w+/([a-zA-Z_]+)\.webp$"
)
_WALLPAPER = r"/(backgrounds|wallpapers)/.*\.(jpg|jpeg|png|webp)$"
_THEME_FOLDERS = r"(devices|places|categories|emotes|emblems|apps|status)"

ARTWORK = (
    # words to learn, with pictures of them
    Artwork(package="gcompris-qt-data", pattern=_GCOMPRIS, curated=True),
    Artwork(
        package="pysiogame",
        pattern=r"/art4apps/(?P<hint>[a-z_]+)/(?P<title>[a-z_]+)\.jpg$",
        licence="GPL-3+",
        curated=True,
    ),
    Artwork(
        package="scratch",
        pattern=r"/Media/(Costumes|Backgrounds)/(?P<hint>Animals|Fantasy|People|Things|Transportation|Indoors|Nature|"
        r"Outdoors|Sports)/(?P<title>[A-Za-z -]+)[0-9a-z-]*\.(png|gif|jpg)$",
    ),
    # game art with descriptive names
    Artwork(
        package="wesnoth-1.16-data",
        pattern=r"/images/(items|attacks|scenery)/(?P<title>[a-z-]+)\.png$",
        licence="GPL-2+",
    ),
    Artwork(package="endless-sky-data", pattern=r"/images/land/(?P<title>[a-z ]+)\d*(-[a-z]+)?\.(jpg|png)$"),
    # photographs
    Artwork(package="python3-skimage", pattern=r"/skimage/data/(?P<title>[a-z_]+)\.(png|jpg)$", licence="BSD-3-Clause"),
    Artwork(package="mate-backgrounds", pattern=_WALLPAPER),
    Artwork(package="lomiri-wallpapers-16.04", pattern=_WALLPAPER, licence="CC-BY-4.0 and CC-BY-SA-4.0, by file"),
    Artwork(package="lomiri-wallpapers-20.04", pattern=_WALLPAPER, licence="CC-BY-4.0 and CC-BY-SA-4.0, by file"),
    # icon themes in colour
    Artwork(package="oxygen-icon-theme", pattern=rf"/base/128x128/{_THEME_FOLDERS}/(?P<title>[a-z-]+)\.png$"),
    Artwork(
        package="tango-icon-theme",
        pattern=rf"/scalable/{_THEME_FOLDERS}/(?P<title>[a-z-]+)\.svg$",
        licence="public domain",
    ),
)

ICON_SETS = (
    IconSet(package="@iconify-json/noto"),
    IconSet(package="@iconify-json/twemoji"),
    IconSet(package="@iconify-json/fluent-emoji-flat"),
    IconSet(package="@iconify-json/emojione"),
    IconSet(package="@iconify-json/fxemoji"),
    IconSet(package="@iconify-json/streamline-emojis", endings=r"-\d+$"),
    IconSet(package="@iconify-json/streamline-kameleon-color", skipped="-duo$"),
    IconSet(package="@iconify-json/flat-color-icons"),
    IconSet(package="@iconify-json/fluent-emoji"),
)
NPM_VERSIONS = {
    "openmoji": "17.0.0",
    "@iconify-json/emojione": "1.2.3",
    "@iconify-json/flat-color-icons": "1.2.3",
    "@iconify-json/fluent-emoji": "1.2.7",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/fxemoji": "1.2.2",
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/streamline-emojis": "1.2.4",
    "@iconify-json/streamline-kameleon-color": "1.2.2",
    "@iconify-json/twemoji": "1.2.5",
}
