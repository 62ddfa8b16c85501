/* In which order the members of an upstream are tried. */
#include "route/route.h"

/* A client stays with its member as long as the number of members stays: FNV-1a over the address alone, so that all
 * Fairleads with the same settings choose alike. */
static uint32_t hash_of(const struct addr *client)
{
	struct addr plain = *client;
	addr_unmap(&plain);
	bool v6 = plain.sa.sa_family == AF_INET6;
	const unsigned char *bytes = v6 ? plain.v6.sin6_addr.s6_addr : (const unsigned char *)&plain.v4.sin_addr;
	uint32_t hash = 2166136261u;
	for (unsigned i = 0; i < (v6 ? 16u : 4u); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash ^ hash >> 16;
}

/* Appends the members that are, or are not, backups and down, beginning with the `first` of them and going round. */
static unsigned append(const struct upstream_settings *u, bool backup, const bool *down, bool want_down, unsigned first,
                       unsigned *order, unsigned n)
{
	for (unsigned i = 0; i < u->member_count; i++) {
		unsigned at = (first + i) % u->member_count;
		if (u->members[at].backup == backup && (down && down[at]) == want_down)
			order[n++] = at;
	}
	return n;
}

/* The place of the `chosen`th member without backup, counted over all of them whether up or down, so that one that is down
 * moves its own clients only. */
static unsigned place_of_primary(const struct upstream_settings *u, unsigned chosen)
{
	for (unsigned i = 0; i < u->member_count; i++)
		if (!u->members[i].backup && chosen-- == 0)
			return i;
	return 0;
}

unsigned upstream_order(const struct upstream_settings *u, const struct addr *client, const bool *down, unsigned *order)
{
	unsigned primaries = 0, n = 0;
	for (unsigned i = 0; i < u->member_count; i++)
		primaries += !u->members[i].backup;
	unsigned first = primaries && client ? place_of_primary(u, hash_of(client) % primaries) : 0;
	n = append(u, false, down, false, first, order, n);
	n = append(u, true, down, false, 0, order, n);
	n = append(u, false, down, true, first, order, n);
	return append(u, true, down, true, 0, order, n);
}
