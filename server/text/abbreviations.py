"""Is a full stop the end of a sentence, or of an abbreviation, an initial, a number?"""

from __future__ import annotations

import re

from server.text.wordlist import words_of

NEVER_END = {
    "en": words_of(
        "mr mrs ms dr prof gen col maj capt cpt lt sgt cpl pvt rev hon sen rep gov pres messrs mme mlle fr"
        " st mt ft adm cmdr supt vs e.g i.e cf approx ca viz dept esp incl excl resp"
    ),
    "de": words_of(
        "hr fr dr prof st z.b d.h u.a z.t bzw ca evtl ggf vgl nr str tel inkl exkl zzgl sog bspw geb mio mrd abs"
    ),
    "fr": words_of("m mm mme mmes mlle dr pr me st ste p.ex c.-à-d env av bd tél réf n° cf"),
    "es": words_of("sr sra srta sres dr dra d dª ud uds prof gral pág núm p.ej ee.uu av avda tel aprox"),
    "it": words_of("sig sigg sig.ra sig.na dott dott.ssa prof avv ing geom s p.es ecc pag art tel ca"),
    "pt": words_of("sr sra dr dra prof profª av r núm pág p.ex tel aprox exmo exma"),
    "nl": words_of("dhr mevr mw dr drs prof ir ing mr st bijv d.w.z o.a m.b.t nr blz ca incl excl tel"),
    "pl": words_of("p dr prof mgr inż ul al np tzw ok tj m.in godz nr str św"),
    "ru": words_of("г гг ул д т.е т.д т.п др пр см стр им проф"),
}
"""By language, without their last stop, in lower case: something always follows them."""

BEFORE_NUMBERS = words_of(
    "no nos fig figs vol vols ch chap p pp art sec eq par ep op ver approx jan feb mar apr jun jul aug sep sept oct "
    "nov dec sat sun ext"
)
"""A number behind them belongs to them; before anything else they end their sentence."""

MAY_END = words_of(
    "st jr sr inc ltd co corp bros ave blvd rd dr dept est etc al mon tue tues wed thu thur thurs fri"
    " u.s u.k u.s.a e.u d.c ph.d m.d"
)
"""They end a sentence where the next word is one that begins sentences."""

STARTERS = words_of(
    "a after all also although an and another are as at because before but by can could did do does don't even "
    "every for from had has have he her here his how however i i'd i'll i'm i've if in is it it's its just let "
    "let's like many maybe meanwhile my no not now of oh on once one only or our perhaps please she so some still "
    "such that that's the their then there there's these they they're this those though to two under until was we "
    "we're well were what when where which while who why will with without would yes yet you you're your"
)
_LETTER_NAMES = words_of(
    "appendix appendices bed category chapter class division exhibit figure grade gate group hepatitis letter model "
    "option part phase plan platform point room row section step team terminal type unit vitamin zone"
)
"""A single capital behind these is a name's end, not an initial."""
_GERMAN_STARTERS = words_of(
    "aber als also am an auch auf bei da dann das dein den denn der deshalb die dies diese dieser doch du ein eine"
    " er es für ich ihr im in ist ja jetzt kein man mein mit nach nein nicht nun nur ob oder sein sie sind so und"
    " vielleicht von vor war warum was weil wenn wer wie wir wo zu"
)
"""A number with a stop before any other word is an ordinal: ``3. Oktober``, ``2. Platz``."""
_TIME_ZONES = words_of("est edt cst cdt mst mdt pst pdt et ct pt gmt utc cet cest")
_LONGEST_WORD = 14
_LAST_WORDS = re.compile(r"(?:(\S+)\s+)?(\S+)$")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,3}")
_NEXT_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_AROUND = "\"'“‘«„([{—–”’»)]}"


def ends_sentence(text: str, ahead: str, language: str, final: bool) -> bool | None:
    """Whether the stop at the end of ``text`` ends a sentence that ``ahead`` does not belong to.

    None where more of the next word must be seen first, never with ``final``.
    """
    found = _LAST_WORDS.search(text.rstrip(_AROUND))
    if not found:
        return True
    before = (found[1] or "").strip(_AROUND + ",")
    word = found[2].lstrip(_AROUND).rstrip(".")
    name = word.lower()
    if not name or (word.isupper() and word.isalpha() and len(word) > 2):
        return True
    if name in NEVER_END.get(language, frozenset()) and not (language == "en" and name in MAY_END):
        return False
    if name in ("dr", "st") and not before[:1].isupper():
        return False
    if name in BEFORE_NUMBERS and language == "en" and ahead[0].isdigit():
        return False
    if language == "de" and name.isdigit() and int(name[:4]) <= 31:
        return _if_starter(ahead, final, _GERMAN_STARTERS)
    if len(word) == 1 and word.isalpha() and word.isupper() and word.lower() != word.upper():
        return _after_letter(word, before, ahead, final)
    if name in ("a.m", "p.m"):
        return _unless(_TIME_ZONES, ahead, final)
    if name == "etc":
        return True
    if name in MAY_END or _DOTTED.fullmatch(word):
        return _if_starter(ahead, final)
    return True


def _after_letter(letter: str, before: str, ahead: str, final: bool) -> bool | None:
    """An initial (``J. R. R. Tolkien``) or the end (``So do I.``, ``vitamin C.``)."""
    initials = len(before) == 2 and before[0].isupper() and before[1] == "."
    if letter == "I" and not initials and not before[:1].isupper():
        return True
    if before.lower() in _LETTER_NAMES:
        return True
    return False if letter != "I" or initials else _if_starter(ahead, final)


def _next_word(ahead: str, final: bool) -> str | None:
    """The word that follows in lower case, once all of it is there."""
    start = len(ahead) - len(ahead.lstrip(_AROUND))
    found = _NEXT_WORD.match(ahead, start)
    if not found:
        return "" if final or start < len(ahead) else None
    if found.end() == len(ahead) and not final and len(found[0]) < _LONGEST_WORD:
        return None
    if ahead[found.end() : found.end() + 1] in ("'", "’") and found.end() + 1 == len(ahead) and not final:
        return None
    return found[0].lower().replace("’", "'")


def _if_starter(ahead: str, final: bool, starters: frozenset[str] = STARTERS) -> bool | None:
    word = _next_word(ahead, final)
    return None if word is None else word in starters


def _unless(words: frozenset[str], ahead: str, final: bool) -> bool | None:
    """None only while the next word may still become one of ``words``."""
    if not any(word.startswith(ahead.lower()) for word in words):
        word = _next_word(ahead, final=True)
        return word not in words
    word = _next_word(ahead, final)
    return None if word is None else word not in words
