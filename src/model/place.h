/* place: where in the configuration file something stands; 1-based, 0 unknown. */
#pragma once

struct place {
    unsigned line, column;
};
