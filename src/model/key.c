/* Everything here walks the canonical text itself: keys are short, a parsed tree would cost an
 * allocation for every mark. Text that is not canonical is walked just as safely (no read past
 * the end, no unbounded depth), only its answers mean nothing; key_check tells the two apart. */
#include "model/key.h"

#include "base/jsontext.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>

enum { DEPTH_MAX = 32, NUMBER_MAX = 40 };

/* ---- tokens ---- */

/* Index behind the string that begins at i (its opening quote). */
static size_t skip_string(struct str text, size_t i)
{
    for (i++; i < text.n; i++) {
        if (text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            return i + 1;
    }
    return text.n;
}

/* Index behind the value that begins at i: at the "," or the bracket that ends it. */
static size_t skip_value(struct str text, size_t i)
{
    size_t depth = 0;
    while (i < text.n) {
        switch (text.p[i]) {
        case '"':
            i = skip_string(text, i);
            continue;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (depth == 0)
                return i;
            depth--;
            break;
        case ',':
            if (depth == 0)
                return i;
            break;
        default:
            break;
        }
        i++;
    }
    return text.n;
}

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e';
}

/* What a number may be spelt like. Too many is harmless: no number prints as "1.2.3". */
static bool looks_like_number(struct str text)
{
    if (text.n == 0 || (text.p[0] != '-' && (text.p[0] < '0' || text.p[0] > '9')))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!is_number_byte(text.p[i]))
            return false;
    return true;
}

static struct str slice(struct str text, size_t from, size_t to)
{
    return (struct str){.p = text.p + from, .n = to - from};
}

/* The inside of a string token; of any other token all of it. */
static struct str bare(struct str token)
{
    if (token.n >= 2 && token.p[0] == '"' && token.p[token.n - 1] == '"')
        return slice(token, 1, token.n - 1);
    return token;
}

static bool scalar_equal(struct str a, struct str b)
{
    if (str_equal(a, b))
        return true;
    bool a_text = a.n && a.p[0] == '"', b_text = b.n && b.p[0] == '"';
    return a_text != b_text && str_equal(bare(a), bare(b)) && looks_like_number(bare(a));
}

/* ---- parts ---- */

size_t key_parts(struct str key)
{
    if (key.n <= 2)
        return 0;
    size_t parts = 0;
    for (size_t i = 1; i < key.n; i++) {
        i = skip_value(key, i);
        parts++;
        if (i >= key.n || key.p[i] != ',')
            break;
    }
    return parts;
}

/* Index behind the first `parts` parts, or behind as many as end by `limit`. */
static size_t prefix_end(struct str key, size_t parts, size_t limit)
{
    size_t end = 1;
    for (size_t i = 1; parts > 0 && i < key.n; parts--) {
        size_t next = skip_value(key, i);
        if (next > limit)
            break;
        end = next;
        if (next >= key.n || key.p[next] != ',')
            break;
        i = next + 1;
    }
    return end;
}

bool key_prefix(struct buf *out, struct str key, size_t parts)
{
    if (parts == 0 || key.n <= 2)
        return buf_str(out, KEY_ALL);
    buf_add(out, key.p, prefix_end(key, parts, key.n));
    return buf_byte(out, ']');
}

bool key_cut(struct buf *out, struct str key)
{
    if (key.n <= KEY_MAX)
        return buf_str(out, key);
    size_t end = prefix_end(key, SIZE_MAX, KEY_MAX - 1);
    if (end <= 1)
        return buf_str(out, KEY_ALL);
    buf_add(out, key.p, end);
    return buf_byte(out, ']');
}

/* ---- identity ---- */

bool key_equal(struct str a, struct str b)
{
    if (str_equal(a, b))
        return true;
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        bool a_text = a.p[i] == '"', b_text = b.p[j] == '"';
        if (!a_text && !b_text) {
            if (a.p[i++] != b.p[j++])
                return false;
            continue;
        }
        size_t i_end = a_text ? skip_string(a, i) : skip_value(a, i);
        size_t j_end = b_text ? skip_string(b, j) : skip_value(b, j);
        if (!scalar_equal(slice(a, i, i_end), slice(b, j, j_end)))
            return false;
        i = i_end;
        j = j_end;
    }
    return i == a.n && j == b.n;
}

/* Strings that may spell a number are hashed without their quotes, so that "42" meets 42. */
uint64_t key_hash(struct hash_seed seed, struct str key)
{
    char block[KEY_MAX];
    size_t n = 0;
    for (size_t i = 0; i < key.n;) {
        size_t end = key.p[i] == '"' ? skip_string(key, i) : i + 1;
        struct str token = slice(key, i, end);
        if (token.n > 2 && looks_like_number(bare(token)))
            token = bare(token);
        i = end;
        while (token.n) {
            if (n == sizeof block) {
                seed.k0 ^= hash_bytes(seed, (struct str){.p = block, .n = n});
                n = 0;
            }
            size_t fits = sizeof block - n < token.n ? sizeof block - n : token.n;
            memcpy(block + n, token.p, fits);
            n += fits;
            token = str_from(token, fits);
        }
    }
    return hash_bytes(seed, (struct str){.p = block, .n = n});
}

/* ---- covering ---- */

struct member {
    struct str name; /* in an object: the name without quotes */
    struct str value;
};

/* Steps through the members of an array or object; *i starts at 1, *index at 0. An array's
 * members are named by their index, as Object.keys sees them. */
static bool next_member(struct str container, size_t *i, size_t *index, char name[24],
                        struct member *member)
{
    if (*i >= container.n || container.p[*i] == ']' || container.p[*i] == '}')
        return false;
    size_t at = *i;
    if (container.p[0] == '{') {
        size_t name_end = container.p[at] == '"' ? skip_string(container, at) : at;
        member->name = bare(slice(container, at, name_end));
        at = name_end < container.n && container.p[name_end] == ':' ? name_end + 1 : name_end;
    } else {
        struct buf text = {.data = name, .cap = 24, .max = 24};
        buf_u64(&text, *index);
        member->name = buf_slice(&text);
    }
    size_t end = skip_value(container, at);
    member->value = slice(container, at, end);
    *i = end < container.n && container.p[end] == ',' ? end + 1 : end;
    /* A stray bracket of the wrong kind would not move us: text that is not canonical. */
    if (*i == at)
        *i = container.n;
    (*index)++;
    return true;
}

static bool find_member(struct str container, struct str name, struct str *value)
{
    char number[24];
    struct member member;
    size_t i = 1, index = 0;
    while (next_member(container, &i, &index, number, &member))
        if (str_equal(member.name, name)) {
            *value = member.value;
            return true;
        }
    return false;
}

static bool is_container(struct str value)
{
    return value.n >= 2 && (value.p[0] == '[' || value.p[0] == '{');
}

static bool covers(struct str wide, struct str narrow, unsigned depth)
{
    if (!is_container(wide) || !is_container(narrow))
        return scalar_equal(wide, narrow);
    if (depth == DEPTH_MAX)
        return false;
    char number[24];
    struct member member;
    struct str other;
    size_t i = 1, index = 0;
    while (next_member(wide, &i, &index, number, &member))
        if (!find_member(narrow, member.name, &other) || !covers(member.value, other, depth + 1))
            return false;
    return true;
}

bool key_covers(struct str wide, struct str narrow)
{
    return covers(wide, narrow, 0);
}

/* ---- checking ---- */

struct check {
    struct str text;
    size_t i;
};

static bool take(struct check *c, char expected)
{
    if (c->i >= c->text.n || c->text.p[c->i] != expected)
        return false;
    c->i++;
    return true;
}

static bool take_word(struct check *c, struct str word)
{
    if (!str_starts(str_from(c->text, c->i), word))
        return false;
    c->i += word.n;
    return true;
}

/* One character of a canonical string. `plain` gets its decoded bytes (at most 4). */
static bool take_character(struct check *c, struct str *plain, char decoded[4])
{
    struct str rest = str_from(c->text, c->i);
    if (rest.n == 0)
        return false;
    unsigned char first = (unsigned char)rest.p[0];
    if (first == '\\') {
        static const char names[] = "\"\\nrt", values[] = "\"\\\n\r\t";
        const char *hit = rest.n > 1 && rest.p[1] ? strchr(names, rest.p[1]) : NULL;
        if (hit) {
            decoded[0] = values[hit - names];
            *plain = (struct str){.p = decoded, .n = 1};
            c->i += 2;
            return true;
        }
        if (rest.n < 6 || rest.p[1] != 'u')
            return false;
        unsigned code = 0;
        for (size_t k = 2; k < 6; k++) {
            static const char hex[] = "0123456789abcdef";
            const char *digit = rest.p[k] ? strchr(hex, rest.p[k]) : NULL;
            if (!digit)
                return false;
            code = code * 16 + (unsigned)(digit - hex);
        }
        bool separator = code == 0x2028 || code == 0x2029;
        bool control =
            (code < 0x20 && code != '\n' && code != '\r' && code != '\t') || code == 0x7f;
        if (!separator && !control)
            return false;
        if (separator)
            memcpy(decoded, code == 0x2028 ? "\xe2\x80\xa8" : "\xe2\x80\xa9", 3);
        else
            decoded[0] = (char)code;
        *plain = (struct str){.p = decoded, .n = separator ? 3 : 1};
        c->i += 6;
        return true;
    }
    if (first < 0x20 || first == 0x7f || first == '"')
        return false;
    size_t n = utf8_length(rest);
    if (n == 0 ||
        (n == 3 && (!memcmp(rest.p, "\xe2\x80\xa8", 3) || !memcmp(rest.p, "\xe2\x80\xa9", 3))))
        return false;
    *plain = (struct str){.p = rest.p, .n = n};
    c->i += n;
    return true;
}

/* `token` gets the text with its quotes. */
static bool take_string(struct check *c, struct str *token)
{
    size_t start = c->i;
    struct str plain;
    char decoded[4];
    if (!take(c, '"'))
        return false;
    while (!take(c, '"'))
        if (!take_character(c, &plain, decoded))
            return false;
    *token = slice(c->text, start, c->i);
    return true;
}

/* Order of two canonical string tokens by the bytes that they stand for. */
static int compare_names(struct str a, struct str b)
{
    struct check x = {.text = bare(a)}, y = {.text = bare(b)};
    for (;;) {
        struct str p, q;
        char p_decoded[4], q_decoded[4];
        bool more_x = take_character(&x, &p, p_decoded), more_y = take_character(&y, &q, q_decoded);
        if (!more_x || !more_y)
            return (int)more_x - (int)more_y;
        size_t n = p.n < q.n ? p.n : q.n;
        int order = memcmp(p.p, q.p, n);
        if (order)
            return order;
    }
}

static bool take_number(struct check *c)
{
    char text[NUMBER_MAX + 1], canonical[NUMBER_MAX];
    size_t n = 0;
    while (c->i + n < c->text.n && is_number_byte(c->text.p[c->i + n]) && n < NUMBER_MAX) {
        text[n] = c->text.p[c->i + n];
        n++;
    }
    text[n] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (n == 0 || *end)
        return false;
    struct buf out = BUF_FIXED(canonical);
    if (!jsontext_number(&out, value) ||
        !str_equal(buf_slice(&out), (struct str){.p = text, .n = n}))
        return false;
    c->i += n;
    return true;
}

static bool take_value(struct check *c, unsigned depth);

static bool take_array(struct check *c, unsigned depth)
{
    if (depth >= DEPTH_MAX || !take(c, '['))
        return false;
    if (take(c, ']'))
        return true;
    do {
        if (!take_value(c, depth + 1))
            return false;
    } while (take(c, ','));
    return take(c, ']');
}

static bool take_object(struct check *c, unsigned depth)
{
    struct str name, last = {0};
    if (depth >= DEPTH_MAX || !take(c, '{'))
        return false;
    if (take(c, '}'))
        return true;
    do {
        if (!take_string(c, &name) || (last.p && compare_names(last, name) >= 0) || !take(c, ':') ||
            !take_value(c, depth + 1))
            return false;
        last = name;
    } while (take(c, ','));
    return take(c, '}');
}

static bool take_value(struct check *c, unsigned depth)
{
    struct str token;
    switch (c->i < c->text.n ? c->text.p[c->i] : '\0') {
    case '[':
        return take_array(c, depth);
    case '{':
        return take_object(c, depth);
    case '"':
        return take_string(c, &token);
    case 't':
        return take_word(c, STR("true"));
    case 'f':
        return take_word(c, STR("false"));
    case 'n':
        return take_word(c, STR("null"));
    default:
        return take_number(c);
    }
}

bool key_check(struct str key)
{
    struct check c = {.text = key};
    return take_array(&c, 0) && c.i == key.n;
}
