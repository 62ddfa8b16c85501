#include "http/framing.h"

#include "http/head_rules.h"

/* RFC 9112 9.3: 1.1 stays open unless it says close, 1.0 closes unless it says keep-alive; close wins. */
static bool keeps_alive(const struct head *h)
{
	if (!head_has(h, FIELD_CONNECTION))
		return h->minor == 1;
	if (head_has_token(h, FIELD_CONNECTION, SPAN("close")))
		return false;
	return h->minor == 1 || head_has_token(h, FIELD_CONNECTION, SPAN("keep-alive"));
}

/* From the two fields; BODY_NONE if there is neither. The parser has refused whatever would be ambiguous. */
static void from_fields(const struct head *h, struct framing *out)
{
	*out = (struct framing){.kind = BODY_NONE, .keep_alive = keeps_alive(h)};
	if (head_has(h, FIELD_TRANSFER_ENCODING)) {
		out->kind = BODY_CHUNKED;
	} else if (head_has(h, FIELD_CONTENT_LENGTH)) {
		out->kind = BODY_LENGTH;
		ASSERT(content_length_parse(head_value(h, FIELD_CONTENT_LENGTH), &out->length) == 0);
	}
}

void framing_of_request(const struct head *request, struct framing *out)
{
	from_fields(request, out);
	if (request->method == METHOD_CONNECT)
		*out = (struct framing){.kind = BODY_NONE, .keep_alive = out->keep_alive};
}

void framing_of_response(const struct head *response, enum method request_method, struct framing *out)
{
	unsigned status = response->status;
	from_fields(response, out);
	bool tunnel = request_method == METHOD_CONNECT && status / 100 == 2;
	if (request_method == METHOD_HEAD || status < 200 || status == 204 || status == 304 || tunnel)
		*out = (struct framing){.kind = BODY_NONE, .keep_alive = out->keep_alive};
	else if (out->kind == BODY_NONE)
		*out = (struct framing){.kind = BODY_UNTIL_CLOSE};
}
