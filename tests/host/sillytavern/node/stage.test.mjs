// From a text to sound, over a network that loses an answer now and then.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '../../../../extension/sillytavern/client.js';
import { Stage } from '../../../../extension/sillytavern/stage.js';
import { startStub } from '../stub-server.mjs';

let stub;
before(async () => (stub = await startStub({ latency: 5 })));
after(() => stub.close());

/** Takes sound as fast as it comes. */
class Ear {
    heard = [];
    open(listener) {
        return {
            add: (_buffer, clip) => this.heard.push(clip.text),
            close: () => listener.ended(true),
            stop: () => listener.ended(false),
            secondsAhead: () => 0,
        };
    }
    async decode(bytes) {
        return { length: bytes.byteLength };
    }
}

/** Speaks through a network on which `lost` decides of each request whether its answer is lost. */
async function speak(text, lost) {
    const fetcher = async (url, init) => {
        if (lost(init.method, new URL(url).pathname)) throw new TypeError('Failed to fetch');
        return fetch(url, init);
    };
    const ear = new Ear();
    const failed = [];
    const listener = { changed: () => undefined, progress: () => undefined, failed: (_speech, error) => failed.push(error.message) };
    const stage = new Stage(new Client(() => stub.url, () => '', fetcher), ear, listener);
    await stage.speak({ cast: {} }, { text }).finished;
    return { heard: ear.heard, failed };
}
/** Loses each request that matches once. */
function once(pattern) {
    const seen = new Set();
    return (method, path) => pattern.test(`${method} ${path}`) && !seen.has(path) && Boolean(seen.add(path));
}

test('an opening that is lost is tried again', async () => {
    assert.deepEqual(await speak('One. Two.', once(/^POST .*narrations$/)), { heard: ['One.', 'Two.'], failed: [] });
});

test('a clip that is lost is fetched again, and nothing overtakes it', async () => {
    assert.deepEqual(await speak('One. Two. Three.', once(/clips/)), { heard: ['One.', 'Two.', 'Three.'], failed: [] });
});

test('a clip that never comes is told, and the next is heard', async () => {
    const { heard, failed } = await speak('One. Two.', (_method, path) => path.endsWith('/clips/0'));
    assert.deepEqual(heard, ['Two.']);
    assert.equal(failed.length, 1);
});
