/* The client's side of a real NTLMv2 sign-in (MS-NLMP 3.1.5.1.2), for one account: what the proxy has to verify.
 *
 * Pure but for the random client challenge. */
#ifndef BENCH_LOAD_NTLM_H
#define BENCH_LOAD_NTLM_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_USER "bench"
#define BENCH_PASSWORD "bench-secret"

/* From a type 2 message in base64 to a type 3 in base64, terminated. False: it is none, or too long. */
bool ntlm_answer(const char *type_2, size_t length, char *out, size_t room);

#endif
