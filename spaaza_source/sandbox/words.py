"""Words of the generated rows, some with accents, quotes, commas and line ends."""

FIRST_NAMES = (
    "Anna", "José", "Zoë", "Björn", "Fatima", "Łukasz", "Siobhán", "Daan", "Renée", "Søren",
    "Noor", "Émile", "İrem", "Jan", "美咲", "Олена", "Thijs", "Aïsha", "Chloé", "Willem",
)  # fmt: skip
LAST_NAMES = (
    "de Vries", "Müller", "O'Brien", "Nuñez", "Jansen", "van 't Hoff", "Dvořák", "Smith",
    "Bakker, jr.", "Åkesson", "Şahin", "Peeters", "佐藤", "Коваль", "García", 'de "Rode" Wit',
)  # fmt: skip
COUNTRIES = ("NL", "NL", "NL", "BE", "BE", "DE", "FR", "GB", None)
LANGUAGES = ("nl", "nl", "fr", "de", "en", None)
GENDERS = ("male", "female", "female", "male", None)
TOWNS = (
    "Amsterdam", "'s-Hertogenbosch", "Liège", "Köln", "Saint-Étienne", "Málaga", "Gent", "York",
)  # fmt: skip
REGIONS = (
    "Noord-Holland", "Noord-Brabant", "Liège", "Nordrhein-Westfalen", None, None, None, "Yorkshire",
)  # fmt: skip
STREETS = ("Herengracht", "Rue de l'Été", "Königstraße", "Plein 1944", "Hoofdweg, Noord", "Kade")
ADDRESS_LINES = (None,) * 9 + ("Gebouw B\n2e verdieping", "c/o Müller, achterom", 'Flat "Zuid"')
POSTAL_CODES = ("1017CB", "5211 AB", "4000", "01067", "42000", "29001", "9000", "YO1 7HH")
HOUSE_EXTENSIONS = (None, None, None, None, "A", "bis", "3-hoog")
SIGNUP_CHANNELS = ("mobile:ios", "mobile:android", "webshop", "unknown:spaaza-sales-associate-a")
LEVELS = ("Bronze", "Silver", "Gold", None)
PUSH_PLATFORMS = ("ios", "android", None)

BRANCHES = ("37", "0965", "0012", "118", "0007", "2040")
BRANCH_NAMES = ("Amsterdam Centrum", "Gent, Veldstraat", "Köln Süd", "Liège", "York", "Webshop")
EMPLOYEES = ("0012089", "0000417", "1187", None)
BASKET_NOTES = (None,) * 12 + (
    'Klant zei: "graag inpakken"',
    "2 tassen, 1 doos",
    "regel 1\nregel 2",
)
PAYMENT_METHODS = ("pin", "cash", "creditcard", "ideal", "giftcard, pin")

CAMPAIGNS = (
    ("Welkom, nieuwe vriend", "login"),
    ("Verjaardag 🎂", "birthday"),
    ("5 % cashback", "cashback"),
    ('Actie "Lente"', "manual"),
    ("Spaar & win", "points_wallet"),
)
VOUCHER_TYPES = ("basket", "basket_pct", "honour", "basket_fixed_unit")
VOUCHER_NOTES = (None,) * 8 + ("eenmalig\nniet stapelbaar", 'zie "voorwaarden", p. 2')

CATEGORIES = (
    "Electronics", "Fashion", "Fashion > Shirts", "Home > Kitchen, dining", "Garden", "Crème & co",
)  # fmt: skip
BRANDS = ("Philips", "Løkke", 'The "Good" Co', "Zuid, Noord & Zn", "Été", None)
SEASONS = ("SS26", "AW26", None)
PRODUCT_NAMES = ("Lamp", "Hemd", "Pan 24 cm", 'Scherm 27"', "Café crème", "Tuinstoel", "Jas, lang")
DESCRIPTIONS = (
    "Mooi en sterk.", "Was op 30°,\nniet strijken.", 'Nu met "klik", extra licht.', None, "…",
)  # fmt: skip
UNITS = ("item", "item", "item", "kg", "g")
COLOURS = ("rood", "blauw", "groen", "zwart/wit", None)
SIZES = ("S", "M", "L", "XL", "38", "40½", None)
