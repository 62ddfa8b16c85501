#include "console/console.h"
static void answer(const struct responder_request *request, struct responder_answer *a)
{
	a->status = request->draining ? 503 : 200;
	buf_adds(&a->body, request->draining ? "draining\n" : "ok\n");
}
const struct responder console_responder = {"console", answer};
