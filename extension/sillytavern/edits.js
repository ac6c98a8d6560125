// @ts-check
/** What to push so that the server's text becomes the wanted one. Offsets count UTF-16 code units, as `length` does. */

/** How far around the expected place the last spoken words are looked for. */
const ANCHOR = 32;

/** @param {string} a @param {string} b @returns {number} */
export function commonPrefix(a, b) {
    const end = Math.min(a.length, b.length);
    let i = 0;
    while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++;
    // Never between the halves of a surrogate pair: half a letter would not survive the journey.
    if (i > 0 && /[\uD800-\uDBFF]/.test(a[i - 1])) i--;
    return i;
}

/**
 * @param {string} held what the server has
 * @param {string} wanted
 * @returns {{offset: number, text: string} | null} null when they are equal
 */
export function nextPush(held, wanted) {
    if (held === wanted) return null;
    const offset = commonPrefix(held, wanted);
    return { offset, text: wanted.slice(offset) };
}

/**
 * What has been spoken cannot change any more, so a wanted text that differs there (the host cleaned it up afterwards)
 * is continued behind the words last spoken.
 * @param {string} held
 * @param {string} wanted
 * @param {number} spoken end of the part of `held` that is spoken or being made
 * @returns {string} `held` up to `spoken`, then what follows those words in `wanted`; all of `held` if they are not there
 */
export function graft(held, wanted, spoken) {
    if (commonPrefix(held, wanted) >= spoken) return wanted;
    const kept = held.slice(0, spoken);
    for (const length of [ANCHOR, ANCHOR / 2, ANCHOR / 4]) {
        const anchor = kept.trimEnd().slice(-length);
        if (anchor.length < Math.min(length, 4)) continue;
        const at = closest(wanted, anchor, spoken - anchor.length);
        if (at >= 0) return kept + wanted.slice(at + anchor.length + trailingBlank(kept, wanted, at + anchor.length));
    }
    return held;
}

/** Blanks that `kept` ends with are not said twice. @param {string} kept @param {string} wanted @param {number} from */
function trailingBlank(kept, wanted, from) {
    const blank = kept.length - kept.trimEnd().length;
    let n = 0;
    while (n < blank && /\s/.test(wanted[from + n] ?? '')) n++;
    return n;
}

/** @param {string} text @param {string} anchor @param {number} expected @returns {number} */
function closest(text, anchor, expected) {
    let best = -1;
    for (let at = text.indexOf(anchor); at >= 0; at = text.indexOf(anchor, at + 1)) {
        if (best < 0 || Math.abs(at - expected) < Math.abs(best - expected)) best = at;
    }
    return best;
}
