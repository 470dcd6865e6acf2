/* ipc/sip_stats.h - what the face counts; SipStats.counters is indexed by it.
 * Append only: core and the operator's command know the numbers. */
#pragma once

/* X(enumerator, "name for the operator") */
#define SIP_COUNTERS(X)                                                       \
	X(REQUESTS, "requests")                                               \
	X(RESPONSES, "responses")                                             \
	X(DROPPED_NOISE, "dropped: no SIP")                                   \
	X(DROPPED_AGENT, "dropped: scanner")                                  \
	X(DROPPED_METHOD, "dropped: method")                                  \
	X(DROPPED_BANNED, "dropped: banned")                                  \
	X(DROPPED_RATE, "dropped: too fast")                                  \
	X(MALFORMED, "malformed")                                             \
	X(STATELESS, "answered without state")                                \
	X(CHALLENGED, "challenged")                                           \
	X(NONCE_STALE, "nonce too old or used")                               \
	X(NONCE_FOREIGN, "nonce not ours")                                    \
	X(DIGEST_URI, "digest for another URI")                               \
	X(INVITES, "calls in")                                                \
	X(ANSWERED, "answered")                                               \
	X(REFUSED, "refused by core")                                         \
	X(BUSY, "refused: overload")                                          \
	X(NO_ACK, "no ACK")                                                   \
	X(STRAY_ACK, "ACK of nothing")                                        \
	X(STRAY_RESPONSE, "unsolicited responses")                            \
	X(STRAY_DIALOG, "requests in no dialog of ours")                      \
	X(WRONG_SOURCE, "in-dialog requests from elsewhere")                  \
	X(LOOPED, "merged requests")                                          \
	X(GLARE, "offers crossed")                                            \
	X(UNEXPECTED, "events not in this state")                             \
	X(DIALS, "calls out")                                                 \
	X(REGISTERS, "registrations asked")                                   \
	X(NO_MEMORY, "out of memory")                                         \
	X(UNSENT, "could not be sent")                                        \
	X(FLOWS_REFUSED, "connections refused")                               \
	X(FLOWS_SLOW, "connections too slow")                                 \
	X(FLOWS_BAD, "connections with broken framing")                       \
	X(HANDSHAKES_FAILED, "TLS handshakes failed")                         \
	X(EXPIRED, "session timers ran out")                                  \
	X(GUARDED, "addresses that nothing is sent to")                       \
	X(BFCP, "BFCP messages")                                              \
	X(BFCP_BAD, "BFCP: malformed, or of another call")                    \
	X(BFCP_DROPPED, "BFCP: too fast")                                     \
	X(BFCP_ERRORS, "BFCP: answered with an Error")                        \
	X(BFCP_UNEXPECTED, "BFCP: not in this state")                         \
	X(BFCP_LOST, "BFCP: news that nobody acknowledged")                   \
	X(BFCP_STRAY, "BFCP connections of no call")                           \
	X(CERT_CA, "certificates refused: wrong CA")                          \
	X(CERT_NAME, "certificates refused: wrong name")                      \
	X(CERT_EXPIRED, "certificates refused: expired")                      \
	X(CERT_REVOKED, "certificates refused: revoked")                      \
	X(CERT_UNKNOWN, "certificates refused: revocation unknown")           \
	X(CERT_MISSING, "certificates refused: none")                         \
	X(CERT_OTHER, "certificates refused: unusable")                       \
	X(CERT_SOFT, "certificates taken: nobody says whether revoked")

enum sip_counter {
#define X(e, name) SIP_N_##e,
	SIP_COUNTERS(X)
#undef X
	SIP_COUNTER_COUNT
};
