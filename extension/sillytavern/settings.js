// @ts-check
/** What a person has set. Kept by the host, except for the key, which stays in this browser. */

/**
 * @typedef {object} EngineSettings
 * @property {Record<string, string>} choices character name to voice label, as the host's voice map had it on this engine
 * @property {Record<string, number>} speeds voice id to factor
 * @property {{name: string, voice: string}[]} blends
 */
/**
 * @typedef {object} Settings
 * @property {string} address empty: the machine the page came from
 * @property {boolean} live narrate replies while they are being written
 * @property {boolean} hostAuto the host's own automatic narration, as it was before `live` took its place
 * @property {boolean} user speak the user's messages too
 * @property {boolean} interrupt a message sent stops what is being spoken
 * @property {boolean} highlight
 * @property {string} narrator label of the narrator's voice; empty: the speaking character's
 * @property {string} unmarked who speaks text outside of quotes and asterisks; empty: as the server has it
 * @property {string[]} skip what is left out beside what the server leaves out anyway
 * @property {number} speed
 * @property {number} volume
 * @property {string} engine the engine that the host's voice map was last matched with
 * @property {Record<string, EngineSettings>} engines
 * @property {Record<string, {voice: string, pitch: number}>} rvc name to RVC voice; the default voice's row is everybody's
 * @property {string} narratorRvc RVC voice of the narrator; empty: the speaking character's with its voice, else the server's
 */

export const SPEED_RANGE = Object.freeze({ min: 0.25, max: 4 });

/** @returns {Settings} */
export function defaults() {
    return {
        address: '',
        live: false,
        hostAuto: true,
        user: false,
        interrupt: true,
        highlight: true,
        narrator: '',
        unmarked: '',
        skip: [],
        speed: 1,
        volume: 1,
        engine: '',
        engines: {},
        rvc: {},
        narratorRvc: '',
    };
}

/**
 * The saved settings, completed in place: the host saves the very object it holds.
 * @param {Record<string, any>} all the host's `extensionSettings`
 * @returns {Settings}
 */
export function loadSettings(all) {
    const saved = (all.troupe ??= {});
    for (const [name, value] of Object.entries(defaults())) {
        if (typeof saved[name] !== typeof value || Array.isArray(saved[name]) !== Array.isArray(value)) saved[name] = value;
    }
    return saved;
}

/** @param {Settings} settings @param {string} engine @returns {EngineSettings} */
export function forEngine(settings, engine) {
    return (settings.engines[engine] ??= { choices: {}, speeds: {}, blends: [] });
}

/** @param {unknown} value @param {number} otherwise @returns {number} */
export function clampSpeed(value, otherwise = 1) {
    const number = Number(value);
    if (!Number.isFinite(number) || number <= 0) return otherwise;
    return Math.min(SPEED_RANGE.max, Math.max(SPEED_RANGE.min, number));
}

const KEY = 'troupe.key';

/** The server's key. The host's settings are a plain file that every page of it can read, so it is not kept there. */
export const keyStore = {
    get: () => localStorage.getItem(KEY) ?? '',
    /** @param {string} key */
    set(key) {
        if (key.trim()) localStorage.setItem(KEY, key.trim());
        else localStorage.removeItem(KEY);
    },
};
