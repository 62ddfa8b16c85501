// node chromium.js OPTIONS: a page in Chromium, as JSON on standard output. OPTIONS is JSON too: url, proxy, user, password,
// proxyUser, proxyPassword, profile (an empty folder), key (of a certificate to be trusted: base64 of the SHA-256 of its SubjectPublicKeyInfo).
const fs = require('fs')
const path = require('path')
const { chromium } = require('playwright-core')

const options = JSON.parse(process.argv[2])

async function main() {
	// Negotiate works in a fresh profile only if the browser knows that it has met it before; see chromium's auth.* preferences.
	fs.writeFileSync(path.join(options.profile, 'Local State'), JSON.stringify({
		net: { received_http_auth_negotiate_headers: true }, auth: { disable_negotiate_cname_lookup: true } }))
	const browser = await chromium.launchPersistentContext(options.profile, {
		executablePath: '/usr/bin/chromium', headless: true,
		proxy: { server: options.proxy, bypass: '<-loopback>', username: options.proxyUser, password: options.proxyPassword },
		httpCredentials: options.user && { username: options.user, password: options.password },
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			...(options.key ? ['--ignore-certificate-errors-spki-list=' + options.key] : []), '--disable-component-update', '--disable-sync', '--auth-server-allowlist=*.lab.test',
			'--host-resolver-rules=MAP proxy.lab.test 127.0.0.1, MAP proxy.ad.lab.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
	})
	const page = await browser.newPage()
	const answers = []
	page.on('response', r => answers.push({ url: r.url(), status: r.status() }))
	const first = await page.goto(options.url, { timeout: 30000, waitUntil: 'networkidle' })
	console.log(JSON.stringify({ status: first.status(), text: await page.innerText('body'), answers }))
	await browser.close()
}

main().catch(e => { console.error(e); process.exit(1) })
