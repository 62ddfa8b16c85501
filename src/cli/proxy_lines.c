#include "cli/proxy_lines.h"

#include "base/cleanup.h"

/* ---- no_proxy */

static bool is_plain_name(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

/* A name or address as all programs take it, or NULL. */
static const char *plain_form(const char *pattern, char room[ADDR_TEXT])
{
	struct network n;
	if (network_parse(span_of(pattern), &n) == 0) {
		if (n.bits != (n.base.sa.sa_family == AF_INET ? 32 : 128))
			return NULL;
		addr_format(&n.base, false, room);
		return room;
	}
	const char *name = pattern[0] == '*' && pattern[1] == '.' ? pattern + 2 : pattern[0] == '.' ? pattern + 1 : pattern;
	return is_plain_name(name) ? name : NULL;
}

void proxy_lines_no_proxy(const struct words *direct, struct buf *to, struct buf *rest)
{
	static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
	char room[ADDR_TEXT];
	buf_addf(to, "%s,%s,%s", always[0], always[1], always[2]);
	for (unsigned i = 0; i < direct->count; i++) {
		const char *plain = plain_form(direct->items[i], room);
		if (!plain)
			buf_addf(rest, "%s%s", rest->n ? ", " : "", direct->items[i]);
		else if (strcmp(plain, always[0]) != 0 && strcmp(plain, always[1]) != 0 && strcmp(plain, always[2]) != 0)
			buf_addf(to, ",%s", plain);
	}
}

/* ---- the lines */

static void add_environment(const char *url, const char *no_proxy, struct buf *to)
{
	buf_adds(to, "\n# Programs that read the environment (curl, wget, go, cargo, pip, git, apt-get, ...)\n");
	buf_addf(to, "export http_proxy=%s https_proxy=%s no_proxy=%s\n", url, url, no_proxy);
	buf_addf(to, "\n# git\ngit config --global http.proxy %s\n", url);
	buf_addf(to, "\n# npm\nnpm config set proxy %s\nnpm config set https-proxy %s\nnpm config set noproxy %s\n", url,
	         url, no_proxy);
	buf_addf(to, "\n# pip\npip config set global.proxy %s\n", url);
	buf_addf(to, "\n# curl: in ~/.curlrc\nproxy = \"%s\"\nnoproxy = \"%s\"\n", url, no_proxy);
}

/* apt downloads as a user of its own unless it is told otherwise. */
static void add_apt(const struct proxy_lines *l, const char *url, struct buf *to)
{
	buf_addf(to,
	         "\n# apt: in /etc/apt/apt.conf.d/80proxy\nAcquire::http::Proxy \"%s\";\nAcquire::https::Proxy \"%s\";\n",
	         url, url);
	if (l->user)
		buf_adds(to, "APT::Sandbox::User \"root\";\n");
}

static void add_docker(const char *url, const char *no_proxy, struct buf *to)
{
	buf_addf(to,
	         "\n# docker pull: in /etc/docker/daemon.json, then systemctl restart docker\n"
	         "{\"proxies\": {\"http-proxy\": \"%s\", \"https-proxy\": \"%s\", \"no-proxy\": \"%s\"}}\n",
	         url, url, no_proxy);
}

/* 127.0.0.1 in a container is the container. */
static void add_containers(const struct proxy_lines *l, const char *url, const char *no_proxy, struct buf *to)
{
	if (addr_is_loopback(&l->at)) {
		buf_addf(
			to,
			"\n# Containers: on the network of this machine\n"
			"docker run --network host --user \"$(id -u)\" -e http_proxy=%s -e https_proxy=%s -e no_proxy=%s IMAGE\n"
			"docker build --network host --build-arg http_proxy=%s --build-arg https_proxy=%s .\n",
			url, url, no_proxy, url, url);
		buf_addf(
			to,
			"# or on their own: start Fairlead with --listen 172.17.0.1:%u --clients 172.17.0.0/16 as well (docker0's\n"
			"# address and network), and write its address into ~/.docker/config.json as\n",
			addr_port(&l->at));
	} else {
		buf_adds(to, "\n# Containers: in ~/.docker/config.json\n");
	}
	char bridge[128];
	struct buf it;
	buf_over(&it, bridge, sizeof(bridge));
	if (addr_is_loopback(&l->at) || addr_is_unspecified(&l->at))
		buf_addf(&it, "http://172.17.0.1:%u", addr_port(&l->at));
	else
		buf_adds(&it, url);
	buf_addf(to,
	         "{\"proxies\": {\"default\": {\"httpProxy\": \"%.*s\", \"httpsProxy\": \"%.*s\", \"noProxy\": \"%s\"}}}\n",
	         (int)it.n, it.p, (int)it.n, it.p, no_proxy);
}

/* One that listens everywhere is spoken to on loopback. */
static void add_url(const struct proxy_lines *l, struct buf *to)
{
	char at[ADDR_TEXT];
	addr_format(&l->at, true, at);
	if (addr_is_unspecified(&l->at))
		buf_addf(to, "http://127.0.0.1:%u", addr_port(&l->at));
	else
		buf_addf(to, "http://%s", at);
}

void proxy_lines_add(const struct proxy_lines *l, struct buf *to)
{
	AUTO(buf) struct buf url_text;
	AUTO(buf) struct buf names;
	AUTO(buf) struct buf rest;
	buf_init(&url_text, 256);
	buf_init(&names, 1 << 16);
	buf_init(&rest, 1 << 16);
	add_url(l, &url_text);
	proxy_lines_no_proxy(l->direct, &names, &rest);
	const char *url = buf_text(&url_text), *no_proxy = buf_text(&names);
	if (l->ticket)
		buf_addf(to, "# Signing in with the Kerberos ticket of %s (--password asks for a password instead).\n",
		         l->ticket);
	if (l->user)
		buf_addf(to, "# %s serves processes of %s%s only; --clients NETWORK lets others in.\n", url, l->user,
		         strcmp(l->user, "root") == 0 ? "" : " and root");
	if (rest.n)
		buf_addf(to, "# no_proxy means the same to few programs in %s: Fairlead sends them direct itself.\n",
		         buf_text(&rest));
	add_environment(url, no_proxy, to);
	add_apt(l, url, to);
	add_docker(url, no_proxy, to);
	add_containers(l, url, no_proxy, to);
	buf_addc(to, '\n');
}
