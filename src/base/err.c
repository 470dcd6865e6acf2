#include "base/err.h"

const char *err_text(int code)
{
	switch (code) {
	case 0:
		return "success";
#define X(name, n, blame, text)                                               \
	case name:                                                            \
		return text;
		ERR_LIST(X)
#undef X
	default:
		return "unknown error";
	}
}

const char *err_name(int code)
{
	switch (code) {
	case 0:
		return "OK";
#define X(name, n, blame, text)                                               \
	case name:                                                            \
		return #name;
		ERR_LIST(X)
#undef X
	default:
		return "E_UNKNOWN";
	}
}

enum err_blame err_blame(int code)
{
	switch (code) {
#define X(name, n, blame, text)                                               \
	case name:                                                            \
		return ERR_##blame;
		ERR_LIST(X)
#undef X
	default:
		return ERR_US;
	}
}
