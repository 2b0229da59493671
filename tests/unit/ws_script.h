/* ws_script: the frames of a client, written as text.
 *
 *     text more "Hel" | ping "x" | cont "lo" | 3x ping | close code=1000 "bye"
 *
 * Words of a frame, in any order: its kind (text cont binary close ping pong op=N), `more` (FIN is
 * not set), rsv=N, `bare` (not masked), mask=HHHHHHHH, form=7|16|64 (of the length; the shortest
 * when not given), says=N (a length that is not the payload's), Nx (N times). Its payload: "text"
 * with \" \\ \xHH, N*"text", code=N, hex:HHHH, joined. `raw` is no frame but bytes. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* False: the script is no script. */
bool ws_script(struct buf *out, struct str script);
