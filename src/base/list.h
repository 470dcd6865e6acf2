/* base/list.h - intrusive doubly linked list. The owner embeds struct list. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(l) ((struct list){&(l), &(l)})
#define list_entry(ptr, type, member)                                         \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* `it` may be removed inside the loop. */
#define list_each(it, tmp, head)                                              \
	for (struct list *it = (head)->next, *tmp = it->next; it != (head);   \
	     it = tmp, tmp = it->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct list *head, struct list *e)
{
	e->prev = head->prev;
	e->next = head;
	head->prev->next = e;
	head->prev = e;
}

static inline void list_add_head(struct list *head, struct list *e)
{
	list_add_tail(head->next, e);
}

/* Safe to call twice: the entry points to itself afterwards. */
static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}
