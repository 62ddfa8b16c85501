/* The prober: asks members of upstreams in the background whether they answer, so that no client's request has to find out.
 *
 * A member that failed is connected to, with a TLS handshake where the upstream has `tls`, every `probe`, and used again as soon as that succeeds. Where
 * `health` names a path, all members are asked for it, and one that does not answer it by 2xx or 3xx is left out.
 * Owner: one worker's service, one an edition; it ends with the edition. Threads: that worker. Errors: a probe that fails for want of descriptors
 * or memory says nothing about its member. */
#ifndef FAIRLEAD_PROXY_PROBE_H
#define FAIRLEAD_PROXY_PROBE_H

struct edition;
struct prober;

/* NULL: no member is to be probed, or there is no memory (said in the log). Holds the edition. */
struct prober *prober_start(struct edition *edition);
/* Those under way are told to end. NULL is fine. */
void prober_stop(struct prober *p);

#endif
