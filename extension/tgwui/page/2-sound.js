// @ts-check
// Plays the clips of a track one after the other, in one audio element: a phone unlocks an element, not a page.
/**
 * @typedef {{url: string, duration: number, source: string}} Clip
 * @typedef {{id: string, kind: string, index: number | null, clips: Clip[], open: boolean}} Track
 */
(() => {
  const troupe = /** @type {any} */ (window).troupe;

  const audio = new Audio();
  /** @type {Map<string, Promise<string>>} */
  const fetched = new Map();
  const KEPT = 12;

  /**
   * `waiting` for a clip that is not there yet; `held` by a person meanwhile.
   * @type {{track: Track | null, at: number, waiting: boolean, held: boolean, offset: number}}
   */
  const now = { track: null, at: -1, waiting: false, held: false, offset: 0 };
  let request = 0;
  /** @type {(what: string, detail?: any) => void} */
  let tell = () => {};

  /** @param {string} url */
  const load = (url) => {
    let blob = fetched.get(url);
    if (!blob) {
      blob = fetch(url, { credentials: "same-origin" }).then(async (answer) => {
        if (!answer.ok) throw Object.assign(new Error(`${answer.status}`), { status: answer.status });
        return URL.createObjectURL(await answer.blob());
      });
      blob.catch(() => fetched.delete(url));
      fetched.set(url, blob);
      for (const [old, address] of fetched) {
        if (fetched.size <= KEPT) break;
        fetched.delete(old);
        address.then((name) => name !== audio.src && URL.revokeObjectURL(name), () => {});
      }
    }
    return blob;
  };

  /** @param {Track} track @param {number} at @param {number} offset seconds into that clip */
  const play = async (track, at, offset = 0) => {
    const mine = ++request;
    Object.assign(now, { track, at, waiting: at >= track.clips.length, held: false, offset });
    audio.pause();
    if (now.waiting) return track.open ? tell("waiting") : finish();
    tell("clip");
    try {
      const source = await load(track.clips[at].url);
      if (mine !== request) return;
      audio.src = source;
      if (offset) audio.currentTime = offset;
      await audio.play();
      if (mine !== request) return;
      tell("playing");
      if (at + 1 < track.clips.length) load(track.clips[at + 1].url).catch(() => {});
    } catch (error) {
      if (mine !== request) return;
      const reason = /** @type {any} */ (error);
      if (reason.name === "NotAllowedError") tell("refused");
      else if (reason.status === 404 || reason.status === 410) finish("gone");
      else if (reason.name !== "AbortError") play(track, at + 1);
    }
  };

  /** @param {string} [why] */
  const finish = (why) => {
    const track = now.track;
    request++;
    audio.pause();
    Object.assign(now, { track: null, at: -1, waiting: false, held: false, offset: 0 });
    tell(why || "finished", track);
  };

  audio.addEventListener("ended", () => now.track && play(now.track, now.at + 1));
  audio.addEventListener("timeupdate", () => tell("time"));
  audio.addEventListener("pause", () => tell("time"));
  // A clip that cannot be decoded must not end the whole message.
  audio.addEventListener("error", () => now.track && audio.src && play(now.track, now.at + 1));

  troupe.sound = {
    now,
    play,
    stop: () => now.track && finish("stopped"),
    /** More clips have come, or the last one is known. */
    more: () => {
      const track = now.track;
      if (now.held) return;
      if (track && now.waiting && (now.at < track.clips.length || !track.open)) play(track, now.at);
      else if (track && now.at + 1 < track.clips.length) load(track.clips[now.at + 1].url).catch(() => {});
    },
    toggle: () => {
      if (now.waiting) {
        now.held = !now.held;
        troupe.sound.more();
      } else if (audio.paused) audio.play().catch(() => tell("refused"));
      else audio.pause();
      tell("time");
    },
    paused: () => now.waiting ? now.held : audio.paused,
    /** Seconds played of the track. */
    elapsed: () => now.track
      ? now.track.clips.slice(0, now.at).reduce((sum, clip) => sum + clip.duration, 0)
        + (now.waiting ? 0 : audio.currentTime)
      : 0,
    /** @param {number} volume 0 to 1 */
    volume: (volume) => { audio.volume = Math.max(0, Math.min(1, volume)); },
    /** @param {(what: string, detail?: any) => void} listener */
    listen: (listener) => { tell = listener; },
  };
})();
