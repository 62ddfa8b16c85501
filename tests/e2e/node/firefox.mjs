// node firefox.mjs OPTIONS: a page in Firefox, as JSON on standard output. OPTIONS is JSON too: url, proxy (host:port), user,
// password, home (an empty folder), secure (the proxy is spoken to over TLS, by a PAC; its certificate is not looked at).
// urls instead of url, and no proxy: see chromium.js; then what the browser asks for by itself goes nowhere.
// Debian's Firefox cannot be driven by playwright-core; puppeteer-core can, by WebDriver BiDi. BiDi's authenticate does not
// split DOMAIN\user: the bare name is given.
import puppeteer from 'puppeteer-core'

const options = JSON.parse(process.argv[2])
const [host, port] = (options.proxy || '127.0.0.1:9').split(':')
const sites = [1, 2, 3, 4, 5, 6].map(i => `site${i}.lab.test`).join(',')
const pac = `data:application/x-ns-proxy-autoconfig,function FindProxyForURL() { return "HTTPS ${options.proxy}"; }`
const secure = options.secure && { 'network.proxy.type': 2, 'network.proxy.autoconfig_url': pac }
const browser = await puppeteer.launch({
	browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true, acceptInsecureCerts: true,
	env: { ...process.env, HOME: options.home },
	extraPrefsFirefox: {
		'network.proxy.type': 1, 'network.proxy.http': host, 'network.proxy.http_port': +port,
		'network.proxy.ssl': host, 'network.proxy.ssl_port': +port, 'network.proxy.no_proxies_on': options.proxy ? '' : '.lab.test',
		'network.proxy.allow_hijacking_localhost': true, 'network.negotiate-auth.trusted-uris': '.lab.test',
		'network.negotiate-auth.allow-proxies': true, 'network.dns.localDomains': `proxy.lab.test,proxy.ad.lab.test,${sites}`,
		'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false,
		'network.dns.disablePrefetch': true, 'browser.safebrowsing.update.enabled': false,
		'services.settings.server': 'http://127.0.0.1:9/', 'toolkit.telemetry.enabled': false,
		'extensions.systemAddon.update.enabled': false, 'app.normandy.enabled': false, 'browser.region.network.url': '',
		'browser.search.update': false, 'browser.topsites.contile.enabled': false, 'browser.newtabpage.enabled': false,
		'dom.push.enabled': false, 'datareporting.policy.dataSubmissionEnabled': false, 'app.update.enabled': false,
		...secure,
	},
})
try {
	const page = await browser.newPage()
	if (options.user)
		await page.authenticate({ username: options.user, password: options.password })
	const answers = []
	page.on('response', r => answers.push({ url: r.url(), status: r.status() }))
	const pages = []
	for (const url of options.urls || [options.url]) {
		const first = await page.goto(url, { timeout: 40000, waitUntil: 'load' })
		pages.push({ status: first.status(), text: await page.evaluate(() => document.body.innerText) })
	}
	console.log(JSON.stringify({ ...pages[0], pages, answers }))
} finally {
	await browser.close()
}
