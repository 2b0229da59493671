/* template: text with holes, taken apart once and filled in for every message.
 *
 *     %d  the topic's number        %k  the key's number        %b  the payload
 *
 * Any other percent sign is itself. */
#pragma once

#include "base/buf.h"

enum template_hole { TEMPLATE_END, TEMPLATE_TOPIC, TEMPLATE_KEY, TEMPLATE_PAYLOAD };

struct template_part {
    struct str text; /* before the hole; points into what was parsed */
    enum template_hole hole;
};

enum { TEMPLATE_PARTS = 16 };

struct template
{
    struct template_part parts[TEMPLATE_PARTS];
    unsigned n;
};

struct template_values {
    unsigned topic, key;
    struct str payload;
};

/* `text` must outlive the template. False: more holes than there is room for. */
bool template_parse(struct template *template, const char *text);
void template_fill(const struct template *template, const struct template_values *values,
                   struct buf *out);
