#include "site/host.h"

/* How well a site's name fits: 0 not at all. */
static size_t fit(const char *name, struct span host)
{
	struct span n = span_of(name);
	if (span_eq(n, SPAN("*")))
		return 1;
	if (n.n > 2 && n.p[0] == '*')
		return host.n >= n.n && span_ends_nocase(host, span_make(n.p + 1, n.n - 1)) ? n.n : 0;
	return span_eq(n, host) ? SIZE_MAX : 0;
}

const struct site_settings *site_for_host(const struct listen_settings *listen, struct span host)
{
	const struct site_settings *best = NULL;
	size_t best_fit = 0;
	for (unsigned i = 0; i < listen->site_count; i++) {
		size_t here = fit(listen->sites[i]->host, host);
		if (here <= best_fit)
			continue;
		best = listen->sites[i];
		best_fit = here;
	}
	return best;
}
