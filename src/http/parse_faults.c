#include "http/head.h"

static const char *const names[PARSE_FAULT_LIMIT] = {"ok",
#define X(id, name, sentence) name,
                                                     PARSE_FAULTS(X)
#undef X
};

static const char *const sentences[PARSE_FAULT_LIMIT] = {"nothing is wrong",
#define X(id, name, sentence) sentence,
                                                         PARSE_FAULTS(X)
#undef X
};

const char *parse_fault_name(enum parse_fault f)
{
	return f < PARSE_FAULT_LIMIT ? names[f] : "unknown";
}

const char *parse_fault_text(enum parse_fault f)
{
	return f < PARSE_FAULT_LIMIT ? sentences[f] : "an unknown fault";
}
