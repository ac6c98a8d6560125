// Serves a git repository over HTTP on loopback, to install an extension from it through SillyTavern's own dialog.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

/**
 * @param {string} source the project's folder; its working tree as it is now becomes the one commit
 * @param {string} name of the repository, and so of the folder it is installed into
 */
export async function serveRepository(source, name = 'troupe') {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-git-'));
    const tree = path.join(root, 'tree');
    fs.mkdirSync(tree);
    for (const part of ['manifest.json', 'script.py', 'extension']) {
        if (fs.existsSync(path.join(source, part))) fs.cpSync(path.join(source, part), path.join(tree, part), { recursive: true });
    }
    const git = (...args) => execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.invalid', ...args], { cwd: tree, stdio: 'pipe' });
    git('init', '-q', '-b', 'main');
    git('add', '.');
    git('commit', '-q', '-m', 'as it is');
    git('clone', '-q', '--bare', '.', path.join(root, `${name}.git`));
    const server = http.createServer((req, res) => cgi(root, req, res));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = server.address();
    return {
        url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/${name}.git`,
        close: async () => {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
            fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 });
        },
    };
}

/** Hands a request to `git http-backend`. */
function cgi(root, req, res) {
    const [file, query = ''] = (req.url ?? '').split('?');
    const env = {
        ...process.env,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: file,
        QUERY_STRING: query,
        REQUEST_METHOD: req.method,
        CONTENT_TYPE: req.headers['content-type'] ?? '',
        GIT_PROTOCOL: req.headers['git-protocol'] ?? '',
        HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '',
        REMOTE_ADDR: '127.0.0.1',
    };
    const child = spawn('git', ['http-backend'], { env });
    req.pipe(child.stdin);
    let head = Buffer.alloc(0);
    let sent = false;
    child.stdout.on('data', (data) => {
        if (sent) return res.write(data);
        head = Buffer.concat([head, data]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        let status = 200;
        for (const line of head.subarray(0, end).toString().split('\r\n')) {
            const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()];
            if (/^status$/i.test(name)) status = Number.parseInt(value, 10);
            else res.setHeader(name, value);
        }
        res.writeHead(status);
        sent = true;
        res.write(head.subarray(end + 4));
    });
    child.on('close', () => res.end());
}
