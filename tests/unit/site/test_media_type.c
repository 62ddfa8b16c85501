#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "site/media_type.h"

static bool is(const char *name, const char *type)
{
	return span_eq(media_type_of(span_of(name)), span_of(type));
}

static void types_are_found_by_extension_in_any_case(void **state)
{
	assert_true(is("index.html", "text/html; charset=utf-8"));
	assert_true(is("a/b.c/INDEX.HTM", "text/html; charset=utf-8"));
	assert_true(is("x.tar.gz", "application/gzip"));
	assert_true(is("logo.PNG", "image/png"));
	assert_true(is("wpad.pac", "application/x-ns-proxy-autoconfig"));
	assert_true(is("app.webmanifest", "application/manifest+json"));
	assert_true(is("disc.7z", "application/x-7z-compressed"));
	assert_true(is("last.zst", "application/zstd"));
}

static void the_rest_is_bytes(void **state)
{
	static const char *const rest[] = {"",     ".",          "README",  "a.",       "png",
	                                   "/png", "a.html/png", "a.htmlx", "a.html\n", "a.webmanifestwebmanifest"};
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		assert_true(is(rest[i], "application/octet-stream"));
}

/* Every row is found: what is out of order would be missed by the search. */
static void the_table_is_in_order(void **state)
{
	static const char *const all[] = {
		"7z",   "aac",  "apng", "atom", "avif", "bmp",  "bz2",  "c",    "cab",         "cer",  "conf", "crl",   "crt",
		"css",  "csv",  "cur",  "deb",  "doc",  "docx", "eot",  "epub", "flac",        "gif",  "gz",   "h",     "htm",
		"html", "ico",  "ics",  "jar",  "jpeg", "jpg",  "js",   "json", "jsonld",      "jxl",  "log",  "m3u8",  "m4a",
		"m4v",  "map",  "md",   "mid",  "mjs",  "mov",  "mp3",  "mp4",  "mpd",         "mpeg", "mpg",  "msi",   "odp",
		"ods",  "odt",  "oga",  "ogg",  "ogv",  "opus", "otf",  "p7b",  "pac",         "pdf",  "png",  "ppt",   "pptx",
		"py",   "rar",  "rpm",  "rss",  "rtf",  "sh",   "svg",  "tar",  "tgz",         "tif",  "tiff", "ts",    "tsv",
		"ttf",  "txt",  "vcf",  "vtt",  "wasm", "wav",  "weba", "webm", "webmanifest", "webp", "woff", "woff2", "xhtml",
		"xls",  "xlsx", "xml",  "xsl",  "xz",   "yaml", "yml",  "zip",  "zst"};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char name[32] = "x.";
		strcat(name, all[i]);
		assert_false(is(name, "application/octet-stream"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_found_by_extension_in_any_case),
		cmocka_unit_test(the_rest_is_bytes),
		cmocka_unit_test(the_table_is_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
