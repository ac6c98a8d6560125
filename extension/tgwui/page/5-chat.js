// @ts-check
// The chat's side of a voice: a small player under each spoken message, the sentence being spoken marked, and
// what the host's buttons mean for it. The host redraws messages as it likes and drops what is not its own, so
// everything put into the chat is put there again after each change; the sound is not in the page's tree.
(() => {
  const troupe = /** @type {any} */ (window).troupe;
  const { sound, chip, toast, untoast, draw } = troupe;
  const { spoken, rows, inChat, messageOf, indexOf, textOf, speakerOf, keyOf, keepingTheEnd, generating } = troupe.messages;

  const prefs = { player: true, volume: 1 };
  /** @type {Map<string, any>} clips by message key; null where it is known that there are none */
  const takes = new Map();
  /** @type {Map<string, any>} by place: two messages may say the same, and each has a player of its own */
  const tracks = new Map();
  /** @type {any} the turn that the server is speaking for this page */
  let live = null;
  /** Turns that were stopped here; news about them may still be on the way. @type {Set<string>} */
  const silenced = new Set();
  /** @type {Set<number>} */
  const told = new Set();
  /** The reply to the last press stands no earlier; the host may show it after it has been heard. */
  let expected = 0;
  /** The turn that the last notice was about. */
  let complained = "";
  let buttons = 0;
  /** How often a message that is not shown yet is looked for. */
  const LOOKS = 50;

  /** The track of a message: what is being spoken, or what was. @param {Element} element */
  const trackOf = (element) => {
    if (live && messageOf(live) === element) return live;
    const place = placeOf(element), clips = takes.get(keyOf(element));
    if (!tracks.has(place) && clips) {
      tracks.set(place, { id: place, kind: "message", index: indexOf(element), clips, open: false });
    }
    return tracks.get(place) || null;
  };

  /** @param {Element} element */
  const placeOf = (element) => `${indexOf(element)} ${keyOf(element)}`;

  // What is put into the chat.

  const decorate = () => {
    const messages = spoken();
    const unknown = new Set();
    for (const element of messages) {
      const text = element.querySelector(":scope > .text");
      if (!text || text.querySelector(".editing-textarea")) continue;
      const busy = generating() && element === messages[messages.length - 1];
      const key = busy ? "" : keyOf(element);
      if (key && !takes.has(key)) unknown.add(key);
      const track = trackOf(element);
      const wanted = prefs.player && track && track.clips.length ? playerOf(track) : null;
      for (const row of text.querySelectorAll("troupe-player")) if (row !== wanted) row.remove();
      if (wanted && wanted.parentElement !== text) keepingTheEnd(() => text.append(wanted));
      const actions = text.querySelector(".message-actions");
      if (actions && !actions.querySelector(".troupe-speak")) actions.append(speakButton());
    }
    if (unknown.size) ask([...unknown]);
    mark();
    observer.takeRecords();
  };

  const speakButton = () => {
    const button = document.createElement("button");
    button.id = `troupe-speak-${++buttons}`;  // the host's redrawing tells nodes apart by their ids
    button.className = "footer-button troupe-speak";
    button.title = "Speak";
    button.innerHTML = troupe.speakIcon;
    button.onclick = () => {
      const element = button.closest("[data-index]");
      if (element) listenTo(element);
    };
    return button;
  };

  /** @param {any} track @returns {HTMLElement} */
  const playerOf = (track) => {
    const at = (/** @type {(element: Element) => void} */ act) => {
      const element = player.closest("[data-index]");
      if (element) act(element);
    };
    const player = troupe.playerOf(track, {
      press: () => at(listenTo),
      again: () => at(say),
      jump: (/** @type {number} */ clip, /** @type {number} */ offset) =>
        at((element) => replay(track, element, clip, offset)),
    });
    return player;
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
    if (track !== live || !track.open) track.index = indexOf(element);
    sound.play(track, at, offset);
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
  /** How often a key was asked for: a page that is still loading may lose a question. @type {Map<string, number>} */
  const asked = new Map();
  /** @param {string[]} names */
  const ask = (names) => {
    const open = names.filter((name) => (asked.get(name) || 0) < 4);
    if (asking || !open.length) return;
    asking = setTimeout(() => {
      for (const name of open) asked.set(name, (asked.get(name) || 0) + 1);
      send("troupe-ask", { keys: open });
      asking = setTimeout(() => { asking = null; decorate(); }, 3000);
    }, 150);
  };

  /** @param {Element} element */
  const say = (element) => {
    stop();
    send("troupe-say", {
      text: textOf(element) || element.querySelector(".message-body")?.textContent || "",
      speaker: speakerOf(element),
      index: indexOf(element),
    });
  };

  const stop = () => {
    bind(live);
    if (live && live.open) silenced.add(live.id);
    if (live && live.open) { live.stopped = true; live.open = false; settle(live); }
    sound.stop();
    chip(null);
  };

  /** The last message is this one's as long as no other has been asked for. @param {any} track */
  const bind = (track) => {
    const element = track && track.clips.length ? messageOf(track) : null;
    if (element) track.index = indexOf(element);
  };

  /** A turn is over: its message is complete soon and then has a name. @param {any} track */
  const settle = (track, looks = 0) => {
    setTimeout(() => {
      if (generating() && track === live) return settle(track);
      const element = track.clips.length ? messageOf(track) : null;
      if (!element && track.clips.length && inChat(track) && looks < LOOKS) return settle(track, looks + 1);
      if (element && !track.settled) {
        track.settled = true;
        track.index = indexOf(element);
        tracks.set(placeOf(element), track);
        if (!track.stopped) takes.set(keyOf(element), track.clips);
      }
      if (track === live && !track.open && (track.settled || looks === LOOKS)) live = null;
      decorate();
    }, 400);
  };

  sound.listen((/** @type {string} */ what, /** @type {any} */ track) => {
    if (what === "refused") {
      const { track: waiting, at, offset } = sound.now;
      chip(() => sound.play(waiting, at, offset));
    }
    if (what === "playing") chip(null);
    if (what === "gone") {
      const element = messageOf(track);
      if (element) { tracks.delete(placeOf(element)); takes.set(keyOf(element), null); decorate(); say(element); }
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
      toast(notice.text, { stays: true });
      complained = turn.turn;
    }
    if (silenced.has(turn.turn)) return;
    if (!live || live.id !== turn.turn) {
      if (turn.state === "cancelled") return;
      stop();
      live = { id: turn.turn, kind: turn.kind, index: turn.index, from: expected, clips: [], open: true, begun: false };
    }
    live.clips = turn.clips;
    live.open = turn.state === "waiting" || turn.state === "speaking";
    live.stopped = turn.state === "cancelled" || turn.state === "failed";  // play then speaks it anew
    if (turn.state === "cancelled" && sound.now.track === live) sound.stop();
    else if (!live.begun && live.clips.length > turn.first) {
      live.begun = true;
      if (complained && complained !== live.id) { complained = ""; untoast(); }  // it speaks again
      sound.play(live, turn.first);
    } else if (sound.now.track === live) sound.more();
    if (!live.open) settle(live);
    draw(live);
    decorate();
  };

  /** The takes of messages that were asked for. @param {any} answer */
  troupe.found = (answer) => {
    if (!answer || !answer.takes) return;
    clearTimeout(asking);
    asking = null;
    for (const key of answer.asked) {
      if (!takes.get(key)) takes.set(key, answer.takes[key] || null);
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

  /**
   * Silence, now: a button of the host's was pressed. The extension is told by the same press.
   * @param {"send" | "regenerate" | "continue" | "new"} [pressed] what brings about a reply
   */
  troupe.hush = (pressed) => {
    stop();
    expected = pressed === "send" ? rows() : 0;
  };

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

  /** Lists have other entries: an open one shows of them only what its text says, until it is entered. */
  troupe.redrawn = () => {
    setTimeout(() => {
      const field = document.activeElement;
      if (field?.closest("#troupe") && field.getAttribute("role") === "listbox") field.dispatchEvent(new Event("focus"));
    }, 50);
  };

  // A person who comes back may have changed something in the studio: its tab was opened from here.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) document.getElementById("troupe-look")?.click();
  });

  const observer = new MutationObserver(decorate);
  const chat = document.getElementById("chat");
  const stage = chat?.parentElement?.parentElement;
  if (stage) observer.observe(stage, { childList: true, subtree: true, characterData: true, attributeFilter: ["data-raw"] });
  decorate();
})();
