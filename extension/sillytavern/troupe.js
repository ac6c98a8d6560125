// @ts-check
/** What the extension is made of, and the few things its panels, commands and buttons all do. */

import { normalAddress } from './address.js';
import { Casting, labelFor } from './cast.js';
import { Client, Unreachable } from './client.js';
import { Connection } from './connection.js';
import { Highlighter } from './highlight.js';
import * as host from './host.js';
import { t } from './i18n.js';
import { Narrator } from './narrator.js';
import { Player } from './player.js';
import { Preview } from './preview.js';
import { keyStore, loadSettings } from './settings.js';
import { Stage } from './stage.js';
import { explain } from './states.js';

/** @typedef {import('./host.js').Message} Message */
/** @typedef {import('./stage.js').Speech} Speech */
/** @typedef {import('./narration.js').Member} Member */

const CONNECT_MS = 10_000;
/** The same failure is not told again for each sentence. */
const SAME_ERROR_MS = 30_000;
/** Nobody answers, or not us: over as soon as that changes. */
const OUT_OF_REACH = 'out_of_reach';
/** The server's codes for what only a person can change, and ours. */
const WANT_A_PERSON = new Set([OUT_OF_REACH, 'engine_not_installed', 'weights_missing', 'device_not_usable', 'engine_failed', 'bad_archive']);

export class Troupe {
    settings = loadSettings(host.context().extensionSettings);
    client = new Client(() => normalAddress(this.settings.address, location), keyStore.get);
    connection = new Connection(this.client, this.settings, location);
    preview = new Preview(this.client, () => this.connection.catalogue);
    player = new Player();
    highlighter = new Highlighter();
    /** Characters whose chosen voice the current engine lacks. @type {Record<string, string>} */
    missing = {};
    /** Called when what is being spoken changes. @type {Set<() => void>} */
    listeners = new Set();
    /** Whether the browser waits for a tap before it lets sound start. */
    blocked = false;
    /** Called when the host has stopped its own queue. @type {Set<() => void>} */
    hostStops = new Set();
    /** The last failure, until a reply is spoken well. @type {{at: Date, message: string} | null} */
    trouble = null;
    #told = new Map();
    /** @type {WeakSet<Speech>} */
    #failed = new WeakSet();
    /** What takes away a toast that stays, with the code it is about. @type {Map<() => void, string>} */
    #toasts = new Map();

    constructor() {
        this.player.volume = this.settings.volume;
        this.player.onBlocked = (blocked) => {
            this.blocked = blocked;
            this.#notify();
        };
        this.stage = new Stage(this.client, this.player, {
            changed: (speech) => this.#changed(speech),
            progress: (speech, seconds) => this.#mark(speech, seconds),
            failed: (speech, error) => {
                this.#failed.add(speech);
                this.tell(error);
            },
        });
        this.narrator = new Narrator({
            isOn: () => this.settings.live,
            settings: () => this.settings,
            speak: (message, base, text) => this.speakMessage(message, base, text),
            stage: this.stage,
        });
    }

    start() {
        this.narrator.listen();
        this.connection.listeners.add(() => {
            if (this.connection.ready || this.connection.state === 'connecting') this.#clear([OUT_OF_REACH]);
        });
        if (this.settings.live) {
            host.setHostNarration(false);
            this.connection.use('narrator');
        }
        for (const event of ['pointerdown', 'keydown']) {
            document.addEventListener(event, () => this.player.unlock(), { capture: true, passive: true });
        }
        host.onQueueReset(() => {
            for (const stop of this.hostStops) stop();
        });
        window.addEventListener('pagehide', () => this.stage.stopAll({ keepalive: true }));
    }

    /** @param {boolean} on */
    setLive(on) {
        if (on === this.settings.live) return;
        this.settings.live = on;
        if (on) {
            this.settings.hostAuto = Boolean(host.ttsSettings().auto_generation);
            host.setHostNarration(false);
            this.connection.use('narrator');
        } else {
            this.stage.stopAll();
            host.setHostNarration(this.settings.hostAuto);
            this.connection.release('narrator');
        }
        this.save();
    }

    /** Whatever speaks ends: the narrator, the host's own queue, a sample. */
    fallSilent() {
        this.stage.stopAll();
        for (const stop of this.hostStops) stop();
        this.preview.stop();
    }

    save() {
        host.save();
        this.#notify();
    }

    /** Waits for a first answer; the server may have been started a moment ago. @throws {Error} that a person understands */
    async connected() {
        const { connection } = this;
        if (connection.state === 'off' || connection.state === 'connecting') {
            connection.use('page');
            await new Promise((resolve) => {
                const end = () => {
                    clearTimeout(timer);
                    connection.listeners.delete(look);
                    resolve(undefined);
                };
                const look = () => void (['connecting', 'off'].includes(connection.state) || end());
                const timer = setTimeout(end, CONNECT_MS);
                connection.listeners.add(look);
                look();
            });
        }
        if (!connection.ready) throw new Error(explain(connection, this.client.address).text);
    }

    /**
     * @param {Message} message
     * @param {string} [base] its text before what is to be spoken
     * @param {string} [text] all of it; left out while it is being written
     * @returns {Speech | null} null when this person's voice is disabled, or there is no server
     */
    speakMessage(message, base = '', text) {
        if (!this.connection.ready) {
            this.connection.use('page');
            const { text, light } = explain(this.connection, this.client.address);
            this.tell(Object.assign(new Error(text), { code: light === 'bad' ? OUT_OF_REACH : null }));
            return null;
        }
        const options = this.optionsFor(message);
        return options && this.stage.speak(options, { message, base, name: message.name, text });
    }

    /** @param {Message} message @returns {import('./narration.js').NarrationOptions | null} null when this voice is disabled */
    optionsFor(message) {
        const isNarrator = message.extra?.type === 'narrator';
        const speaker = { name: message.name, isUser: message.is_user, isNarrator };
        const cast = this.#casting.forMessage(host.company(), speaker);
        return cast && { ...cast, ...this.#manner() };
    }

    /**
     * @param {string} text
     * @param {{voice?: string, speed?: number}} [how] the voice is a label, an id, or the name of somebody in the chat
     * @returns {Promise<Speech>}
     */
    async say(text, { voice = '', speed = 1 } = {}) {
        await this.connected();
        const name = voice || host.context().name2;
        const label = this.connection.catalogue.find(voice)?.label ?? labelFor(host.company(), name);
        const character = this.#casting.member(label, name, speed);
        const narrator = this.#casting.narrator(character, this.settings.narrator);
        return this.stage.speak({ cast: { character, narrator }, ...this.#manner() }, { name, text });
    }

    /**
     * The cast for the host's own queue, which has chosen the voice.
     * @param {string} voice an id
     * @param {string} name
     * @param {boolean} [narrates] the text stood in asterisks, and the host's map has a row of its own for those
     */
    castFor(voice, name, narrates = false) {
        if (narrates) {
            const spoken = this.#casting.member(labelFor(host.company(), name), name);
            return { character: this.#casting.narrator(spoken, voice) };
        }
        const character = this.#casting.member(voice, name);
        return { character, narrator: this.#casting.narrator(character, this.settings.narrator) };
    }

    /** Says it once for a while; the panels show it until all is well. @param {Error & {code?: string | null}} error */
    tell(error) {
        this.note(error);
        const now = performance.now();
        if (now - (this.#told.get(error.message) ?? -Infinity) < SAME_ERROR_MS) return;
        this.#told.set(error.message, now);
        const code = error.code ?? '';
        const stays = WANT_A_PERSON.has(code);
        const remove = host.toast('error', error.message, { stays });
        if (stays) this.#toasts.set(remove, code);
    }

    /** For what the host tells itself: the panels show it, too. @param {Error} error */
    note(error) {
        // That nobody answers is what the light says, and stops saying.
        if (error instanceof Unreachable || !this.connection.ready) return;
        this.trouble = { at: new Date(), message: error.message };
        this.#notify();
    }

    /** Whatever the trouble was, it is over. */
    spokeWell() {
        this.trouble = null;
        this.#clear([...this.#toasts.values()]);
        this.#notify();
    }

    /** @param {string[]} codes */
    #clear(codes) {
        for (const [remove, code] of this.#toasts) {
            if (codes.includes(code) && this.#toasts.delete(remove)) remove();
        }
    }

    /** @param {Record<string, string>} missing */
    tellMissing(missing) {
        const news = Object.entries(missing).filter(([name]) => !(name in this.missing));
        if (!news.length) return this.#notify();
        Object.assign(this.missing, missing);
        const list = news.map(([name, label]) => (name === label ? name : `${name}: ${label}`)).join(', ');
        host.toast('info', t`This engine does not have these voices, so the default voice speaks: ${list}`);
        this.#notify();
    }

    get #casting() {
        return new Casting(this.settings, this.connection.catalogue);
    }

    #manner() {
        const { unmarked, skip } = this.settings;
        return { ...(unmarked ? { unmarked } : {}), ...(skip.length ? { skip } : {}) };
    }

    /** @param {Speech} speech */
    #changed(speech) {
        if (speech.ended || !this.settings.highlight) this.highlighter.clear();
        if (speech.ended && speech.complete && !this.#failed.has(speech)) this.spokeWell();
        else this.#notify();
    }

    /** @param {Speech} speech @param {number} seconds into the clip */
    #mark(speech, seconds) {
        const { clip, message } = speech;
        if (!clip || !message || !this.settings.highlight) return;
        const { text, offset } = speech.source;
        const word = clip.words?.find(({ start, end }) => start <= seconds && seconds < end);
        const element = host.textElement(message);
        const sentence = { start: offset + clip.start, end: offset + clip.end };
        this.highlighter.show(element, text, sentence, word ? { start: offset + word.from, end: offset + word.to } : null);
    }

    #notify() {
        for (const listener of this.listeners) listener();
    }
}
