// node application.js OPTIONS: an application that believes who its server says the user is, as JSON: port, and for https key and cert.
// Lists (/who), uploads, downloads, a WebSocket (/live) and health; it knows nothing of how users sign in.
const crypto = require('crypto')
const fs = require('fs')
const { Readable } = require('stream')
const express = require('express')
const { WebSocketServer } = require('ws')

const options = JSON.parse(process.argv[2])
const app = express()
let health = 200

const user = req => req.headers['x-remote-user'] || '-'

function answer(req, res, more) {
	res.json({ user: user(req), groups: req.get('X-Remote-Groups') || '', path: req.originalUrl, method: req.method, host: req.headers.host,
		fields: req.rawHeaders, connection: req.socket.remotePort, port: options.port, ...more })
}

app.get('/health', (req, res) => res.status(health).end())
app.post('/health/:status', (req, res) => { health = Number(req.params.status); res.end() })

// The same bytes each time, so that whoever downloads them can tell that none is missing.
const piece = Buffer.alloc(65536, 'fairlead.')
app.get('/download/:bytes', (req, res) => {
	let left = Number(req.params.bytes)
	if (!req.query.chunked)
		res.set('Content-Length', left)
	res.type('application/octet-stream')
	new Readable({ read() {
		const n = Math.min(left, piece.length)
		left -= n
		this.push(n ? piece.subarray(0, n) : null)
	} }).pipe(res)
})

app.all('/upload', (req, res) => {
	const hash = crypto.createHash('sha1')
	let length = 0
	req.on('data', data => { hash.update(data); length += data.length })
	req.on('end', () => answer(req, res, { length, sha1: hash.digest('hex'), trailers: req.rawTrailers }))
})

app.get('/moved', (req, res) => {
	res.append('Set-Cookie', `session=1; Path=/; Domain=${req.query.domain || '127.0.0.1'}; HttpOnly`)
	res.append('Set-Cookie', 'theme=dark; Path=/; SameSite=Lax')
	res.set('Content-Location', `${req.query.to}/content`)
	res.status(302).set('Location', `${req.query.to}/new?a=b`).end()
})

app.get('/slow', (req, res) => setTimeout(() => answer(req, res), Number(req.query.ms)))

app.use((req, res) => answer(req, res))

const server = options.key
	? require('https').createServer({ key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) }, app)
	: require('http').createServer(app)
server.requestTimeout = 0
server.keepAliveTimeout = 60000
server.on('checkContinue', (req, res) => {
	if (req.url.startsWith('/unwanted')) {
		res.writeHead(417, { 'Content-Length': 0 }).end()
		return
	}
	res.writeContinue()
	app(req, res)
})

const sockets = new WebSocketServer({ server, path: '/live' })
sockets.on('connection', (socket, req) => {
	socket.send(JSON.stringify({ user: user(req), fields: req.rawHeaders }))
	socket.on('message', (data, binary) => socket.send(data, { binary }))
})

server.listen(options.port, '127.0.0.1')
