#include "auth/open.h"

#include "auth/loopback.h"
#include "base/mem.h"
#include "model/scope.h"

#include <stdlib.h>
#include <strings.h>

struct open_auth {
    bool publish;
    char *token;
    struct authorizer authorizer;
};

static enum authorizer_answer may_read(void *ctx, const struct http_request *request,
                                       struct str scope)
{
    return scope_is_family(scope) ? AUTHORIZER_UNBOUNDED : AUTHORIZER_YES;
}

/* The time it takes says nothing about where the first difference is. */
static bool same_secret(struct str given, struct str secret)
{
    unsigned char differs = (unsigned char)(given.n != secret.n);
    for (size_t i = 0; i < given.n; i++)
        differs |= (unsigned char)(given.p[i] ^ secret.p[secret.n ? i % secret.n : 0]);
    return differs == 0;
}

static enum authorizer_answer may_publish(void *ctx, const struct http_request *request)
{
    const struct open_auth *auth = ctx;
    if (!auth->publish)
        return AUTHORIZER_NO;
    if (!auth->token)
        return AUTHORIZER_YES;
    struct str given = http_find(request, "authorization");
    struct str scheme = STR("Bearer ");
    if (given.n <= scheme.n || strncasecmp(given.p, scheme.p, scheme.n) != 0)
        return AUTHORIZER_WHO;
    return same_secret(str_from(given, scheme.n), str_of(auth->token)) ? AUTHORIZER_YES
                                                                       : AUTHORIZER_WHO;
}

static bool origin_allowed(void *ctx, struct str origin)
{
    return loopback_origin(origin);
}

static bool host_allowed(void *ctx, struct str host)
{
    return loopback_host(host);
}

struct open_auth *open_new(const struct open_options *options)
{
    struct open_auth *auth = mem_new(sizeof *auth);
    auth->publish = options->publish;
    auth->token = options->token ? mem_copy(options->token, strlen(options->token)) : NULL;
    auth->authorizer = (struct authorizer){.ctx = auth,
                                           .may_read = may_read,
                                           .may_publish = may_publish,
                                           .origin_allowed = origin_allowed,
                                           .host_allowed = host_allowed};
    return auth;
}

void open_free(struct open_auth *auth)
{
    if (!auth)
        return;
    free(auth->token);
    free(auth);
}

const struct authorizer *open_authorizer(const struct open_auth *auth)
{
    return &auth->authorizer;
}
