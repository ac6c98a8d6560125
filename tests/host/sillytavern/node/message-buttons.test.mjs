// The buttons on a message, while the server is still being looked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountMessageButtons } from '../../../../extension/sillytavern/message-buttons.js';

test('who presses twice while the server is waited for hears it once', async () => {
    const message = { name: 'Seraphina', mes: 'Hello.' };
    const pressed = new Map();
    globalThis.document = { querySelectorAll: () => [] };
    globalThis.$ = () => ({ on: (_event, selector, listener) => pressed.set(selector, listener) });
    globalThis.SillyTavern = { getContext: () => ({ chat: [message], extensionSettings: { tts: {} }, substituteParams: (text) => text }) };
    let release = () => {};
    const server = new Promise((resolve) => (release = resolve));
    const spoken = [];
    mountMessageButtons('', {
        listeners: new Set(),
        stage: { of: (wanted) => spoken.find((each) => each === wanted) ?? null, stopAll: () => undefined },
        connected: () => server,
        speakMessage: (each) => spoken.push(each),
    });
    const event = { target: { closest: () => ({ getAttribute: () => '0' }) } };
    for (let i = 0; i < 2; i++) pressed.get('.troupe_speak')(event);
    release();
    await new Promise(setImmediate);
    assert.deepEqual(spoken, [message]);
});
