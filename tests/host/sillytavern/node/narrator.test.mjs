// What the chat does, turned into speaking: the host's events in orders that a quiet machine seldom makes.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Narrator } from '../../../../extension/sillytavern/narrator.js';

const EVENTS = [
    'GENERATION_STARTED', 'STREAM_TOKEN_RECEIVED', 'MESSAGE_RECEIVED', 'CHARACTER_MESSAGE_RENDERED', 'USER_MESSAGE_RENDERED',
    'MESSAGE_SENT', 'GENERATION_STOPPED', 'GENERATION_ENDED', 'MESSAGE_SWIPED', 'MESSAGE_EDITED', 'MESSAGE_DELETED', 'CHAT_CHANGED',
];

class Speech {
    text = '';
    final = false;
    constructor(message, base) {
        Object.assign(this, { message, base });
    }
    write(text, final) {
        if (this.final) return;
        this.text = text;
        this.final = final;
    }
    finish() {
        this.write(this.text, true);
    }
}

/** A chat in which `tell` is an event of the host's, and what of it was spoken. */
function chat(t) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    const listeners = new Map();
    const host = {
        chat: [{ name: 'Ann', mes: 'Hi.', is_user: true }],
        streamingProcessor: null,
        extensionSettings: { tts: {} },
        substituteParams: (text) => text,
        eventTypes: Object.fromEntries(EVENTS.map((name) => [name, name])),
        eventSource: { on: (event, listener) => listeners.set(event, listener) },
    };
    globalThis.SillyTavern = { getContext: () => host };
    const spoken = [];
    const speak = (message, base, text) => {
        const speech = new Speech(message, base);
        if (text !== undefined) speech.write(text, true);
        spoken.push(speech);
        return speech;
    };
    const stage = { stopAll: () => undefined, stop: () => undefined, forget: () => undefined, prune: () => undefined };
    new Narrator({ isOn: () => true, settings: () => ({ user: false, interrupt: true }), speak, stage }).listen();
    const tell = (event, ...args) => listeners.get(event)(...args);
    /** The model begins to write. */
    const begin = () => {
        tell('GENERATION_STARTED', 'normal', {}, false);
        host.chat.push({ name: 'Seraphina', mes: '...', is_user: false });
        host.streamingProcessor = { messageId: host.chat.length - 1 };
    };
    return { host, spoken, tell, begin };
}

test('a reply goes on although another generation ends beside it', (t) => {
    const { host, spoken, tell, begin } = chat(t);
    begin();
    tell('STREAM_TOKEN_RECEIVED', 'One');
    tell('GENERATION_STARTED', 'quiet', {}, false);
    tell('GENERATION_ENDED', 2);
    tell('STREAM_TOKEN_RECEIVED', 'One two');
    mock.timers.tick(10_000);
    tell('STREAM_TOKEN_RECEIVED', 'One two three.');
    mock.timers.tick(10_000);
    assert.equal(spoken[0].final, false);
    host.streamingProcessor.isFinished = true;
    host.chat[1].mes = 'One two three.';
    tell('GENERATION_ENDED', 2);
    tell('MESSAGE_RECEIVED', 1);
    assert.deepEqual(spoken.map(({ text, final }) => [text, final]), [['One two three.', true]]);
});

test('a reply that ended in an error is spoken as far as it came', (t) => {
    const { host, spoken, tell, begin } = chat(t);
    begin();
    tell('STREAM_TOKEN_RECEIVED', 'One');
    host.streamingProcessor.isStopped = true;
    tell('GENERATION_ENDED', 2);
    assert.equal(spoken[0].final, false);
    mock.timers.tick(4000);
    assert.equal(spoken[0].final, true);
});

test('a reply that got no end holds up no other', (t) => {
    for (const [event, ...args] of [['GENERATION_STARTED', 'normal', {}, false], ['CHAT_CHANGED', 'same']]) {
        const { spoken, tell, begin } = chat(t);
        begin();
        tell('STREAM_TOKEN_RECEIVED', 'One');
        tell(event, ...args);
        assert.equal(spoken[0].final, true, event);
        mock.timers.reset();
    }
});
