"""Every step of cleaning and normalisation by its table of cases: what is written, what is said."""

from __future__ import annotations

from dataclasses import fields

import pytest

from server.text.clean import CLEANING, TIDYING, Step, run_steps
from server.text.english import NORMALISING as ENGLISH
from server.text.options import TextOptions
from server.text.others import NORMALISING as OTHERS
from server.text.pipeline import TextPipeline
from server.text.traced import Traced

pytestmark = pytest.mark.unit

CLEANING_CASES = {
    "apostrophes": [("don’t", "don't"), ("’twas", "'twas"), ("‘hello’", "‘hello’"), ("the ’90s", "the '90s")],
    "addresses": [
        ("see https://www.example.com/a?b=c.", "see example dot com."),
        ("at docs.python.org/3/", "at docs dot python dot org"),
        ("mail a.b@c.org now", "mail  a dot b at c dot org  now"),
        ("e.g. this", "e.g. this"),
        ("end.co is fine", "end dot co is fine"),
    ],
    "kaomoji": [
        ("hi :) there", "hi   there"),
        ("hi (^_^) there", "hi   there"),
        ("ok xD", "ok  "),
        ("I <3 you", "I   you"),
        ("<3<3 \\o/ ;-;", "     "),
        ("chapter 8) done", "chapter 8) done"),
        ("at 10:30 (see below)", "at 10:30 (see below)"),
        ("score: 3:1", "score: 3:1"),
        ("(a-b)", "(a-b)"),
        ("Plan D: go", "Plan D: go"),
    ],
    "emoji": [("hi 😊 you", "hi   you"), ("a → b", "a ,  b"), ("naïve café", "naïve café")],
    "cues": [
        ("(sighs) ok", "  ok"),
        ("(laughs softly) ok", "  ok"),
        ("(softly laughing) ok", "  ok"),
        ("(see below) ok", "(see below) ok"),
        ("[clears throat] ok", "  ok"),
        ("(I smile at the thought of you) ok", "(I smile at the thought of you) ok"),
    ],
    "marks": [
        ("2 * 3", "2 × 3"),
        ("f*ck", "fck"),
        ("a * b", "a × b"),
        ("a *b* c", "a  b  c"),
        ("snake_case", "snake case"),
        ("~~x~~", " x "),
        ("||x||", " x "),
    ],
    "punctuation": [
        ("what?!?!", "what?"),
        ("no!!!", "no!"),
        ("no!!!1!", "no!"),
        ("well...", "well…"),
        ("well. . . yes", "well… yes"),
        ("a -- b", "a, b"),
        ("a—b", "a, b"),
        ("a - b", "a, b"),
        ("well-known", "well-known"),
        ("5-10", "5-10"),
        ("5–10", "5–10"),
        ("7 - 3", "7 - 3"),
        ("~5 km", "about 5 km"),
        ("hi~", "hi "),
        ("。。。", "。"),
    ],
    "stretched": [
        ("soooo", "soo"),
        ("hmmmm", "hmm"),
        ("III", "III"),
        ("1000", "1000"),
        ("book", "book"),
        ("AAAAH", "AAH"),
    ],
}
ENGLISH_CASES = {
    "number signs": [("#1", "number 1"), ("#fun", "hashtag fun"), ("C#", "C#")],
    "powers": [("x^2", "x squared"), ("m³", "m cubed"), ("2^10", "2^10")],
    "names of files": [
        ("main.py", "main dot py"),
        ("end.How", "end. How"),
        ("e.g.", "e.g."),
        ("3.5", "3.5"),
        ("3p.m.", "3p.m."),
    ],
    "phone numbers": [
        ("555-1234", "five five five, one two three four"),
        ("555.123.4567", "five five five, one two three, four five six seven"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
        ("1990-1995", "1990-1995"),
        ("2024-05-12", "2024-05-12"),
    ],
    "dates": [
        ("May 5, 2024", "May fifth, twenty twenty-four"),
        ("Sept. 1st", "September first"),
        ("5 May", "the fifth of May"),
        ("the 4th of July", "the fourth of July"),
        ("2024-05-12", "May twelfth, twenty twenty-four"),
        ("12/25/2023", "December twenty-fifth, twenty twenty-three"),
        ("25.12.2023", "December twenty-fifth, twenty twenty-three"),
        ("May 99", "May 99"),
        ("99/99/2023", "99/99/2023"),
        ("March 2024", "March 2024"),
        ("may 5 people", "may 5 people"),
    ],
    "network addresses": [("10.0.0.1", "one zero dot zero dot zero dot one")],
    "versions": [
        ("v2", "version two"),
        ("v2.1.3", "version two point one point three"),
        ("1.20.3", "one point twenty point three"),
        ("3.11", "3.11"),
    ],
    "times": [
        ("10:30", "ten thirty"),
        ("10:05 pm", "ten oh five PM"),
        ("3pm", "three PM"),
        ("12 a.m.", "twelve AM."),
        ("at 12 a.m. sharp", "at twelve AM sharp"),
        ("14:00", "fourteen hundred"),
        ("9am-5pm", "nine AM to five PM"),
        ("1:00:05", "one hour five seconds"),
        ("3:1", "three to one"),
        ("3 amps", "3 amps"),
    ],
    "years": [
        ("1990s", "nineteen nineties"),
        ("'90s", "nineties"),
        ("2000s", "two thousands"),
        ("1900s", "nineteen hundreds"),
        ("1990-1995", "nineteen ninety to nineteen ninety-five"),
        ("2020–21", "twenty twenty to twenty-one"),
        ("44 BC", "forty-four BC"),
        ("class of '07", "class of  oh seven"),
        ("FY 2022/23", "FY twenty twenty-two to twenty-three"),
    ],
    "money": [
        ("$3.50", "three dollars and fifty cents"),
        ("$1", "one dollar"),
        ("£5m", "five million pounds"),
        ("$1.2 billion", "one point two billion dollars"),
        ("€1,000", "one thousand euros"),
        ("$5-10", "five to ten dollars"),
        ("$5,000-$10,000", "five thousand to ten thousand dollars"),
        ("20€", "twenty euros"),
        ("5 USD", "five US dollars"),
        ("$0.01", "one cent"),
        ("-$5", "minus five dollars"),
        ("50¢", "fifty cents"),
        ("$10/mo", "ten dollars per month"),
        ("$5 millions", "five dollars millions"),
        ("$1.5k–$2k", "one point five thousand to two thousand dollars"),
        ("$100 USD", "one hundred US dollars"),
    ],
    "feet and inches": [
        ("6'2″", "six foot two"),
        ("6'2", "six foot two"),
        ("12″ long", "twelve inches long"),
        ("a 6″ nail", "a six inch nail"),
        ("6' tall", "six feet tall"),
        ("5' x 7'.", "five feet by seven feet."),
        ("4x6", "4 by 6"),
    ],
    "fractions": [
        ("1/2", "one half"),
        ("3/4", "three quarters"),
        ("2 1/2", "two and a half"),
        ("½", "one half"),
        ("3¾", "three and three quarters"),
        ("7/10", "seven out of ten"),
        ("24/7", "twenty-four seven"),
        ("22/7", "twenty-two over seven"),
        ("1/3", "one third"),
        ("1/2 tsp", "one half teaspoon"),
        ("1 1/2 tsp", "one and a half teaspoons"),
        ("3.5/5", "three point five out of five"),
    ],
    "ranges": [
        ("5-10", "5 to 10"),
        ("5–10 km", "5 to 10 km"),
        ("7 - 3", "7 - 3"),
        ("5 - 3 = 2", "5 - 3 = 2"),
        ("1-2-3", "1-2-3"),
    ],
    "units": [
        ("5km", "five kilometers"),
        ("1 kg", "one kilogram"),
        ("60 mph", "sixty miles per hour"),
        ("25°C", "twenty-five degrees Celsius"),
        ("3.5%", "three point five percent"),
        ("a 5-km run", "a five kilometer run"),
        ("5m", "five meters"),
        ("5 M", "5 M"),
        ("10 min. later", "ten minutes later"),
        ("3 ms", "three milliseconds"),
        ("5 gallons/day", "5 gallons per day"),
    ],
    "numbered": [("No. 5", "number 5"), ("no. I", "no. I"), ("pp. 3", "pages 3"), ("§ 7", "section 7")],
    "titles": [
        ("Dr. Who", "Doctor Who"),
        ("See Dr. Lee.", "See Doctor Lee."),
        ('He nods. "Ask Dr. Lee," he says.', 'He nods. "Ask Doctor Lee," he says.'),
        ("Elm Dr. is long.", "Elm Drive is long."),
        ("We live at 12 Elm Dr. Apt. 5.", "We live at 12 Elm Drive Apt. 5."),
        ("12 Elm Dr.", "12 Elm Drive."),
        ("St. Louis", "Saint Louis"),
        ("Baker St. is", "Baker Street is"),
        ("42nd St. Station", "42nd Street Station"),
    ],
    "abbreviations": [
        ("Mr. Fox", "Mister Fox"),
        ("e.g. cats", "for example cats"),
        ("cats etc.", "cats et cetera."),
        ("w/ milk", "with  milk"),
        ("w/o it", "without it"),
        ("vs. him", "versus him"),
        ("Kvs. x", "Kvs. x"),
    ],
    "Roman numerals": [
        ("Henry VIII", "Henry the eighth"),
        ("World War II", "World War two"),
        ("Chapter IV", "Chapter four"),
        ("Malcolm X", "Malcolm X"),
        ("Elizabeth I was", "Elizabeth the first was"),
        ("George I think", "George I think"),
        ("size XL", "size XL"),
        ("an IV drip", "an IV drip"),
        ("Part IIII", "Part IIII"),
    ],
    "initials": [
        ("J. R. R. Tolkien", "J R R Tolkien"),
        ("U.S. Army", "US Army"),
        ("the U.S.A.", "the USA."),
        ("So do I.", "So do I."),
    ],
    "ordinals": [("1st", "first"), ("22nd", "twenty-second"), ("1,000th", "one thousandth")],
    "codes": [("978-3-16", "nine seven eight, three, one six"), ("5-10", "5-10")],
    "minus": [("-5", " minus 5"), ("7 - 3", "7 minus 3"), ("well-5", "well-5")],
    "multiples": [("3x", "three times"), ("x2", "times 2"), ("1080p", "ten eighty p"), ("x", "x")],
    "plurals": [("the 20s", "the twenties"), ("747s", "seven hundred and forty-sevens")],
    "numbers in words": [("GPT-4", "GPT 4"), ("MP3", "MP 3"), ("3D", "3 D"), ("5-star", "5 star")],
    "lone years": [
        ("1984", "nineteen eighty-four"),
        ("2024's", "twenty twenty-four's"),
        ("1984.5", "1984.5"),
        ("3000", "3000"),
    ],
    "numbers": [
        ("3,497", "three thousand four hundred and ninety-seven"),
        ("3.14", "three point one four"),
        (".5", "point five"),
        ("007", "zero zero seven"),
        ("0", "zero"),
        ("1000000", "one million"),
    ],
    "arithmetic": [
        ("a + b = c", "a plus b equals c"),
        ("C++", "C plus plus"),
        ("C#", "C sharp"),
        ("x -> y", "x to y"),
        ("2 × 3", "2 times 3"),
        ("a < b", "a is less than b"),
        ("B-", "B minus"),
        ("A+", "A plus "),
    ],
    "signs": [
        ("R&D", "R and D"),
        ("@me", " at me"),
        ("and/or", "and or"),
        ("a/b", "a b"),
        ("5 %", "5 percent"),
        ("90°", "90 degrees "),
        ("x™", "x "),
    ],
}
TIDYING_CASES = {
    "tidy": [
        ('"Hello," she said', "Hello, she said"),
        ("word (aside) goes on", "word, aside, goes on"),
        ("f(x) is", "f x is"),
        ("  a   b  ", "a b"),
        ("a , b .", "a, b."),
        (", and so", "and so"),
        ("a,, b;, c", "a, b; c"),
        ('one"two', "one two"),
        ("'quoted' words", "quoted words"),
        ("the dogs' bowl", "the dogs' bowl"),
        ("-5", "-5"),
    ]
}


def cases(table: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    return [(name, written, said) for name, pairs in table.items() for written, said in pairs]


def run(steps: tuple[Step, ...], name: str, text: str, options: TextOptions | None = None) -> str:
    step = next(s for s in steps if s.name == name)
    return run_steps((step,), Traced.plain(text), options or TextOptions()).text


@pytest.mark.parametrize(("name", "written", "said"), cases(CLEANING_CASES))
def test_cleaning(name: str, written: str, said: str) -> None:
    assert run(CLEANING, name, written) == said


@pytest.mark.parametrize(("name", "written", "said"), cases(ENGLISH_CASES))
def test_english(name: str, written: str, said: str) -> None:
    assert run(ENGLISH, name, written).strip() == said.strip()


@pytest.mark.parametrize(("name", "written", "said"), cases(TIDYING_CASES))
def test_tidying(name: str, written: str, said: str) -> None:
    assert run(TIDYING, name, written) == said


def test_every_step_has_cases() -> None:
    assert CLEANING_CASES.keys() == {s.name for s in CLEANING}
    assert ENGLISH_CASES.keys() == {s.name for s in ENGLISH}
    assert TIDYING_CASES.keys() == {s.name for s in TIDYING}


OTHER_CASES = [
    (
        "de",
        "Nr. 5 kostet 1.234,50 €",
        "Nummer fünf kostet eintausendzweihundertvierunddreißig Komma fünf Euro",
    ),
    ("de", "5-10 Äpfel & Birnen", "fünf bis zehn Äpfel und Birnen"),
    ("de", "um 10:30 Uhr", "um zehn Uhr dreißig"),
    ("de", "Der 1. FC gewann 3:2", "Der erste FC gewann drei zwei"),
    ("de", "am 2. Tag", "am zweiten Tag"),
    ("de", "im Jahr 1984", "im Jahr neunzehnhundertvierundachtzig"),
    ("fr", "à 8 h 30", "à huit heures trente"),
    ("fr", "21 chats", "vingt et un chats"),
    ("fr", "à 10h30", "à dix heures trente"),
    ("es", "el 50% de 1.000", "el cincuenta por ciento de mil"),
    ("pt-br", "25 anos", "vinte e cinco anos"),
    ("it", "-3 gradi", "minus tre gradi"),
    ("ja", "42%", "四十二パーセント"),
    ("sv", "007", "noll noll sju"),
    ("zh", "3个", "3个"),
    ("xx", "3 zz", "3 zz"),
]


@pytest.mark.parametrize(("language", "written", "said"), OTHER_CASES)
def test_other_languages(language: str, written: str, said: str) -> None:
    assert run_steps(OTHERS, Traced.plain(written), TextOptions(language=language)).text == said


SWITCHES = [
    ({"emoji": "name"}, "Yes 👍", "Yes, thumbs up,"),
    ({"emoji": "name", "language": "de"}, "Ja 👍", "Ja, daumen hoch,"),
    ({"kaomoji": False}, "hi xD", "hi xD"),
    ({"brackets": "read"}, "[sighs] ok", "sighs ok"),
    ({"brackets": "skip"}, "[anything at all] ok", "ok"),
    ({"urls": "skip"}, "see https://a.com now", "see now"),
    ({"urls": "read"}, "see https://a.com/b now", "see a dot com slash b now"),
    ({"punctuation": False}, "what?! no", "what?! no"),
    ({"stretched": False}, "soooo", "soooo"),
    ({"numbers": False}, "5 cats", "5 cats"),
    ({"abbreviations": False}, "Mr. Fox", "Mr. Fox"),
    ({"symbols": False}, "a & b", "a & b"),
    ({"markdown": False}, "# a\n- b", "a b"),
    ({"html": False}, "a <b>c</b> &amp; d", "a b c /b and amp; d"),
    ({"reasoning": "say"}, "<think>a.</think> b", "a. b"),
    ({"code": "say"}, "a\n```\nx\n```\nb", "a code block b"),
    ({"code": "say", "language": "fr"}, "a\n```\nx\n```\nb", "a bloc de code b"),
    ({"inline_code": "skip"}, "a `x` b", "a b"),
    ({"inline_code": "skip"}, "a `x b", "a x b"),
    ({"controls": False, "brackets": "skip"}, "a [pause:1s] b", "a b"),
    ({"markup": "html"}, "a &amp;lt;b&amp;gt; c", "a c"),
    ({"markup": "plain"}, "a <b> c", "a b c"),
]


@pytest.mark.parametrize(("options", "written", "said"), SWITCHES)
def test_switches(options: dict[str, str], written: str, said: str) -> None:
    pieces = TextPipeline(TextOptions(**options)).pieces(written)  # type: ignore[arg-type]
    assert " ".join(p.text for p in pieces) == said


def test_every_switch_is_tried() -> None:
    tried = {name for options, _, _ in SWITCHES for name in options}
    assert tried == {field.name for field in fields(TextOptions)}
