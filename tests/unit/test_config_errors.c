/* What is wrong with a configuration is said with its place: one row is a file and its sentence. */
#include "config/config.h"
#include "config_outside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Makes a whole configuration of a row's text, below it so that its lines keep their numbers. */
#define AUTH    "\nauth: none\n"
#define SECRET  "abcdefghijklmnopqrstuvwxyz012345"
#define SOURCES "\nsources: [{publish: {open: true}}]\n"
#define REST    AUTH SOURCES

#define RULE(text) \
    "rules:\n  tasks:\n    scope: [\"project:{project_id}\"]\n    stale: [[tasks]]\n" text REST
#define STALE(text) "rules:\n  tasks:\n    scope: all\n    stale:\n" text REST

static const struct row {
    const char *text, *error;
} ROWS[] = {
    /* names */
    {"lsiten: 127.0.0.1:8080" REST,
     "u.yaml:1:1: unknown key \"lsiten\" (did you mean \"listen\"?)"},
    {"Listen: 127.0.0.1:8080" REST,
     "u.yaml:1:1: unknown key \"Listen\" (did you mean \"listen\"?)"},
    {"colour: blue" REST, "u.yaml:1:1: unknown key \"colour\""},
    {"\"a\\tb\": blue" REST, "u.yaml:1:1: unknown key \"a?b\""},
    {"batch: 100ms" REST, "u.yaml:1:1: unknown key \"batch\" (it belongs in limits:)"},
    {"limits: { level: info }" REST, "u.yaml:1:11: unknown key \"level\" (it belongs in log:)"},
    {"limits:\n  heartbaet: 25s" REST,
     "u.yaml:2:3: unknown key \"heartbaet\" (did you mean \"heartbeat\"?)"},
    {"log: { format: json, leevl: info }" REST,
     "u.yaml:1:22: unknown key \"leevl\" (did you mean \"level\"?)"},
    {"threads: 1\nthreads: 2" REST,
     "u.yaml:2:1: \"threads\" stands here a second time; the first is in line 1"},
    {"limits: { batch: 0, batch: 0 }" REST,
     "u.yaml:1:21: \"batch\" stands here a second time; the first is in line 1"},

    /* addresses */
    {"listen: 8080" REST, "u.yaml:1:9: listen is an IP address and a port (127.0.0.1:8080, "
                          "\"[::1]:8080\"); here stands 8080"},
    {"listen: here:8080" REST, "u.yaml:1:9: listen is an IP address and a port (127.0.0.1:8080, "
                               "\"[::1]:8080\"); here stands \"here:8080\""},
    {"listen: 127.0.0.1:65536" REST,
     "u.yaml:1:9: listen is an IP address and a port (127.0.0.1:8080, \"[::1]:8080\"); here stands "
     "\"127.0.0.1:65536\""},
    {"listen: [127.0.0.1:8080]" REST, "u.yaml:1:9: listen is an IP address and a port "
                                      "(127.0.0.1:8080, \"[::1]:8080\"); here stands a list"},
    {"listen:" REST, "u.yaml:1:8: listen is an IP address and a port (127.0.0.1:8080, "
                     "\"[::1]:8080\"); here stands nothing"},
    {"admin: 127.0.0.1" REST, "u.yaml:1:8: admin is an IP address and a port (127.0.0.1:8080, "
                              "\"[::1]:8080\"); here stands \"127.0.0.1\""},
    {"listen: 0.0.0.0:8080" REST,
     "u.yaml:1:9: with \"auth: none\" listen has to be a loopback address such as "
     "127.0.0.1:8080; here stands 0.0.0.0:8080"},
    {"listen: \"[::]:8080\"" REST,
     "u.yaml:1:9: with \"auth: none\" listen has to be a loopback address such as "
     "127.0.0.1:8080; here stands [::]:8080"},
    {"admin: localhost:8080" REST, "u.yaml:1:8: admin and listen are the same address"},

    /* settings: types and bounds */
    {"threads: many" REST, "u.yaml:1:10: threads is a whole number; here stands \"many\""},
    {"threads: 1.5" REST, "u.yaml:1:10: threads is a whole number; here stands 1.5"},
    {"threads: true" REST, "u.yaml:1:10: threads is a whole number; here stands true"},
    {"threads: null" REST, "u.yaml:1:10: threads is a whole number; here stands null"},
    {"trusted_proxies: 10.0.0.0/33" REST,
     "u.yaml:1:18: trusted_proxies is an address or a network (127.0.0.1, 10.0.0.0/8, "
     "\"fd00::/8\"), at most 32 of them; here stands \"10.0.0.0/33\""},
    {"trusted_proxies: [127.0.0.1, localhost]" REST,
     "u.yaml:1:30: trusted_proxies is an address or a network (127.0.0.1, 10.0.0.0/8, "
     "\"fd00::/8\"), at most 32 of them; here stands \"localhost\""},
    {"threads: 0" REST, "u.yaml:1:10: threads is 0; it has to be between 1 and 64"},
    {"threads: 18446744073709551616" REST,
     "u.yaml:1:10: threads is a whole number; here stands 18446744073709551616"},
    {"limits: 5" REST, "u.yaml:1:9: limits is a mapping; here stands 5"},
    {"limits: [batch]" REST, "u.yaml:1:9: limits is a mapping; here stands a list"},
    {"limits: { batch: soon }" REST,
     "u.yaml:1:18: batch is a duration (100ms, 5s, 1m, 2h, 0); here stands \"soon\""},
    {"limits: { batch: 100 }" REST,
     "u.yaml:1:18: batch is a duration (100ms, 5s, 1m, 2h, 0); here stands 100"},
    {"limits: { batch: 100 ms }" REST,
     "u.yaml:1:18: batch is a duration (100ms, 5s, 1m, 2h, 0); here stands \"100 ms\""},
    {"limits: { batch: -1s }" REST,
     "u.yaml:1:18: batch is a duration (100ms, 5s, 1m, 2h, 0); here stands \"-1s\""},
    {"limits: { batch: 11s }" REST, "u.yaml:1:18: batch is 11s; it has to be between 0 and 10s"},
    {"limits: { batch: [1s] }" REST,
     "u.yaml:1:18: batch is a duration (100ms, 5s, 1m, 2h, 0); here stands a list"},
    {"limits: { index_memory: 1KiB }" REST,
     "u.yaml:1:25: index_memory is 1KiB; it has to be between 1MiB and 1TiB"},
    {"limits: { index_memory: 256 M }" REST,
     "u.yaml:1:25: index_memory is a size (64KiB, 256MiB, 1MB, 1000); here stands \"256 M\""},
    {"limits: { index_memory: 99999999999999999999GiB }" REST,
     "u.yaml:1:25: index_memory is a size (64KiB, 256MiB, 1MB, 1000); here stands "
     "\"99999999999999999999GiB\""},
    {"limits: { heartbeat: 40s }" REST,
     "u.yaml:1:22: stalled (60s by default) has to be at least two heartbeats, since "
     "a quiet connection sends nothing else"},
    {"limits: { stalled: 30s }" REST,
     "u.yaml:1:20: stalled (60s by default) has to be at least two heartbeats, "
     "since a quiet connection sends nothing else"},
    {"threads: 4\nlimits: { connections: 3 }" REST,
     "u.yaml:2:24: there are fewer connections than threads, which each take an "
     "even share of them"},
    {"log: { level: loud }" REST,
     "u.yaml:1:15: level is debug, info, warn or error; here stands \"loud\""},
    {"log: { format: xml }" REST, "u.yaml:1:16: format is text or json; here stands \"xml\""},
    {"log: info" REST, "u.yaml:1:6: log is a mapping; here stands \"info\""},
    {"state: [a]" REST, "u.yaml:1:8: state is a path; here stands a list"},
    {"state: \"\"" REST, "u.yaml:1:8: state is a path; here stands \"\""},

    /* auth and endpoints */
    {SOURCES, "u.yaml: auth is missing; write \"auth: none\" if everyone who reaches the listener "
              "may read every scope"},
    {"auth:" SOURCES,
     "u.yaml:1:6: auth is none, or a mapping with jwt, callback or tickets; here stands nothing"},
    {"auth: nonee" SOURCES,
     "u.yaml:1:7: auth is none, or a mapping with jwt, callback or tickets; here stands \"nonee\""},
    {"auth: [none]" SOURCES,
     "u.yaml:1:7: auth is none, or a mapping with jwt, callback or tickets; here stands a list"},
    {"auth:\n  scopes: [\"user:{sub}\"]" SOURCES,
     "u.yaml:2:3: auth says not who may come in: it is none, or a mapping with jwt, callback or "
     "tickets"},
    {"auth: { jtw: {} }" SOURCES, "u.yaml:1:9: unknown key \"jtw\" (did you mean \"jwt\"?)"},
    {"auth: { issuer: x }" SOURCES,
     "u.yaml:1:9: unknown key \"issuer\" (it belongs in auth: jwt:)"},
    {"auth: { jwt: {} }" SOURCES,
     "u.yaml:1:14: jwt needs keys to check tokens with: keys_file, pem, secret_file, secret or "
     "jwks_url"},
    {"auth: { jwt: none }" SOURCES, "u.yaml:1:14: jwt is a mapping; here stands \"none\""},
    {"auth: { jwt: { keys_file: keys.json } }" SOURCES,
     "u.yaml:1:27: keys_file: keys.json: it cannot be read: No "
     "such file or directory"},
    {"auth: { jwt: { secret_file: empty } }" SOURCES, "u.yaml:1:29: secret_file: empty is empty"},
    {"auth: { jwt: { secret: " SECRET ", pem: x } }" SOURCES,
     "u.yaml:1:58: jwt has secret already; the keys come from one place: keys_file, pem, "
     "secret_file, secret or jwks_url"},
    {"auth: { jwt: { jwks_url: \"ftp://a/b\" } }" SOURCES,
     "u.yaml:1:26: jwks_url: only http and https are fetched"},
    {"auth: { jwt: { secret: " SECRET ", algorithms: [HS265] } }" SOURCES,
     "u.yaml:1:71: algorithms are HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, "
     "ES256, ES384 and EdDSA; here stands \"HS265\""},
    {"auth: { jwt: { secret: " SECRET ", leeway: 1h } }" SOURCES,
     "u.yaml:1:66: leeway is 1h; it has to be between 0 and 10m"},
    {"auth: { jwt: { secret: " SECRET ", require_exp: maybe } }" SOURCES,
     "u.yaml:1:71: require_exp is true or false; here stands \"maybe\""},
    {"auth: { jwt: { secret: " SECRET ", cookie: \"a=b\" } }" SOURCES,
     "u.yaml:1:66: no cookie can be called \"a=b\""},
    {"auth: { jwt: { secret: " SECRET ", query: scope } }" SOURCES,
     "u.yaml:1:65: query: \"scope\" means something else in a URL already"},
    {"auth: { jwt: { secret: " SECRET ", algorithms: [] } }" SOURCES,
     "u.yaml:1:70: algorithms: an empty list lets nobody in"},
    {"auth: { jwt: { secret: " SECRET ", issuer: [] } }" SOURCES,
     "u.yaml:1:66: issuer: an empty list lets nobody in"},
    {"auth: { jwt: { secret: " SECRET ", audience: [] } }" SOURCES,
     "u.yaml:1:68: audience: an empty list lets nobody in"},
    {"auth: { jwt: { jwks_url: \"https://a/\", algorithms: [HS256, HS512] } }" SOURCES,
     "u.yaml:1:26: jwks_url: what stands at a URL are public keys, and the algorithms that are "
     "allowed need a secret"},
    {"auth: { callback: {} }" SOURCES,
     "u.yaml:1:19: callback needs the url of the application's sign-in: { url: "
     "http://127.0.0.1:3000/unstale/session }"},
    {"auth: { callback: { url: \"http://a/\", headers: [Cookie] } }" SOURCES,
     "u.yaml:1:48: headers: \"cookie\" is not passed on; cookies have a key of their own"},
    {"auth: { callback: { url: \"http://a/\", headers: [x-tenant, Proxy-Authorization] } }" SOURCES,
     "u.yaml:1:48: headers: \"proxy-authorization\" is not passed on: it is about this one "
     "connection"},
    {"auth: { callback: { url: \"http://a/\", cookies: false } }" SOURCES,
     "u.yaml:1:19: callback passes neither cookies nor headers on: nobody could be known by it"},
    {"auth: { callback: { url: \"http://a/\", cookies: [\"a b\"] } }" SOURCES,
     "u.yaml:1:48: no cookie can be called \"a b\""},
    {"auth: { tickets: { ttl: 1h } }" SOURCES,
     "u.yaml:1:25: ttl is 1h; it has to be between 100ms and 10m"},
    {"auth: { tickets: {}, scopes: user }" SOURCES,
     "u.yaml:1:30: scopes is a list; here stands \"user\""},
    {"auth: { tickets: {}, scopes: [[a]] }" SOURCES,
     "u.yaml:1:31: an entry of scopes is a text with {claims} in it, or a mapping: { scope: admin, "
     "when: { role: admin } }; here stands a list"},
    {"auth: { tickets: {}, scopes: [{sub}] }" SOURCES,
     "u.yaml:1:31: an entry of scopes is a text with {claims} in it, or a mapping: { scope: admin, "
     "when: { role: admin } }; here stands a mapping: \"{sub}\" needs quotes"},
    {"auth: { tickets: {}, scopes: [\"user:{sub\"] }" SOURCES,
     "u.yaml:1:31: bad template \"user:{sub\": \"{\" is not closed; write \"{{\" for a brace "
     "(character 6)"},
    {"auth: { tickets: {}, scopes: [\"p:{a[0]}\"] }" SOURCES,
     "u.yaml:1:31: \"{a[0]}\": \"[\" is followed by \"]\": {projects[]}"},
    {"auth: { tickets: {}, scopes: [\"{org}:*\"] }" SOURCES,
     "u.yaml:1:31: \"{org}:*\": a family of scopes has no {claims} in it"},
    {"auth: { tickets: {}, scopes: [\"{kind}:{sub}\"] }" SOURCES,
     "u.yaml:1:31: \"{kind}:{sub}\" does not begin with its kind and a colon, as in "
     "\"user:{sub}\""},
    {"auth: { tickets: {}, scopes: [{ when: { role: a } }] }" SOURCES,
     "u.yaml:1:31: an entry of scopes has a scope"},
    {"auth: { tickets: {}, scopes: [{ scope: a, when: admin }] }" SOURCES,
     "u.yaml:1:49: when is a mapping from a claim to its value, or to a list of values; here "
     "stands \"admin\""},
    {"auth: { tickets: {}, scopes: [{ scope: a, when: { role: [] } }] }" SOURCES,
     "u.yaml:1:57: when: role has no value that it could have"},
    {"auth: { tickets: {}, membership: x }" SOURCES,
     "u.yaml:1:34: membership is a list; here stands \"x\""},
    {"auth: { tickets: {}, membership: [{ table: m, user: u }] }" SOURCES,
     "u.yaml:1:35: an entry of membership needs scope: which scope a row grants"},
    {"auth: { tickets: {}, membership: [{ scope: \"p:{p}\", user: u }] }" SOURCES,
     "u.yaml:1:35: an entry of membership needs table: whose rows grant it"},
    {"auth: { tickets: {}, membership: [{ scope: \"p:{p}\", table: m }] }" SOURCES,
     "u.yaml:1:35: an entry of membership needs user: the column that says to whom"},
    {"auth: { tickets: {}, membership: [{ scope: \"{p}\", table: m, user: u }] }" SOURCES,
     "u.yaml:1:44: scope: \"{p}\" does not begin with its kind and a colon, as in "
     "\"project:{project_id}\""},
    {"auth: { tickets: {}, membership: [{ scope: \"p:*{p}\", table: m, user: u }] }" SOURCES,
     "u.yaml:1:44: scope: a star is a family; membership grants scopes"},
    {"auth: { tickets: {}, membership: [{ scpe: x }] }" SOURCES,
     "u.yaml:1:37: unknown key \"scpe\" (did you mean \"scope\"?)"},
    {"auth: { tickets: {}, membership: [{ scope: \"p:{p}\", table: m, user: u, where: { r: [] } }] "
     "}" SOURCES,
     "u.yaml:1:84: where: an empty list never holds"},
    {"auth: { tickets: {}, membership: [{ scope: \"p:{p}\", table: m, user: u }] }" SOURCES,
     "u.yaml:1:34: membership is asked of the database in sources; there is none"},
    {"auth: { tickets: {}, origins: [\"*\"] }" SOURCES,
     "u.yaml:1:32: origins names each of them; with \"*\" every web site could use the sign-in of "
     "its visitors"},
    {"auth: { tickets: {}, origins: [app.example.com] }" SOURCES,
     "u.yaml:1:32: origins are as a browser sends them, https://app.example.com or "
     "http://127.0.0.1:5173, without a path or the usual port; here stands \"app.example.com\""},
    {"auth: { tickets: {}, origins: [\"https://app.example.com:443\"] }" SOURCES,
     "u.yaml:1:32: origins are as a browser sends them, https://app.example.com or "
     "http://127.0.0.1:5173, without a path or the usual port; here stands "
     "\"https://app.example.com:443\""},
    {"listen: 0.0.0.0:80\nauth: { tickets: {} }" SOURCES,
     "u.yaml:3:11: with \"publish: { open: true }\" listen has to be a loopback address such as "
     "127.0.0.1:8080; here stands 0.0.0.0:80"},
    {"endpoints: [{ path: /ws }]" REST,
     "u.yaml:1:13: the endpoint /ws does not say whose changes it tells: "
     "scope: [\"project:{query.project_id}\"]"},
    /* endpoints */
    {"endpoints: [{ scope: all }]" REST,
     "u.yaml:1:13: an endpoint has a path: { path: /api/events, ... }"},
    {"endpoints: [{ path: api }]" REST, "u.yaml:1:21: path is a path such as /api/events: it "
                                        "begins with \"/\", without \"?\", \"#\" and "
                                        "blanks, at most 256 bytes; here stands \"api\""},
    {"endpoints: [{ path: /v1/mine }]" REST,
     "u.yaml:1:21: path /v1/mine: /v1/ is unstale's own; choose another one"},
    {"endpoints: [{ path: /a, dialekt: devhive }]" REST,
     "u.yaml:1:25: unknown key \"dialekt\" (did you mean \"dialect\"?)"},
    {"endpoints: [{ path: /a, dialect: devhve }]" REST,
     "u.yaml:1:34: there is no dialect \"devhve\" (did you mean \"devhive\"?); there is registry, "
     "recordings, devhive, content-studio or documents"},
    {"endpoints: [{ path: /a, scope: [\"p:{query.}\"] }]" REST,
     "u.yaml:1:33: {query.} is not known in a scope; there is {query.NAME}, {header.NAME} and "
     "{claim.NAME}"},
    {"endpoints: [{ path: /a, scope: \"p:{header.x user}\" }]" REST,
     "u.yaml:1:32: a header's name has letters, digits, \"-\" and \"_\", at most 64"},
    {"endpoints: [{ path: /a, scope: \"p:*\" }]" REST,
     "u.yaml:1:32: \"p:*\" is a family of scopes, not a scope"},
    {"endpoints: [{ path: /a, scope: all, transport: tcp }]" REST,
     "u.yaml:1:48: transport is sse or ws; here stands \"tcp\""},
    {"endpoints: [{ path: /a, scope: all }]" REST,
     "u.yaml:1:13: the endpoint /a: change is missing: what its clients are told of a row"},
    {"endpoints: [{ path: /a, scope: all, change: { data: x } }]" REST,
     "u.yaml:1:13: the endpoint /a: reset is missing: what its clients are told when anything may "
     "have changed, or end"},
    {"endpoints: [{ path: /a, scope: all, change: { event: x } }]" REST,
     "u.yaml:1:45: change has an event and no data"},
    {"endpoints: [{ path: /a, scope: all, change: { } }]" REST, "u.yaml:1:45: change has no data"},
    {"endpoints: [{ path: /a, scope: all, change: { data: { id: \"{ids}\" } } }]" REST,
     "u.yaml:1:59: {ids} is not known here (did you mean \"id\"?)"},
    {"endpoints: [{ path: /a, scope: all, change: { data: { id: \"{id\" } } }]" REST,
     "u.yaml:1:59: bad template \"{id\": \"{\" is not closed; write \"{{\" for a brace (character "
     "1)"},
    {"endpoints: [{ path: /a, scope: all, change: { data: { id: {id} } } }]" REST,
     "u.yaml:1:59: \"{id}\" needs quotes, else it is a mapping"},
    {"endpoints: [{ path: /a, scope: all, change: { data: { \"...\": 7 } } }]" REST,
     "u.yaml:1:53: \"...\" takes one name alone, as in \"...\": \"{data}\""},
    {"endpoints: [{ path: /a, scope: all, reset: stop }]" REST,
     "u.yaml:1:44: reset is end, or a mapping with event and data, or with each; here stands "
     "\"stop\""},
    {"endpoints: [{ path: /a, scope: all, reset: { each: [] } }]" REST,
     "u.yaml:1:52: each is empty"},
    {"endpoints: [{ path: /a, scope: all, reset: { each: x, data: y } }]" REST,
     "u.yaml:1:44: reset is end, or a mapping with event and data, or with each; each stands "
     "alone"},
    {"endpoints: [{ path: /a, scope: all, change: { data: \"{id}\" }, reset: { each: updated } "
     "}]" REST,
     "u.yaml:1:13: the endpoint /a: a reset with each has no row: change needs {id?} and {data?} "
     "with "
     "their question marks"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, change: { event: x, data: y } }]" REST,
     "u.yaml:1:13: the endpoint /a: change has an event; a message of a WebSocket has no name"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, resume: true }]" REST,
     "u.yaml:1:13: the endpoint /a: resume is for SSE; a WebSocket has no Last-Event-ID"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, heartbeat: { data: x } }]" REST,
     "u.yaml:1:13: the endpoint /a: heartbeat has data; the heartbeat of a WebSocket is a ping"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, heartbeat: 50ms }]" REST,
     "u.yaml:1:66: every is 50ms; it has to be between 100ms and 1h"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, heartbeat: 31s }]" REST,
     "u.yaml:1:66: the endpoint /a: its heartbeat has to be at most half of stalled (limits)"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, resources: { others: x } }]" REST,
     "u.yaml:1:68: resources does not have others"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive, actions: { letters: loud } }]" REST,
     "u.yaml:1:75: letters is as_is, lower, upper, snake, kebab, camel or pascal; here stands "
     "\"loud\""},
    {"endpoints: [{ path: /a, scope: \"u:{claim.sub}\", dialect: devhive }]" REST,
     "u.yaml:1:13: the endpoint /a: with \"auth: none\" nobody has claims, so {claim.sub} is never "
     "known"},
    {"endpoints: [{ path: /a, scope: all, dialect: devhive }, { path: /a, scope: all, dialect: "
     "registry }]" REST,
     "u.yaml:1:57: there are two endpoints at /a"},
    {"endpoints: yes" REST, "u.yaml:1:12: endpoints is a list; here stands \"yes\""},

    /* sources */
    {AUTH, "u.yaml: sources is missing: where do changes come from? As in \"sources: [{ sqlite: "
           "./app.db }]\""},
    {"sources: []" AUTH, "u.yaml:1:10: sources has between 1 and 64 entries; here stand 0"},
    {"sources: { sqlite: a.db }" AUTH,
     "u.yaml:1:10: sources is a list, as in \"- sqlite: ./app.db\"; here stands a mapping"},
    {"sources: [a.db]" AUTH, "u.yaml:1:11: a source is a mapping: sqlite: PATH, postgres: URL, or "
                             "publish: { token_file: PATH }; here stands \"a.db\""},
    {"sources: [{ poll: 1s }]" AUTH,
     "u.yaml:1:11: a source is a mapping: sqlite: PATH, postgres: URL, or publish: { token_file: "
     "PATH }"},
    {"sources: [{ sqlit: a.db }]" AUTH,
     "u.yaml:1:13: unknown key \"sqlit\" (did you mean \"sqlite\"?)"},
    {"sources: [{ sqlite: a.db, publish: { open: true } }]" AUTH,
     "u.yaml:1:27: this source has sqlite already; each source is an entry of its own"},
    {"sources: [{ postgres: \"postgres://app@db/app\" }]" AUTH,
     "u.yaml: rules is missing: a database needs at least one rule"},
    {"sources: [{ postgres: \"postgres://app:sesame@db/app?sslmod=require\" }]" AUTH,
     "u.yaml:1:23: postgres: this is no URL of a PostgreSQL database "
     "(postgres://user@host:5432/db): invalid URI query parameter: \"sslmod\""},
    {"sources: [{ postgres: \"postgres://app:ses%zz@db/app\" }]" AUTH,
     "u.yaml:1:23: postgres: this is no URL of a PostgreSQL database "
     "(postgres://user@host:5432/db)"},
    {"sources: [{ postgres: [a] }]" AUTH,
     "u.yaml:1:23: postgres is a URL (postgres://user@host:5432/db)"},
    {"sources: [{ sqlite: a.db, slot: permanent }]" AUTH,
     "u.yaml:1:27: slot belongs to a postgres source"},
    {"sources: [{ postgres: \"postgres://db/app\", poll: 1s }]" AUTH,
     "u.yaml:1:44: poll belongs to an sqlite source"},
    {"sources: [{ postgres: \"postgres://db/app\", slot: always }]" AUTH,
     "u.yaml:1:50: slot is temporary or permanent; here stands \"always\""},
    {"sources: [{ postgres: \"postgres://db/app\", slot_name: mine }]" AUTH,
     "u.yaml:1:44: slot_name belongs to slot: permanent"},
    {"sources: [{ postgres: \"postgres://db/app\", slot: permanent, slot_name: Mine }]" AUTH,
     "u.yaml:1:72: slot_name has at most 63 small letters, digits and underscores; here stands "
     "\"Mine\""},
    {"sources:\n  - postgres: postgres://a@db/app\n  - postgres: postgres://b:c@db/app" AUTH,
     "u.yaml:3:5: this database stands here a second time; the first is in line 2"},
    {"sources: [{ sqlite: [a.db] }]" AUTH,
     "u.yaml:1:21: sqlite is the path of a database; here stands a list"},
    {"sources: [{ sqlite: \":memory:\" }]" AUTH, "u.yaml:1:21: sqlite is the path of a file that "
                                                 "other programs write; here stands \":memory:\""},
    {"sources:\n  - sqlite: a.db\n  - sqlite: ./a.db\n    poll: 20s" AUTH,
     "u.yaml:4:11: poll is 20s; it has to be between 1ms and 10s"},
    {"sources:\n  - sqlite: a.db\n  - sqlite: a.db" AUTH,
     "u.yaml:3:5: this database stands here a second time; the first is in line 2"},
    {"sources:\n  - sqlite: b/a.db\n  - sqlite: .//./b/./a.db" AUTH,
     "u.yaml:3:5: this database stands here a second time; the first is in line 2"},
    {"sources:\n  - sqlite: b/a.db\n  - sqlite: /b/a.db\n  - sqlite: b/a.db.old" AUTH,
     "u.yaml: rules is missing: a database needs at least one rule"},
    {"sources: [{ sqlite: a.db }]" AUTH,
     "u.yaml: rules is missing: a database needs at least one rule"},
    {"sources: [{ publish: { open: true }, poll: 1s }]" AUTH,
     "u.yaml:1:38: poll belongs to an sqlite source"},
    {"sources: [{ publish: open }]" AUTH,
     "u.yaml:1:22: publish is a mapping: { token_file: PATH }, or { open: true } for "
     "a loopback listener; here stands \"open\""},
    {"sources: [{ publish: {} }]" AUTH, "u.yaml:1:22: publish is a mapping: { token_file: PATH }, "
                                        "or { open: true } for a loopback listener"},
    {"sources: [{ publish: { open: false } }]" AUTH,
     "u.yaml:1:22: publish is a mapping: { token_file: PATH }, or { open: true } for a loopback "
     "listener"},
    {"sources: [{ publish: { open: maybe } }]" AUTH,
     "u.yaml:1:30: open is true or false; here stands \"maybe\""},
    {"sources: [{ publish: { tokenfile: a } }]" AUTH,
     "u.yaml:1:24: unknown key \"tokenfile\" (did you mean \"token_file\"?)"},
    {"sources: [{ publish: { open: true, token_file: token } }]" AUTH,
     "u.yaml:1:22: publish has a token_file and is open: true; it can only be one of them"},
    {"sources: [{ publish: { token_file: nowhere } }]" AUTH,
     "u.yaml:1:36: token_file: nowhere: it cannot be read: No such file or directory"},
    {"sources: [{ publish: { token_file: empty } }]" AUTH,
     "u.yaml:1:36: token_file: empty is empty"},
    {"sources: [{ publish: { token_file: two-words } }]" AUTH,
     "u.yaml:1:36: token_file: the token in two-words has blanks or other than ASCII characters "
     "inside"},
    {"sources:\n- publish: { open: true }\n- publish: { open: true }" AUTH,
     "u.yaml:3:3: publish stands here a second time; the first is in line 2"},

    /* rules */
    {"rules: [tasks]" REST,
     "u.yaml:1:8: rules is a mapping from a table to its rule; here stands a list"},
    {"rules: { tasks: [x] }" REST,
     "u.yaml:1:17: a rule is a mapping with scope and stale; here stands a list"},
    {"rules: { tasks: }" REST,
     "u.yaml:1:17: a rule is a mapping with scope and stale; here stands nothing"},
    {"rules: { tasks: { stale: [[a]] } }" REST,
     "u.yaml:1:10: the rule of \"tasks\" does not say who is told: scope: [\"...\"]"},
    {"rules: { tasks: { scope: [], stale: [[a]] } }" REST,
     "u.yaml:1:10: the rule of \"tasks\" does not say who is told: scope: [\"...\"]"},
    {"rules: { tasks: { scope: all } }" REST,
     "u.yaml:1:10: the rule of \"tasks\" does not say what goes stale: stale: [[\"...\"]]"},
    {RULE("    scpoe: all"), "u.yaml:5:5: unknown key \"scpoe\" (did you mean \"scope\"?)"},
    {RULE("    on: created"), "u.yaml:5:5: unknown key \"on\" (it belongs in an entry of stale:)"},
    {RULE("    name: [task]"), "u.yaml:5:11: name is a text; here stands a list"},
    {RULE("    id: [id, [x]]"),
     "u.yaml:5:14: id is a column or a list of columns; here stands a list"},
    {RULE("    id: {id}"), "u.yaml:5:9: id is a column or a list of columns; here stands a "
                           "mapping: \"{id}\" needs quotes"},
    {RULE("    changes: 1"), "u.yaml:5:14: changes is true or false; here stands 1"},
    {RULE("    data: [status]"),
     "u.yaml:5:11: data is a mapping: { name_sent: column }; here stands a list"},
    {RULE("    data: { status: [status] }"),
     "u.yaml:5:21: data is the name of a column; here stands a list"},
    {RULE("    actions: [done]"), "u.yaml:5:14: actions is a mapping; here stands a list"},
    {RULE("    actions: { done: [status] }"),
     "u.yaml:5:22: an action is a mapping: { changed: [column] }; here stands a list"},
    {RULE("    actions: { done: { chnaged: status } }"),
     "u.yaml:5:24: unknown key \"chnaged\" (did you mean \"changed\"?)"},
    {RULE("    actions: { done: {} }"),
     "u.yaml:5:22: an action says which columns: { changed: [column] }"},
    {"rules: { tasks: { scope: [project:{project_id}], stale: [[a]] } }" REST,
     "u.yaml:1:34: not valid YAML: found unexpected ':', while scanning a plain scalar that begins "
     "in line 1 "
     "(a text with a colon or braces in it needs quotes)"},
    {"rules: { tasks: { scope: all, stale: [tasks, list] } }" REST,
     "u.yaml:1:39: stale is a list of keys, and each key is a list: [[\"tasks\", ...]]"},
    {"rules: { tasks: { scope: all, stale: tasks } }" REST,
     "u.yaml:1:38: stale is a list; here stands \"tasks\""},
    {STALE("      - [tasks, { \"{id}\": 1 }]"),
     "u.yaml:5:27: the name of a member is no template, only its value is: \"{id}\""},
    {RULE("    id: []\n"), "u.yaml:5:9: id is empty; leave it out"},
    {STALE("      - [tasks, {id}]"), "u.yaml:5:17: \"{id}\" needs quotes, else it is a mapping"},
    {STALE("      - [tasks, 1e999]"), "u.yaml:5:17: the number 1e999 is too large"},
    {STALE("      - [tasks]\n      - tasks"),
     "u.yaml:6:9: an entry of stale is a key, which is a list itself: - [\"tasks\", "
     "\"detail\", \"{id}\"]; here stands \"tasks\""},
    {STALE("      - { on: created }"),
     "u.yaml:5:9: an entry of stale has a key: { key: [\"tasks\", \"{id}\"], ... }"},
    {STALE("      - { key: tasks }"), "u.yaml:5:16: a key is a list, as in [\"tasks\", \"detail\", "
                                      "\"{id}\"]; here stands \"tasks\""},
    {STALE("      - { kye: [tasks] }"), "u.yaml:5:11: unknown key \"kye\" (did you mean \"key\"?)"},
    {STALE("      - { key: [tasks], on: [] }"), "u.yaml:5:29: on is empty; leave it out"},
    {STALE("      - { key: [tasks], on: { a: b } }"),
     "u.yaml:5:29: on is an action or a list of actions; here stands a mapping"},
    {STALE("      - { key: [tasks], at_most: 5 }"),
     "u.yaml:5:34: at_most is a duration (100ms, 5s, 1m, 2h, 0); here stands 5"},
    {STALE("      - { key: [tasks], at_most: 2h }"),
     "u.yaml:5:34: at_most is 2h; it has to be between 0 and 1h"},

    /* what the rules mean is the compiler's to say; the place is ours */
    {STALE("      - [tasks, \"{id\"]"), "u.yaml:5:17: bad template \"{id\""},
    {STALE("      - { key: [tasks], on: creatd }"),
     "u.yaml:5:29: unknown action \"creatd\" (did you mean \"created\"?)"},
    {"rules:\n  tasks:\n    scope: \"a:{\"\n    stale: [[a]]" REST,
     "u.yaml:3:12: bad template \"a:{\""},

    /* variables */
    {"state: ${NOWHERE}/a" REST,
     "u.yaml:1:8: the environment variable NOWHERE is not set (a column is written "
     "{NOWHERE}, the text itself $${NOWHERE})"},
    {"limits:\n  batch: x${" REST,
     "u.yaml:2:10: \"${\" begins a variable, as in ${HOME}; the text itself is written $${"},
    {"state: ${1}" REST,
     "u.yaml:1:8: \"${\" begins a variable, as in ${HOME}; the text itself is written $${"},
    {"${HOME}: 1" REST, "u.yaml:1:1: variables are replaced in values only, not in names"},
    {"threads: ${THREADS}0" REST, "u.yaml:1:10: threads is a whole number; here stands \"three0\""},

    /* YAML itself */
    {"", "u.yaml: auth is missing; write \"auth: none\" if everyone who reaches the listener may "
         "read every scope"},
    {"- a", "u.yaml:1:1: a configuration is a mapping; here stands a list"},
    {"listen", "u.yaml:1:1: a configuration is a mapping; here stands \"listen\""},
    {"a: 1\n--- \nb: 2", "u.yaml:2:1: the file has to be one document; a second one begins here"},
    {"a: *b", "u.yaml:1:4: there is no anchor &b above"},
    {"a: &b [*b]", "u.yaml:1:8: *b stands inside of what it names"},
    {"<<: { a: 1 }",
     "u.yaml:1:1: merge keys (<<) are not used here; an alias can stand for a whole value"},
    {"threads: !!int 3", "u.yaml:1:10: tags such as tag:yaml.org,2002:int are not used here; "
                         "quotes make anything text"},
    {"? [a]\n: b", "u.yaml:1:3: the name in a mapping has to be a text"},
    {"state: \"a\\0b\"", "u.yaml:1:8: a text must not contain a NUL character"},
    {"a: [1, 2",
     "u.yaml:2:1: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence "
     "that begins in line 1 (a text with a colon or braces in it needs quotes)"},
    {"a: [${PORT}]",
     "u.yaml:1:6: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence "
     "that begins in line 1 (a text with a colon or braces in it needs quotes)"},
    {"a: b: c", "u.yaml:1:5: not valid YAML: mapping values are not allowed in this context "
                "(a text with a colon or braces in it needs quotes)"},
    {"a: \"\xff\"", "u.yaml:1:5: this is not YAML text: invalid leading UTF-8 octet"},
    {"a:\n\t- b", "u.yaml:2:1: not valid YAML: found character that cannot start any token, while "
                  "scanning for the next "
                  "token that begins in line 2 (it is a tab; YAML indents with spaces)"},
    {"a: %b", "u.yaml:1:4: not valid YAML: found character that cannot start any token, while "
              "scanning for the next token that begins in line 1"},
    {"\xef\xbb\xbfstate: a\nauht: none",
     "u.yaml:2:1: unknown key \"auht\" (did you mean \"auth\"?)"},
};

static void says_what_is_wrong_and_where(void **state)
{
    const struct row *row = *state;
    struct err err = ERR_INIT;
    struct config *config = config_parse("u.yaml", str_of(row->text), &config_outside, &err);
    if (config) {
        print_error("this was taken:\n%s\n", row->text);
        config_free(config);
        fail();
    }
    /* A sentence of the compiler's may go on. */
    if (strncmp(err.text, row->error, strlen(row->error)) != 0)
        print_error("of:\n%s\n", row->text);
    err.text[strlen(row->error)] = '\0';
    assert_string_equal(err.text, row->error);
}

static void a_file_that_is_not_there_is_said_so(void **state)
{
    struct err err = ERR_INIT;
    assert_null(config_load("nowhere/unstale.yaml", &err));
    assert_string_equal(err.text,
                        "nowhere/unstale.yaml: it cannot be read: No such file or directory");
    assert_null(config_load("/", &err));
    assert_string_equal(err.text, "/: it cannot be read: Is a directory");
}

static void a_place_found_later_gets_the_same_form(void **state)
{
    struct err err = ERR_INIT;
    struct config *config = config_parse("dir/u.yaml", STR(REST), &config_outside, &err);
    assert_non_null(config);
    err_set(&err, "no such column");
    assert_false(config_wrong(config, (struct place){.line = 3, .column = 9}, &err));
    assert_string_equal(err.text, "dir/u.yaml:3:9: no such column");
    err_set(&err, "no such column");
    config_wrong(config, (struct place){0}, &err);
    assert_string_equal(err.text, "dir/u.yaml: no such column");
    config_free(config);
}

int main(void)
{
    enum { N = sizeof ROWS / sizeof *ROWS };
    static struct CMUnitTest tests[N + 2];
    for (size_t i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){.name = ROWS[i].error,
                                       .test_func = says_what_is_wrong_and_where,
                                       .initial_state = (void *)(uintptr_t)&ROWS[i]};
    tests[N] = (struct CMUnitTest)cmocka_unit_test(a_file_that_is_not_there_is_said_so);
    tests[N + 1] = (struct CMUnitTest)cmocka_unit_test(a_place_found_later_gets_the_same_form);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
