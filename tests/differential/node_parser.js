// Reads what `differential --print` says of the messages that we accept, one JSON line each, and asks the parser inside this
// Node.js. It must take each for the same, and its end for the end: complete with the last byte, not before.
'use strict';

const { HTTPParser, methods } = process.binding('http_parser');
const readline = require('readline');

const fromHex = (text) => Buffer.from(text, 'hex');
const latin = (text) => fromHex(text).toString('latin1');

function addFields(heard, list) {
	for (let i = 0; i < list.length; i += 2)
		heard.fields.push([list[i], list[i + 1].replace(/^[ \t]+|[ \t]+$/g, '')]);
}

// What no parser knows by itself: the request that a response answers, and that a 304 has no body.
function skipBody(message, status) {
	if (message.request)
		return 0;
	if (message.answers === 'CONNECT' && status >= 200 && status < 300)
		return 2;
	return message.answers === 'HEAD' || status === 304 ? 1 : 0;
}

function listen(message) {
	const heard = { fields: [], body: [], complete: false };
	const parser = new HTTPParser();
	parser.initialize(message.request ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20, 0);
	parser[HTTPParser.kOnHeaders | 0] = (list) => addFields(heard, list);
	parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, list, method, url, status, reason, upgrade, keep) => {
		addFields(heard, list || []);
		Object.assign(heard, { minor, target: url, status: status || 0, upgrade, keep });
		heard.method = message.request ? methods.list ? methods.list[method] : methods[method] : '';
		heard.skipped = skipBody(message, status);
		return heard.skipped;
	};
	parser[HTTPParser.kOnBody | 0] = (bytes) => heard.body.push(Buffer.from(bytes));
	parser[HTTPParser.kOnMessageComplete | 0] = () => { heard.complete = true; };
	return { heard, parser };
}

// Null, or what differs.
function difference(message) {
	const { heard, parser } = listen(message);
	const bytes = fromHex(message.bytes).subarray(0, message.ends);
	for (const piece of [bytes.subarray(0, -1), bytes.subarray(-1)]) {
		if (heard.complete)
			return 'ends before our end';
		const result = parser.execute(piece);
		if (result instanceof Error && !(heard.complete && heard.upgrade))
			return `refused: ${result.code} ${result.reason}`;
	}
	if (message.until_close && !heard.complete)
		parser.finish();
	if (!heard.complete)
		return 'not at its end';
	if (!Buffer.concat(heard.body).equals(fromHex(message.body)))
		return 'body';
	const ours = message.fields.map(([name, value]) => [latin(name), latin(value)]);
	if (JSON.stringify(heard.fields) !== JSON.stringify(ours))
		return 'fields';
	if (message.request && (heard.method !== latin(message.method) || heard.target !== latin(message.target)))
		return `request line: ${heard.method} ${heard.target}`;
	if (heard.minor !== message.minor || heard.status !== message.status)
		return 'version or status';
	// Said before it was told that no body comes, when it still expects one until the close.
	if (!message.ignore_connection && !heard.skipped && message.keep && !heard.keep)
		return 'keep-alive';
	return null;
}

async function main() {
	let asked = 0, differing = 0;
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const message = JSON.parse(line);
		const what = difference(message);
		asked++;
		if (what) {
			differing++;
			console.log(`${what}\n    ${JSON.stringify(latin(message.bytes))}`);
			if (differing === 10)
				break;
		}
	}
	console.log(`llhttp ${process.versions.llhttp}: ${asked} messages, ${differing} understood otherwise`);
	process.exit(differing || asked < 1000 ? 1 : 0);
}

main();
