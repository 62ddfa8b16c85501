#include "cli/serve_options.h"

#include <getopt.h>
#include <stdio.h>

static bool add_word(struct words *to, const char *name, const char *word)
{
	if (to->count == WORDS_MOST) {
		fprintf(stderr, "fairlead serve: more than %d times --%s: write a settings file\n", WORDS_MOST, name);
		return false;
	}
	to->items[to->count++] = word;
	return true;
}

static bool take(struct serve_options *o, int letter)
{
	switch (letter) {
	case 'c':
		o->file = optarg;
		return true;
	case 'P':
		return add_word(&o->parents, "parent", optarg);
	case 'l':
		return add_word(&o->listens, "listen", optarg);
	case 'n':
		return add_word(&o->clients, "clients", optarg);
	case 'd':
		return add_word(&o->direct, "direct", optarg);
	case 'a':
		o->account = optarg;
		return true;
	case 'h':
		o->nt_hash_file = optarg;
		return true;
	case 'p':
		o->password = true;
		return true;
	default:
		return false;
	}
}

static const char *contradiction(const struct serve_options *o)
{
	bool more = o->account || o->nt_hash_file || o->listens.count || o->clients.count || o->direct.count || o->password;
	if (o->file && (o->parents.count || more))
		return "-c FILE says all there is to say: put the rest into the file";
	if (more && !o->parents.count)
		return "--parent HOST:PORT is missing: which proxy is to be answered?";
	if (o->nt_hash_file && !o->account)
		return "--nt-hash-file needs --account: whose hash is it?";
	if (o->nt_hash_file && o->password)
		return "--nt-hash-file and --password are two ways: choose one";
	return NULL;
}

bool serve_options_parse(int argc, char **argv, struct serve_options *out)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"parent", required_argument, NULL, 'P'},
	                                        {"account", required_argument, NULL, 'a'},
	                                        {"nt-hash-file", required_argument, NULL, 'h'},
	                                        {"listen", required_argument, NULL, 'l'},
	                                        {"clients", required_argument, NULL, 'n'},
	                                        {"direct", required_argument, NULL, 'd'},
	                                        {"password", no_argument, NULL, 'p'},
	                                        {NULL, 0, NULL, 0}};
	*out = (struct serve_options){0};
	for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;)
		if (!take(out, c))
			return false;
	if (optind < argc) {
		fprintf(stderr, "fairlead serve: what is %s?\n", argv[optind]);
		return false;
	}
	const char *wrong = contradiction(out);
	if (wrong)
		fprintf(stderr, "fairlead serve: %s\n", wrong);
	out->single_user = out->parents.count > 0;
	return !wrong;
}
