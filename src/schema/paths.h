/* schema/paths.h - names inside the data directory, for the programs that
 * make it, open it and pass it on.
 *
 *	<data>/            root or the platform's user, 0711
 *	<data>/data.key    32 random bytes, 0400, read by super's descriptor only
 *	<data>/tls/        0700; keys 0400, certificates 0444
 *	<data>/core/       0700, owned by the core role: passed as FD_DATA_DIR
 */
#pragma once

#define PATH_DATA_KEY    "data.key"
#define PATH_TLS_DIR     "tls"
#define PATH_CA_KEY      "tls/ca.key"
#define PATH_CA_CERT     "tls/ca.crt"
#define PATH_SERVER_KEY  "tls/server.key"
#define PATH_SERVER_CERT "tls/server.crt"
#define PATH_CORE_DIR    "core"
/* Inside the core directory. */
#define PATH_DATABASE    "conclave.db"
#define PATH_JOURNAL     "live.journal"
#define PATH_AUDIT_DIR   "audit"
#define PATH_GUARD       "guard"

enum { DATA_KEY_LEN = 32 };
