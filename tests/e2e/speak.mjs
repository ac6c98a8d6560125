// The official SDK for Node against a server: prints one JSON object of what it got.
// Arguments: the server's URL, the folder to write sounds into.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [url, folder] = process.argv.slice(2);
const OpenAI = createRequire(path.join(process.env.TROUPE_NODE_MODULES, 'index.js'))('openai').default;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 });
const usual = { model: 'tts-1', voice: 'nova', input: 'Hello, this is a test.' };
const found = { formats: {}, names: {}, errors: {} };

for (const format of ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']) {
    const whole = await client.audio.speech.create({ ...usual, response_format: format });
    const bytes = Buffer.from(await whole.arrayBuffer());
    writeFileSync(path.join(folder, `whole.${format}`), bytes);
    const streamed = await client.audio.speech.create({ ...usual, response_format: format });
    const parts = [];
    for await (const part of streamed.body) parts.push(Buffer.from(part));
    writeFileSync(path.join(folder, `streamed.${format}`), Buffer.concat(parts));
    found.formats[format] = { type: whole.headers.get('content-type'), parts: parts.length };
}

const names = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'fable', 'onyx', 'nova', 'sage', 'shimmer', 'verse', 'marin', 'cedar'];
for (const voice of names) {
    const answer = await client.audio.speech.create({ ...usual, input: 'Hi.', voice, response_format: 'pcm' });
    found.names[voice] = (await answer.arrayBuffer()).byteLength;
}

const wrong = {
    voice: { voice: 'bob' },
    no_voice: { voice: undefined },
    no_model: { model: undefined },
    no_input: { input: undefined },
    empty: { input: '' },
    long: { input: 'x'.repeat(4097) },
    format: { response_format: 'mp4' },
    slow: { speed: 0.2 },
    fast: { speed: 4.1 },
    speed: { speed: 'fast' },
    stream_format: { stream_format: 'video' },
    language: { language: 'tlh' },
};
async function refusal(work) {
    try {
        await work();
        return null;
    } catch (error) {
        return {
            kind: error.constructor.name,
            status: error.status,
            code: error.code,
            param: error.param,
            type: error.type,
            id: error.requestID,
            message: error.message,
        };
    }
}
for (const [name, change] of Object.entries(wrong)) {
    found.errors[name] = await refusal(() => client.audio.speech.create({ ...usual, ...change }));
}
found.errors.model = await refusal(() => client.models.retrieve('nobody'));
found.errors.path = await refusal(() => client.chat.completions.create({ model: 'x', messages: [] }));
found.models = (await client.models.list()).data.map((model) => model.id);
console.log(JSON.stringify(found));
