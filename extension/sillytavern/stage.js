// @ts-check
/** What is being spoken in this page: narrations, their sound, and which message each belongs to. */

import { ServerError } from './client.js';
import { Narration } from './narration.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {import('./player.js').Player} Player */
/** @typedef {import('./player.js').Track} Track */
/** @typedef {import('./narration.js').Clip} Clip */
/** @typedef {import('./narration.js').NarrationOptions} NarrationOptions */
/**
 * @typedef {object} StageListener
 * @property {(speech: Speech) => void} changed it began, went on to another clip, or ended
 * @property {(speech: Speech, seconds: number) => void} progress
 * @property {(speech: Speech, error: Error) => void} failed
 */

/**
 * Sound is fetched this far ahead of the listener, enough for a slow moment of the network. The server works ahead of
 * what is fetched, so fetching everything at once would make it speak a text nobody may hear.
 */
const AHEAD_S = 12;
const ROOM_CHECK_MS = 200;
/** Waits before a clip that was lost on its way is fetched again. */
const CLIP_RETRY_MS = [200, 800];

/** One text being spoken. Made by `Stage.speak`. */
export class Speech {
    /** @type {Clip | null} the clip being heard */
    clip = null;
    ended = false;
    /** All of it was made, so its sound can be saved as it is. */
    complete = false;
    /** Resolves when the last clip was heard, or it was stopped. @type {Promise<void>} */
    finished;
    #narration;
    #client;
    #player;
    #stage;
    /** @type {Track} */
    #track;
    /** @type {Clip[]} */
    #waiting = [];
    #fetching = false;
    #allMade = false;
    #abort = new AbortController();
    /** @type {() => void} */
    #finish = () => undefined;

    /**
     * @param {{client: Client, player: Player, stage: StageListener}} parts
     * @param {NarrationOptions} options
     * @param {{message: object | null, base: string, name: string}} about the message's text before this narration's
     */
    constructor({ client, player, stage }, options, { message, base, name }) {
        this.message = message;
        this.base = base;
        this.name = name;
        this.#client = client;
        this.#player = player;
        this.#stage = stage;
        this.finished = new Promise((resolve) => (this.#finish = resolve));
        this.#track = player.open({
            playing: (clip) => this.#playing(clip),
            progress: (_clip, seconds) => stage.progress(this, seconds),
            ended: () => this.#over(),
        });
        this.#narration = new Narration(client, {
            clip: (clip) => (this.#waiting.push(clip), void this.#fetch()),
            clipFailed: ({ message, code }) => stage.failed(this, Object.assign(new Error(message), { code })),
            end: ({ complete }) => this.#made(complete),
            error: (error) => stage.failed(this, error),
        });
        void this.#narration.open({ ...options, format: 'wav', context: base.slice(-20_000) });
    }

    /** The raw text before and of this narration; `offset` is where this narration's begins. */
    get source() {
        return { text: this.base + this.#narration.text, offset: this.base.length };
    }

    get audioUrl() {
        return this.#narration.audioUrl;
    }

    /** @param {string} text all of it so far @param {boolean} final */
    write(text, final) {
        this.#narration.write(text, final);
    }

    /** Nothing will be written any more, whatever was said about it before. */
    finish() {
        this.#narration.finish();
    }

    /** @param {{keepalive?: boolean}} [options] */
    stop(options) {
        if (this.ended) return;
        this.#abort.abort();
        this.#track.stop();
        this.#narration.cancel(options);
    }

    async #fetch() {
        if (this.#fetching) return;
        this.#fetching = true;
        const { signal } = this.#abort;
        for (let clip; !signal.aborted && (clip = this.#waiting[0]); this.#waiting.shift()) {
            while (this.#track.secondsAhead() > AHEAD_S && !signal.aborted) {
                await new Promise((resolve) => setTimeout(resolve, ROOM_CHECK_MS));
            }
            try {
                const buffer = await this.#sound(clip.url);
                if (!signal.aborted) this.#track.add(buffer, clip);
            } catch (error) {
                // One lost clip is a hole of a sentence; the ones after it can still be heard.
                if (!signal.aborted) this.#stage.failed(this, error instanceof Error ? error : new Error(String(error)));
            }
        }
        this.#fetching = false;
        if (this.#allMade) this.#track.close();
    }

    /** What the network loses is fetched again; what the server refuses is not there. @param {string} url */
    async #sound(url) {
        const { signal } = this.#abort;
        for (let lost = 0; ; lost++) {
            try {
                const response = await this.#client.request(url, { signal, open: true });
                return await this.#player.decode(await response.arrayBuffer());
            } catch (error) {
                if (signal.aborted || error instanceof ServerError || lost >= CLIP_RETRY_MS.length) throw error;
                await new Promise((resolve) => setTimeout(resolve, CLIP_RETRY_MS[lost]));
            }
        }
    }

    /** @param {boolean} complete */
    #made(complete) {
        this.#allMade = true;
        this.complete = complete;
        if (!this.#fetching) this.#track.close();
    }

    /** @param {Clip} clip */
    #playing(clip) {
        this.clip = clip;
        this.#stage.changed(this);
    }

    #over() {
        this.ended = true;
        this.clip = null;
        this.#stage.changed(this);
        this.#finish();
    }
}

export class Stage {
    #client;
    #player;
    #listener;
    /** @type {Speech[]} */
    #speeches = [];
    /** @type {WeakMap<object, Speech>} */
    #last = new WeakMap();

    /** @param {Client} client @param {Player} player @param {StageListener} listener */
    constructor(client, player, listener) {
        this.#client = client;
        this.#player = player;
        this.#listener = {
            ...listener,
            changed: (/** @type {Speech} */ speech) => {
                if (speech.ended) this.#speeches = this.#speeches.filter((other) => other !== speech);
                listener.changed(speech);
            },
        };
    }

    /** What is heard, or is about to be. @returns {Speech | null} */
    get current() {
        return this.#speeches[0] ?? null;
    }

    /**
     * Speaks after everything that is being spoken.
     * @param {NarrationOptions} options
     * @param {{message?: object | null, base?: string, name?: string, text?: string}} [about] with a text: all of it, now
     * @returns {Speech}
     */
    speak(options, { message = null, base = '', name = '', text } = {}) {
        const parts = { client: this.#client, player: this.#player, stage: this.#listener };
        const speech = new Speech(parts, options, { message, base, name });
        if (text !== undefined) speech.write(text, true);
        this.#speeches.push(speech);
        if (message) this.#last.set(message, speech);
        this.#listener.changed(speech);
        return speech;
    }

    /** @param {object} message @returns {Speech | null} being spoken or waiting */
    of(message) {
        return this.#speeches.find((speech) => speech.message === message) ?? null;
    }

    /** The last narration of a message, ended or not. @param {object} message @returns {Speech | null} */
    last(message) {
        return this.#last.get(message) ?? null;
    }

    /** @param {object} message */
    stop(message) {
        for (const speech of [...this.#speeches]) if (speech.message === message) speech.stop();
    }

    /** @param {{keepalive?: boolean}} [options] */
    stopAll(options) {
        for (const speech of [...this.#speeches].reverse()) speech.stop(options);
    }

    /** Stops what belongs to messages that are gone. @param {readonly object[]} chat */
    prune(chat) {
        for (const speech of [...this.#speeches].reverse()) {
            if (speech.message && !chat.includes(speech.message)) speech.stop();
        }
    }

    skip() {
        this.#player.skip();
    }

    /** @param {object} message its text has changed, so the sound made of it is not its sound any more */
    forget(message) {
        this.#last.delete(message);
    }
}
