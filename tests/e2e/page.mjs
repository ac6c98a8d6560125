// Runs a script in a page of another local port, as a web developer would, and keeps what it downloads.
// Arguments: Chromium's path, the script, the file to save the download as. Prints what the page logs.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [executablePath, script, output] = process.argv.slice(2);
const { chromium } = createRequire(path.join(process.env.TROUPE_NODE_MODULES, 'index.js'))('playwright-core');

const site = createServer((request, response) => {
    const isScript = request.url === '/speech.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? readFileSync(script) : '<!doctype html><body><script src="/speech.js"></script>');
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
    const page = await browser.newPage();
    page.on('console', (message) => console.log(message.text()));
    const downloading = page.waitForEvent('download', { timeout: 120_000 });
    await page.goto(`http://localhost:${site.address().port}/`);
    const download = await downloading;
    console.log(`suggested name: ${download.suggestedFilename()}`);
    await download.saveAs(output);
} finally {
    await browser.close();
    site.close();
}
