// A chat model that types at a steady pace: OpenAI's chat completions, streamed, with a text given in advance.
import http from 'node:http';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {{wordsPerSecond?: number}} [options] */
export async function startModel({ wordsPerSecond = 12 } = {}) {
    const model = {
        url: '',
        reply: '*She looks up from the book.* "You came back," she says softly. The candle flickers, and rain drums on the glass.',
        wordsPerSecond,
        /** When each word of the last reply was sent. @type {{word: string, t: number}[]} */
        sent: [],
        close: () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))),
    };
    const server = http.createServer(async (req, res) => {
        const chunks = [];
        for await (const chunk of req) chunks.push(chunk);
        if (req.url?.endsWith('/models')) {
            return res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ object: 'list', data: [{ id: 'stub-llm', object: 'model' }] }));
        }
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
        if (!body.stream) {
            const choices = [{ index: 0, message: { role: 'assistant', content: model.reply }, finish_reason: 'stop' }];
            return res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ choices }));
        }
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        model.sent = [];
        for (const word of model.reply.match(/\s*\S+/g) ?? []) {
            if (res.destroyed) return;
            res.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: word } }] })}\n\n`);
            model.sent.push({ word, t: Date.now() });
            await pause(1000 / model.wordsPerSecond);
        }
        res.end('data: [DONE]\n\n');
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = server.address();
    model.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    return model;
}
