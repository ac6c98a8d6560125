// @ts-check
/** The live narrator: what happens in the chat, turned into speaking and stopping. */

import * as host from './host.js';

/** @typedef {import('./host.js').Message} Message */
/** @typedef {import('./stage.js').Speech} Speech */
/**
 * One reply being written. `message` is null until its first token; `handled` when nothing is left to say of it.
 * @typedef {{type: string, base: string, message: Message | null, speech: Speech | null, handled: boolean}} Reply
 */
/**
 * @typedef {object} NarratorParts
 * @property {() => boolean} isOn
 * @property {() => import('./settings.js').Settings} settings
 * @property {(message: Message, base: string, text?: string) => Speech | null} speak null when this person is not spoken
 * @property {import('./stage.js').Stage} stage
 */

/** Nothing of these is part of the chat: what they write must not be heard. */
const SILENT = new Set(['quiet', 'impersonate']);
/** A reply that ended in an error gets no further event; what was written of it is then final. */
const ENDED_MS = 3000;

export class Narrator {
    #parts;
    /** @type {Reply | null} */
    #reply = null;

    /** @param {NarratorParts} parts */
    constructor(parts) {
        this.#parts = parts;
    }

    /** Begins to listen to the host. Stopping works also while the narrator is off: messages can be spoken by hand. */
    listen() {
        const { stage } = this.#parts;
        host.on('GENERATION_STARTED', (type, _options, dryRun) => this.#started(type, dryRun));
        host.on('STREAM_TOKEN_RECEIVED', (text) => this.#token(text));
        host.on('MESSAGE_RECEIVED', (id) => this.#received(Number(id)));
        host.on('CHARACTER_MESSAGE_RENDERED', (id) => this.#rendered(Number(id)));
        host.on('USER_MESSAGE_RENDERED', (id) => this.#userRendered(Number(id)));
        host.on('MESSAGE_SENT', () => this.#sent());
        host.on('GENERATION_STOPPED', () => this.#stopped());
        host.on('GENERATION_ENDED', () => this.#ended());
        host.on('MESSAGE_SWIPED', (id) => this.#swiped(Number(id)));
        host.on('MESSAGE_EDITED', (id) => this.#edited(Number(id)));
        host.on('MESSAGE_DELETED', () => stage.prune(host.context().chat));
        host.on('CHAT_CHANGED', () => this.#chatChanged());
    }

    /** @param {string} type @param {boolean} dryRun */
    #started(type, dryRun) {
        if (dryRun || type === 'quiet') return;
        this.#leave();
        if (SILENT.has(type)) return;
        if (['regenerate', 'swipe', 'continue'].includes(type)) this.#parts.stage.stopAll();
        const { chat } = host.context();
        const base = type === 'continue' ? (chat.at(-1)?.mes ?? '') : '';
        this.#reply = { type, base, message: null, speech: null, handled: false };
    }

    /** @param {string} text all of this reply so far, as the model wrote it */
    #token(text) {
        const reply = this.#reply;
        if (!reply || reply.handled || !this.#parts.isOn()) return;
        reply.message ??= host.streamedMessage();
        if (!reply.message || host.speaksTranslation()) return;
        reply.speech ??= this.#parts.speak(reply.message, reply.base);
        if (reply.speech) reply.speech.write(text, false);
        else reply.handled = true;
    }

    /** The host has cleaned the text up: this is what the message says now. @param {number} id */
    #received(id) {
        const reply = this.#reply;
        const message = host.context().chat[id];
        if (!reply?.speech || reply.message !== message) return;
        reply.speech.write(withoutBase(message.mes, reply.base), true);
        reply.handled = true;
    }

    /** @param {number} id */
    #rendered(id) {
        const message = host.context().chat[id];
        if (!message || message.is_system || !this.#parts.isOn()) return;
        // A command may put in a message while a reply is being written; it has nothing to do with the reply.
        const reply = this.#reply?.message && this.#reply.message !== message ? null : this.#reply;
        if (reply?.handled && reply.message) return;
        const base = reply?.type === 'continue' && !host.speaksTranslation() ? reply.base : '';
        const text = withoutBase(host.spokenText(message), base);
        if (reply) this.#reply = null;
        if (message.mes !== '...' && text.trim()) this.#parts.speak(message, base, text);
    }

    /** @param {number} id */
    #userRendered(id) {
        const message = host.context().chat[id];
        if (!message || message.is_system || !this.#parts.isOn() || !this.#parts.settings().user) return;
        this.#parts.speak(message, '', host.spokenText(message));
    }

    #sent() {
        if (this.#parts.settings().interrupt) this.#parts.stage.stopAll();
    }

    /** Whoever stops the reply does not want to hear it. */
    #stopped() {
        if (this.#reply) this.#reply.handled = true;
        this.#parts.stage.stopAll();
    }

    /** It may have been another generation, a quiet one beside this reply. */
    #ended() {
        const reply = this.#reply;
        if (!reply) return;
        const look = () => {
            if (reply.message && host.isWriting(reply.message)) setTimeout(look, ENDED_MS);
            else reply.speech?.finish();
        };
        setTimeout(look, ENDED_MS);
    }

    /** Whatever became of the reply, what was written of it is all: an open one would hold up those after it. */
    #leave() {
        this.#reply?.speech?.finish();
        this.#reply = null;
    }

    /** @param {number} id */
    #swiped(id) {
        this.#parts.stage.stopAll();
        this.#parts.stage.forget(host.context().chat[id]);
    }

    /** @param {number} id */
    #edited(id) {
        const message = host.context().chat[id];
        if (!message) return;
        this.#parts.stage.stop(message);
        this.#parts.stage.forget(message);
    }

    #chatChanged() {
        this.#leave();
        // Not everything: the greetings of a new group are there before its chat is announced.
        this.#parts.stage.prune(host.context().chat);
    }
}

/** @param {string} text @param {string} base @returns {string} */
function withoutBase(text, base) {
    return text.startsWith(base) ? text.slice(base.length) : text.startsWith(base.trimEnd()) ? text.slice(base.trimEnd().length) : text;
}
