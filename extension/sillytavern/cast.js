// @ts-check
/** Who speaks how: the host's voice map and our settings as the cast of a narration. */

import { clampSpeed, forEngine } from './settings.js';
import { DEFAULT_VOICE, DISABLED } from './voices.js';

/** @typedef {import('./narration.js').Member} Member */
/** @typedef {import('./narration.js').NarrationOptions} NarrationOptions */
/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./voices.js').VoiceCatalogue} VoiceCatalogue */
/**
 * @typedef {object} Company the people of the chat
 * @property {Record<string, string>} map the host's voice map
 * @property {boolean} multiVoice the host's map has rows for quotes, asterisks and other text
 * @property {string} user name of the persona
 * @property {string[]} people names of the characters in the chat
 */

/** The server accepts 64 entries, three of which are the roles. */
const MOST_NAMES = 61;
const ROLES = new Set(['narrator', 'character', 'user']);

/**
 * @param {Company} company
 * @param {string} name
 * @param {'quotes' | 'asterisks'} part
 * @returns {string} a label, or `disabled`
 */
export function labelFor(company, name, part = 'quotes') {
    const { map, multiVoice } = company;
    const row = part === 'quotes' ? `${name} ("Quotes")` : `${name} (*Text inside asterisks*)`;
    let label = (multiVoice ? map[row] : undefined) ?? map[name] ?? DEFAULT_VOICE;
    if (label === DEFAULT_VOICE) label = map[DEFAULT_VOICE] ?? '';
    return label;
}

/** Makes the cast's members out of labels. */
export class Casting {
    #settings;
    #catalogue;

    /** @param {Settings} settings @param {VoiceCatalogue} catalogue */
    constructor(settings, catalogue) {
        this.#settings = settings;
        this.#catalogue = catalogue;
    }

    /**
     * @param {string} label a label or id; unknown ones get the server's default voice
     * @param {string} [name] whose RVC voice is put on it
     * @param {number} [speed] on top of what is set
     * @returns {Member}
     */
    member(label, name = '', speed = 1) {
        const voice = this.#catalogue.find(label) ?? this.#catalogue.find(this.#catalogue.first);
        const own = voice ? forEngine(this.#settings, this.#settings.engine).speeds[voice.id] : 1;
        /** @type {Member} */
        const member = { speed: clampSpeed(clampSpeed(own) * this.#settings.speed * speed) };
        if (voice) member.voice = voice.id;
        const rvc = this.#settings.rvc[name] ?? (name ? this.#settings.rvc[DEFAULT_VOICE] : undefined);
        if (rvc?.voice) {
            member.rvc = rvc.voice;
            member.rvc_pitch = rvc.pitch || 0;
        }
        return member;
    }

    /**
     * The narrator beside somebody. With the same voice goes the same conversion, else one voice would sound like two.
     * @param {Member} speaking
     * @param {string} [label] empty: the speaking one's voice
     * @returns {Member}
     */
    narrator(speaking, label = '') {
        const narrator = label ? this.member(label) : { ...speaking };
        const { narratorRvc } = this.#settings;
        if (narratorRvc) {
            narrator.rvc = narratorRvc;
            delete narrator.rvc_pitch;
        } else if (narrator.voice === speaking.voice && speaking.rvc) {
            narrator.rvc = speaking.rvc;
            narrator.rvc_pitch = speaking.rvc_pitch;
        }
        return narrator;
    }

    /**
     * The cast for one message.
     * @param {Company} company
     * @param {{name: string, isUser?: boolean, isNarrator?: boolean}} speaker
     * @returns {Pick<NarrationOptions, 'cast' | 'speaker'> | null} null when this person's voice is disabled
     */
    forMessage(company, { name, isUser = false, isNarrator = false }) {
        const own = labelFor(company, name);
        const narrates = this.#narratorLabel(company, name, own);
        const label = isNarrator ? narrates : own;
        if (label === DISABLED) return null;
        const character = this.member(own === DISABLED ? label : own, name);
        const narrator = this.narrator(character, narrates === DISABLED ? label : narrates);
        const speaking = isNarrator ? narrator : character;
        /** @type {Record<string, Member>} */
        const cast = { character: speaking, narrator };
        const user = labelFor(company, company.user);
        if (isUser) cast.user = speaking;
        else if (user !== DISABLED) cast.user = this.member(user, company.user);
        for (const person of company.people.slice(0, MOST_NAMES)) {
            const voice = labelFor(company, person);
            if (!ROLES.has(person.toLowerCase()) && voice !== DISABLED) cast[person] = this.member(voice, person);
        }
        return { cast, speaker: isUser ? 'user' : 'character' };
    }

    /** @param {Company} company @param {string} name @param {string} own */
    #narratorLabel(company, name, own) {
        if (this.#settings.narrator) return this.#settings.narrator;
        const row = company.multiVoice ? labelFor(company, name, 'asterisks') : '';
        return row || own;
    }
}
