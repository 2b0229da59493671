#include "tally.h"

enum { RECENT = 64 };

void follower_init(struct follower *follower, unsigned topic, unsigned topics)
{
    *follower = (struct follower){.next = topic, .step = topics};
}

void follower_message(struct follower *follower, struct tally *tally, uint64_t number,
                      uint64_t sent_ns, uint64_t now_ns)
{
    if (number >= follower->next) {
        uint64_t gap = (number - follower->next) / follower->step;
        follower->missing += (uint32_t)gap;
        follower->next = number + follower->step;
        follower->recent = gap >= RECENT - 1 ? 1 : follower->recent << (gap + 1) | 1;
    } else {
        uint64_t back = (follower->next - follower->step - number) / follower->step;
        bool seen = back < RECENT && (follower->recent >> back & 1);
        if (follower->missing == 0 || seen) {
            tally->doubled++;
            return;
        }
        follower->missing--;
        tally->reordered++;
        if (back < RECENT)
            follower->recent |= 1ULL << back;
    }
    tally->delivered++;
    tally->last_ns = now_ns;
    histogram_add(&tally->latency, now_ns > sent_ns ? now_ns - sent_ns : 0);
}

void follower_grant(struct follower *follower, struct tally *tally, uint64_t sequence,
                    uint64_t now_ns)
{
    if (!follower->placed) {
        follower->placed = true;
        follower->first = follower->next = sequence;
    } else if (sequence > follower->next) {
        tally->delivered += sequence - follower->next;
        tally->last_ns = now_ns;
        follower->next = sequence;
    }
}

uint64_t follower_lost(const struct follower *follower, uint64_t sent)
{
    uint64_t lost = follower->missing;
    if (sent > follower->next)
        lost += (sent - follower->next + follower->step - 1) / follower->step;
    return lost;
}
