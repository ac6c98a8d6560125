// @ts-check
/** Plays clips back to back on the sound card's own clock, one track after the other. */

/** @typedef {{buffer: AudioBuffer, tag: any, source: AudioBufferSourceNode | null, fade: GainNode | null, at: number}} Item */
/**
 * @typedef {object} TrackListener
 * @property {(tag: any) => void} [playing] this clip is heard now
 * @property {(tag: any, seconds: number) => void} [progress] how far into the clip the listener is
 * @property {(heardAll: boolean) => void} [ended]
 */

/** A clip is scheduled at least this far ahead: later than "now" or its beginning would be cut. */
const LEAD_S = 0.03;
const GAP_BETWEEN_TRACKS_S = 0.25;
const TICK_MS = 40;
/** Long enough not to click, short enough to feel like silence at once. */
const FADE_S = 0.015;
/** A running context keeps the sound device (and a phone) awake. */
const IDLE_MS = 20_000;
/** How long a browser may take to let a context run before a person is asked to tap. */
const BLOCKED_MS = 400;

/** Clips of one text. Made by `Player.open`. */
export class Track {
    /** @type {Item[]} */
    items = [];
    closed = false;
    /** @type {any} */
    current = null;

    /** @param {Player} player @param {TrackListener} listener */
    constructor(player, listener) {
        this.player = player;
        this.listener = listener;
    }

    /** @param {AudioBuffer} buffer @param {any} tag handed back to the listener */
    add(buffer, tag) {
        this.items.push({ buffer, tag, source: null, fade: null, at: 0 });
        this.player.wake();
    }

    /** No clip will follow. */
    close() {
        this.closed = true;
        this.player.wake();
    }

    /** Seconds of this track that are not heard yet. */
    secondsAhead() {
        const now = this.player.now;
        return this.items.reduce((sum, { buffer, source, at }) => {
            return sum + (source ? Math.max(0, Math.min(buffer.duration, at + buffer.duration - now)) : buffer.duration);
        }, 0);
    }

    stop() {
        this.player.drop(this);
    }
}

export class Player {
    #create;
    /** @type {AudioContext | null} */
    #context = null;
    /** @type {GainNode | null} */
    #gain = null;
    /** @type {Track[]} */
    #tracks = [];
    /** When the next clip may begin, on the context's clock. */
    #next = 0;
    /** @type {ReturnType<typeof setInterval> | null} */
    #timer = null;
    #idleSince = 0;
    #blockedSince = 0;
    #blocked = false;
    #volume = 1;
    /** @type {(blocked: boolean) => void} */
    onBlocked = () => undefined;

    /** @param {() => AudioContext} create */
    constructor(create = () => new AudioContext()) {
        this.#create = create;
    }

    get now() {
        return this.#context?.currentTime ?? 0;
    }

    get volume() {
        return this.#volume;
    }

    set volume(value) {
        this.#volume = value;
        if (this.#gain) this.#gain.gain.setTargetAtTime(value, this.now, 0.02);
    }

    /** @param {TrackListener} listener @returns {Track} */
    open(listener) {
        const track = new Track(this, listener);
        this.#tracks.push(track);
        this.wake();
        return track;
    }

    /** @param {ArrayBuffer} bytes a whole file */
    decode(bytes) {
        return this.#ready().decodeAudioData(bytes);
    }

    /** Whether sound of this track is the one being played. @param {Track} track */
    isFirst(track) {
        return this.#tracks[0] === track;
    }

    /** Call it from a click or key: only then do browsers let sound start. */
    unlock() {
        const context = this.#context;
        if (context && context.state !== 'running') void context.resume().catch(() => undefined);
    }

    /** Goes on with the next clip of the track being heard. */
    skip() {
        const track = this.#tracks[0];
        if (!track) return;
        const now = this.now;
        const rest = track.items.filter((item) => !(item.source && item.at <= now));
        for (const item of track.items) this.#silence(item);
        track.items = rest;
        this.#next = now + FADE_S;
        this.#tick();
    }

    /** @param {Track} track */
    drop(track) {
        const at = this.#tracks.indexOf(track);
        if (at < 0) return;
        this.#tracks.splice(at, 1);
        for (const item of track.items) this.#silence(item);
        if (at === 0) this.#next = this.now + FADE_S;
        track.items = [];
        track.current = null;
        track.listener.ended?.(false);
    }

    wake() {
        this.#idleSince = 0;
        this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
        if (this.#tracks[0]?.items.length) this.#tick();
    }

    #ready() {
        if (!this.#context) {
            this.#context = this.#create();
            this.#gain = this.#context.createGain();
            this.#gain.gain.value = this.#volume;
            this.#gain.connect(this.#context.destination);
        }
        return this.#context;
    }

    #tick() {
        const track = this.#tracks[0];
        if (!track) return this.#rest();
        if (track.items.length === 0) {
            if (track.closed) this.#finish(track);
            return;
        }
        const context = this.#ready();
        this.#watchPermission(context);
        for (const item of track.items) if (!item.source) this.#schedule(context, item);
        // What the loudspeaker plays lags behind what was handed to it.
        const heard = context.currentTime - (context.outputLatency || 0);
        while (track.items.length && track.items[0].at + track.items[0].buffer.duration <= heard) track.items.shift();
        const item = track.items[0];
        if (!item || !item.source || item.at > heard || context.state !== 'running') return;
        if (track.current !== item) {
            track.current = item;
            track.listener.playing?.(item.tag);
        }
        track.listener.progress?.(item.tag, heard - item.at);
    }

    /** @param {AudioContext} context @param {Item} item */
    #schedule(context, item) {
        const source = context.createBufferSource();
        const fade = context.createGain();
        source.buffer = item.buffer;
        source.connect(fade).connect(/** @type {GainNode} */ (this.#gain));
        item.at = Math.max(this.#next, context.currentTime + LEAD_S);
        source.start(item.at);
        this.#next = item.at + item.buffer.duration;
        item.source = source;
        item.fade = fade;
    }

    /** @param {Item} item */
    #silence(item) {
        const { source, fade } = item;
        if (!source || !fade) return;
        const now = this.now;
        if (item.at <= now) {
            fade.gain.setValueAtTime(1, now);
            fade.gain.linearRampToValueAtTime(0, now + FADE_S);
            source.stop(now + FADE_S);
        } else source.stop();
        item.source = null;
    }

    /** @param {Track} track */
    #finish(track) {
        this.#tracks.shift();
        track.current = null;
        this.#next = this.now + GAP_BETWEEN_TRACKS_S;
        track.listener.ended?.(true);
    }

    /** @param {AudioContext} context */
    #watchPermission(context) {
        if (context.state === 'running') {
            this.#blockedSince = 0;
            this.#setBlocked(false);
            return;
        }
        if (!this.#blockedSince) {
            this.#blockedSince = performance.now();
            this.unlock();
        }
        if (performance.now() - this.#blockedSince > BLOCKED_MS) this.#setBlocked(true);
    }

    #rest() {
        this.#setBlocked(false);
        this.#blockedSince = 0;
        this.#idleSince ||= performance.now();
        if (performance.now() - this.#idleSince < IDLE_MS) return;
        if (this.#timer) clearInterval(this.#timer);
        this.#timer = null;
        if (this.#context?.state === 'running') void this.#context.suspend().catch(() => undefined);
    }

    /** @param {boolean} blocked */
    #setBlocked(blocked) {
        if (blocked === this.#blocked) return;
        this.#blocked = blocked;
        this.onBlocked(blocked);
    }
}
