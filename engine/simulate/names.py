"""Names for people and companies that do not exist."""

FIRST = {
    "de": "Anna Clara David Eva Felix Greta Hannes Ines Jakob Katrin Lukas Maria Nils Olga Paul Ruth Simon Tanja Uwe",
    "fr": "Alice Camille Denis Elise Fabien Gaelle Hugo Ines Julien Lea Marc Nadia Olivier Pauline Remi Sarah Yann",
    "en": "Amy Ben Cora Dan Ellen Frank Grace Harry Isla Jack Kate Liam Mia Noah Olive Peter Rose Sam Tess Will",
}
LAST = {
    "de": "Adler Bauer Fuchs Gruber Huber Keller Lang Maier Moser Pichler Reiter Schmid Steiner Wagner Weiss Winkler",
    "fr": "Bernard Dubois Fournier Garnier Girard Lambert Laurent Mercier Moreau Petit Renard Rousseau Roux Simon",
    "en": "Archer Bell Carter Clark Cooper Dale Fisher Ford Hill Hughes Marsh Mason Parker Reed Shaw Turner Ward West",
}
ROOT = (
    "Alder Amber Anchor Arrow Aspen Aurora Basalt Beacon Birch Boulder Bright Canyon Cedar Cinder Clover Cobalt Comet "
    "Coral Delta Ember Falcon Fern Flint Garnet Glacier Harbor Hazel Heron Indigo Ivory Juniper Kestrel Lantern Larch "
    "Linden Lunar Maple Meadow Mistral Nimbus North Oak Opal Orchid Osprey Pebble Pine Prairie Quartz Raven Rowan "
    "Saffron Sequoia Silver Slate Sparrow Spruce Summit Tamarind Thistle Timber Topaz Umber Vale Violet Walnut Willow"
)
TRADE = (
    "Analytics Apparel Books Care Catering Clinics Coffee Cycles Dairy Energy Farms Fitness Foods Freight Games Homes "
    "Insurance Labs Lighting Logistics Media Motors Networks Optics Paper Pharma Robotics Schools Security Shipping "
    "Stores Studios Systems Tools Toys Travel Water Works"
)


def company(number: int) -> str:
    """Return the name of company `number`; the first two thousand differ, later ones carry a number.

    >>> company(0), company(1)
    ('Alder Analytics', 'Coral Apparel')
    """
    roots, trades = ROOT.split(), TRADE.split()
    root = roots[(number // len(trades) + number % len(trades) * 17) % len(roots)]
    again = number // (len(roots) * len(trades))
    return f"{root} {trades[number % len(trades)]}" + (f" {again + 1}" if again else "")


def person(locale: str, number: int) -> tuple[str, str]:
    """Return first and last name of person `number`, as they are usual where `locale` is spoken."""
    language = locale.partition("-")[0]
    language = language if language in FIRST else "en"
    first, last = FIRST[language].split(), LAST[language].split()
    return first[number % len(first)], last[number * 7 % len(last)]
