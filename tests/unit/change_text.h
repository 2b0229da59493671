/* change_text: a change on one line, for the tables of tests/unit/rules/.
 *
 *     tasks updated id=7 project_id=1>2 title=same
 *     publish tasks deleted #"r1" +{"by":"ann"} project_id=1
 *
 * column=value   one value: of the new row (created), the old row (deleted), both (any other
 * action) column=a>b     the old and the new value column=~       not recorded, but known to be the
 * same; ~ may stand before values too column=!       not recorded, but known to have changed #value
 * +{..}   a publisher's id and data publish        the change is sparse; one value stands for the
 * new row only
 *
 * Values: JSON; a bare word is text; ? is absent; x'fffe' is bytes; word*1000000 is text that long.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/change.h"

#include <stdbool.h>

bool change_text_parse(struct str line, struct arena *arena, struct change *out, struct err *err);
