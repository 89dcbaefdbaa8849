"""A small world and the stories told in it.

The test model has to be cheap to train and still sensitive to damaged weights, so its text must be
mostly predictable *if* the model attends to what came before: names are invented per story and
repeated later, counts are added to and taken from, verbs agree with a subject that is not the
nearest noun, and refrains return word for word. All text comes from the rules below; nothing is
copied from anywhere.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


@dataclass(frozen=True)
class Thing:
    singular: str
    plural: str
    emoji: str


@dataclass(frozen=True)
class Lexicon:
    """The words that differ between two dialects of the same grammar, commonest first."""

    trades: Sequence[str]
    things: Sequence[Thing]
    keepsakes: Sequence[str]
    colours: Sequence[str]
    containers: Sequence[str]
    landscapes: Sequence[str]
    weathers: Sequence[str]
    conditions: Sequence[str]


INLAND = Lexicon(
    trades=("potter", "miller", "weaver", "baker", "shepherd", "tinker", "gardener", "clockmaker"),
    things=(
        Thing("apple", "apples", "🍎"),
        Thing("key", "keys", "🔑"),
        Thing("candle", "candles", "🕯️"),
        Thing("loaf", "loaves", "🍞"),
        Thing("egg", "eggs", "🥚"),
        Thing("bell", "bells", "🔔"),
        Thing("knife", "knives", "🔪"),
        Thing("cherry", "cherries", "🍒"),
        Thing("goose", "geese", "🪿"),
        Thing("crêpe", "crêpes", "🥞"),
    ),
    keepsakes=("lantern", "kettle", "umbrella", "fiddle", "compass", "almanac"),
    colours=("red", "blue", "green", "yellow", "orange", "silver"),
    containers=("basket", "cart", "bag", "chest"),
    landscapes=(
        "a quiet village beside the river",
        "an old town under the hill",
        "a tiny hamlet between two woods",
        "a busy town on the plain",
        "a stone village above the lake",
    ),
    weathers=("raining", "snowing", "windy", "warm and dry", "cold and clear"),
    conditions=("wet", "dusty", "heavy", "new", "broken", "clean"),
)

COASTAL = Lexicon(
    trades=("sailor", "fisher", "boatwright", "pilot", "diver", "netmaker", "smuggler", "cook"),
    things=(
        Thing("shell", "shells", "🐚"),
        Thing("fish", "fishes", "🐟"),
        Thing("rope", "ropes", "🪢"),
        Thing("crab", "crabs", "🦀"),
        Thing("anchor", "anchors", "⚓"),
        Thing("pearl", "pearls", "🦪"),
        Thing("barrel", "barrels", "🛢️"),
        Thing("oar", "oars", "🚣"),
    ),
    keepsakes=("spyglass", "whistle", "flag", "hammock", "chart", "tarp"),
    colours=("grey", "white", "black", "turquoise", "brown", "golden"),
    containers=("net", "hold", "crate", "dinghy"),
    landscapes=(
        "a windy harbour behind the dunes",
        "a salt-white port below the cliffs",
        "a foggy island past the reef",
        "a noisy dock at the river mouth",
    ),
    weathers=("foggy", "stormy", "calm and bright", "drizzling"),
    conditions=("salty", "rusty", "slippery", "tangled", "dry"),
)


@dataclass(frozen=True)
class Pronouns:
    subject: str
    object: str
    possessive: str


PRONOUNS = (Pronouns("she", "her", "her"), Pronouns("he", "him", "his"))

NAME_ONSETS = "M T K L B D R S V N Br Tr Gr P F H".split()
NAME_MIDDLES = "ar el o i un a er or im al en ó ä".split()
NAME_CODAS = "len vik dan ra mo tis na bel rin ka lo sé gen".split()
PLACE_HEADS = "Tav Ost Wen Kar Lind Brak Fen Hol Nor Stell Mür Él".split()
PLACE_TAILS = "ör ham wick stead mere burg ley føss by ton".split()
REFRAIN_SYLLABLES = "tara lu lay fol dee éla rum ba hey mi ño di".split()


def number_words(value: int) -> str:
    """Spells 0 to 99."""
    if value < 20:
        return UNITS[value]
    tens, unit = divmod(value, 10)
    return TENS[tens] if unit == 0 else f"{TENS[tens]}-{UNITS[unit]}"


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def joined(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


@dataclass
class Person:
    name: str
    pronouns: Pronouns
    trade: str
    home: str
    landscape: str


@dataclass
class Story:
    """One story's state; every scene returns prose and keeps the state true to it."""

    rng: random.Random
    lexicon: Lexicon
    number: int
    hero: Person = field(init=False)
    friend: Person = field(init=False)
    destination: str = field(init=False)
    container: str = field(init=False)
    keepsake: str = field(init=False)
    year: int = field(init=False)
    refrain: str = field(init=False)
    goods: dict[Thing, int] = field(init=False)

    def __post_init__(self):
        self.hero, self.friend = self._person(), self._person()
        while self.friend.name == self.hero.name or self.friend.trade == self.hero.trade:
            self.friend = self._person()
        self.destination = self._place()
        self.container = self._common(self.lexicon.containers)
        self.keepsake = f"{self._common(self.lexicon.colours)} {self._common(self.lexicon.keepsakes)}"
        self.year = self.rng.randint(1700, 1999)
        self.refrain = " ".join(self.rng.choices(REFRAIN_SYLLABLES, k=5))
        kinds = self.rng.sample(self.lexicon.things, self.rng.choice((2, 3, 3, 4)))
        self.goods = {thing: self.rng.randint(2, 9) for thing in kinds}

    # Drawing words

    def _common(self, words: Sequence):
        """Earlier words are likelier, so the model has unigram statistics to learn as well."""
        weights = [1 / (rank + 2) for rank in range(len(words))]
        return self.rng.choices(words, weights)[0]

    def _place(self) -> str:
        return self.rng.choice(PLACE_HEADS) + self.rng.choice(PLACE_TAILS)

    def _person(self) -> Person:
        name = "".join(self.rng.choice(part) for part in (NAME_ONSETS, NAME_MIDDLES, NAME_CODAS))
        return Person(
            name=name,
            pronouns=self.rng.choice(PRONOUNS),
            trade=self._common(self.lexicon.trades),
            home=self._place(),
            landscape=self._common(self.lexicon.landscapes),
        )

    # Describing the state

    @staticmethod
    def _counted(thing: Thing, count: int) -> str:
        return f"{number_words(count)} {thing.singular if count == 1 else thing.plural}"

    def _goods_list(self) -> str:
        return joined([self._counted(thing, count) for thing, count in self.goods.items()])

    # Scenes

    def introduction(self) -> str:
        hero, friend = self.hero, self.friend
        they, their = hero.pronouns.subject, hero.pronouns.possessive
        trade, friend_trade = with_article(hero.trade), with_article(friend.trade)
        born = self.rng.choice((
            f"In the year {self.year} there lived {trade} called {hero.name}. "
            f"{hero.name} came from {hero.home}, {hero.landscape}.",
            f"Once, in {self.year}, {trade} named {hero.name} lived in {hero.home}, {hero.landscape}.",
            f"{capitalized(hero.landscape)}, that was {hero.home} in {self.year}; and there lived "
            f"{hero.name}, {trade}.",
        ))  # fmt: skip
        owned = self.rng.choice((
            f"In {their} {self.container} {they} had {self._goods_list()}, and {they} never went "
            f"anywhere without {their} {self.keepsake}.",
            f"Besides {their} {self.keepsake} {hero.name} owned only a {self.container} with "
            f"{self._goods_list()}.",
        ))  # fmt: skip
        befriended = self.rng.choice((
            f"{capitalized(their)} best friend was {friend.name}, {friend_trade} from {friend.home}.",
            f"{friend.name}, {friend_trade} from {friend.home}, was {their} best friend.",
        ))  # fmt: skip
        return f"{born} {owned} {befriended}"

    def giving(self) -> str:
        hero, friend = self.hero, self.friend
        candidates = [thing for thing, count in self.goods.items() if count > 1]
        if not candidates:
            return self.finding()
        thing = self.rng.choice(candidates)
        given = self.rng.randint(1, self.goods[thing] - 1)
        before = self._counted(thing, self.goods[thing])
        self.goods[thing] -= given
        left = self.goods[thing]
        moment = self.rng.choice(("One morning", "At noon", "Before winter", "On market day"))
        return (
            f"{moment} {friend.name} came to {hero.home}. {hero.name} had {before}, so "
            f"{hero.pronouns.subject} gave {friend.pronouns.object} {number_words(given)}, and "
            f"{self._counted(thing, left)} {'was' if left == 1 else 'were'} left."
        )

    def finding(self) -> str:
        hero = self.hero
        thing = self.rng.choice(list(self.goods))
        before = self._counted(thing, self.goods[thing])
        found = self.rng.randint(1, 5)
        self.goods[thing] += found
        return (
            f"On the road to {self.destination} {hero.name} found {number_words(found)} more "
            f"{thing.singular if found == 1 else thing.plural}. {capitalized(hero.pronouns.subject)} "
            f"already had {before}, so now {hero.pronouns.subject} had {number_words(self.goods[thing])}."
        )

    def question_about_goods(self) -> str:
        hero, friend = self.hero, self.friend
        return (
            f"“What have you got in your {self.container}?” asked {friend.name}.\n"
            f"“I've got {self._goods_list()},” said {hero.name}. “And I'd never forget my "
            f"{self.keepsake}!”"
        )

    def question_about_home(self) -> str:
        asked, asking = self.rng.sample((self.hero, self.friend), 2)
        return (
            f"“Where do you live?” {asking.name} asked {asked.name}.\n"
            f"“I'm from {asked.home},” said the {asked.trade}. “It's {asked.landscape}.”\n"
            f"“Then we'll go to {asked.home} together,” said {asking.name}. “Don't you think so?”"
        )

    def guessing(self) -> str:
        hero, friend = self.hero, self.friend
        thing, count = self.rng.choice(list(self.goods.items()))
        wrong = count + self.rng.choice((1, 2))
        return (
            f"“You're carrying {self._counted(thing, wrong)}, aren't you?” said {friend.name}.\n"
            f"“No, that's {number_words(wrong - count)} too many,” {hero.name} laughed. "
            f"“They're {number_words(count)}. Count them!”"
        )

    def agreement(self) -> str:
        """The verb follows the head noun, not the noun next to it."""
        near, far = self.rng.sample(self.lexicon.things, 2)
        condition = self._common(self.lexicon.conditions)
        place = self.rng.choice(("beside", "under", "behind", "near"))
        name = self.hero.name
        if self.rng.random() < 0.5:
            subject, verb, pronoun = f"{near.plural} {place} the {far.singular}", "were", "they"
        else:
            subject, verb, pronoun = f"{near.singular} {place} the {far.plural}", "was", "it"
        return f"The {subject} {verb} {condition}, and {name} knew {pronoun} {verb}."

    def ledger(self) -> str:
        lines = [f"- {count} {thing.plural} {thing.emoji}" for thing, count in self.goods.items()]
        return (
            f"{self.hero.name} wrote a list for {self.friend.name}:\n\n"
            + "\n".join(lines)
            + f"\n- total: {sum(self.goods.values())}"
        )

    def record(self) -> str:
        """JSON, for runs of spaces, quotes and digits."""
        entry = {
            "name": self.hero.name,
            "trade": self.hero.trade,
            "home": self.hero.home,
            "year": self.year,
            "goods": {thing.plural: count for thing, count in self.goods.items()},
        }
        indent = self.rng.choice((2, 4))
        return f"The clerk of {self.destination} kept a record:\n\n" + json.dumps(
            entry, ensure_ascii=False, indent=indent
        )

    def slate(self) -> str:
        sums = []
        for _ in range(self.rng.randint(2, 4)):
            if self.rng.random() < 0.5:
                left, right = self.rng.randint(1, 20), self.rng.randint(1, 9)
                sums.append(f"{left} + {right} = {left + right}")
            else:
                left, right = self.rng.randint(2, 9), self.rng.randint(2, 5)
                sums.append(f"{left} × {right} = {left * right}")
        return f"In the evening the {self.hero.trade} did sums on a slate: {'; '.join(sums)}."

    def counting(self) -> str:
        step = self.rng.choice((1, 1, 2, 5, 10))
        start = self.rng.choice((0, step))
        run = [start + step * index for index in range(self.rng.randint(5, 9))]
        if self.rng.random() < 0.3:
            run.reverse()
        spoken = [number_words(value) for value in run] if self.rng.random() < 0.5 else map(str, run)
        return f"{self.friend.name} counted aloud: {', '.join(spoken)}."

    def journey(self) -> str:
        hero = self.hero
        morning, afternoon = self.rng.randint(2, 12), self.rng.randint(2, 8)
        company = self.rng.choice((
            "alone",
            f"with {self.friend.name}",
            f"with {hero.pronouns.possessive} {self.keepsake}",
        ))  # fmt: skip
        return (
            f"From {hero.home} to {self.destination} it is {morning + afternoon} miles. {hero.name} "
            f"went {company}, {morning} miles before noon and {afternoon} miles after, and so "
            f"{hero.pronouns.subject} came to {self.destination}. It was "
            f"{self._common(self.lexicon.weathers)} there."
        )

    def letter(self) -> str:
        hero, friend = self.hero, self.friend
        weather = self._common(self.lexicon.weathers)
        return (
            f"{hero.name} sat in the café and wrote a letter.\n\n"
            f"Dear {friend.name},\n\tI'm in {self.destination} and it's {weather} — yes, {weather}! "
            f"I've still got {self._goods_list()}. Greet everyone in {friend.home} 🙂\n"
            f"\tYour friend {hero.name}, {hero.trade} of {hero.home}"
        )

    def song(self) -> str:
        return (
            f"{self.friend.name} sang: “{capitalized(self.refrain)}, {self.refrain}!” "
            f"And {self.hero.name} answered: “{capitalized(self.refrain)}!”"
        )

    def closing(self) -> str:
        hero, friend = self.hero, self.friend
        heroes = self.rng.choice((
            f"{hero.name}, the {hero.trade} from {hero.home} with the {self.keepsake}",
            f"the {self.keepsake} of {hero.name}, the {hero.trade} from {hero.home}",
        ))  # fmt: skip
        return (
            f"Long after {self.year} people in {friend.home} still spoke of {heroes}, and of "
            f"{friend.name} the {friend.trade}, who loved to sing “{self.refrain}”."
        )

    def chapter(self) -> str:
        scenes = [
            self.giving, self.finding, self.question_about_goods, self.question_about_home,
            self.guessing, self.agreement, self.ledger, self.record, self.slate, self.counting,
            self.journey, self.letter,
        ]  # fmt: skip
        middle = self.rng.sample(scenes, self.rng.randint(3, 5))
        middle.insert(self.rng.randrange(len(middle) + 1), self.song)
        title = f"# Chapter {self.number}: The {capitalized(self.hero.trade)} of {self.hero.home}"
        return "\n\n".join([title, self.introduction(), *(scene() for scene in middle), self.closing()])

    def conversation(self) -> list[dict[str, str]]:
        """A chat about the story, whose answers can be read off its introduction."""
        hero, friend = self.hero, self.friend
        thing, count = self.rng.choice(list(self.goods.items()))
        left, right = self.rng.randint(1, 20), self.rng.randint(1, 9)
        exchanges = [
            (f"Where does {hero.name} live?", f"{hero.name} lives in {hero.home}, {hero.landscape}."),
            (f"Who is {friend.name}?", f"{friend.name} is {with_article(friend.trade)} from {friend.home}."),
            (f"How many {thing.plural} are there?", f"There are {self._counted(thing, count)}."),
            (f"What is {left} + {right}?", f"{left} + {right} = {left + right}."),
        ]
        messages = [{"role": "system", "content": f"You tell stories of {hero.home}."}]
        opening = "Tell me a story.", self.introduction()
        for question, answer in [opening, *self.rng.sample(exchanges, 2)]:
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": answer})
        return messages


def chapters(seed: int, lexicon: Lexicon = INLAND) -> Iterator[str]:
    """An endless series of chapters, numbered in books of thirty."""
    rng = random.Random(seed)
    index = 0
    while True:
        yield Story(rng, lexicon, index % 30 + 1).chapter()
        index += 1


def prose(seed: int, characters: int, lexicon: Lexicon = INLAND) -> str:
    """Whole chapters, until they hold at least so many characters."""
    parts, length = [], 0
    for chapter in chapters(seed, lexicon):
        parts.append(chapter)
        length += len(chapter) + 2
        if length >= characters:
            return "\n\n".join(parts) + "\n"
    raise AssertionError("chapters never end")


def conversations(seed: int, count: int) -> list[list[dict[str, str]]]:
    rng = random.Random(seed)
    return [Story(rng, INLAND, 1).conversation() for _ in range(count)]
