#include "sample.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { RECORDINGS = 208, CONVERSATIONS = 36, DAYS = 45 };

static const struct {
    const char *name, *description;
} projects[] = {
    {"Harbour Museum audio guide", "Forty stops, two voices, German and English"},
    {"Field notes 2026", "Bird counts along the estuary, every second morning"},
    {"Podcast: Slow Machines", "Conversations about tools that last"},
    {"Customer interviews", "Onboarding study, spring round"},
    {"Weekly stand-ups", "Product and platform, Mondays and Thursdays"},
    {"Oral history of the mill", "Retired workers tell how the mill ran"},
    {"Choir rehearsals", "Reference takes for the summer concert"},
    {"Lecture series: Soil", "Eight evenings at the botanical institute"},
    {"Board meetings", "Minutes and decisions"},
    {"Voice memos", "Everything that has no home yet"},
};

static const char *const kinds[] = {
    "Interview with", "Call with", "Walk with",  "Session with",  "Notes from",
    "Review with",    "Take two:", "Rehearsal:", "Workshop with", "Follow-up:"};
static const char *const people[] = {
    "Amara Osei",    "Jonas Lindqvist", "Mireille Aubert", "the night shift", "Tomasz Zielony",
    "Priya Raman",   "the north pier",  "Hannah Feld",     "the boat crew",   "Luis Ortega",
    "the dye house", "Keiko Tanabe",    "the altos",       "Ida Nørgaard",    "the seed bank",
    "Paul Achebe",   "the signal box",  "Nora Whitlock",   "the archive",     "Elif Kaya"};
static const char *const topics[] = {"tides and timetables", "first impressions", "what broke",
                                     "the old gearbox",      "pricing",           "opening hours",
                                     "clay and loam",        "second movement",   "the budget",
                                     "why they left",        "accessibility",     "winter stock"};
static const char *const questions[] = {"What did they decide about",  "Summarise",
                                        "List the open points on",     "Who disagreed about",
                                        "Draft a reply that mentions", "Find every mention of"};
static const char *const answers[] = {
    "Three decisions, all with an owner. The shortest deadline is Friday.",
    "She names two reasons and comes back to the first one at 14:20.",
    "Nothing open. The last point was settled near the end.",
    "Two voices disagree, but both accept a trial until autumn.",
    "Here is a draft. I kept it to five sentences.",
    "Eleven mentions; most of them in the second half."};
static const char *const searches[] = {"tides",       "gearbox", "Osei",    "budget",
                                       "night shift", "soil",    "pricing", "alto"};

/* A linear congruential generator: the sample needs variety, not randomness. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static uint32_t below(uint32_t *state, size_t limit)
{
    return next(state) % (uint32_t)limit;
}

/* Never draw twice in one expression: C leaves the order open, and compilers
 * would fill different rows. */
#define DRAW(state, array) ((array)[below(state, COUNT(array))])

static bool insert(struct db *db, const char *sql, json_t *params, struct problem *problem)
{
    bool ok = params != NULL && db_run(db, sql, params, NULL, problem);

    json_decref(params);
    return ok;
}

static bool fill_projects(struct db *db, json_int_t now, struct problem *problem)
{
    for (size_t i = 0; i < COUNT(projects); i++) {
        char id[16];

        snprintf(id, sizeof id, "p%02zu", i + 1);
        if (!insert(db, "INSERT INTO projects VALUES (?1, ?2, ?3, ?4, ?4)",
                    json_pack("[s, s, s, I]", id, projects[i].name, projects[i].description,
                              now - (json_int_t)(DAYS + i) * 86400000),
                    problem))
            return false;
    }
    return true;
}

/* The newest recordings are still on their way through the transcription. */
static const char *status_of(uint32_t *state, size_t newest)
{
    static const char *const young[] = {"uploaded", "queued", "transcribing", "queued"};

    if (newest < 9)
        return young[newest % COUNT(young)];
    return below(state, 14) == 0 ? "failed" : "ready";
}

static bool fill_recordings(struct db *db, json_int_t now, uint32_t *state, struct problem *problem)
{
    json_int_t created = now;

    for (size_t i = 0; i < RECORDINGS; i++) {
        char id[16], title[160];
        uint32_t minutes = below(state, 75), stretch = below(state, 60);
        json_int_t duration = 90 + (json_int_t)minutes * stretch;
        json_int_t size = duration * (15800 + (json_int_t)below(state, 900));
        uint32_t project = below(state, COUNT(projects) + 1);
        const char *kind = DRAW(state, kinds);
        const char *person = DRAW(state, people);
        const char *topic = DRAW(state, topics);
        const char *status = status_of(state, i);
        char project_id[16];

        created -= (json_int_t)(1 + below(state, 2 * DAYS * 24 * 60 / RECORDINGS)) * 60000;
        snprintf(id, sizeof id, "r%03zu", RECORDINGS - i);
        snprintf(title, sizeof title, "%s %s, %s", kind, person, topic);
        snprintf(project_id, sizeof project_id, "p%02u", project + 1);
        if (!insert(db, "INSERT INTO recordings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                    json_pack("[s, s, s?, s, I, I, I]", id, title,
                              project < COUNT(projects) ? project_id : NULL, status, duration, size,
                              created),
                    problem))
            return false;
    }
    return true;
}

static bool fill_conversations(struct db *db, json_int_t now, uint32_t *state,
                               struct problem *problem)
{
    json_int_t created = now;

    for (size_t i = 0; i < CONVERSATIONS; i++) {
        char id[16], recording[16], title[160];
        int messages = (int)(2 + 2 * below(state, 8));
        const char *question = DRAW(state, questions);
        const char *topic = DRAW(state, topics);
        const char *answer = DRAW(state, answers);

        created -= (json_int_t)(10 + below(state, 1800)) * 60000;
        snprintf(id, sizeof id, "c%02zu", CONVERSATIONS - i);
        snprintf(recording, sizeof recording, "r%03u", 1 + below(state, RECORDINGS));
        snprintf(title, sizeof title, "%s %s", question, topic);
        if (!insert(
                db, "INSERT INTO conversations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
                json_pack("[s, s, s, i, s, I]", id, title, recording, messages, answer, created),
                problem))
            return false;
    }
    return true;
}

static bool fill_searches(struct db *db, json_int_t now, struct problem *problem)
{
    for (size_t i = 0; i < COUNT(searches); i++) {
        char id[16];

        snprintf(id, sizeof id, "s%02zu", COUNT(searches) - i);
        if (!insert(db, "INSERT INTO search_history VALUES (?1, ?2, ?3)",
                    json_pack("[s, s, I]", id, searches[i], now - (json_int_t)(i + 1) * 5400000),
                    problem))
            return false;
    }
    return true;
}

bool sample_fill(struct db *db, struct problem *problem)
{
    json_int_t now = (json_int_t)time(NULL) * 1000;
    json_t *row = db_row(db, "SELECT count(*) AS n FROM projects", NULL, problem);
    bool filled = json_integer_value(json_object_get(row, "n")) > 0;
    uint32_t state = 2026;

    if (row == NULL)
        return false;
    json_decref(row);
    return filled ||
           (fill_projects(db, now, problem) && fill_recordings(db, now, &state, problem) &&
            fill_conversations(db, now, &state, problem) && fill_searches(db, now, problem));
}
