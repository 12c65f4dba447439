/* Asking the processor: qb_has_avx2(), and loops compiled for two instruction sets.
 *
 * The package is compiled for every processor of its kind, which on x86-64 means SSE2. A loop that gains
 * from AVX2 (and the BMI2 and popcnt that come with it) is written as an always-inline function name_loop;
 * QB_TWO_TARGETS(name, ...) then makes a function of it for each instruction set, and name() calls the one
 * that this processor has.
 * All of them compute with integers and return the same bits.
 *
 * With QBREF_BASELINE=1 in the environment the processor is not asked, so that one machine tests both.
 */
#ifndef QB_DISPATCH_H
#define QB_DISPATCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(_MSC_VER)
#define QB_INLINE static __forceinline
#define QB_RESTRICT __restrict
#else
#define QB_INLINE static inline __attribute__((always_inline))
#define QB_RESTRICT __restrict__
#endif

#if defined(__x86_64__) && defined(__GNUC__)

#define QB_AVX2 __attribute__((target("avx2,bmi2,popcnt")))

static int qb_has_avx2(void) {
    static int known = -1;
    if (known < 0) {
        const char *baseline = getenv("QBREF_BASELINE");
        int asked = !(baseline && baseline[0] == '1');
        known = asked && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    }
    return known;
}

#define QB_TWO_TARGETS(name, parameters, arguments)                       \
    QB_AVX2 static void name##_avx2 parameters { name##_loop arguments; } \
    static inline void name parameters {                                  \
        if (qb_has_avx2())                                                \
            name##_avx2 arguments;                                        \
        else                                                              \
            name##_loop arguments;                                        \
    }

#else

static inline int qb_has_avx2(void) { return 0; }
#define QB_TWO_TARGETS(name, parameters, arguments) \
    static inline void name parameters { name##_loop arguments; }

#endif
#endif
