// @ts-check
/**
 * Where a piece of the model's raw text stands in the message as it is shown.
 *
 * Between the two lie markdown, macros, entities, regex scripts and translations of quotes, so the words are matched and
 * everything between them is left to itself.
 */

/** @typedef {{text: string, start: number, end: number}} Word */
/** @typedef {{start: number, end: number}} Span half open, in UTF-16 code units */

// Scripts without blanks are matched letter by letter.
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]|[\p{L}\p{N}\p{M}]+/gu;
/** Words looked over on both sides for the next place where the two texts agree. */
const NEAR = 40;

/**
 * @param {string} text
 * @returns {Word[]}
 */
export function words(text) {
    return Array.from(text.matchAll(WORD), match => ({
        text: match[0].toLowerCase(),
        start: match.index,
        end: match.index + match[0].length,
    }));
}

/** Finds spans of the raw text in the shown one. */
export class Alignment {
    #raw;
    #shown;
    /** For each raw word the index of its shown word, or -1. @type {Int32Array} */
    #partner;
    #shownText;

    /**
     * @param {string} raw
     * @param {string} shown
     */
    constructor(raw, shown) {
        this.#raw = words(raw);
        this.#shown = words(shown);
        this.#shownText = shown;
        this.#partner = match(this.#raw, this.#shown);
    }

    /**
     * @param {Span} span of the raw text
     * @returns {Span | null} of the shown text; null when none of its words is shown
     */
    locate(span) {
        let first = -1;
        let last = -1;
        for (let i = firstFrom(this.#raw, span.start); i < this.#raw.length && this.#raw[i].start < span.end; i++) {
            const partner = this.#partner[i];
            if (partner < 0) continue;
            if (first < 0) first = partner;
            last = partner;
        }
        if (first < 0) return null;
        return this.#withMarks({ start: this.#shown[first].start, end: this.#shown[last].end });
    }

    /** A sentence's own stops and quotes belong to it. @param {Span} span @returns {Span} */
    #withMarks({ start, end }) {
        const text = this.#shownText;
        const mark = /[^\s\p{L}\p{N}]/u;
        while (end < text.length && mark.test(text[end])) end++;
        while (start > 0 && /["'“„«»「『(¿¡]/.test(text[start - 1])) start--;
        return { start, end };
    }
}

/** @param {Word[]} list @param {number} offset @returns {number} */
function firstFrom(list, offset) {
    let low = 0;
    let high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle].end <= offset) low = middle + 1;
        else high = middle;
    }
    return low;
}

/** @param {Word[]} raw @param {Word[]} shown @returns {Int32Array} */
function match(raw, shown) {
    const partner = new Int32Array(raw.length).fill(-1);
    for (let i = 0, j = 0; i < raw.length && j < shown.length; ) {
        if (raw[i].text === shown[j].text) {
            partner[i++] = j++;
            continue;
        }
        const jump = nearest(raw, shown, i, j) ?? far(raw, shown, i, j);
        if (!jump) break;
        [i, j] = jump;
    }
    return partner;
}

/**
 * The closest place at which two words in a row agree (one, at the very end of a text).
 * @param {Word[]} raw @param {Word[]} shown @param {number} i @param {number} j
 * @returns {[number, number] | null}
 */
function nearest(raw, shown, i, j) {
    for (let distance = 1; distance <= NEAR; distance++) {
        for (let skipped = 0; skipped <= distance; skipped++) {
            if (agree(raw, shown, i + skipped, j + distance - skipped)) return [i + skipped, j + distance - skipped];
        }
    }
    return null;
}

/**
 * After something long that only one side has, such as a reasoning block: the first three words in a row found again.
 * @param {Word[]} raw @param {Word[]} shown @param {number} i @param {number} j
 * @returns {[number, number] | null}
 */
function far(raw, shown, i, j) {
    /** @type {Map<string, number>} */
    const triples = new Map();
    for (let k = shown.length - 3; k >= j; k--) triples.set(triple(shown, k), k);
    for (let k = i; k + 2 < raw.length; k++) {
        const found = triples.get(triple(raw, k));
        if (found !== undefined) return [k, found];
    }
    return null;
}

/** @param {Word[]} list @param {number} at */
function triple(list, at) {
    return `${list[at].text} ${list[at + 1].text} ${list[at + 2].text}`;
}

/** @param {Word[]} raw @param {Word[]} shown @param {number} i @param {number} j */
function agree(raw, shown, i, j) {
    if (i >= raw.length || j >= shown.length || raw[i].text !== shown[j].text) return false;
    if (i + 1 >= raw.length || j + 1 >= shown.length) return true;
    return raw[i + 1].text === shown[j + 1].text;
}
