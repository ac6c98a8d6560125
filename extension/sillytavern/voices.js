// @ts-check
/** The server's voices as the host shows and stores them. */

import { forEngine } from './settings.js';

/** @typedef {import('./settings.js').Settings} Settings */
/**
 * @typedef {object} Voice
 * @property {string} id what the server is asked for
 * @property {string} label what the host shows and keeps; unique
 * @property {string} kind `openai`, `blend`, or as the server says
 * @property {boolean} elsewhere whether it is of another engine than the one that speaks: called `engine:voice`
 * @property {string[]} languages
 * @property {string} gender
 * @property {string} licence
 * @property {string} preview path of a sample, empty where there is none
 */

/** The host's two words for "no voice of its own"; they are stored in its voice map. */
export const DEFAULT_VOICE = '[Default Voice]';
export const DISABLED = 'disabled';
/** What the server calls no conversion, whatever is set for the voice. */
export const NO_RVC = 'Disabled';
/** Without a choice the host narrates nothing, which nobody who has just installed voices expects. */
const FIRST_CHOICE = 'nova';

/** The host puts labels and ids into HTML and into an inline handler. @param {string} text */
const harmless = (text) => text.replace(/[<>&"'`\\\n]/g, '').trim();

export class VoiceCatalogue {
    /** @type {Voice[]} */
    voices = [];
    /** @type {Map<string, Voice>} */
    #byKey = new Map();

    /**
     * @param {any[]} listed `voices` of GET /v1/audio/voices
     * @param {{name: string, voice: string}[]} blends made by this user
     */
    constructor(listed = [], blends = []) {
        for (const { name, voice } of blends) this.#add({ id: voice, name, kind: 'blend' });
        for (const voice of listed) this.#add(voice);
    }

    /** @param {any} raw */
    #add(raw) {
        const languages = Array.isArray(raw.languages) ? raw.languages.map(String) : [];
        const gender = String(raw.gender ?? '');
        const label = this.#unique(labelOf(raw, languages, gender), String(raw.id));
        /** @type {Voice} */
        const voice = {
            id: String(raw.id),
            label,
            kind: String(raw.kind ?? ''),
            elsewhere: Boolean(raw.engine) && String(raw.id).startsWith(`${raw.engine}:`),
            languages,
            gender,
            licence: String(raw.licence ?? ''),
            preview: typeof raw.preview_url === 'string' ? raw.preview_url : '',
        };
        this.voices.push(voice);
        for (const key of [label, voice.id]) {
            if (!this.#byKey.has(key.toLowerCase())) this.#byKey.set(key.toLowerCase(), voice);
        }
    }

    /** @param {string} label @param {string} id */
    #unique(label, id) {
        return this.voices.some((voice) => voice.label === label) ? `${label} ${harmless(id)}` : label;
    }

    /** @param {string | null | undefined} key a label or an id @returns {Voice | null} */
    find(key) {
        return this.#byKey.get(String(key ?? '').trim().toLowerCase()) ?? null;
    }

    /**
     * @param {{text?: string, language?: string, gender?: string}} wanted
     * @returns {Voice[]}
     */
    search({ text = '', language = '', gender = '' }) {
        const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
        return this.voices.filter((voice) => {
            const about = [voice.label, voice.id, voice.kind, voice.gender, ...voice.languages].join(' ').toLowerCase();
            if (!terms.every((term) => about.includes(term))) return false;
            if (gender && voice.gender !== gender) return false;
            return !language || voice.languages.includes(language);
        });
    }

    get languages() {
        return [...new Set(this.voices.flatMap((voice) => voice.languages))].sort();
    }

    get genders() {
        return [...new Set(this.voices.map((voice) => voice.gender).filter(Boolean))].sort();
    }

    /** The label that speaks where nobody has chosen. */
    get first() {
        return (this.find(FIRST_CHOICE) ?? this.voices[0])?.label ?? DISABLED;
    }
}

/** @param {any} raw @param {string[]} languages @param {string} gender */
function labelOf(raw, languages, gender) {
    if (raw.kind === 'openai') return harmless(String(raw.id));
    const name = harmless(String(raw.name || raw.id));
    if (raw.kind === 'blend') return name;
    const about = [languages[0], gender].filter(Boolean).map((part) => harmless(String(part)));
    return about.length ? `${name} (${about.join(', ')})` : name;
}

/** An id that is safe inside the host's inline handler; `decodeId` gives it back. @param {string} id */
export function encodeId(id) {
    return /^[\w .()+:-]+$/.test(id) ? id : encodeURIComponent(id).replace(/'/g, '%27');
}

/** @param {string} id */
export function decodeId(id) {
    return id.includes('%') ? decodeURIComponent(id) : id;
}

/**
 * Matches the host's voice map with the engine that speaks now. Every engine keeps the choices made on it.
 * @param {Settings} settings
 * @param {Record<string, string>} map the host's voice map, changed in place
 * @param {string} engine
 * @param {VoiceCatalogue} catalogue
 * @returns {Record<string, string>} characters whose voice this engine lacks, with that voice; told once
 */
export function matchEngine(settings, map, engine, catalogue) {
    const before = settings.engine;
    if (before && Object.keys(map).length) forEngine(settings, before).choices = { ...map };
    settings.engine = engine;
    /** @type {Record<string, string>} */
    const missing = {};
    if (before && before !== engine) {
        const { choices } = forEngine(settings, engine);
        for (const [character, label] of Object.entries(map)) {
            const chosen = choices[character] ?? label;
            const known = chosen === DEFAULT_VOICE || chosen === DISABLED || catalogue.find(chosen);
            map[character] = known ? chosen : fallback(character, catalogue);
            if (!known) missing[character] = chosen;
        }
        forEngine(settings, engine).choices = { ...map };
    }
    map[DEFAULT_VOICE] ??= catalogue.first;
    return missing;
}

/** @param {string} character @param {VoiceCatalogue} catalogue */
function fallback(character, catalogue) {
    return character === DEFAULT_VOICE ? catalogue.first : DEFAULT_VOICE;
}
