// @ts-check
// The messages of the host's chat: which are spoken, what they say, and where the reader is.
(() => {
  const troupe = /** @type {any} */ (window).troupe;

  /** Pixels from the end that are still the end, as the host counts them. */
  const AT_THE_END = 10;
  /** @type {WeakMap<Element, {raw: string, speaker: string, key: string}>} */
  const keys = new WeakMap();

  const isUser = (/** @type {Element} */ element) =>
    element.classList.contains("user-message") || !!element.querySelector(":scope > .circle-you");

  /** @returns {Element[]} */
  const spoken = () =>
    [...document.querySelectorAll("#chat .messages > [data-index]")].filter((element) => !isUser(element));

  /** How many rows the chat has: a person's message and its reply are one. */
  const rows = () => {
    const last = [...document.querySelectorAll("#chat .messages > [data-index]")].pop();
    return last ? indexOf(last) + 1 : 0;
  };

  /** A preview or the notebook's text stands in no message. @param {any} track */
  const inChat = (track) => track.kind !== "preview" && track.kind !== "text";

  const indexOf = (/** @type {Element} */ element) => Number(element.getAttribute("data-index"));

  /** @param {any} track @returns {Element | null} */
  const messageOf = (track) => {
    if (!track || !inChat(track)) return null;
    const messages = spoken();
    const last = messages[messages.length - 1];
    if (track.index === null) return last && indexOf(last) >= (track.from || 0) ? last : null;
    return messages.find((element) => indexOf(element) === track.index) || null;
  };

  /** What the model wrote, with the person's name where the host puts it. @param {Element} element */
  const textOf = (element) => {
    const raw = element.getAttribute("data-raw") || "";
    const name = document.querySelector("#chat .circle-you + .text .username")?.firstChild?.textContent;
    return name ? raw.replace(/<USER>|<user>|\{\{user\}\}/g, () => name) : raw;
  };

  /** The name above it; instruct mode has none. @param {Element} element */
  const speakerOf = (element) =>
    element.querySelector(":scope > .text > .username")?.firstChild?.textContent || "";

  /** @param {Element} element */
  const keyOf = (element) => {
    const raw = element.getAttribute("data-raw") || "", speaker = speakerOf(element);
    const known = keys.get(element);
    if (known && known.raw === raw && known.speaker === speaker) return known.key;
    const shown = textOf(element);
    const key = shown.trim() ? troupe.takeKey(shown, speaker) : "";
    keys.set(element, { raw, speaker, key });
    return key;
  };

  /**
   * Adds something to the chat. Whoever reads its end stays there: the host has scrolled already, and what comes now
   * would hide behind the input. Whoever has scrolled up, which the host notes in isScrolled, is left alone.
   * @param {() => void} add
   */
  const keepingTheEnd = (add) => {
    const page = /** @type {any} */ (window);
    const scroller = page.isScrolled ? null : document.getElementById("chat")?.parentElement?.parentElement?.parentElement;
    const left = scroller ? scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop : Infinity;
    add();
    if (!scroller || left > AT_THE_END) return;
    page.updateInstructPadding?.();  // the room that the host leaves below a short answer
    scroller.scrollTop = scroller.scrollHeight;
  };

  troupe.messages = {
    spoken,
    rows,
    inChat,
    messageOf,
    indexOf,
    textOf,
    speakerOf,
    keyOf,
    keepingTheEnd,
    generating: () => !!document.querySelector("._generating #chat"),
  };
})();
