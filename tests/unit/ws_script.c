#include "ws_script.h"

#include <stdint.h>
#include <stdlib.h>

enum { LARGEST = 1 << 25 };

struct frame {
    bool raw, more, bare, says_other;
    unsigned opcode, rsv, form, times;
    uint64_t says;
    uint8_t mask[4];
    struct buf payload;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_byte(struct str text, uint8_t *byte)
{
    int high = text.n < 2 ? -1 : hex_digit(text.p[0]);
    int low = text.n < 2 ? -1 : hex_digit(text.p[1]);
    if (high < 0 || low < 0)
        return false;
    *byte = (uint8_t)(high * 16 + low);
    return true;
}

/* The number that `text` begins with, which is taken from it. */
static bool take_number(struct str *text, uint64_t *number)
{
    struct str start = *text;
    for (*number = 0; text->n && text->p[0] >= '0' && text->p[0] <= '9'; *text = str_from(*text, 1))
        *number = *number * 10 + (uint64_t)(text->p[0] - '0');
    return text->n < start.n;
}

static bool take_quoted(struct str *text, struct buf *out)
{
    if (!str_starts(*text, STR("\"")))
        return false;
    *text = str_from(*text, 1);
    while (text->n && text->p[0] != '"') {
        uint8_t byte;
        size_t n = 1;
        if (text->p[0] != '\\') {
            buf_byte(out, text->p[0]);
        } else if (text->n > 1 && text->p[1] != 'x') {
            buf_byte(out, text->p[1]);
            n = 2;
        } else if (hex_byte(str_from(*text, 2), &byte)) {
            buf_byte(out, (char)byte);
            n = 4;
        } else {
            return false;
        }
        *text = str_from(*text, n);
    }
    bool closed = text->n > 0;
    *text = str_from(*text, 1);
    return closed;
}

static bool take_hex(struct str *text, struct buf *out)
{
    for (uint8_t byte; hex_byte(*text, &byte); *text = str_from(*text, 2))
        buf_byte(out, (char)byte);
    return true;
}

static bool take_repeated(struct str *text, uint64_t times, struct buf *out)
{
    struct buf once = BUF_INIT(LARGEST);
    bool ok = take_quoted(text, &once);
    while (ok && times-- > 0)
        buf_str(out, buf_slice(&once));
    buf_free(&once);
    return ok;
}

static bool take_mask(struct str *text, struct frame *frame)
{
    for (unsigned i = 0; i < 4; i++, *text = str_from(*text, 2))
        if (!hex_byte(*text, &frame->mask[i]))
            return false;
    return true;
}

static bool take_setting(struct str *text, struct frame *frame)
{
    static const char *const names[] = {"op=", "rsv=", "form=", "says=", "code="};
    uint64_t number;
    unsigned i = 0;
    while (i < 5 && !str_starts(*text, str_of(names[i])))
        i++;
    *text = str_from(*text, i < 5 ? strlen(names[i]) : 0);
    if (i == 5 || !take_number(text, &number))
        return false;
    switch (i) {
    case 0:
        frame->opcode = (unsigned)number;
        break;
    case 1:
        frame->rsv = (unsigned)number;
        break;
    case 2:
        frame->form = (unsigned)number;
        break;
    case 3:
        frame->says_other = true;
        frame->says = number;
        break;
    default:
        buf_byte(&frame->payload, (char)(number >> 8));
        buf_byte(&frame->payload, (char)(number & 0xff));
    }
    return true;
}

static bool take_name(struct str *text, struct frame *frame)
{
    static const struct {
        const char *name;
        unsigned opcode;
    } kinds[] = {{"text", 1}, {"cont", 0}, {"binary", 2}, {"close", 8}, {"ping", 9}, {"pong", 10}};
    size_t n = str_index(*text, ' ');
    struct str word = {.p = text->p, .n = n};
    *text = str_from(*text, n);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_is(word, kinds[i].name)) {
            frame->opcode = kinds[i].opcode;
            return true;
        }
    }
    frame->raw |= str_is(word, "raw");
    frame->more |= str_is(word, "more");
    frame->bare |= str_is(word, "bare");
    return str_is(word, "raw") || str_is(word, "more") || str_is(word, "bare");
}

static bool take_word(struct str *text, struct frame *frame)
{
    uint64_t number;
    if (text->p[0] == '"')
        return take_quoted(text, &frame->payload);
    if (take_number(text, &number)) {
        bool times = str_starts(*text, STR("x")), repeated = str_starts(*text, STR("*"));
        *text = str_from(*text, 1);
        if (times)
            frame->times = (unsigned)number;
        return times || (repeated && take_repeated(text, number, &frame->payload));
    }
    if (str_starts(*text, STR("hex:"))) {
        *text = str_from(*text, 4);
        return take_hex(text, &frame->payload);
    }
    if (str_starts(*text, STR("mask="))) {
        *text = str_from(*text, 5);
        return take_mask(text, frame);
    }
    return memchr(text->p, '=', str_index(*text, ' ')) ? take_setting(text, frame)
                                                       : take_name(text, frame);
}

static void add_big_endian(struct buf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        buf_byte(out, (char)(number >> 8 * bytes & 0xff));
}

static void add_frame(struct buf *out, const struct frame *frame)
{
    if (frame->raw) {
        buf_str(out, buf_slice(&frame->payload));
        return;
    }
    uint64_t length = frame->says_other ? frame->says : frame->payload.len;
    unsigned form = frame->form;
    if (form == 0)
        form = length <= 125 ? 7 : length <= 65535 ? 16 : 64;
    unsigned masked = frame->bare ? 0 : 0x80;
    buf_byte(out, (char)((frame->more ? 0 : 0x80) | frame->rsv << 4 | frame->opcode));
    buf_byte(out, (char)(masked | (form == 7 ? (unsigned)length : form == 16 ? 126 : 127)));
    add_big_endian(out, length, form == 7 ? 0 : form / 8);
    if (masked)
        buf_add(out, frame->mask, 4);
    size_t start = out->len;
    buf_str(out, buf_slice(&frame->payload));
    for (size_t i = 0; masked && i < frame->payload.len; i++)
        out->data[start + i] = (char)(out->data[start + i] ^ frame->mask[i & 3]);
}

bool ws_script(struct buf *out, struct str script)
{
    bool ok = true;
    while (ok && script.n) {
        struct frame frame = {.times = 1, .mask = {0x37, 0xfa, 0x21, 0x3d}};
        frame.payload = BUF_INIT(LARGEST);
        while (ok && script.n && script.p[0] != '|') {
            if (script.p[0] == ' ')
                script = str_from(script, 1);
            else
                ok = take_word(&script, &frame);
        }
        script = str_from(script, 1);
        while (ok && frame.times-- > 0)
            add_frame(out, &frame);
        buf_free(&frame.payload);
    }
    return ok && !out->overflow;
}
