/* The manual page fairlead.conf(5), as scdoc text. Only what the table cannot say is written here. */
#include "config/settings.h"

#include "config/table.h"
#include "config/values.h"

static const char opening[] =
	"fairlead.conf(5)\n\n"
	"# NAME\n\n"
	"fairlead.conf - settings of fairlead(1)\n\n"
	"# DESCRIPTION\n\n"
	"The file that *fairlead serve* reads: the one given with *-c*, else *$FAIRLEAD_CONFIG*, else "
	"_~/.config/fairlead/fairlead.conf_ (not as root), else _/etc/fairlead/fairlead.conf_. Without any of these there is a proxy "
	"at 127.0.0.1:3128 and a console at 127.0.0.1:3129, for this machine alone. *fairlead check* reads the file and says what "
	"is wrong with it, *fairlead route* says where a request would go; SIGHUP makes a running *fairlead serve* read it again.\n\n"
	"# SYNTAX\n\n"
	"A setting is _name_ = _value_, a list {_value_, _value_}, a block _name_ { ... } or _name_ \"_title_\" { ... }. Comments "
	"begin with #, or stand between /\\* and \\*/. Names are written as below; each is given once, but blocks whose title "
	"differs, *route* and *access* may be repeated.\n\n"
	"Between double quotes a backslash stands before \", \\\\ and $ only, and *${NAME}* is a variable of the environment, which "
	"must exist; *${NAME:-value}* need not. Between single quotes everything is as it stands: 'CORP\\\\alice'. A value ends on "
	"its line. Single words need no quotes.\n\n"
	"Sizes have a unit: KB, MB, GB. So have times: ms, s, m, h, d. Truth is true or false, yes or no, on or off. Networks are "
	"\"10.0.0.0/8\", \"2001:db8::/32\", a single address, or \"\\*\" for all.\n\n"
	"*include(\"FILE\")*, outside of blocks, reads another file at this place; its name is relative to the file that includes "
	"it.\n\n"
	"# SETTINGS\n\n";

static const char closing[] =
	"# PATTERNS\n\n"
	"The hosts of *route* and *access* are\n\n"
	"- \"\\*\": all;\n"
	"- \"name.example\": this name;\n"
	"- \"\\*.example\" or \".example\": all names beneath it, not itself;\n"
	"- \"www\\*.example\": a \\* stands for any characters;\n"
	"- \"<local>\": names without a dot;\n"
	"- \"10.0.0.0/8\", \"192.0.2.1\", \"[2001:db8::1]\": addresses. In a route they match addresses written in the request, "
	"and with resolve = true those that a name has. In an access rule they match both.\n\n"
	"Each may end in a port: \"name.example:8080\". Case does not matter, nor does a dot at the end of a name.\n\n"
	"# ACCESS\n\n"
	"The rules decide in order; what none matches is allowed. Loopback and link-local addresses (those of cloud metadata among "
	"them), unspecified addresses and the listeners of this Fairlead are never destinations unless a rule with action = allow "
	"names them by an address or network; a name or \"\\*\" does not open them, whatever its address turns out to be. Every "
	"address of a name is looked at before it is connected to. Members of upstreams are not concerned. A refusal says the line "
	"that would allow it.\n\n"
	"# EXAMPLES\n\n"
	"All to a parent, which signs users in itself, but the own network directly:\n\n"
	"```\n"
	"upstream head-office {\n"
	"	member \"proxy1.example:8080\" { }\n"
	"	member \"proxy2.example:8080\" { backup = true }\n"
	"}\n"
	"route { to = {\"*.corp.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n"
	"route { to = {\"*\"}  via = head-office }\n"
	"```\n\n"
	"# SEE ALSO\n\n"
	"*fairlead*(1)\n";

/* scdoc's own signs, in text that means none of them. */
static void add_text(struct buf *to, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_`#", *text))
			buf_addc(to, '\\');
		buf_addc(to, *text);
	}
}

static void add_words(struct buf *to, const char *words)
{
	struct span rest = span_of(words), word;
	for (bool first = true; span_next(&rest, '|', &word); first = false)
		buf_addf(to, "%s*%.*s*", first ? "" : " | ", SPAN_ARG(word));
}

static void add_limits(struct buf *to, const struct setting *row)
{
	char least[32], most[32];
	if (row->type == SETTING_COUNT) {
		buf_addf(to, " From %lld to %lld.", (long long)row->least, (long long)row->most);
		return;
	}
	(row->type == SETTING_TIME ? value_time_text : value_size_text)(row->least, least);
	(row->type == SETTING_TIME ? value_time_text : value_size_text)(row->most, most);
	buf_addf(to, " From %s to %s.", least, most);
}

static const char *shape(enum setting_type type)
{
	static const char *const shapes[] = {[SETTING_TEXT] = "_text_",
	                                     [SETTING_FILE] = "_file_",
	                                     [SETTING_BOOL] = "true | false",
	                                     [SETTING_COUNT] = "_number_",
	                                     [SETTING_SIZE] = "_size_",
	                                     [SETTING_TIME] = "_time_",
	                                     [SETTING_VIA] = "*direct* | _upstream_",
	                                     [SETTING_TEXTS] = "{_text_, ...}",
	                                     [SETTING_NETWORKS] = "{_network_, ...}",
	                                     [SETTING_PORTS] = "{_port_, ...}",
	                                     [SETTING_PATTERNS] = "{_host_, ...}",
	                                     [SETTING_SCHEMES] = "{_scheme_, ...}"};
	return shapes[type];
}

static void add_default(struct buf *to, const struct setting *row)
{
	if (row->required)
		buf_adds(to, " Must be given.");
	else if (row->fallback && setting_is_list(row)) {
		struct span rest = span_of(row->fallback), item;
		buf_adds(to, " Default: {");
		for (bool first = true; span_next(&rest, ',', &item); first = false)
			buf_addf(to, "%s\"%.*s\"", first ? "" : ", ", SPAN_ARG(item));
		buf_adds(to, "}.");
	} else if (row->fallback) {
		buf_addf(to, " Default: %s.", row->fallback);
	}
}

static void add_setting(struct buf *to, const struct setting *row)
{
	buf_addf(to, "*%s* = ", row->name);
	if (row->words)
		add_words(to, row->words);
	else
		buf_adds(to, shape(row->type));
	buf_adds(to, "\n\t");
	add_text(to, row->sentence);
	if (row->type == SETTING_COUNT || row->type == SETTING_SIZE || row->type == SETTING_TIME)
		add_limits(to, row);
	add_default(to, row);
	buf_adds(to, "\n\n");
}

static void add_block_head(struct buf *to, const struct setting *row)
{
	const struct settings_block *block = row->block;
	buf_addf(to, "## %s", block->name);
	buf_addf(to, block->title_means ? " \"%s\" { ... }\n\n" : "%s { ... }\n\n",
	         block->title_means ? block->title_means : "");
	add_text(to, row->sentence);
	buf_adds(to, row->required ? " At least one must be given.\n\n" : "\n\n");
}

static void add_rows(struct buf *to, const struct settings_block *block)
{
	for (unsigned i = 0; i < block->row_count; i++)
		if (block->rows[i].type < SETTING_BLOCK)
			add_setting(to, &block->rows[i]);
	if (block->example)
		buf_addf(to, "```\n%s\n```\n\n", block->example);
	for (unsigned i = 0; i < block->row_count; i++) {
		if (block->rows[i].type != SETTING_BLOCK)
			continue;
		add_block_head(to, &block->rows[i]);
		add_rows(to, block->rows[i].block);
	}
}

void settings_manual(struct buf *to)
{
	buf_adds(to, opening);
	add_rows(to, &settings_table);
	buf_adds(to, closing);
}
