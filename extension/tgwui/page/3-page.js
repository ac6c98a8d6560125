// @ts-check
// The chat's side of a voice: a small player under each spoken message, the sentence being spoken marked, and
// what the host's buttons mean for it. The host redraws messages as it likes and drops what is not its own, so
// everything put into the chat is put there again after each change; the sound is not in the page's tree.
(() => {
  const troupe = /** @type {any} */ (window).troupe;
  if (troupe.news) return;  // the host builds its page anew after a restart, in a page that is still open
  const sound = troupe.sound;

  const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4v16l13-8z"/></svg>';
  const PAUSE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4h4v16H6zM14 4h4v16h-4z"/></svg>';
  const AGAIN = '<svg viewBox="0 0 24 24" aria-hidden="true" class="troupe-line-icon"><path d="M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7"/></svg>';
  const SPEAK = '<svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M11 5 6 9H3v6h3l5 4zM15.5 8.5a5 5 0 0 1 0 7M18.5 6a9 9 0 0 1 0 12"/></svg>';

  const prefs = { player: true, volume: 1 };
  /** @type {Map<string, any>} takes by message key; null where it is known that there is none */
  const takes = new Map();
  /** @type {any} the turn that the server is speaking for this page */
  let live = null;
  /** Turns that were stopped here; news about them may still be on the way. @type {Set<string>} */
  const silenced = new Set();
  /** @type {Set<number>} */
  const told = new Set();
  /** @type {WeakMap<Element, {raw: string, key: string}>} */
  const keys = new WeakMap();
  /** @type {WeakMap<object, any>} */
  const rows = new WeakMap();
  let rowCount = 0;

  // Messages of the chat.

  const isUser = (/** @type {Element} */ element) =>
    element.classList.contains("user-message") || !!element.querySelector(":scope > .circle-you");

  /** @returns {Element[]} */
  const spokenMessages = () =>
    [...document.querySelectorAll("#chat .messages > [data-index]")].filter((element) => !isUser(element));

  const generating = () => !!document.querySelector("._generating #chat");

  /** @param {any} track @returns {Element | null} */
  const messageOf = (track) => {
    if (!track || track.kind === "preview") return null;
    const messages = spokenMessages();
    if (track.index === null) return messages[messages.length - 1] || null;
    return messages.find((element) => element.getAttribute("data-index") === String(track.index)) || null;
  };

  /** @param {Element} element */
  const keyOf = (element) => {
    let raw = element.getAttribute("data-raw") || "";
    const known = keys.get(element);
    if (known && known.raw === raw) return known.key;
    const name = document.querySelector("#chat .circle-you + .text .username")?.firstChild?.textContent;
    const shown = name ? raw.replace(/<USER>|<user>|\{\{user\}\}/g, () => name) : raw;
    const key = shown.trim() ? troupe.takeKey(shown) : "";
    keys.set(element, { raw, key });
    return key;
  };

  /** The track of a message: what is being spoken, or what was. @param {Element} element */
  const trackOf = (element) => {
    if (live && messageOf(live) === element) return live;
    return takes.get(keyOf(element)) || null;
  };

  // What is put into the chat.

  const decorate = () => {
    const messages = spokenMessages();
    const unknown = new Set();
    for (const element of messages) {
      const text = element.querySelector(":scope > .text");
      if (!text || text.querySelector(".editing-textarea")) continue;
      const busy = generating() && element === messages[messages.length - 1];
      const key = busy ? "" : keyOf(element);
      if (key && !takes.has(key)) unknown.add(key);
      const track = trackOf(element);
      const wanted = prefs.player && track && track.clips.length ? rowOf(track) : null;
      for (const row of text.querySelectorAll("troupe-player")) if (row !== wanted) row.remove();
      if (wanted && wanted.parentElement !== text) text.append(wanted);
      const actions = text.querySelector(".message-actions");
      if (actions && !actions.querySelector(".troupe-speak")) actions.append(speakButton());
    }
    if (unknown.size) ask([...unknown]);
    mark();
    observer.takeRecords();
  };

  const speakButton = () => {
    const button = document.createElement("button");
    button.id = `troupe-speak-${++rowCount}`;  // the host's redrawing tells nodes apart by their ids
    button.className = "footer-button troupe-speak";
    button.title = "Speak";
    button.innerHTML = SPEAK;
    button.onclick = () => {
      const element = button.closest("[data-index]");
      if (element) listenTo(element);
    };
    return button;
  };

  /** @param {Element} element */
  const listenTo = (element) => {
    const track = trackOf(element);
    if (track && sound.now.track === track) sound.toggle();
    else if (track && track.clips.length && !track.stopped) replay(track, element);
    else say(element);
  };

  /** @param {any} track @param {Element} element */
  const replay = (track, element, at = 0, offset = 0) => {
    if (track !== live || !track.open) track.index = Number(element.getAttribute("data-index"));
    sound.play(track, at, offset);
  };

  /** @param {any} track */
  const rowOf = (track) => {
    const known = rows.get(track);
    if (known) return known.row;
    const row = document.createElement("troupe-player");
    row.id = `troupe-player-${++rowCount}`;
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Spoken message");
    row.innerHTML = `<button class="troupe-play" type="button"></button>
      <div class="troupe-track" role="slider" tabindex="0" aria-label="Position" aria-valuemin="0"><div></div></div>
      <span class="troupe-time"></span>
      <button class="troupe-again" type="button" title="Speak again" aria-label="Speak again">${AGAIN}</button>`;
    const part = (/** @type {string} */ name) => /** @type {any} */ (row.querySelector(name));
    const bar = part(".troupe-track");
    part(".troupe-play").onclick = () => { const element = row.closest("[data-index]"); if (element) listenTo(element); };
    part(".troupe-again").onclick = () => { const element = row.closest("[data-index]"); if (element) say(element); };
    bar.onclick = (/** @type {MouseEvent} */ event) => {
      const box = bar.getBoundingClientRect();
      seek(track, row, ((event.clientX - box.left) / box.width) * lengthOf(track));
    };
    bar.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();  // the host's arrow keys change the version of a message
      seek(track, row, (sound.now.track === track ? sound.elapsed() : 0) + step);
    };
    rows.set(track, { row, play: part(".troupe-play"), bar, fill: bar.firstChild, time: part(".troupe-time") });
    draw(track);
    return row;
  };

  /** @param {any} track */
  const lengthOf = (track) =>
    track.clips.reduce((/** @type {number} */ sum, /** @type {any} */ clip) => sum + clip.duration, 0);

  /** @param {any} track @param {Element} row @param {number} seconds */
  const seek = (track, row, seconds) => {
    const element = row.closest("[data-index]");
    let left = Math.max(0, seconds), at = 0;
    while (at < track.clips.length - 1 && left >= track.clips[at].duration) left -= track.clips[at++].duration;
    if (element) replay(track, element, at, left);
  };

  const clock = (/** @type {number} */ seconds) =>
    `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  /** @param {any} track */
  const draw = (track) => {
    const known = track && rows.get(track);
    if (!known) return;
    const current = sound.now.track === track;
    const running = current && (!sound.paused() || sound.now.waiting);
    const total = lengthOf(track), done = current ? sound.elapsed() : 0;
    const icon = running ? "pause" : "play";
    if (known.icon !== icon) {
      known.icon = icon;
      known.play.innerHTML = running ? PAUSE : PLAY;
      known.play.title = running ? "Pause" : "Play";
      known.play.setAttribute("aria-label", known.play.title);
    }
    known.row.classList.toggle("troupe-busy", !!track.open);
    known.fill.style.width = `${total ? Math.min(100, (100 * done) / total) : 0}%`;
    known.bar.setAttribute("aria-valuemax", total.toFixed(0));
    known.bar.setAttribute("aria-valuenow", done.toFixed(0));
    const words = current ? `${clock(done)} / ${clock(total)}` : clock(total);
    if (known.time.textContent !== words) known.time.textContent = words;
  };

  /** Mark the sentence being spoken. It stands in the host's own nodes, so nothing is inserted. */
  const mark = () => {
    const highlights = /** @type {any} */ (CSS).highlights;
    if (!highlights) return;
    const { track, at, waiting } = sound.now;
    const body = waiting ? null : messageOf(track)?.querySelector(".message-body");
    const sources = track && body ? track.clips.slice(0, at + 1).map((/** @type {any} */ clip) => clip.source) : [];
    const range = body && sources.length ? troupe.locate(body, sources) : null;
    if (range) highlights.set("troupe-speaking", new (/** @type {any} */ (window).Highlight)(range));
    else highlights.delete("troupe-speaking");
  };

  // To the extension: the host's own way, a hidden field and a hidden button.

  /** @param {string} name @param {object} content */
  const send = (name, content) => {
    const field = /** @type {any} */ (document.querySelector(`#${name} textarea, #${name} input`));
    const button = document.getElementById(`${name}-go`);
    if (!field || !button) return;
    field.value = JSON.stringify({ ...content, number: Date.now() });
    field.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => button.click(), 0);
  };

  /** @type {any} */
  let asking = null;
  /** @param {string[]} names */
  const ask = (names) => {
    if (asking) return;
    for (const name of names) takes.set(name, null);
    asking = setTimeout(() => { asking = null; send("troupe-ask", { keys: names }); }, 150);
  };

  /** @param {Element} element */
  const say = (element) => {
    stop();
    send("troupe-say", {
      text: element.getAttribute("data-raw") || element.querySelector(".message-body")?.textContent || "",
      index: Number(element.getAttribute("data-index")),
    });
  };

  const stop = () => {
    if (live && live.open) silenced.add(live.id);
    if (live && live.open) { live.stopped = true; live.open = false; settle(live); }
    sound.stop();
    chip(null);
  };

  /** A turn is over: its message is complete soon and then has a name. @param {any} track */
  const settle = (track) => {
    setTimeout(() => {
      if (generating() && track === live) return settle(track);
      const element = track.clips.length ? messageOf(track) : null;
      if (element && track.kind !== "preview" && !track.settled) {
        track.settled = true;
        track.index = Number(element.getAttribute("data-index"));
        takes.set(keyOf(element), track);
      }
      if (track === live && !track.open && track.settled) live = null;
      decorate();
    }, 400);
  };

  // What is shown beside the chat.

  /** @type {any} */
  let chipElement = null;
  /** The browser wants a touch before it plays. @param {(() => void) | null} listen */
  const chip = (listen) => {
    chipElement?.remove();
    chipElement = null;
    if (!listen) return;
    chipElement = document.createElement("button");
    chipElement.className = "troupe-chip";
    chipElement.innerHTML = `${SPEAK}<span>Tap to listen</span>`;
    chipElement.onclick = () => { chip(null); listen(); };
    document.body.append(chipElement);
  };

  /** @param {string} text */
  const toast = (text) => {
    document.querySelector(".troupe-toast")?.remove();
    const element = document.createElement("div");
    element.className = "troupe-toast";
    element.setAttribute("role", "status");
    element.textContent = text;
    element.title = "Click to close";
    element.onclick = () => element.remove();
    document.body.append(element);
    setTimeout(() => element.remove(), 12000);
  };

  sound.listen((/** @type {string} */ what, /** @type {any} */ track) => {
    if (what === "refused") {
      const { track: waiting, at, offset } = sound.now;
      chip(() => sound.play(waiting, at, offset));
    }
    if (what === "playing") chip(null);
    if (what === "gone") {
      const element = messageOf(track);
      if (element) { takes.set(keyOf(element), null); decorate(); say(element); }
    }
    draw(track || sound.now.track);
    if (live) draw(live);
    if (what !== "time") mark();
  });

  // From the extension.

  /** A turn of this page, all that is known of it. @param {any} turn */
  troupe.news = (turn) => {
    if (!turn || !turn.turn) return;
    for (const notice of turn.notices) {
      if (told.has(notice.id)) continue;
      told.add(notice.id);
      toast(notice.text);
    }
    if (silenced.has(turn.turn)) return;
    if (!live || live.id !== turn.turn) {
      if (turn.state === "cancelled") return;
      stop();
      live = { id: turn.turn, kind: turn.kind, index: turn.index, clips: [], open: true, begun: false };
    }
    live.clips = turn.clips;
    live.open = turn.state === "waiting" || turn.state === "speaking";
    live.stopped = turn.state === "cancelled" || turn.state === "failed";  // play then speaks it anew
    if (turn.state === "cancelled" && sound.now.track === live) sound.stop();
    else if (!live.begun && live.clips.length > turn.first) {
      live.begun = true;
      sound.play(live, turn.first);
    } else if (sound.now.track === live) sound.more();
    if (!live.open) settle(live);
    draw(live);
    decorate();
  };

  /** The takes of messages that were asked for. @param {any} answer */
  troupe.found = (answer) => {
    if (!answer || !answer.takes) return;
    for (const [key, clips] of Object.entries(answer.takes)) {
      if (takes.get(key)) continue;
      takes.set(key, { id: key, kind: "message", index: null, clips, open: false });
    }
    decorate();
  };

  /** @param {any} wanted */
  troupe.prefer = (wanted) => {
    if (!wanted) return;
    Object.assign(prefs, { player: wanted.player, volume: wanted.volume });
    sound.volume(prefs.volume);
    decorate();
  };

  /** Silence, now: a button of the host's was pressed. The extension is told by the same press. */
  troupe.hush = () => stop();

  /** A message has been edited: only what is being spoken of it ends. */
  troupe.edited = () => {
    const index = /** @type {any} */ (document.querySelector("#Edit-message-index input"))?.value;
    const element = messageOf(sound.now.track);
    if (!element || element.getAttribute("data-index") !== String(index)) return;
    if (live) live.settled = true;  // what was said is not what the message says now
    silence();
  };

  /** Here and at the server. */
  const silence = () => {
    if ((live && live.open) || sound.now.track) document.getElementById("troupe-stop")?.click();
  };

  // The server's side of Stop is an event of Gradio's; silence need not wait for it.
  document.addEventListener("click", (event) => {
    const pressed = /** @type {Element} */ (event.target);
    if (pressed.closest?.("#stop")) stop();
    if (pressed.closest?.("#past-chats label, #chat-mode label")) silence();
  }, true);

  // A studio on the host's machine cannot be reached from another one by its loopback address.
  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.(".troupe-studio");
    if (!link) return;
    const local = (/** @type {string} */ name) => ["127.0.0.1", "localhost", "[::1]"].includes(name);
    if (local(new URL(/** @type {any} */ (link).href).hostname) && !local(location.hostname)) {
      event.preventDefault();
      toast("The studio runs on the machine of the web UI and can be opened there.");
    }
  });

  const observer = new MutationObserver(decorate);
  const chat = document.getElementById("chat");
  const stage = chat?.parentElement?.parentElement;
  if (stage) observer.observe(stage, { childList: true, subtree: true, characterData: true, attributeFilter: ["data-raw"] });
  decorate();
})();
