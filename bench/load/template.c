#include "template.h"

static enum template_hole hole_of(char c)
{
    switch (c) {
    case 'd':
        return TEMPLATE_TOPIC;
    case 'k':
        return TEMPLATE_KEY;
    case 'b':
        return TEMPLATE_PAYLOAD;
    default:
        return TEMPLATE_END;
    }
}

bool template_parse(struct template *template, const char *text)
{
    const char *from = text, *p = text;
    template->n = 0;
    for (; *p; p++) {
        enum template_hole hole = *p == '%' ? hole_of(p[1]) : TEMPLATE_END;
        if (hole == TEMPLATE_END)
            continue;
        if (template->n == TEMPLATE_PARTS - 1)
            return false;
        template->parts[template->n++] =
            (struct template_part){.text = {.p = from, .n = (size_t)(p - from)}, .hole = hole};
        from = ++p + 1;
    }
    template->parts[template->n++] =
        (struct template_part){.text = {.p = from, .n = (size_t)(p - from)}, .hole = TEMPLATE_END};
    return true;
}

void template_fill(const struct template *template, const struct template_values *values,
                   struct buf *out)
{
    for (unsigned i = 0; i < template->n; i++) {
        buf_str(out, template->parts[i].text);
        switch (template->parts[i].hole) {
        case TEMPLATE_TOPIC:
            buf_u64(out, values->topic);
            break;
        case TEMPLATE_KEY:
            buf_u64(out, values->key);
            break;
        case TEMPLATE_PAYLOAD:
            buf_str(out, values->payload);
            break;
        case TEMPLATE_END:
            break;
        }
    }
}
