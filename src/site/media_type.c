#include "site/media_type.h"

#include <stdlib.h>

#define TEXT(type) type "; charset=utf-8"
#define DOCUMENT "application/vnd.openxmlformats-officedocument."
#define OPEN_DOCUMENT "application/vnd.oasis.opendocument."

/* Sorted by extension (the unit test asks). What browsers show or load, and what offices keep on such sites. */
static const struct row {
	const char *extension, *type;
} types[] = {
	{"7z", "application/x-7z-compressed"},
	{"aac", "audio/aac"},
	{"apng", "image/apng"},
	{"atom", "application/atom+xml"},
	{"avif", "image/avif"},
	{"bmp", "image/bmp"},
	{"bz2", "application/x-bzip2"},
	{"c", TEXT("text/plain")},
	{"cab", "application/vnd.ms-cab-compressed"},
	{"cer", "application/pkix-cert"},
	{"conf", TEXT("text/plain")},
	{"crl", "application/pkix-crl"},
	{"crt", "application/x-x509-ca-cert"},
	{"css", TEXT("text/css")},
	{"csv", TEXT("text/csv")},
	{"cur", "image/vnd.microsoft.icon"},
	{"deb", "application/vnd.debian.binary-package"},
	{"doc", "application/msword"},
	{"docx", DOCUMENT "wordprocessingml.document"},
	{"eot", "application/vnd.ms-fontobject"},
	{"epub", "application/epub+zip"},
	{"flac", "audio/flac"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"h", TEXT("text/plain")},
	{"htm", TEXT("text/html")},
	{"html", TEXT("text/html")},
	{"ico", "image/vnd.microsoft.icon"},
	{"ics", TEXT("text/calendar")},
	{"jar", "application/java-archive"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", TEXT("text/javascript")},
	{"json", "application/json"},
	{"jsonld", "application/ld+json"},
	{"jxl", "image/jxl"},
	{"log", TEXT("text/plain")},
	{"m3u8", "application/vnd.apple.mpegurl"},
	{"m4a", "audio/mp4"},
	{"m4v", "video/mp4"},
	{"map", "application/json"},
	{"md", TEXT("text/markdown")},
	{"mid", "audio/midi"},
	{"mjs", TEXT("text/javascript")},
	{"mov", "video/quicktime"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"mpd", "application/dash+xml"},
	{"mpeg", "video/mpeg"},
	{"mpg", "video/mpeg"},
	{"msi", "application/x-msi"},
	{"odp", OPEN_DOCUMENT "presentation"},
	{"ods", OPEN_DOCUMENT "spreadsheet"},
	{"odt", OPEN_DOCUMENT "text"},
	{"oga", "audio/ogg"},
	{"ogg", "audio/ogg"},
	{"ogv", "video/ogg"},
	{"opus", "audio/ogg"},
	{"otf", "font/otf"},
	{"p7b", "application/x-pkcs7-certificates"},
	{"pac", "application/x-ns-proxy-autoconfig"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"pptx", DOCUMENT "presentationml.presentation"},
	{"py", TEXT("text/x-python")},
	{"rar", "application/vnd.rar"},
	{"rpm", "application/x-rpm"},
	{"rss", "application/rss+xml"},
	{"rtf", "application/rtf"},
	{"sh", TEXT("text/x-shellscript")},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tgz", "application/gzip"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"ts", "video/mp2t"},
	{"tsv", TEXT("text/tab-separated-values")},
	{"ttf", "font/ttf"},
	{"txt", TEXT("text/plain")},
	{"vcf", TEXT("text/vcard")},
	{"vtt", TEXT("text/vtt")},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"weba", "audio/webm"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xhtml", TEXT("application/xhtml+xml")},
	{"xls", "application/vnd.ms-excel"},
	{"xlsx", DOCUMENT "spreadsheetml.sheet"},
	{"xml", "application/xml"},
	{"xsl", "application/xslt+xml"},
	{"xz", "application/x-xz"},
	{"yaml", "application/yaml"},
	{"yml", "application/yaml"},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

enum { TYPES = sizeof(types) / sizeof(types[0]), LONGEST = 11 };

static int compare(const void *extension, const void *row)
{
	return strcmp(extension, ((const struct row *)row)->extension);
}

struct span media_type_of(struct span name)
{
	char extension[LONGEST + 1] = "";
	size_t n = 0;
	while (n < name.n && n <= LONGEST && name.p[name.n - 1 - n] != '.' && name.p[name.n - 1 - n] != '/')
		n++;
	if (n == 0 || n > LONGEST || n == name.n || name.p[name.n - 1 - n] != '.')
		return SPAN("application/octet-stream");
	for (size_t i = 0; i < n; i++)
		extension[i] = ascii_lower(name.p[name.n - n + i]);
	const struct row *row = bsearch(extension, types, TYPES, sizeof(types[0]), compare);
	return row ? span_of(row->type) : SPAN("application/octet-stream");
}
