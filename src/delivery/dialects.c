#include "delivery/dialects.h"

static const struct dialect_file FILES[] = {
#include "delivery/dialect_files.inc"
};

size_t dialects_count(void)
{
    return sizeof FILES / sizeof *FILES;
}

const struct dialect_file *dialects_at(size_t index)
{
    return index < dialects_count() ? &FILES[index] : NULL;
}

const struct dialect_file *dialects_find(struct str name)
{
    for (size_t i = 0; i < dialects_count(); i++)
        if (str_is(name, FILES[i].name))
            return &FILES[i];
    return NULL;
}
