// @ts-check
// What is shown beside the chat: a notice, and the button for browsers that want a touch before they play.
(() => {
  const troupe = /** @type {any} */ (window).troupe;

  const SPEAK = troupe.speakIcon = '<svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M11 5 6 9H3v6h3l5 4zM15.5 8.5a5 5 0 0 1 0 7M18.5 6a9 9 0 0 1 0 12"/></svg>';

  const SHOWN_MS = 12_000;

  /** @type {any} */
  let chipElement = null;
  /** The browser wants a touch before it plays. @param {(() => void) | null} listen */
  const chip = troupe.chip = (listen) => {
    chipElement?.remove();
    chipElement = null;
    if (!listen) return;
    chipElement = document.createElement("button");
    chipElement.className = "troupe-chip";
    chipElement.innerHTML = `${SPEAK}<span>Tap to listen</span>`;
    chipElement.onclick = () => { chip(null); listen(); };
    document.body.append(chipElement);
  };

  /**
   * A notice, which goes when it is clicked, and some by themselves after a while.
   * @param {string} text @param {{stays?: boolean}} [how]
   */
  const toast = troupe.toast = (text, { stays = false } = {}) => {
    untoast();
    const element = document.createElement("div");
    element.className = "troupe-toast";
    element.setAttribute("role", "status");
    element.textContent = text;
    element.title = "Click to close";
    element.onclick = () => element.remove();
    document.body.append(element);
    if (!stays) setTimeout(() => element.remove(), SHOWN_MS);
  };

  const untoast = troupe.untoast = () => document.querySelector(".troupe-toast")?.remove();

  // The block's line about the server is out of sight for who reads the chat, and the first installation takes minutes.
  const status = document.getElementById("troupe-status");
  let installing = false;
  const look = () => {
    const phase = status?.querySelector(".troupe-line")?.getAttribute("data-phase") || "";
    if (phase === "installing") {
      if (installing) return;
      installing = true;
      toast("Troupe is being installed, which takes some minutes. The chat works meanwhile, without voices.", { stays: true });
    } else if (installing && ["ready", "failed", "off"].includes(phase)) {
      installing = false;
      if (phase === "ready") toast("Troupe is installed: new replies are spoken.");
      else if (phase === "failed") toast("Troupe could not be installed: its block below the chat says why.", { stays: true });
      else untoast();
    }
  };
  if (status) new MutationObserver(look).observe(status, { childList: true, subtree: true, attributeFilter: ["data-phase"] });
  look();

  // A studio on the host's machine cannot be reached from another one by its loopback address.
  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.(".troupe-studio");
    if (!link) return;
    const local = (/** @type {string} */ name) => ["127.0.0.1", "localhost", "[::1]"].includes(name);
    if (local(new URL(/** @type {any} */ (link).href).hostname) && !local(location.hostname)) {
      event.preventDefault();
      troupe.toast("The studio runs on the machine of the web UI and can be opened there.");
    }
  });
})();
