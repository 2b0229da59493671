/* live: an authorizer whose identities may also read what the database says (auth.membership).
 *
 * Around another one, which says who it is: with the name the hub's thread is asked what that user
 * may read now (MAIL_MEMBER), and from the admission on the identity is kept true by MAIL_RIGHT.
 * An identity that was admitted is counted there until it is freed.
 *
 * Thread: as delivery/authorizer.h says. */
#pragma once

#include "delivery/authorizer.h"
#include "net/mailbox.h"

struct live;

/* `inner` and the mailbox must live longer; the mailbox longer than every identity. */
struct live *live_new(const struct authorizer *inner, struct mailbox *to_hub);
void live_free(struct live *live);
const struct authorizer *live_authorizer(const struct live *live);
