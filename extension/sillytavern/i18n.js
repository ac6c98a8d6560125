// @ts-check
/** Texts in the host's language. The English text is the key, as it is throughout the host. */

/**
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 * @returns {string}
 */
export function t(strings, ...values) {
    return SillyTavern.getContext().t(strings, ...values);
}
