// @ts-check
// What the page has to know about text: a message's name, and where in it a sentence stands.
(() => {
  const troupe = /** @type {any} */ (window).troupe = /** @type {any} */ (window).troupe || {};

  const BASES = [0x811c9dc5, 0x2f0b4c47];
  const LETTER = /[\p{L}\p{N}]/u;

  /**
   * The name of a text that somebody says, as takes.py computes it.
   * @param {string} text
   * @param {string} speaker
   */
  troupe.takeKey = (text, speaker) => `${hash(text)}-${hash(speaker)}`;

  /**
   * Two FNV-1a hashes over its UTF-16 code units.
   * @param {string} text
   */
  const hash = (text) => {
    text = text.replace(/\r\n/g, "\n").replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
    return BASES.map((base) => {
      let value = base;
      for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
      return value.toString(16).padStart(8, "0");
    }).join("");
  };

  /**
   * Only letters and digits, lower case: what is the same in the model's text and on the page, where the
   * markup has become elements.
   * @param {string} text
   */
  const letters = (text) => {
    let found = "";
    for (const character of text) if (LETTER.test(character)) found += character.toLowerCase();
    return found;
  };

  /**
   * The letters below an element, each with its place.
   * @param {Element} root
   */
  const lettersOf = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, {
      acceptNode: (node) => node.parentElement?.closest(".thinking-block, style")
        ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
    });
    let text = "";
    /** @type {{node: Text, at: number, end: number}[]} */
    const places = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      let at = 0;
      for (const character of /** @type {Text} */ (node).data) {
        if (LETTER.test(character)) {
          for (const part of character.toLowerCase()) {
            text += part;
            for (let i = 0; i < part.length; i++) {
              places.push({ node: /** @type {Text} */ (node), at, end: at + character.length });
            }
          }
        }
        at += character.length;
      }
    }
    return { text, places };
  };

  /**
   * Where the last of these sentences stands below root; the ones before it are looked for first, so that a
   * sentence said twice is found in its turn.
   * @param {Element} root
   * @param {string[]} sources
   * @returns {Range | null}
   */
  troupe.locate = (root, sources) => {
    const { text, places } = lettersOf(root);
    let from = 0;
    /** @type {[number, number] | null} */
    let found = null;
    for (const source of sources) {
      found = find(text, letters(source.replace(/\]\([^)]*\)/g, "]")), from);
      if (found) from = found[1];
    }
    if (!found) return null;
    const range = document.createRange();
    const first = places[found[0]], last = places[found[1] - 1];
    range.setStart(first.node, opening(first.node.data, first.at));
    range.setEnd(last.node, closing(last.node.data, last.end));
    return range;
  };

  /**
   * @param {string} text
   * @param {string} wanted
   * @param {number} from
   * @returns {[number, number] | null}
   */
  const find = (text, wanted, from) => {
    if (!wanted) return null;
    const whole = text.indexOf(wanted, from);
    if (whole >= 0) return [whole, whole + wanted.length];
    // Something inside was shown differently (a formula, a name filled in): its two ends will do.
    const size = Math.min(12, Math.floor(wanted.length / 2));
    const start = size > 3 ? text.indexOf(wanted.slice(0, size), from) : -1;
    const end = start >= 0 ? text.indexOf(wanted.slice(-size), start + size) : -1;
    return end >= 0 && end - start < 2 * wanted.length + 40 ? [start, end + size] : null;
  };

  /** Quotes and brackets belong to the sentence. @param {string} text @param {number} at */
  const opening = (text, at) => {
    while (at > 0 && /[\p{Ps}\p{Pi}"'*¿¡]/u.test(text[at - 1])) at--;
    return at;
  };

  /** @param {string} text @param {number} at */
  const closing = (text, at) => {
    while (at < text.length && /[\p{P}]/u.test(text[at])) at++;
    return at;
  };
})();
