/* Vectors of the width that this processor has, and how stored weights become lanes of sums.
 *
 * `kl_sum` is double, or float with `KL_FAST`. Everything is written for vectors of any width; instructions
 * are named only where compilers find none as good by themselves.
 */
#ifndef KL_VECTORS_H
#define KL_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "stored weights have their least significant byte first: this processor has another order"
#endif

#if defined __AVX512BW__ && defined __AVX512DQ__
#include <immintrin.h>
#define KL_AVX512
#define KL_BYTES 64 /* Of a vector. */
#define KL_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define KL_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined __AVX2__ && defined __FMA__ && defined __F16C__
#include <immintrin.h>
#define KL_AVX2
#define KL_BYTES 32
#define KL_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define KL_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#ifdef __aarch64__
#include <arm_neon.h>
#endif
#define KL_BYTES 16
#define KL_LOW 0, 4, 1, 5
#define KL_HIGH 2, 6, 3, 7
#endif

#define KL_WORDS (KL_BYTES / 4) /* Words of 32 bits in a vector. */
#define KL_INLINE static inline __attribute__((always_inline))
#define KL_UNROLL _Pragma("GCC unroll 16")

typedef double kl_doubles __attribute__((vector_size(KL_BYTES)));
typedef float kl_floats __attribute__((vector_size(KL_BYTES)));
typedef float kl_few_floats __attribute__((vector_size(KL_BYTES / 2)));
typedef uint32_t kl_words __attribute__((vector_size(KL_BYTES)));
typedef uint16_t kl_shorts __attribute__((vector_size(KL_BYTES / 2)));
typedef _Float16 kl_halves __attribute__((vector_size(KL_BYTES / 2)));

/* KL_PARTS vectors hold the sums of KL_WORDS elements. */
#ifdef KL_FAST
#define KL_PARTS 1
typedef kl_floats kl_lanes;
#else
#define KL_PARTS 2
typedef kl_doubles kl_lanes;
#endif

/* How weights are stored. It is a constant wherever functions that are given one are inlined. */
typedef enum { KL_BF16, KL_F16, KL_F32 } kl_kind;

KL_INLINE long kl_size(kl_kind kind) { return kind == KL_F32 ? 4 : 2; }

/* sum + x * w. Where the product is exact, one rounding and two are the same. */
KL_INLINE kl_lanes kl_add_product(kl_lanes sum, kl_lanes x, kl_lanes w) {
#if defined KL_AVX512 && defined KL_FAST
  return (kl_lanes)_mm512_fmadd_ps((__m512)x, (__m512)w, (__m512)sum);
#elif defined KL_AVX512
  return (kl_lanes)_mm512_fmadd_pd((__m512d)x, (__m512d)w, (__m512d)sum);
#elif defined KL_AVX2 && defined KL_FAST
  return (kl_lanes)_mm256_fmadd_ps((__m256)x, (__m256)w, (__m256)sum);
#elif defined KL_AVX2
  return (kl_lanes)_mm256_fmadd_pd((__m256d)x, (__m256d)w, (__m256d)sum);
#elif defined __aarch64__ && defined KL_FAST
  return (kl_lanes)vfmaq_f32((float32x4_t)sum, (float32x4_t)x, (float32x4_t)w);
#elif defined __aarch64__
  return (kl_lanes)vfmaq_f64((float64x2_t)sum, (float64x2_t)x, (float64x2_t)w);
#else
  return sum + x * w;
#endif
}

/* x in every lane. */
KL_INLINE kl_lanes kl_splat(kl_sum x) {
#if defined KL_AVX512 && defined KL_FAST
  return (kl_lanes)_mm512_set1_ps(x);
#elif defined KL_AVX512
  return (kl_lanes)_mm512_set1_pd(x);
#else
  return x - (kl_lanes){0}; /* -0 - 0 is -0. */
#endif
}

KL_INLINE kl_floats kl_widen_halves(kl_shorts bits) {
#if defined KL_AVX512
  return (kl_floats)_mm512_cvtph_ps((__m256i)bits);
#elif defined KL_AVX2
  return (kl_floats)_mm256_cvtph_ps((__m128i)bits);
#else
  return __builtin_convertvector((kl_halves)bits, kl_floats);
#endif
}

KL_INLINE kl_words kl_widen_shorts(kl_shorts bits) {
#if defined KL_AVX512
  return (kl_words)_mm512_cvtepu16_epi32((__m256i)bits);
#else
  return __builtin_convertvector(bits, kl_words);
#endif
}

KL_INLINE void kl_widen_floats(kl_lanes lanes[KL_PARTS], kl_floats x) {
#if defined KL_FAST
  lanes[0] = x;
#elif defined KL_AVX512
  lanes[0] = (kl_lanes)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x));
  lanes[1] = (kl_lanes)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1));
#else
  kl_few_floats halves[KL_PARTS];
  memcpy(halves, &x, sizeof x);
  lanes[0] = __builtin_convertvector(halves[0], kl_lanes);
  lanes[1] = __builtin_convertvector(halves[1], kl_lanes);
#endif
}

/* KL_WORDS weights that lie side by side. */
KL_INLINE kl_floats kl_load(kl_kind kind, const char *w) {
  kl_shorts bits;
  kl_floats floats;
  if (kind == KL_F32) {
    memcpy(&floats, w, sizeof floats);
    return floats;
  }
  memcpy(&bits, w, sizeof bits);
  return kind == KL_F16 ? kl_widen_halves(bits) : (kl_floats)(kl_widen_shorts(bits) << 16);
}

/* The first or the second weight of each word; an f32 is a word. */
KL_INLINE kl_floats kl_pick(kl_kind kind, kl_words words, int second) {
  if (kind == KL_F32) return (kl_floats)words;
  if (kind == KL_BF16) return (kl_floats)(second ? words & 0xffff0000 : words << 16);
  return kl_widen_halves(__builtin_convertvector(second ? words >> 16 : words & 0xffff, kl_shorts));
}

/* Rows become columns: each of log2(KL_WORDS) rounds moves a bit of every word's place to the other end. */
KL_INLINE void kl_transpose(kl_words rows[KL_WORDS]) {
  KL_UNROLL
  for (int round = 1; round < KL_WORDS; round *= 2) {
    kl_words zipped[KL_WORDS];
    KL_UNROLL
    for (int i = 0; i < KL_WORDS / 2; i++) {
      zipped[2 * i] = __builtin_shufflevector(rows[i], rows[i + KL_WORDS / 2], KL_LOW);
      zipped[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + KL_WORDS / 2], KL_HIGH);
    }
    KL_UNROLL
    for (int i = 0; i < KL_WORDS; i++) rows[i] = zipped[i];
  }
}

/* The sum of all lanes: each round leaves half as many different ones. */
KL_INLINE kl_sum kl_sum_of_lanes(kl_floats lanes) {
  KL_UNROLL
  for (int round = 1; round < KL_WORDS; round *= 2)
    lanes = __builtin_shufflevector(lanes, lanes, KL_LOW) + __builtin_shufflevector(lanes, lanes, KL_HIGH);
  return lanes[0];
}

#endif
