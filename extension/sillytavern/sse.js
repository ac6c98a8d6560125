// @ts-check
/** Server-sent events, read from a fetch response (EventSource cannot send a key). */

/** @typedef {{id: string, event: string, data: string}} ServerEvent */

/** Cuts a stream of text into events, however the network cut it. */
export class EventParser {
    #rest = '';
    /** @type {string[]} */
    #data = [];
    #event = '';
    #id = '';

    /**
     * @param {string} text the next piece of the stream
     * @returns {ServerEvent[]} the events it completed
     */
    push(text) {
        this.#rest += text;
        /** @type {ServerEvent[]} */
        const events = [];
        // A lone CR at the very end may be the first half of CRLF, so it waits for the next piece.
        for (let end; (end = /\r\n|\n|\r(?=[^\n])/.exec(this.#rest)); ) {
            const event = this.#line(this.#rest.slice(0, end.index));
            this.#rest = this.#rest.slice(end.index + end[0].length);
            if (event) events.push(event);
        }
        return events;
    }

    /** @param {string} line @returns {ServerEvent | null} */
    #line(line) {
        if (line === '') return this.#dispatch();
        const colon = line.indexOf(':');
        if (colon === 0) return null; // a comment, which keeps the connection open
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'data') this.#data.push(value);
        else if (field === 'event') this.#event = value;
        else if (field === 'id') this.#id = value;
        return null;
    }

    /** @returns {ServerEvent | null} */
    #dispatch() {
        const event = { id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') };
        const empty = this.#data.length === 0;
        this.#data = [];
        this.#event = '';
        return empty ? null : event;
    }
}

/**
 * The events of a response, until it ends.
 * @param {Response} response
 * @returns {AsyncGenerator<ServerEvent>}
 */
export async function* readEvents(response) {
    if (!response.body) return;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            yield* parser.push(decoder.decode(value, { stream: true }));
        }
    } finally {
        // Also when the consumer leaves early; an aborted body rejects here and there is nothing left to do about it.
        await reader.cancel().catch(() => undefined);
    }
}
