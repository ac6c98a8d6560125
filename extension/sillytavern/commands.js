// @ts-check
/** `/troupe-say` and `/troupe-stop` for scripts and quick replies. */

import * as host from './host.js';
import { t } from './i18n.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */

/** @param {Troupe} troupe */
export function addCommands(troupe) {
    const { SlashCommandParser, SlashCommand, SlashCommandArgument, SlashCommandNamedArgument, ARGUMENT_TYPE } = host.context();
    const { STRING, NUMBER, BOOLEAN } = ARGUMENT_TYPE;
    const named = (/** @type {string} */ name, /** @type {string} */ description, /** @type {string} */ type) =>
        SlashCommandNamedArgument.fromProps({ name, description, typeList: [type], isRequired: false });
    SlashCommandParser.addCommandObject(
        SlashCommand.fromProps({
            name: 'troupe-say',
            callback: async (/** @type {Record<string, any>} */ args, /** @type {unknown} */ text) => {
                await say(troupe, String(text ?? ''), args);
                return '';
            },
            namedArgumentList: [
                named('voice', t`a voice, or the name of somebody in the chat`, STRING),
                named('speed', t`1 is normal`, NUMBER),
                named('wait', t`true: go on with the script when all of it was heard`, BOOLEAN),
            ],
            unnamedArgumentList: [SlashCommandArgument.fromProps({ description: t`text`, typeList: [STRING], isRequired: true })],
            helpString: t`Speaks a text with Troupe, for example: /troupe-say voice=nova The door opens.`,
        }),
    );
    SlashCommandParser.addCommandObject(
        SlashCommand.fromProps({
            name: 'troupe-stop',
            callback: () => {
                troupe.stage.stopAll();
                return '';
            },
            helpString: t`Stops everything that Troupe is speaking.`,
        }),
    );
}

/** @param {Troupe} troupe @param {string} text @param {Record<string, any>} args */
async function say(troupe, text, { voice, speed, wait }) {
    if (!text.trim()) return;
    try {
        const speech = await troupe.say(text, { voice: voice ? String(voice) : '', speed: Number(speed) || 1 });
        if (String(wait) === 'true') await speech.finished;
    } catch (error) {
        troupe.tell(/** @type {Error} */ (error));
    }
}
