/* A record of an exchange as tests want it: a GET to www.example through the parent head-office. */
#ifndef FAIRLEAD_TESTS_SAMPLE_RECORD_H
#define FAIRLEAD_TESTS_SAMPLE_RECORD_H

#include "config/settings.h"
#include "proxy/record.h"

static inline struct settings sample_settings(void)
{
	return (struct settings){.contact = "helpdesk@example", .pseudonym = "proxy.example"};
}

static inline struct record sample_record(enum end_reason end)
{
	struct record r = {
		.id = "1f3a9c-00000042",
		.began_civil_us = 1795311302 * INT64_C(1000000), /* 2026-11-22 01:35:02 UTC */
		.client_connection = 7,
		.request_on_connection = 3,
		.method = SPAN("GET"),
		.uri = SPAN("http://www.example/a/b?token=1"),
		.host = SPAN("www.example"),
		.user_agent = SPAN("Mozilla/5.0 (X11; Linux)"),
		.minor = 1,
		.status = 200,
		.bytes_in = 310,
		.bytes_out = 1234,
		.hop = "head-office",
		.next_hop = SPAN("proxy1.example:8080"),
		.server_connection = 9,
		.end = end,
	};
	if (addr_parse(SPAN("10.1.2.3"), 51234, &r.client) != 0 || addr_parse(SPAN("192.0.2.7"), 8080, &r.server) != 0)
		die("an address of the sample record is malformed");
	return r;
}

#endif
