"""Stage directions: what actors do rather than say, written in brackets."""

from __future__ import annotations

from server.text.wordlist import words_of

CUES = words_of(
    "applause beat blushes blushing breathes chuckle chuckles chuckling clap claps cough coughs cries crying "
    "exhales frowns gasp gasps gasping giggle giggles giggling gulps growl growls groan groans grin grins grinning "
    "hiccup hiccups hums humming inhales laugh laughs laughing laughter moan moans mumbles music nods nodding pause "
    "pauses pants panting purr purrs scoffs scream screams shrug shrugs sigh sighs sighing silence sings smile "
    "smiles smiling smirk smirks sniff sniffs sniffles snort snorts sob sobs sobbing static stutters wink winks "
    "winking whimper whimpers whisper whispers whispering whistles yawn yawns"
)
"""First words by which a stage direction is known."""
_CUE_PHRASES = (
    "clears throat",
    "clears his throat",
    "clears her throat",
    "clears their throat",
    "sound effect",
)
_ADVERB_ENDING = "ly"
LONGEST_CUE = 6
"""Words; more than that is a sentence that somebody wants to hear."""


def is_cue(text: str) -> bool:
    """True for ``sighs``, ``laughs softly``, ``clears throat``; false for an aside of the speaker's."""
    words = text.strip(" *_.!…").lower().split()
    if not words or len(words) > LONGEST_CUE:
        return False
    first = words[1] if words[0].endswith(_ADVERB_ENDING) and len(words) > 1 else words[0]
    return first.strip(",;:") in CUES or " ".join(words).startswith(_CUE_PHRASES)
