/* claims: what a token says, turned into rights.
 *
 *     user:{sub}                    one right, where the claim is a text, a number or a bool
 *     project:{projects[]}          one for each element of an array
 *     team:{teams[].id}             one for the member `id` of each element
 *     {realm_access.roles[]}        a member of a member; a member whose own name has dots in it
 *                                   is found too
 *
 *     {role}                        alone: one without a kind, which the claim names
 *
 * The kind and its colon are literal and values are percent-encoded, so that no claim can forge a
 * scope of another kind; a claim that is absent,
 * null, empty or of another shape grants nothing. What is granted is a checked scope; a literal
 * family ("project:*") grants all of it. Pure.
 *
 * Owner: whoever compiled it. Thread: any, it never changes. */
#pragma once

#include "auth/spec.h"
#include "base/buf.h"
#include "base/err.h"
#include "delivery/identity.h"

#include <jansson.h>
#include <stdbool.h>

enum { CLAIMS_STEPS_MAX = 100000 }; /* of one sign-in: combinations that are looked at */

struct claims;

/* NULL with a sentence and the place of the template. Copies. */
struct claims *claims_compile(const struct auth_scope *scopes, size_t n, struct place *at,
                              struct err *err);
void claims_free(struct claims *claims);
/* Grants (IDENTITY_CLAIMS) what the claims give. False: it is more than an identity can hold. */
bool claims_grant(const struct claims *claims, const json_t *from, struct identity *identity,
                  struct err *err);
/* Is it what an application says of somebody: {sub, scopes, exp}, each of its type or absent? Other
 * members may stand beside them. NULL is none. */
bool claims_document(const json_t *document, struct err *err);
/* The scopes that an application names itself: an array of scopes or families; absent: none. */
bool claims_grant_named(const json_t *names, struct identity *identity, struct err *err);
/* A single claim as text, in `out`. False: it is not there, or nothing that has a text. */
bool claims_text(const json_t *claims, struct str path, struct buf *out);
