// @ts-check
/** Marks the words being spoken, without touching the host's markup (CSS Custom Highlight API). */

import { Alignment } from './offsets.js';

/** @typedef {import('./offsets.js').Span} Span */

const SENTENCE = 'troupe-sentence';
const WORD = 'troupe-word';

/** A browser without the API shows nothing, and nothing else is missing. */
export const canHighlight = () => typeof Highlight === 'function' && typeof CSS !== 'undefined' && Boolean(CSS.highlights);

export class Highlighter {
    /** @type {HTMLElement | null} */
    #element = null;
    /** @type {{text: string, sentence: Span, word: Span | null} | null} */
    #wanted = null;
    /** @type {MutationObserver | null} */
    #observer = null;
    /** @type {{raw: string, shown: string, nodes: Text[], alignment: Alignment} | null} */
    #cache = null;
    #frame = 0;

    /**
     * @param {HTMLElement | null} element the message's text
     * @param {string} raw the text the spans count in
     * @param {Span} sentence
     * @param {Span | null} [word]
     */
    show(element, raw, sentence, word = null) {
        if (!canHighlight() || !element) return this.clear();
        if (element !== this.#element) {
            this.clear();
            this.#element = element;
            // The host writes the message anew with every token.
            this.#observer = new MutationObserver(() => this.#soon());
            this.#observer.observe(element, { childList: true, subtree: true, characterData: true });
        }
        this.#wanted = { text: raw, sentence, word };
        this.#paint();
    }

    clear() {
        this.#observer?.disconnect();
        this.#observer = null;
        this.#element = null;
        this.#wanted = null;
        this.#cache = null;
        CSS.highlights?.delete(SENTENCE);
        CSS.highlights?.delete(WORD);
    }

    #soon() {
        this.#cache = null;
        if (!this.#frame) {
            this.#frame = requestAnimationFrame(() => {
                this.#frame = 0;
                this.#paint();
            });
        }
    }

    #paint() {
        if (!this.#element || !this.#wanted) return;
        const { text, sentence, word } = this.#wanted;
        const { nodes, alignment } = this.#aligned(text);
        paint(SENTENCE, nodes, alignment.locate(sentence));
        paint(WORD, nodes, word && alignment.locate(word));
    }

    /** @param {string} raw */
    #aligned(raw) {
        if (this.#cache?.raw !== raw) {
            const nodes = textNodes(/** @type {HTMLElement} */ (this.#element));
            const shown = nodes.map((node) => node.data).join('');
            this.#cache = { raw, shown, nodes, alignment: new Alignment(raw, shown) };
        }
        return this.#cache;
    }
}

/** @param {string} name @param {Text[]} nodes @param {Span | null} span */
function paint(name, nodes, span) {
    const range = span && rangeOf(nodes, span);
    if (range) CSS.highlights?.set(name, new Highlight(range));
    else CSS.highlights?.delete(name);
}

/** @param {HTMLElement} element @returns {Text[]} */
function textNodes(element) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    /** @type {Text[]} */
    const nodes = [];
    while (walker.nextNode()) nodes.push(/** @type {Text} */ (walker.currentNode));
    return nodes;
}

/** @param {Text[]} nodes @param {Span} span @returns {Range | null} */
function rangeOf(nodes, span) {
    const range = document.createRange();
    let begun = false;
    let offset = 0;
    for (const node of nodes) {
        const end = offset + node.length;
        if (!begun && span.start < end) {
            range.setStart(node, span.start - offset);
            begun = true;
        }
        if (begun && span.end <= end) {
            range.setEnd(node, span.end - offset);
            return range;
        }
        offset = end;
    }
    return null;
}
