// @ts-check
/* Lines to copy, with this server's real address. */

troupe.widgets.connect = (widget) => {
  const { h, fill, say } = troupe;
  /** @param {string} text */
  const copy = (text) => h('button', { type: 'button', class: 'tr-link', onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return say('This browser does not let the page copy: select the text and press Ctrl+C.');
    }
    say('Copied');
  } }, 'Copy');

  /** @param {string} title @param {string} text @param {string} [about] @param {string} [more] */
  const snippet = (title, text, about, more) =>
    h('section', { class: 'tr-snippet' },
      h('div', { class: 'tr-snippet-head' }, h('h4', {}, title), copy(text)),
      about ? h('p', { class: 'tr-dim' }, about) : null,
      h('pre', { tabindex: '0' }, text), more ? h('pre', { tabindex: '0' }, more) : null);

  troupe.live(widget, (value, place) => {
    const base = location.origin;
    const key = value?.shown || (value?.wanted ? 'YOUR_KEY' : 'not-needed');
    const header = value?.wanted ? ` -H "Authorization: Bearer ${key}"` : '';
    fill(place,
      h('p', {}, 'This server answers at ', h('code', { id: 'connect-address' }, base), location.hostname === '127.0.0.1' || location.hostname === 'localhost' ? ' for programs on this machine.' : '.'),
      h('div', { class: 'tr-snippets' },
        // On one line and in double quotes: so every shell takes it, the one of Windows too.
        snippet('curl', `curl ${base}/v1/audio/speech${header} -H "Content-Type: application/json" -d "{\\"model\\": \\"tts-1\\", \\"input\\": \\"Hello, this is a test.\\", \\"voice\\": \\"nova\\"}" -o hello.mp3`),
        snippet('OpenAI SDK for Python', `from openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key="${key}")\nwith client.audio.speech.with_streaming_response.create(\n    model="tts-1", voice="nova", input="Hello, this is a test."\n) as answer:\n    answer.stream_to_file("hello.mp3")`),
        snippet('OpenAI SDK for JavaScript', `import OpenAI from "openai";\nimport { writeFile } from "node:fs/promises";\n\nconst client = new OpenAI({ baseURL: "${base}/v1", apiKey: "${key}" });\nconst answer = await client.audio.speech.create({\n  model: "tts-1", voice: "nova", input: "Hello, this is a test.",\n});\nawait writeFile("hello.mp3", Buffer.from(await answer.arrayBuffer()));`),
        snippet('SillyTavern', `Extensions > TTS > Select TTS Provider: Troupe\nServer address: ${base}${value?.wanted ? `\nKey: ${key}` : ''}`, 'With Troupe installed as a SillyTavern extension. Without it: provider AllTalk, version 2, with the same address, which knows narrators too; or OpenAI Compatible with the endpoint below.', `${base}/v1/audio/speech`),
        snippet('text-generation-webui', `Session > extensions: troupe\nServer address: ${base}${value?.wanted ? `\nKey: ${key}` : ''}`, 'Only needed where the web UI runs on another machine; on this one it finds the server itself.'),
        snippet('Open WebUI', `AUDIO_TTS_ENGINE=openai\nAUDIO_TTS_OPENAI_API_BASE_URL=${base}/v1\nAUDIO_TTS_OPENAI_API_KEY=${key}\nAUDIO_TTS_MODEL=tts-1\nAUDIO_TTS_VOICE=nova`, 'Or under Admin Panel > Settings > Audio. From a container on this machine the address is host.docker.internal in the place of 127.0.0.1; on Linux the server is then started with --listen, and the key is the one below.')),
      h('h3', {}, 'Key'),
      value ? keys(value) : null);
  });

  /** @param {any} value */
  function keys(value) {
    /** @param {string} text @param {string} action @param {string} [question] */
    const button = (text, action, question) => h('button', { type: 'button', class: 'tr-button', 'data-focus': action, onclick: () => { if (!question || confirm(question)) widget.act({ do: action }); } }, text);
    return h('div', {},
      h('p', {}, value.wanted ? 'Requests must carry the key.' : 'No key is asked for. One is needed as soon as the server listens on the network (python3 -m server --listen).'),
      value.exists ? h('p', { class: 'tr-dim' }, `It lies in ${value.file}.`) : null,
      value.shown ? h('p', {}, h('code', { class: 'tr-key' }, value.shown), copy(value.shown)) : null,
      h('div', { class: 'tr-actions' },
        value.exists && !value.shown ? button('Show the key', 'show') : null,
        value.shown ? button('Hide it', 'hide') : null,
        button(value.exists ? 'Make a new key' : 'Make a key', 'renew', value.exists ? 'Everybody who has the old key must be given the new one, from the next start of the server on. Make a new key?' : '')));
  }
};
