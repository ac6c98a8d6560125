// Our voices in the host's own queue, which tells a provider of no stop.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '../../../../extension/sillytavern/client.js';
import { providerClass } from '../../../../extension/sillytavern/provider.js';
import { startStub } from '../stub-server.mjs';

let stub;
before(async () => (stub = await startStub({ latency: 5 })));
after(() => stub.close());

/** A provider as the host makes it, and what it takes of the rest of the extension. */
async function made(connected = async () => undefined) {
    globalThis.document = { querySelector: () => null };
    const troupe = {
        client: new Client(() => stub.url, () => ''),
        connection: { listeners: new Set(), use: () => undefined, catalogue: null },
        hostStops: new Set(),
        connected,
        castFor: () => ({ character: {} }),
        spokeWell: () => undefined,
        note: () => undefined,
    };
    const provider = new (providerClass(troupe, '', () => () => undefined))();
    await provider.loadSettings({});
    return { provider, stop: () => troupe.hostStops.forEach((each) => each()) };
}

test('each sentence is a response', async () => {
    const { provider } = await made();
    const types = [];
    for await (const response of provider.generateTts('One. Two.', 'nova')) types.push(response.headers.get('Content-Type'));
    assert.deepEqual(types, ['audio/mpeg', 'audio/mpeg']);
});

test('what was stopped while the server was waited for is not made', async () => {
    let release = () => {};
    const { provider, stop } = await made(() => new Promise((resolve) => (release = resolve)));
    const before = stub.narrations.size;
    const first = provider.generateTts('One.', 'nova').next();
    stop();
    release();
    assert.equal((await first).done, true);
    assert.equal(stub.narrations.size, before);
});
