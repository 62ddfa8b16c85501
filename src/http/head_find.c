#include "http/head.h"

struct field *head_find(const struct head *h, enum field_id id)
{
	if (id == FIELD_OTHER || !head_has(h, id))
		return NULL;
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id == id)
			return &h->fields[i];
	return NULL;
}

struct span head_value(const struct head *h, enum field_id id)
{
	const struct field *f = head_find(h, id);
	return f ? field_value(f) : SPAN_NONE;
}

bool head_single_value(const struct head *h, enum field_id id, struct span *value)
{
	const struct field *first = head_find(h, id);
	if (!first)
		return false;
	for (const struct field *f = first + 1; f < h->fields + h->count; f++)
		if (f->id == id)
			return false;
	*value = field_value(first);
	return true;
}

bool head_has_token(const struct head *h, enum field_id id, struct span token)
{
	if (!head_has(h, id))
		return false;
	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i].id != id)
			continue;
		struct span rest = field_value(&h->fields[i]), item;
		while (span_next(&rest, ',', &item))
			if (span_eq_nocase(item, token))
				return true;
	}
	return false;
}

struct field *head_find_name(const struct head *h, struct span name)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].name_n == name.n && span_eq_nocase(field_name(&h->fields[i]), name))
			return &h->fields[i];
	return NULL;
}
