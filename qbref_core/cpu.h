/* Which instruction sets may be used: asked of the processor and of the operating system.
 *
 * A processor that has an instruction set is not enough. The wide registers must survive a change of
 * threads, so the system must have promised to save them: it says so in XCR0, which xgetbv reads. The tiles
 * of AMX, 8 KiB a thread, are saved only for a process that has asked (arch_prctl on Linux).
 *
 * cpuid leaves: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, CPUID.
 */
#ifndef QB_CPU_H
#define QB_CPU_H

#include "dispatch.h"

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER)
#include <intrin.h>
static void qb_cpuid(int leaf, int subleaf, uint32_t reg[4]) { __cpuidex((int *)reg, leaf, subleaf); }
static uint64_t qb_xcr0(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void qb_cpuid(int leaf, int subleaf, uint32_t reg[4]) {
    __cpuid_count(leaf, subleaf, reg[0], reg[1], reg[2], reg[3]);
}
static uint64_t qb_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
static int qb_tiles_granted(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#else
static int qb_tiles_granted(void) { return 1; } /* XCR0 has already spoken */
#endif

static int qb_bit(uint32_t reg, int bit) { return (int)(reg >> bit & 1); }

/* What the processor has, and of that, what the system allows */
static void qb_detect(int *processor, int *usable) {
    enum { EAX, EBX, ECX, EDX };
    uint32_t top[4], one[4], seven[4] = {0}, seven_one[4] = {0};
    qb_cpuid(0, 0, top);
    qb_cpuid(1, 0, one);
    if (top[EAX] >= 7) {
        qb_cpuid(7, 0, seven);
        if (seven[EAX] >= 1)
            qb_cpuid(7, 1, seven_one);
    }
    int has = QB_SSE2, popcnt = qb_bit(one[ECX], 23), bmi2 = qb_bit(seven[EBX], 8);
    if (popcnt)
        has |= QB_POPCNT;
    if (popcnt && bmi2 && qb_bit(one[ECX], 28) && qb_bit(seven[EBX], 5))
        has |= QB_AVX2;
    if (has & QB_AVX2 && qb_bit(seven_one[EAX], 4))
        has |= QB_AVXVNNI;
    if (has & QB_AVX2 && qb_bit(seven[EBX], 16) && qb_bit(seven[EBX], 17) && qb_bit(seven[EBX], 30) &&
        qb_bit(seven[EBX], 31))
        has |= QB_AVX512;
    if (has & QB_AVX512 && qb_bit(seven[ECX], 11))
        has |= QB_AVX512VNNI;
    if (has & QB_AVX512 && qb_bit(seven[ECX], 14))
        has |= QB_AVX512VPOPCNTDQ;
    if (has & QB_AVX512 && qb_bit(seven[EDX], 24) && qb_bit(seven[EDX], 25))
        has |= QB_AMX;

    enum { YMM = 0x6, ZMM = 0xe6, TILES = 0x60000 };
    uint64_t saved = qb_bit(one[ECX], 27) ? qb_xcr0() : 0;
    int allowed = QB_SSE2 | QB_POPCNT;
    if ((saved & YMM) == YMM)
        allowed |= QB_AVX2 | QB_AVXVNNI;
    if ((saved & ZMM) == ZMM)
        allowed |= QB_AVX512 | QB_AVX512VNNI | QB_AVX512VPOPCNTDQ;
    if (has & QB_AMX && (saved & TILES) == TILES && qb_tiles_granted())
        allowed |= QB_AMX;
    *processor = has;
    *usable = has & allowed;
}

/* The processor's own name, 48 characters and a 0 */
static void qb_processor_name(char *name) {
    uint32_t reg[4];
    name[0] = 0;
    qb_cpuid((int)0x80000000u, 0, reg);
    if (reg[0] < 0x80000004u)
        return;
    for (int i = 0; i < 3; i++) {
        qb_cpuid((int)(0x80000002u + (uint32_t)i), 0, reg);
        for (int j = 0; j < 16; j++)
            name[16 * i + j] = (char)(reg[j / 4] >> (8 * (j % 4)));
    }
    name[48] = 0;
}

#else

static void qb_detect(int *processor, int *usable) { *processor = *usable = 0; }
static void qb_processor_name(char *name) { name[0] = 0; }

#endif
#endif
