// What the host tells, and when it does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appReady } from '../../../../extension/sillytavern/host.js';

/** As SillyTavern's: listeners are told one after another, later ones only once all of them have been. */
class EventSource {
    listeners = [];
    emitted = false;
    on(_event, listener) {
        this.listeners.push(listener);
        if (this.emitted) listener();
    }
    removeListener(_event, listener) {
        this.listeners = this.listeners.filter((other) => other !== listener);
    }
    async emit() {
        for (const listener of [...this.listeners]) await listener();
        this.emitted = true;
    }
}

function host() {
    const eventSource = new EventSource();
    globalThis.SillyTavern = { getContext: () => ({ eventSource, eventTypes: { APP_READY: 'app_ready' } }) };
    return eventSource;
}

test('a page that is already built is so at once', async () => {
    await host().emit();
    await appReady();
});

test('a page that is built later is waited for', async () => {
    const source = host();
    let ready = false;
    const waiting = appReady().then(() => (ready = true));
    await new Promise(setImmediate);
    assert.equal(ready, false);
    await source.emit();
    await waiting;
});

test('whoever listens while the host tells the others is not forgotten', async () => {
    const source = host();
    let release = () => {};
    source.on('app_ready', () => new Promise((resolve) => (release = resolve)));
    const told = source.emit();
    const waiting = appReady();
    release();
    await told;
    await waiting;
    assert.equal(source.listeners.length, 2);
});
