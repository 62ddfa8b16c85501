// node chromium.js OPTIONS: a page in Chromium, as JSON on standard output. OPTIONS is JSON too: url, proxy, user, password,
// proxyUser, proxyPassword, profile (an empty folder), key (of a certificate to be trusted: base64 of the SHA-256 of its SubjectPublicKeyInfo).
// Instead of url there may be urls: then all of them in one window, one after the other, and `pages` in the answer. Without proxy the browser
// goes there itself; what certificates of sites say is not looked at.
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
		ignoreHTTPSErrors: true,
		proxy: options.proxy && { server: options.proxy, bypass: '<-loopback>', username: options.proxyUser, password: options.proxyPassword },
		httpCredentials: options.user && { username: options.user, password: options.password },
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			...(options.key ? ['--ignore-certificate-errors-spki-list=' + options.key] : []), '--disable-component-update', '--disable-sync', '--auth-server-allowlist=*.lab.test',
			'--host-resolver-rules=MAP *.lab.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
	})
	const page = await browser.newPage()
	const answers = []
	page.on('response', r => answers.push({ url: r.url(), status: r.status() }))
	const pages = []
	for (const url of options.urls || [options.url]) {
		const first = await page.goto(url, { timeout: 30000, waitUntil: options.urls ? 'load' : 'networkidle' })
		pages.push({ status: first.status(), text: await page.innerText('body') })
	}
	console.log(JSON.stringify({ ...pages[0], pages, answers }))
	await browser.close()
}

main().catch(e => { console.error(e); process.exit(1) })
