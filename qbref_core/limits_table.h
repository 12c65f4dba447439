/* The loops of the other limits_*.h: what they measure, what they need, how many operations a round is.
 *
 * A multiply-add is two operations, of floats, of integers or of signs.
 */
#ifndef QB_LIMITS_TABLE_H
#define QB_LIMITS_TABLE_H

#include "limits_amx.h"
#include "limits_float.h"
#include "limits_int8.h"
#include "limits_popcount.h"
#include "limits_read.h"

typedef struct {
    const char *kind, *variant;
    int instruction_set; /* a bit of dispatch.h, or 0 */
    double operations;   /* of one round */
    double (*loop)(int64_t rounds);
} qb_limit;

static const qb_limit qb_limits[] = {
    {"float32", "generic", 0, 2.0 * QB_FLOAT_SUMS * (sizeof(qb_float_lanes) / sizeof(float)), qb_float_generic},
#if defined(QB_BUILD_AVX2)
    {"float32", "avx2", QB_AVX2, 2.0 * QB_FLOAT_SUMS * 8, qb_float_avx2},
#endif
#if defined(QB_BUILD_AVX512)
    {"float32", "avx512", QB_AVX512, 2.0 * QB_FLOAT_SUMS * 16, qb_float_avx512},
#endif
#if defined(QB_BUILD_SSE2)
    {"int8", "sse2", QB_SSE2, 2.0 * QB_INT8_SUMS * 8, qb_int8_sse2},
#endif
#if defined(QB_BUILD_AVX2)
    {"int8", "avx2", QB_AVX2, 2.0 * QB_INT8_SUMS * 16, qb_int8_avx2},
#endif
#if defined(QB_BUILD_AVXVNNI)
    {"int8", "avxvnni", QB_AVXVNNI, 2.0 * QB_INT8_SUMS * 32, qb_int8_avxvnni},
#endif
#if defined(QB_BUILD_AVX512VNNI)
    {"int8", "avx512vnni", QB_AVX512VNNI, 2.0 * QB_INT8_SUMS * 64, qb_int8_avx512vnni},
#endif
#if defined(QB_BUILD_AMX)
    {"int8", "amx", QB_AMX, 2.0 * QB_AMX_PRODUCTS, qb_int8_amx},
#endif
#if defined(QB_BUILD_POPCNT)
    {"xnor", "popcnt", QB_POPCNT, 2.0 * QB_POPCNT_SUMS * 64, qb_xnor_popcnt},
#endif
#if defined(QB_BUILD_AVX2)
    {"xnor", "avx2", QB_AVX2, 2.0 * QB_LOOKUP_SUMS * 128, qb_xnor_avx2},
#endif
#if defined(QB_BUILD_AVX512VPOPCNTDQ)
    {"xnor", "avx512vpopcntdq", QB_AVX512VPOPCNTDQ, 2.0 * QB_VPOPCNT_SUMS * 512, qb_xnor_avx512vpopcntdq},
#endif
};
enum { QB_LIMITS = sizeof qb_limits / sizeof *qb_limits };

/* Whether the loop may run now */
static int qb_limit_usable(const qb_limit *limit) {
#if defined(QB_BUILD_AVX2)
    if (limit->loop == qb_float_avx2 && !qb_has_fma())
        return 0;
#endif
    return !limit->instruction_set || qb_in_use(limit->instruction_set);
}

#endif
