// The buttons on a message, while the server is still being looked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountMessageButtons } from '../../../../extension/sillytavern/message-buttons.js';

/** A chat of one message, whose button can be pressed, and a server that answers when it is released. */
function mounted() {
    const message = { name: 'Seraphina', mes: 'Hello.' };
    const host = { chat: [message], extensionSettings: { tts: {} }, substituteParams: (text) => text };
    const listeners = new Map();
    globalThis.document = { querySelectorAll: () => [] };
    globalThis.$ = () => ({ on: (_event, selector, listener) => listeners.set(selector, listener) });
    globalThis.SillyTavern = { getContext: () => host };
    let release = () => {};
    const server = new Promise((resolve) => (release = resolve));
    const spoken = [];
    mountMessageButtons('', {
        listeners: new Set(),
        stage: { of: (wanted) => spoken.find((each) => each === wanted) ?? null, stopAll: () => undefined },
        connected: () => server,
        speakMessage: (each) => spoken.push(each),
    });
    const press = () => listeners.get('.troupe_speak')({ target: { closest: () => ({ getAttribute: () => '0' }) } });
    const answered = () => (release(), new Promise(setImmediate));
    return { message, host, spoken, press, answered };
}

test('who presses twice while the server is waited for hears it once', async () => {
    const { message, spoken, press, answered } = mounted();
    press();
    press();
    await answered();
    assert.deepEqual(spoken, [message]);
});

test('a message whose chat was left while the server was waited for is not spoken', async () => {
    const { host, spoken, press, answered } = mounted();
    press();
    host.chat = [];
    await answered();
    assert.deepEqual(spoken, []);
});
