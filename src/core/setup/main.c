/* conclave-setup: makes the data directory, once. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "core/setup/ca.h"
#include "core/setup/tree.h"
#include "core/store/store.h"
#include "schema/paths.h"

#define NEW ".new"
#define READY "ready"		/* in NEW: everything is made */
#define TOLD "secrets"		/* in NEW: what is to be told, sealed */
#define FIRST_START "first-start.txt"

enum { EXIT_USAGE = 2, TEXT_MAX = 1024, PASSWORD_GROUPS = 4, GROUP_LEN = 5,
       PIN_DIGITS = 6, ALIAS_LEN = 8 };

static const char usage[] =
"usage: conclave-setup --data-dir DIR [--host NAME]... [--core-user USER]\n"
"  --data-dir DIR    the directory to make\n"
"  --host NAME       further name or address for the server certificate\n"
"  --core-user USER  as root: who owns the database (conclave-core)\n";

struct setup {
	const char *data;
	const char *core_user;
	struct ca_names names;
	bool is_root;
	uid_t uid;
	gid_t gid;
	char fresh[TREE_PATH_MAX];	/* <data>/.new */
	struct tree_why why;
};

static int say(struct setup *s, int error, const char *text)
{
	(void)snprintf(s->why.text, sizeof(s->why.text), "%s", text);
	return error;
}

/* --- what is told --------------------------------------------------------- */

struct secrets {
	char password[PASSWORD_GROUPS * (GROUP_LEN + 1)];
	char alias[8 + ALIAS_LEN];
	char pin[PIN_DIGITS + 1], guest_pin[PIN_DIGITS + 1];
};

/* Without letters that look alike: 4.9 bits each. */
static void random_word(char *dst, unsigned n)
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	for (unsigned i = 0; i < n; i++)
		dst[i] = letters[rand_below(sizeof(letters) - 1)];
	dst[n] = 0;
}

static void make_secrets(struct secrets *x)
{
	for (unsigned i = 0; i < PASSWORD_GROUPS; i++) {
		char *at = x->password + i * (GROUP_LEN + 1);
		random_word(at, GROUP_LEN);
		if (i + 1 < PASSWORD_GROUPS)
			at[GROUP_LEN] = '-';
	}
	memcpy(x->alias, "demo-", 5);
	random_word(x->alias + 5, ALIAS_LEN);
	schema_propose_pin(x->pin, PIN_DIGITS);
	do
		schema_propose_pin(x->guest_pin, PIN_DIGITS);
	while (strcmp(x->pin, x->guest_pin) == 0);
}

static int seal_key(uint8_t key[AEAD_KEY_LEN], struct span data_key)
{
	return crypto_hkdf(key, AEAD_KEY_LEN, data_key, SPAN_LIT("conclave"),
			   SPAN_LIT("conclave setup 1"));
}

/* Kept sealed until it was told, so that an interrupted run loses nothing
 * and nothing stands on the disk in clear. */
static int keep_secrets(struct setup *s, const struct secrets *x,
			struct span data_key)
{
	uint8_t key[AEAD_KEY_LEN], box[AEAD_SEALED_LEN(TEXT_MAX)];
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof(text),
			 "  administrator  admin\n"
			 "  password       %s\n"
			 "  demo room      %s\n"
			 "  host PIN       %s\n"
			 "  guest PIN      %s\n",
			 x->password, x->alias, x->pin, x->guest_pin);
	int e = seal_key(key, data_key);
	if (e == 0)
		e = crypto_seal(box, span_of(key, sizeof(key)),
				span_of(text, (size_t)n), SPAN_NONE);
	if (e < 0)
		(void)say(s, e, err_text(e));
	else
		e = tree_write(s->fresh, TOLD, 0600,
			       span_of(box, AEAD_SEALED_LEN((size_t)n)),
			       &s->why);
	secret_wipe(text, sizeof(text));
	secret_wipe(key, sizeof(key));
	return e;
}

static int open_secrets(struct setup *s, char text[TEXT_MAX])
{
	uint8_t key[AEAD_KEY_LEN], data_key[DATA_KEY_LEN];
	uint8_t box[AEAD_SEALED_LEN(TEXT_MAX)];
	size_t n = 0, k = 0;
	int e = tree_read(s->fresh, PATH_DATA_KEY, data_key, sizeof(data_key),
			  &k, &s->why);
	if (e == 0)
		e = tree_read(s->fresh, TOLD, box, sizeof(box), &n, &s->why);
	if (e < 0)
		return e;
	if (n < AEAD_SEALED_LEN(1) || n >= AEAD_SEALED_LEN(TEXT_MAX))
		return say(s, E_CORRUPT, "what was kept is damaged: remove "
			   "the data directory and run again");
	e = seal_key(key, span_of(data_key, k));
	if (e == 0)
		e = crypto_open((uint8_t *)text, span_of(key, sizeof(key)),
				span_of(box, n), SPAN_NONE);
	secret_wipe(key, sizeof(key));
	secret_wipe(data_key, sizeof(data_key));
	if (e < 0)
		return say(s, e, "what was kept is damaged: remove the data "
			   "directory and run again");
	text[n - AEAD_SEALED_LEN(0)] = 0;
	return 0;
}

/* To a terminal; otherwise to a file, because standard output may be a log. */
static int tell(struct setup *s)
{
	char text[TEXT_MAX];
	int e = open_secrets(s, text);
	if (e < 0)
		return e;
	if (isatty(STDOUT_FILENO)) {
		printf("conclave: %s is set up. Note this down, it is not "
		       "shown again:\n%s", s->data, text);
	} else {
		/* Of a run that was interrupted right here. */
		if (tree_exists(s->data, FIRST_START))
			e = tree_unlink(s->data, FIRST_START, &s->why);
		if (e == 0)
			e = tree_write(s->data, FIRST_START, 0600,
				       span_str(text), &s->why);
		if (e == 0)
			printf("conclave: %s is set up. Password and PINs are "
			       "in %s/%s: note them down and remove it\n",
			       s->data, s->data, FIRST_START);
	}
	(void)fflush(stdout);
	secret_wipe(text, sizeof(text));
	return e;
}

/* --- making --------------------------------------------------------------- */

static int make_tls(struct setup *s)
{
	static struct ca_pem pem;
	int e = ca_make(&pem, &s->names, clock_wall_us() / 1000000);
	if (e < 0)
		return say(s, e, "the certificates cannot be made");
	e = tree_mkdir(s->fresh, PATH_TLS_DIR, 0700, &s->why);
	if (e == 0)
		e = tree_write(s->fresh, PATH_CA_KEY, 0400,
			       secret_span(&pem.ca_key), &s->why);
	if (e == 0)
		e = tree_write(s->fresh, PATH_CA_CERT, 0444,
			       span_str(pem.ca_cert), &s->why);
	if (e == 0)
		e = tree_write(s->fresh, PATH_SERVER_KEY, 0400,
			       secret_span(&pem.server_key), &s->why);
	if (e == 0)
		e = tree_write(s->fresh, PATH_SERVER_CERT, 0444,
			       span_str(pem.server_cert), &s->why);
	ca_pem_release(&pem);
	return e;
}

static void on_filled(void *arg, const struct store_result *res)
{
	struct store_result *out = arg;
	*out = *res;
}

static int fill(struct setup *s, struct store *st, const struct secrets *x)
{
	const struct store_set admin[] = {
		{.field = ADMINISTRATOR_USERNAME,
		 .value.s = SPAN_LIT("admin")},
		{.field = ADMINISTRATOR_PASSWORD,
		 .value.s = span_str(x->password)}};
	const struct store_set room[] = {
		{.field = CONFERENCE_NAME, .value.s = SPAN_LIT("Demo room")},
		{.field = CONFERENCE_ALLOW_GUESTS, .value.i = 1},
		{.field = CONFERENCE_PIN, .value.s = span_str(x->pin)},
		{.field = CONFERENCE_GUEST_PIN,
		 .value.s = span_str(x->guest_pin)}};
	const struct store_set alias[] = {
		{.field = CONFERENCE_ALIAS_ALIAS,
		 .value.s = span_str(x->alias)},
		{.field = CONFERENCE_ALIAS_CONFERENCE, .from_op = 2}};
	const struct store_op ops[] = {
		{.verb = STORE_CREATE, .res = RES_ADMINISTRATOR,
		 .sets = admin, .n_sets = 2},
		{.verb = STORE_CREATE, .res = RES_CONFERENCE, .sets = room,
		 .n_sets = 4},
		{.verb = STORE_CREATE, .res = RES_CONFERENCE_ALIAS,
		 .sets = alias, .n_sets = 2}};
	struct store_result res = {.error = E_INTERNAL};
	int e = store_submit(st, ops, 3, clock_wall_us(), on_filled, &res);
	if (e < 0)
		return say(s, e, err_text(e));
	store_wait(st);
	return res.error < 0 ? say(s, res.error, res.why.text) : 0;
}

static int make_database(struct setup *s, const struct secrets *x,
			 struct span data_key)
{
	char dir[TREE_PATH_MAX];
	struct store *st = NULL;
	struct store_problem problem;
	struct store_cfg cfg = {.dir = dir, .data_key = data_key,
				.create = true};
	int e = tree_path(dir, s->fresh, PATH_CORE_DIR, &s->why);
	if (e == 0)
		e = tree_mkdir(s->fresh, PATH_CORE_DIR, 0700, &s->why);
	if (e < 0)
		return e;
	e = store_open(&st, &cfg, &problem);
	if (e < 0)
		return say(s, e, problem.text);
	e = store_start(st);
	if (e < 0)
		(void)say(s, e, err_text(e));
	else
		e = fill(s, st, x);
	store_close(&st);
	if (e == 0 && s->is_root)
		e = tree_chown(s->fresh, PATH_CORE_DIR, s->uid, s->gid,
			       &s->why);
	return e == 0 ? tree_sync(dir, &s->why) : e;
}

static int make_all(struct setup *s)
{
	struct secrets x;
	struct secret key = {NULL, 0};
	int e = tree_mkdir(s->data, NEW, 0700, &s->why);
	if (e == 0 && secret_init(&key, NULL, DATA_KEY_LEN) < 0)
		e = say(s, E_NOMEM, err_text(E_NOMEM));
	if (e < 0)
		return e;
	rand_bytes(key.p, key.n);
	make_secrets(&x);
	e = tree_write(s->fresh, PATH_DATA_KEY, 0400, secret_span(&key),
		       &s->why);
	if (e == 0)
		e = make_tls(s);
	if (e == 0)
		e = make_database(s, &x, secret_span(&key));
	if (e == 0)
		e = keep_secrets(s, &x, secret_span(&key));
	if (e == 0)
		e = tree_write(s->fresh, READY, 0600, SPAN_NONE, &s->why);
	if (e == 0)
		e = tree_sync(s->fresh, &s->why);
	secret_wipe(&x, sizeof(x));
	secret_release(&key);
	return e;
}

/* --- moving into place ---------------------------------------------------- */

/* The data key goes last: whoever finds it finds everything. */
static int finish(struct setup *s)
{
	static const char *const parts[] = {PATH_CORE_DIR, PATH_TLS_DIR};
	int e = 0;
	for (size_t i = 0; i < 2 && e == 0; i++)
		if (tree_exists(s->fresh, parts[i]))
			e = tree_move(s->data, NEW, parts[i], &s->why);
	if (e == 0 && tree_exists(s->fresh, PATH_DATA_KEY)) {
		e = tell(s);
		if (e == 0)
			e = tree_move(s->data, NEW, PATH_DATA_KEY, &s->why);
	}
	return e == 0 ? tree_remove(s->data, NEW, &s->why) : e;
}

static const char *const needed[] = {
	PATH_DATA_KEY, PATH_CA_KEY, PATH_CA_CERT, PATH_SERVER_KEY,
	PATH_SERVER_CERT, PATH_CORE_DIR "/" PATH_DATABASE};

enum { N_NEEDED = sizeof(needed) / sizeof(needed[0]) };

static int check_complete(struct setup *s, bool *is_complete)
{
	size_t n = 0;
	const char *missing = "";
	for (size_t i = 0; i < N_NEEDED; i++) {
		bool there = tree_exists(s->data, needed[i]);
		n += there;
		if (!there)
			missing = needed[i];
	}
	*is_complete = n == N_NEEDED;
	if (n == 0 || *is_complete)
		return 0;
	(void)snprintf(s->why.text, sizeof(s->why.text),
		       "%.200s has no %s: put it back from a backup, or "
		       "remove the directory to begin anew", s->data, missing);
	return E_CORRUPT;
}

static int run(struct setup *s)
{
	bool is_complete;
	int e;
	if (tree_exists(s->fresh, READY))
		return finish(s);
	if (tree_exists(s->data, NEW)) {
		e = tree_remove(s->data, NEW, &s->why);
		if (e < 0)
			return e;
	}
	e = check_complete(s, &is_complete);
	if (e < 0 || is_complete)
		return e;
	e = make_all(s);
	if (e < 0) {
		struct tree_why ignored;
		(void)tree_remove(s->data, NEW, &ignored);
		return e;
	}
	return finish(s);
}

/* --- the directory itself -------------------------------------------------- */

static int check_directory(struct setup *s)
{
	struct stat st;
	if (stat(s->data, &st) < 0)
		return tree_fail(&s->why, "cannot be used", s->data);
	if (!S_ISDIR(st.st_mode))
		return say(s, E_INVAL, "--data-dir is not a directory");
	if (st.st_uid != geteuid())
		return say(s, E_DENIED, "the data directory belongs to "
			   "somebody else: run as its owner");
	/* Others may pass through as root's core user does, not write. */
	if (st.st_mode & 022)
		return say(s, E_DENIED, "the data directory may be written by "
			   "others: chmod go-w it");
	return 0;
}

static int open_directory(struct setup *s, int *lock)
{
	int e = 0;
	if (mkdir(s->data, 0700) == 0)
		e = chmod(s->data, s->is_root ? 0711 : 0700) == 0 ? 0 :
		    tree_fail(&s->why, "cannot be prepared", s->data);
	else if (errno != EEXIST)
		e = tree_fail(&s->why, "cannot be made", s->data);
	if (e == 0)
		e = check_directory(s);
	if (e < 0)
		return e;
	*lock = open(s->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0)
		return tree_fail(&s->why, "cannot be opened", s->data);
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
		return say(s, E_BUSY, "another conclave-setup is at work");
	return tree_path(s->fresh, s->data, NEW, &s->why);
}

/* --- command line --------------------------------------------------------- */

static int add_host(struct setup *s, const char *name)
{
	int e = ca_names_add(&s->names, name);
	if (e == 0)
		return 0;
	(void)snprintf(s->why.text, sizeof(s->why.text), "--host %.200s: %s",
		       name, e == E_FULL ? "too many names"
					 : "not a host name or address");
	return e;
}

static int parse(struct setup *s, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		int e = 0;
		if (strcmp(argv[i], "--data-dir") == 0)
			s->data = argv[i + 1];
		else if (strcmp(argv[i], "--core-user") == 0)
			s->core_user = argv[i + 1];
		else if (strcmp(argv[i], "--host") == 0)
			e = add_host(s, argv[i + 1]);
		else
			return say(s, E_INVAL, usage);
		if (e < 0)
			return e;
	}
	if (argc % 2 == 0 || s->data == NULL || !*s->data)
		return say(s, E_INVAL, usage);
	return 0;
}

static int find_user(struct setup *s)
{
	const char *name = s->core_user ? s->core_user : "conclave-core";
	s->is_root = geteuid() == 0;
	if (!s->is_root)
		return 0;
	errno = 0;
	const struct passwd *pw = getpwnam(name);
	if (pw != NULL) {
		s->uid = pw->pw_uid;
		s->gid = pw->pw_gid;
		return 0;
	}
	if (s->core_user == NULL)	/* a house without role users */
		return 0;
	(void)snprintf(s->why.text, sizeof(s->why.text),
		       "--core-user %.100s: no such user", name);
	return E_NOTFOUND;
}

/* Keys pass through this process. */
static void harden(void)
{
	struct rlimit none = {0, 0};
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
	static struct setup s;
	int lock = -1;
	harden();
	if (parse(&s, argc, argv) < 0) {
		fprintf(stderr, "%s%s", s.why.text,
			s.why.text[0] == 'u' ? "" : "\n");
		return EXIT_USAGE;
	}
	ca_names_of_host(&s.names);
	int e = find_user(&s);
	if (e == 0)
		e = open_directory(&s, &lock);
	if (e == 0)
		e = run(&s);
	if (e == 0)
		return 0;
	fprintf(stderr, "conclave-setup: %s\n", s.why.text);
	return 1;
}
