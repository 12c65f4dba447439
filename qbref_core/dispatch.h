/* One build, many processors: how a kernel gets the instruction set that is in use.
 *
 * The package is compiled for every processor of its kind, which on x86-64 means SSE2. Functions for newer
 * instruction sets carry a target attribute (QB_TARGET_...), and are called only if their bit is set in
 * qb_in_use(), which cpu.pyx decides once. The build tries each instruction set on the compiler and defines
 * QB_BUILD_... for those it knows.
 *
 * A plain loop that merely gains from AVX2 (and the BMI2 and popcnt that come with it) is written as an
 * always-inline function name_loop; QB_TWO_TARGETS(name, ...) compiles it twice, and name() calls the one in
 * use. All variants of a kernel compute with integers and return the same bits.
 */
#ifndef QB_DISPATCH_H
#define QB_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

/* one bit for each instruction set that some kernel has a variant for */
enum {
    QB_SSE2 = 1,               /* x86-64 itself */
    QB_POPCNT = 2,             /* x86-64-v2 */
    QB_AVX2 = 4,               /* with BMI2 and popcnt: x86-64-v3 */
    QB_AVXVNNI = 8,            /* vpdpbusd on 256 bits */
    QB_AVX512 = 16,            /* F, BW, DQ, VL: x86-64-v4 */
    QB_AVX512VNNI = 32,        /* vpdpbusd on 512 bits */
    QB_AVX512VPOPCNTDQ = 64,   /* popcount of eight words */
    QB_AMX = 128               /* tdpbssd and its kin: 16 x 16 sums of 64 products */
};

#if defined(_MSC_VER)
#define QB_INLINE static __forceinline
#define QB_RESTRICT __restrict
#define QB_TARGET(features)
#else
#define QB_INLINE static inline __attribute__((always_inline))
#define QB_RESTRICT __restrict__
#define QB_TARGET(features) __attribute__((target(features)))
#endif

#define QB_TARGET_SSE2
#define QB_TARGET_POPCNT QB_TARGET("popcnt")
#define QB_TARGET_AVX2 QB_TARGET("avx2,bmi2,popcnt")
#define QB_TARGET_AVXVNNI QB_TARGET("avx2,bmi2,popcnt,avxvnni")
#define QB_TARGET_AVX512 QB_TARGET("avx2,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")
#define QB_TARGET_AVX512VNNI QB_TARGET("avx2,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define QB_TARGET_AVX512VPOPCNTDQ \
    QB_TARGET("avx2,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")
#define QB_TARGET_AMX QB_TARGET("avx2,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-int8")

/* the bits of cpu.h that are built, usable and wanted; each module connects itself to cpu.pyx's */
static const int *qb_flags = NULL;
static inline void qb_connect(const int *flags) { qb_flags = flags; }
static inline int qb_in_use(int instruction_set) { return qb_flags && *qb_flags & instruction_set; }

#if defined(QB_BUILD_AVX2)
#define QB_TWO_TARGETS(name, parameters, arguments)                              \
    QB_TARGET_AVX2 static void name##_avx2 parameters { name##_loop arguments; } \
    static inline void name parameters {                                         \
        if (qb_in_use(QB_AVX2))                                                  \
            name##_avx2 arguments;                                               \
        else                                                                     \
            name##_loop arguments;                                               \
    }
#else
#define QB_TWO_TARGETS(name, parameters, arguments) \
    static inline void name parameters { name##_loop arguments; }
#endif

#endif
