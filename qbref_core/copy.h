/* memcpy for the few bytes of an image row under a kernel: with the length known, it is one or two moves. */
#ifndef QB_COPY_H
#define QB_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void qb_copy(uint8_t *to, const uint8_t *from, ptrdiff_t count) {
    switch (count) {
    case 1: memcpy(to, from, 1); return;
    case 2: memcpy(to, from, 2); return;
    case 3: memcpy(to, from, 3); return;
    case 4: memcpy(to, from, 4); return;
    case 5: memcpy(to, from, 5); return;
    case 8: memcpy(to, from, 8); return;
    case 16: memcpy(to, from, 16); return;
    case 24: memcpy(to, from, 24); return;
    case 48: memcpy(to, from, 48); return;
    default: memcpy(to, from, (size_t)count);
    }
}

#endif
