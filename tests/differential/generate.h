/* Messages by a grammar with faults in it: most of a message is ordinary, some of its pieces are what smuggling lives on, and
 * some are then cut, doubled or replaced anywhere. The same seed gives the same messages. */
#ifndef FAIRLEAD_TESTS_GENERATE_H
#define FAIRLEAD_TESTS_GENERATE_H

#include "understanding.h"

struct generator {
	uint64_t state;
	char bytes[STORE];
};

void generator_init(struct generator *g, uint64_t seed);
/* The message lies in g->bytes until the next call. */
void generate(struct generator *g, struct message *out);

#endif
