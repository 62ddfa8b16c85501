#include "http/date.h"

#include <errno.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, counted in years that begin in March. */
static int64_t days_of(int year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2);
	int64_t era = y / 400;
	unsigned of_era = (unsigned)(y - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t day_number, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t z = day_number + 719468;
	int64_t era = z / 146097;
	unsigned of_era = (unsigned)(z - era * 146097);
	unsigned y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * y + y / 4 - y / 100);
	unsigned m = (5 * of_year + 2) / 153;
	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = (unsigned)(y + era * 400) + (*month <= 2);
}

static void two(char *out, unsigned n)
{
	out[0] = (char)('0' + n / 10 % 10);
	out[1] = (char)('0' + n % 10);
}

static void format(int64_t t, char out[HTTP_DATE])
{
	unsigned year, month, day, second = (unsigned)(t % 86400);
	date_of(t / 86400, &year, &month, &day);
	memcpy(out, "Ddd, 00 Mmm 0000 00:00:00 GMT", HTTP_DATE);
	memcpy(out, days + (t / 86400 + 4) % 7 * 3, 3);
	two(out + 5, day);
	memcpy(out + 8, months + (month - 1) * 3, 3);
	two(out + 12, year / 100);
	two(out + 14, year % 100);
	two(out + 17, second / 3600);
	two(out + 20, second / 60 % 60);
	two(out + 23, second % 60);
}

struct span http_date(int64_t unix_seconds)
{
	static _Thread_local int64_t made_for = -1;
	static _Thread_local char made[HTTP_DATE];
	if (unix_seconds < 0)
		unix_seconds = 0;
	if (unix_seconds != made_for) {
		format(unix_seconds, made);
		made_for = unix_seconds;
	}
	return span_make(made, HTTP_DATE - 1);
}

/* The date as its pieces; a reader takes them off the front of the text. */
struct pieces {
	struct span rest;
	unsigned day, month, year, hour, minute, second;
	bool bad;
};

static void expect(struct pieces *d, struct span text)
{
	if (d->bad || d->rest.n < text.n || memcmp(d->rest.p, text.p, text.n) != 0) {
		d->bad = true;
		return;
	}
	d->rest = span_make(d->rest.p + text.n, d->rest.n - text.n);
}

static unsigned number(struct pieces *d, size_t digits)
{
	uint64_t n = 0;
	if (d->bad || d->rest.n < digits || span_to_u64(span_make(d->rest.p, digits), 9999, &n) != 0) {
		d->bad = true;
		return 0;
	}
	d->rest = span_make(d->rest.p + digits, d->rest.n - digits);
	return (unsigned)n;
}

static void month_name(struct pieces *d)
{
	for (unsigned m = 0; !d->bad && m < 12; m++) {
		if (d->rest.n >= 3 && memcmp(d->rest.p, months + m * 3, 3) == 0) {
			d->rest = span_make(d->rest.p + 3, d->rest.n - 3);
			d->month = m + 1;
			return;
		}
	}
	d->bad = true;
}

static void time_of_day(struct pieces *d)
{
	d->hour = number(d, 2);
	expect(d, SPAN(":"));
	d->minute = number(d, 2);
	expect(d, SPAN(":"));
	d->second = number(d, 2);
}

/* Behind "Sun, ": "06 Nov 1994 08:49:37 GMT", or with dashes and two digits of the year behind "Sunday, " (RFC 850). */
static void after_comma(struct pieces *d, int64_t now)
{
	expect(d, SPAN(" "));
	d->day = number(d, 2);
	bool rfc850 = !d->bad && d->rest.n && d->rest.p[0] == '-';
	struct span between = rfc850 ? SPAN("-") : SPAN(" ");
	expect(d, between);
	month_name(d);
	expect(d, between);
	d->year = number(d, rfc850 ? 2 : 4);
	expect(d, SPAN(" "));
	time_of_day(d);
	expect(d, SPAN(" GMT"));
	if (rfc850) {
		/* The latest year with these digits that is not more than fifty years ahead (RFC 9110 5.6.7). */
		unsigned year, month, day;
		date_of((now < 0 ? 0 : now) / 86400, &year, &month, &day);
		d->year += year / 100 * 100 + 100;
		while (d->year > year + 50)
			d->year -= 100;
	}
}

/* asctime(): "Sun Nov  6 08:49:37 1994". */
static void asctime_form(struct pieces *d)
{
	expect(d, SPAN(" "));
	month_name(d);
	expect(d, SPAN(" "));
	bool one_digit = !d->bad && d->rest.n && d->rest.p[0] == ' ';
	if (one_digit)
		expect(d, SPAN(" "));
	d->day = number(d, one_digit ? 1 : 2);
	expect(d, SPAN(" "));
	time_of_day(d);
	expect(d, SPAN(" "));
	d->year = number(d, 4);
}

static bool day_name(struct span name)
{
	static const char *const full[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
	for (unsigned i = 0; i < 7; i++)
		if (span_eq(name, span_make(days + i * 3, 3)) || span_eq(name, span_of(full[i])))
			return true;
	return false;
}

static unsigned days_in(unsigned month, unsigned year)
{
	if (month == 2)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int http_date_parse(struct span text, int64_t now, int64_t *unix_seconds)
{
	size_t n = 0;
	while (n < text.n && text.p[n] != ' ' && text.p[n] != ',')
		n++;
	if (n == text.n || !day_name(span_make(text.p, n)))
		return -EINVAL;
	struct pieces d = {.rest = span_make(text.p + n, text.n - n)};
	if (text.p[n] == ',') {
		expect(&d, SPAN(","));
		after_comma(&d, now);
	} else {
		asctime_form(&d);
	}
	if (d.bad || d.rest.n || d.year < 1601 || d.day < 1 || d.day > days_in(d.month, d.year) || d.hour > 23 ||
	    d.minute > 59 || d.second > 60)
		return -EINVAL;
	*unix_seconds = days_of((int)d.year, d.month, d.day) * 86400 + d.hour * 3600 + d.minute * 60 + d.second;
	return 0;
}
