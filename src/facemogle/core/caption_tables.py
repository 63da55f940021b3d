"""The words of captions: how each fact about a face is said. Captions are written and read with them.

A fact is what attributes tell clearly, or the opposite of one. Left is the person's own: towards the right
edge of the picture.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """The ways to say one thing, by their place in a sentence; "|" parts them, a repeated one is likelier."""

    topic: str  # a caption holds at most one fact of a topic
    weight: float  # how readily a caption picks it
    adjective: str = ""  # "a ... woman", "she is ..."
    has: str = ""  # "with ...", "she has ..."
    wears: str = ""  # "wearing ...", "she wears ..."
    does: str = ""  # "a woman ...", "she is ..."


# fmt: off
FACTS = {
    "black hair": Fact("hair", 1.2, "black haired|dark haired", "black hair|black hair|black hair|dark hair"),
    "dark hair": Fact("hair", 0.8, "dark haired", "dark hair|dark hair|dark brown hair"),
    "brown hair": Fact("hair", 1.2, "brown haired", "brown hair|brown hair|brown hair|brunette hair"),
    "light brown hair": Fact("hair", 0.8, "", "light brown hair|dark blond hair|dark blonde hair|light hair"),
    "blond hair": Fact("hair", 1.3, "blond|blonde|blond haired|blonde haired|fair haired",
        "blond hair|blonde hair|blond hair|blonde hair|golden hair|fair hair|light hair|yellow hair"),
    "red hair": Fact("hair", 1.6, "red haired|ginger", "red hair|red hair|ginger hair|orange hair"),
    "auburn hair": Fact("hair", 1.3, "", "auburn hair|reddish hair|reddish brown hair"),
    "grey hair": Fact("hair", 1.3, "grey haired|gray haired|greying",
        "grey hair|gray hair|grey hair|gray hair|silver hair|greyish hair|greying hair|graying hair"),
    "white hair": Fact("hair", 1.4, "white haired", "white hair|white hair|grey hair|gray hair|silver hair"),
    "bald": Fact("hair", 1.7, "bald|bald|bald headed", "a bald head|no hair|a shaved head|very short hair"),
    "balding": Fact("hair", 0.9, "balding", "a receding hairline|thinning hair|thin hair|little hair"),
    "beard": Fact("beard", 1.6, "bearded", "a beard|a beard|a full beard|a thick beard|facial hair"),
    "grey beard": Fact("beard", 1.7, "bearded", "a grey beard|a gray beard|a white beard|a beard"),
    "dark beard": Fact("beard", 1.6, "bearded", "a dark beard|a black beard|a beard|a full beard"),
    "goatee": Fact("beard", 1.4, "bearded", "a goatee|a goatee beard|a beard|facial hair"),
    "stubble": Fact("beard", 1.0, "unshaven|stubbly", "stubble|stubble|a short beard|a light beard"),
    "moustache": Fact("moustache", 1.1, "", "a moustache|a mustache|a mustache|a thick mustache"),
    "clean-shaven": Fact("beard", 0.3, "clean-shaven|clean-shaven|clean shaven|shaven|beardless"),
    "no beard": Fact("beard", 0.2, "", "no beard|no beard|no facial hair|no mustache|no moustache", "",
        "without a beard|without beard"),
    "glasses": Fact("eyes", 1.7, "", "", "glasses|glasses|glasses|glasses|eyeglasses|spectacles|"
        "reading glasses|a pair of glasses"),
    "sunglasses": Fact("eyes", 1.9, "", "", "sunglasses|sunglasses|sunglasses|dark glasses|shades"),
    "no glasses": Fact("eyes", 0.14, "", "no glasses", "", "without glasses|not wearing glasses"),
    "hat": Fact("hat", 1.9, "", "", "a hat|a hat|a hat|a cap|headwear|something on the head|a head covering"),
    "no hat": Fact("hat", 0.09, "", "no hat", "", "without a hat|not wearing a hat|not wearing a cap"),
    "earrings": Fact("earrings", 1.0, "", "", "earrings|earrings|earrings|an earring"),
    "necklace": Fact("necklace", 1.0, "", "", "a necklace"),
    "lipstick": Fact("makeup", 0.9, "", "", "lipstick|lipstick|lip makeup|makeup on the lips|makeup"),
    "eye makeup": Fact("makeup", 0.8, "", "", "eye makeup|mascara|eyeliner|makeup on the eyes|makeup"),
    "makeup": Fact("makeup", 0.9, "", "", "makeup|make-up|lipstick|lipstick|eye makeup|lipstick and mascara"),
    "no makeup": Fact("makeup", 0.15, "", "no makeup|no lipstick|a natural look", "", "without makeup"),
    "big smile": Fact("expression", 1.2, "smiling|smiling|happy|laughing|cheerful",
        "a smile|a big smile|a wide smile|a happy face|a happy expression", "",
        "smiling|smiling|smiling|smiling happily|grinning|laughing|looking happy"),
    "smile": Fact("expression", 0.8, "smiling|happy", "a smile|a friendly look", "", "smiling"),
    "serious": Fact("expression", 0.7, "serious|calm",
        "a neutral expression|a serious expression|a serious look|a neutral face|a calm face", "",
        "looking serious|with a straight face"),
    "not smiling": Fact("expression", 0.3, "", "no smile", "", "not smiling|without a smile"),
    "surprised": Fact("expression", 2.0, "surprised|astonished",
        "a surprised expression|a surprised look|a shocked face", "", "looking surprised|looking shocked"),
    "sad": Fact("expression", 2.0, "sad|unhappy", "a sad expression|a sad face", "", "looking sad"),
    "angry": Fact("expression", 2.0, "angry|mad", "an angry expression|an angry look|an angry face", "",
        "looking angry|frowning"),
    "left": Fact("pose", 0.7, "", "", "", "looking left|looking to the left|facing left|"
        "turned to the left|turned left|facing to the left"),
    "right": Fact("pose", 0.7, "", "", "", "looking right|looking to the right|facing right|"
        "turned to the right|turned right|facing to the right"),
    "profile": Fact("pose", 0.6, "", "", "", "in profile|seen from the side|looking away|in side view"),
    "frontal": Fact("pose", 0.2, "", "", "", "facing the camera|looking at the camera|facing forward|"
        "looking straight ahead|seen from the front"),
    "down": Fact("nod", 0.5, "", "", "", "looking down|with the head down|with head tilted down"),
    "up": Fact("nod", 0.5, "", "", "", "looking up|with the head up|with head tilted up"),
}

# Upper end of an age (not in it; the first is the unknown age), adjectives, nouns by gender, phrases.
AGES: tuple[tuple[float, str, dict[str, str], str], ...] = (
    (0, "", {"female": "woman|woman|female|lady", "male": "man|man|male|guy",
        "person": "person|person|face"}, ""),
    (2, "little|small|tiny", {"person": "baby|baby|infant"}, ""),
    (4, "little|small|young", {"person": "toddler|toddler|child|kid|baby"}, ""),
    (13, "little|young|small", {"female": "girl|girl|girl|child|kid", "male": "boy|boy|boy|child|kid",
        "person": "child|child|kid"}, ""),
    (18, "young|teenage|adolescent", {"female": "girl|girl|teenager|young woman|teen",
        "male": "boy|boy|teenager|young man|teen", "person": "teenager|teen|young person"}, "in {his} teens"),
    (25, "young|young|young|youthful", {"female": "woman|woman|lady|female|girl",
        "male": "man|man|guy|male|boy", "person": "person|adult|young adult"}, "in {his} early twenties"),
    (34, "young|young|young|youthful", {"female": "woman|woman|lady|female", "male": "man|man|guy|male",
        "person": "person|adult|young adult"}, ""),
    (40, "adult", {"female": "woman|woman|lady|female", "male": "man|man|guy|male|gentleman",
        "person": "person|adult"}, ""),
    (57, "middle-aged|middle-aged|middle aged|mature|older", {"female": "woman|woman|lady|female",
        "male": "man|man|guy|male|gentleman", "person": "person|adult"}, "of middle age"),
    (float("inf"), "old|old|elderly|senior|older|aged", {"female": "woman|woman|lady|female|grandmother",
        "male": "man|man|gentleman|male|grandfather", "person": "person|senior"}, ""),
)
YEAR_OLD = "{age} year old"  # an adjective
YEARS = "{age} years old|about {age} years old|aged {age}|around {age} years old"
DECADES = "in {his} {decade}|in {his} {tens}s"
DECADE_NAMES = "twenties|thirties|forties|fifties|sixties|seventies"
PRONOUNS = {"female": ("she", "her"), "male": ("he", "his"), "person": ("this person", "their")}
FRAMES = ("a photo of {}|a portrait of {}|the face of {}|a picture of {}|an image of {}|a close-up of {}|"
    "photo of {}|portrait of {}|a headshot of {}|face of {}|picture of {}|a photograph of {}|there is {}|"
    "{}, portrait")
SUBJECTS = "{he}|{he}|{he}|{he}|this {noun}|the {noun}|the person"
ARTICLES = "a|a|a|a|a|a|the|this|one"
AN, AND, NAMED = "an", " and ", "this is {}|it is {}|there is {}|the picture shows {}"
PREDICATES = {"adjective": "is {}", "does": "is {}", "has": "has {}",
    "wears": "wears {}|is wearing {}|has {}"}
PHRASES = {"has": "with {}|with {}|with {}|who has {}|having {}", "does": "{}|{}|who is {}",
    "wears": "wearing {}|wearing {}|with {}|who wears {}"}
TABLES = (FACTS, AGES, YEAR_OLD, YEARS, DECADES, DECADE_NAMES, PRONOUNS, FRAMES, SUBJECTS, ARTICLES,
    AN, AND, NAMED, PREDICATES, PHRASES)
"""All words that captions hold."""
# fmt: on
